#include "services/runtime/console/watched_view.h"

#include <absl/time/clock.h>

#include "services/runtime/console/progress_line.h"

namespace gridledger::cli {

absl::Status LookAt(const CommonOptions& options, const char* verb, host::View view,
                    absl::FunctionRef<absl::Status(const host::Seen&)> visit,
                    LookOutcome* outcome) {
  const absl::StatusOr<size_t> memory = options.MemoryBytes();
  if (!memory.ok()) return memory.status();
  view.memory_bytes = *memory;
  view.threads = options.Threads();
  if (options.stop != nullptr) view.stop = options.stop->Listen();
  host::ViewTotals totals;
  const absl::Time begun_at = absl::Now();
  absl::Status status;
  {
    const ProgressLine progress(verb, "records",
                                [&] { return Reading{totals.records, totals.expected}; });
    status = host::Look(view, &totals, visit);
  }
  if (outcome != nullptr) {
    outcome->records = totals.records;
    outcome->took = absl::Now() - begun_at;
  }
  return status;
}

}  // namespace gridledger::cli
