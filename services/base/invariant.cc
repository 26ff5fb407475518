#include "services/base/invariant.h"

#include <cstdio>
#include <cstdlib>

namespace gridledger {

void InvariantFailed(const char* file, int line, const char* condition, absl::string_view words) {
  std::fprintf(stderr, "%s:%d: invariant broken: %s: %.*s\n", file, line, condition,
               static_cast<int>(words.size()), words.data());
  std::fflush(stderr);
  std::abort();
}

}  // namespace gridledger
