// gridledger digest: one line a task with the digest of its state at the ledger's end, for
// comparing machines, builds and days with diff.
#include <absl/strings/str_cat.h>

#include "services/gridledger/commands/command.h"
#include "services/gridledger/digests/folded_digests.h"
#include "services/runtime/console/json_text.h"

namespace gridledger::cli {
namespace {

absl::Status PrintDigests(const CommonOptions& options) {
  auto folder = OpenForReading(options);
  if (!folder.ok()) return folder.status();
  const auto rows = FoldDigests(options, folder->get(),
                                options.log_is_folder ? host::Begin::kZero : host::Begin::kNewest);
  if (!rows.ok()) return rows.status();
  return WriteOut(options.json ? JsonText(DigestRowsJson(*rows)) : PrintDigestRows(*rows));
}

}  // namespace

void AddDigest(CLI::App& app, Command* chosen) {
  auto options = std::make_shared<CommonOptions>();
  AddCommand(
      app,
      {.name = "digest",
       .summary = "The digest of each service's state at the ledger's end",
       .examples =
           "  gridledger digest --data city\n"
           "  gridledger digest --log local:city\n"
           "  gridledger digest --log kafka:127.0.0.1:9092/city\n"
           "  diff <(gridledger digest --data here) <(ssh there gridledger digest --data city)\n"
           "\n"
           "Prints a line a task: service, partition, offset, digest, sorted. Equal lines mean "
           "equal\n"
           "states, pair by pair, whatever machine, build or number of threads made them. With "
           "--log\n"
           "the records are folded from the first on, and no checkpoint is begun from, but one of\n"
           "--state.\n"},
      options.get(), chosen, [options] { return PrintDigests(*options); });
}

}  // namespace gridledger::cli
