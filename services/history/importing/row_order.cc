#include "services/history/importing/row_order.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <utility>

#include "services/base/partitioning.h"

namespace gridledger::cli {
namespace {

constexpr size_t kReasonsMax = 200;  // × ~100 B; more are nothing that anybody reads

}  // namespace

absl::Status AllRows::Reject(ImportInput& input, uint32_t index, int64_t line, int64_t row,
                             absl::string_view column, absl::string_view reason,
                             absl::string_view why) {
  ++read.rejected;
  input.rejected.Set(static_cast<uint64_t>(row));
  const std::string key = absl::StrCat("rejected: ", column, column.empty() ? "" : ": ", reason);
  const bool many = read.reasons.size() >= kReasonsMax && !read.reasons.contains(key);
  ++read.reasons[many ? "rejected: for another reason" : key];
  absl::Status added = rejected[index]->Add(line, row, column, absl::StrCat(reason, why));
  if (!added.ok() || read.rejected <= options.errors_max) return added;
  return absl::DataLossError(absl::StrCat(
      "more than ", options.errors_max, " rows are rejected (--max-errors), the last one at line ",
      line, ": ", reason, why, "; nothing was imported"));
}

absl::Status Asked::Ask(const std::string& id, const std::string& community, AllRows& all) {
  if (std::exchange(asked_, true) || all.options.known == nullptr) return absl::OkStatus();
  auto found = all.options.known->Find(id, PartitionOf(community, all.partitions));
  if (!found.ok()) return found.status();
  known_ = *std::move(found);
  return absl::OkStatus();
}

absl::Status AddTold(ToldRow& told, const std::optional<KnownIncident>& known,
                     const std::string& community, const files::FactPlace& place, AllRows& all) {
  all.bytes.clear();
  AppendLayout(told, &all.bytes);
  all.read.first_at = std::min(all.read.first_at, place.at);
  all.read.last_at = std::max(all.read.last_at, place.at);
  const std::string& key = known ? known->community : community;
  const Partition partition = known ? known->partition : PartitionOf(key, all.partitions);
  return all.sorter->Add(partition, place, key, all.bytes);
}

}  // namespace gridledger::cli
