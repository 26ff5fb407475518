// gridledger digest: one line a task with the digest of its state at the ledger's end, for
// comparing machines, builds and days with diff.
#include <absl/strings/str_cat.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <vector>

#include "services/gridledger/command.h"
#include "services/gridledger/look.h"
#include "services/runtime/host/subjects.h"

namespace gridledger::cli {
namespace {

struct Row {
  TaskId task;
  Offset offset;
  Digest digest;
};

std::string PrintJson(const std::vector<Row>& rows) {
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  for (const Row& row : rows) {
    json.push_back({{"service", row.task.service.text()},
                    {"partition", row.task.partition.value},
                    {"offset", row.offset.value},
                    {"digest", row.digest.Hex()}});
  }
  return absl::StrCat(json.dump(2), "\n");
}

std::string PrintText(const std::vector<Row>& rows) {
  std::string out;
  for (const Row& row : rows) {
    absl::StrAppend(&out, row.task.service.text(), " ", row.task.partition.value, " ",
                    row.offset.value, " ", row.digest.Hex(), "\n");
  }
  return out;
}

absl::Status PrintDigests(const CommonOptions& options) {
  auto folder = OpenForReading(options);
  if (!folder.ok()) return folder.status();
  host::View view;
  view.folder = folder->get();
  view.services = host::AllServices();
  std::vector<Row> rows;
  const absl::Status looked =
      LookAt(options, "folding", std::move(view), [&](const host::Seen& seen) {
        for (const host::SeenTask& one : seen.tasks) {
          rows.push_back(Row{one.task->id(), one.task->next(), one.task->digest()});
        }
        return absl::OkStatus();
      });
  if (!looked.ok()) return looked;
  std::sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) { return a.task < b.task; });
  return WriteOut(options.json ? PrintJson(rows) : PrintText(rows));
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
           "  diff <(gridledger digest --data here) <(ssh there gridledger digest --data city)\n"
           "\n"
           "Prints a line a task: service, partition, offset, digest, sorted. Equal lines mean "
           "equal\n"
           "states, pair by pair, whatever machine, build or number of threads made them.\n"},
      options.get(), chosen, [options] { return PrintDigests(*options); });
}

}  // namespace gridledger::cli
