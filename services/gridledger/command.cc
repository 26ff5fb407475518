#include "services/gridledger/command.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <thread>
#include <utility>

#include "services/runtime/host/exit_code.h"

namespace gridledger::cli {

int CommonOptions::Threads() const {
  if (threads > 0) return threads;
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

CLI::App* AddCommand(CLI::App& app, const Teaching& teaching, CommonOptions* options,
                     Command* chosen, Command run) {
  CLI::App* command = app.add_subcommand(teaching.name, teaching.summary);
  command->add_option("--data", options->data, "The data folder, as made by import, simulate or up")
      ->type_name("DIR")
      ->required()
      ->envname("GRIDLEDGER_DATA_FOLDER");
  command->add_flag("--json", options->json, "Print JSON for scripts instead of text for people");
  command->add_option("--memory", options->memory, "The one memory limit, e.g. 512MiB or 2GiB")
      ->type_name("SIZE")
      ->capture_default_str();
  command->add_option("--threads", options->threads, "Threads; 0 is one for each core")
      ->type_name("N")
      ->check(CLI::Range(0, 256))
      ->capture_default_str();
  command->footer(absl::StrCat("Examples:\n", teaching.examples, "\n", host::kExitCodes));
  command->callback([chosen, run = std::move(run)] { *chosen = run; });
  return command;
}

absl::StatusOr<std::unique_ptr<host::Folder>> OpenForReading(const CommonOptions& options) {
  const absl::StatusOr<size_t> memory = options.MemoryBytes();
  if (!memory.ok()) return memory.status();
  auto folder = host::Folder::Open(host::FolderOptions{
      .path = options.data, .partitions = 0, .read_only = true, .memory_bytes = *memory});
  if (!folder.ok()) return folder.status();
  for (const std::string& said : (*folder)->said()) {
    std::fprintf(stderr, "gridledger: %s\n", said.c_str());
  }
  return folder;
}

absl::Status WriteOut(absl::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0) {
    return absl::OkStatus();
  }
  if (errno == EPIPE) return absl::CancelledError("");
  return absl::UnavailableError(
      absl::StrCat("cannot write to standard output: ", std::strerror(errno)));
}

}  // namespace gridledger::cli
