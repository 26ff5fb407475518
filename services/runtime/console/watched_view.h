// A view of the ledger as commands take it: with a progress line, within the process's limits, and
// ended tidily by SIGINT and SIGTERM.
#pragma once

#include <absl/functional/function_ref.h>
#include <absl/status/status.h>
#include <absl/time/time.h>
#include <nlohmann/json.hpp>

#include <cstdint>
#include <optional>
#include <vector>

#include "services/runtime/console/ledger_options.h"
#include "services/runtime/host/view.h"

namespace gridledger::cli {

// A partition that could not be folded to the view's end.
struct MissingPart {
  Partition partition;
  Offset at;  // the first record that the answer does not hold
  std::optional<BadPlace> bad_place;
  absl::Status why;
};

struct ViewOutcome {
  int64_t records = 0;
  absl::Duration took;
};

// host::FoldView with the memory, threads and stop flag of the command; `verb` is for the progress
// line. With `missing` a partition that is damaged or away does not end the view: what could be
// folded of it is visited, and it is listed there, in the order of partitions.
absl::Status FoldWatched(const CommonOptions& options, const char* verb, host::View view,
                         absl::FunctionRef<absl::Status(const host::Seen&)> visit,
                         ViewOutcome* outcome = nullptr,
                         std::vector<MissingPart>* missing = nullptr);

// What a command ends with that has answered for the rest: OkStatus when nothing is missing.
absl::Status EndOf(const std::vector<MissingPart>& missing);
// [{"partition": …, "offset": …, "damage": …, "why": …}]; damage is null when it is none of a
// place.
nlohmann::ordered_json JsonOf(const std::vector<MissingPart>& missing);

}  // namespace gridledger::cli
