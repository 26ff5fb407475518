#include <absl/container/btree_map.h>
#include <absl/container/flat_hash_map.h>

#include <string>

#include "services/base/layout.h"

namespace gridledger::incident {

struct HandlingFinished {
  std::string handler_id;  // the handler's own code, 处置人
  int process = 0;
};

int64_t Sum(const absl::btree_map<int, int>& by_key, const absl::flat_hash_map<int, int>& lookup) {
  int64_t sum = 0;
  for (const auto& [key, value] : by_key) sum += lookup.contains(key) ? value : 0;
  // tidy: allow(replay) a sum of integers has no order
  for (const auto& [key, value] : lookup) sum += value;
  return sum;
}

}  // namespace gridledger::incident
