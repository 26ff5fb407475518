#include "services/runtime/ports/state_store.h"

#include <algorithm>

namespace gridledger {

void PairBatch::Add(absl::string_view key, absl::string_view value, bool deleted) {
  spans_.push_back(Spans{text_.size(), static_cast<uint32_t>(key.size()),
                         static_cast<uint32_t>(value.size()), deleted});
  text_.append(key.data(), key.size());
  text_.append(value.data(), value.size());
  sorted_.clear();
}

absl::Span<const PairBatch::Pair> PairBatch::Sorted() {
  if (sorted_.size() != spans_.size()) {
    sorted_.clear();
    sorted_.reserve(spans_.size());
    const absl::string_view text = text_;
    for (const Spans& s : spans_) {
      sorted_.push_back(Pair{text.substr(s.at, s.key_size),
                             text.substr(s.at + s.key_size, s.value_size), s.deleted});
    }
    std::sort(sorted_.begin(), sorted_.end(),
              [](const Pair& a, const Pair& b) { return a.key < b.key; });
  }
  return sorted_;
}

Digest SumOfPairs(ColdTier& tier) {
  Digest sum;
  tier.Scan("", [&](absl::string_view key, absl::string_view value) {
    if (!key.empty() && key[0] != kBesideDigest) sum += HashPair(key, value);
    return true;
  });
  return sum;
}

}  // namespace gridledger
