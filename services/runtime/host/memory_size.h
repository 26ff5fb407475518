// Sizes of memory as people write them: "512MiB", "1GiB", "2G", "1073741824".
#pragma once

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include <cstddef>
#include <string>

namespace gridledger::host {

// InvalidArgument for another form, and for less than the 128 MiB that commands get along with.
absl::StatusOr<size_t> ParseMemorySize(absl::string_view text);
// "1.5 GiB"
std::string PrintMemorySize(size_t bytes);

// How one `--memory` limit is shared out, less what a process needs anyhow: the tables of all tasks
// get seven sixteenths, the stores' caches and buffers a quarter (Folder takes it), and the rest is
// for the program's batches and its slack.
struct MemoryShares {
  size_t tables = 0;
  size_t stores = 0;
  size_t batches = 0;
};
MemoryShares ShareMemory(size_t limit);

}  // namespace gridledger::host
