// Entries decoded some records before they are folded. The pairs of a large state are out of the
// processor's cache; who knows early which of them come next can fetch them meanwhile.
#pragma once

#include <absl/functional/function_ref.h>
#include <absl/types/span.h>

#include <array>

#include "services/runtime/engine/entry_codec.h"

namespace gridledger::engine {

// How soon an entry is folded: first where its pairs lie is fetched, then the pairs themselves.
enum class Ahead { kFar, kNear };

class EntryWindow {
 public:
  // Hands each record to `fold` in order, with its entry, or null when it does not decode, until
  // `fold` returns false. Each readable entry has gone to `expect` twice before, far and near.
  void Walk(absl::Span<const Record> records,
            absl::FunctionRef<void(const Record&, const v1::Entry&, Ahead)> expect,
            absl::FunctionRef<bool(const Record&, const v1::Entry*)> fold);

 private:
  // A fetch takes some 100 ns, a fold 1 to 2 µs: a few records are enough, and more of them would
  // crowd the nearest cache.
  static constexpr size_t kNearBy = 3;
  static constexpr size_t kFarBy = 6;

  struct Decoded {
    EntryDecoder decoder;
    bool readable = false;
  };
  std::array<Decoded, kFarBy + 1> ring_;
};

}  // namespace gridledger::engine
