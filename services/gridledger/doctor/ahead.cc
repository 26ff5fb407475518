#include "services/gridledger/doctor/ahead.h"

#include <absl/strings/str_cat.h>

#include "services/runtime/console/printable.h"

namespace gridledger::cli {
namespace {

constexpr absl::Duration kAheadMin = absl::Seconds(1);
constexpr size_t kNamedMax = 8;  // of up to 4,096 partitions: a line of them

}  // namespace

void AddIfAhead(Partition partition, absl::Time time, absl::Time present, std::vector<Ahead>* all) {
  if (time - present > kAheadMin) all->push_back({partition, time - present});
}

std::string DescribeAhead(const std::vector<Ahead>& all) {
  std::string text;
  for (size_t i = 0; i < all.size() && i < kNamedMax; ++i) {
    absl::StrAppend(&text, text.empty() ? "partition " : ", partition ", all[i].partition.value,
                    " by ", PrintDuration(all[i].by));
  }
  if (all.size() > kNamedMax) {
    absl::StrAppend(&text, " and ", all.size() - kNamedMax, " more");
  }
  return absl::StrCat("ahead of this machine's clock: ", text);
}

}  // namespace gridledger::cli
