#include "services/runtime/console/watched_view.h"

#include <absl/strings/str_cat.h>
#include <absl/time/clock.h>

#include <algorithm>
#include <string>

#include "services/runtime/console/progress_line.h"

namespace gridledger::cli {

absl::Status FoldWatched(const CommonOptions& options, const char* verb, host::View view,
                         absl::FunctionRef<absl::Status(const host::Seen&)> visit,
                         ViewOutcome* outcome, std::vector<MissingPart>* missing) {
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
    const auto listing = [&](const host::Seen& seen) {
      if (missing != nullptr && !seen.status.ok()) {
        missing->push_back(MissingPart{seen.partition, seen.end, seen.bad_place, seen.status});
      }
      return visit(seen);
    };
    view.through_damage |= missing != nullptr;
    status = host::FoldView(view, &totals, listing);
  }
  if (outcome != nullptr) {
    outcome->records = totals.records;
    outcome->took = absl::Now() - begun_at;
  }
  if (missing != nullptr) {
    std::sort(missing->begin(), missing->end(),
              [](const auto& a, const auto& b) { return a.partition < b.partition; });
  }
  return status;
}

absl::Status EndOf(const std::vector<MissingPart>& missing) {
  if (missing.empty()) return absl::OkStatus();
  std::string text;
  absl::StatusCode code = missing.front().why.code();
  for (const MissingPart& one : missing) {
    if (absl::IsDataLoss(one.why)) code = absl::StatusCode::kDataLoss;
    absl::StrAppend(&text, text.empty() ? "" : "; ", "partition ", one.partition.value,
                    " is known up to offset ", one.at.value, " only: ", one.why.message());
  }
  return absl::Status(code, text);
}

nlohmann::ordered_json JsonOf(const std::vector<MissingPart>& missing) {
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  for (const MissingPart& one : missing) {
    nlohmann::ordered_json part = {{"partition", one.partition.value}, {"offset", one.at.value}};
    part["damage"] =
        one.bad_place ? nlohmann::ordered_json(DamageName(one.bad_place->damage).data()) : nullptr;
    part["why"] = std::string(one.why.message());
    json.push_back(std::move(part));
  }
  return json;
}

}  // namespace gridledger::cli
