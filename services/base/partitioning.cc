#include "services/base/partitioning.h"

#include <cstring>

#include "services/base/invariant.h"

namespace gridledger {

uint32_t Murmur2(absl::string_view bytes) {
  constexpr uint32_t kMix = 0x5bd1e995;
  constexpr int kShift = 24;
  uint32_t hash = 0x9747b28cU ^ static_cast<uint32_t>(bytes.size());
  const char* at = bytes.data();
  size_t left = bytes.size();
  for (; left >= 4; at += 4, left -= 4) {
    uint32_t word;
    std::memcpy(&word, at, 4);  // little-endian, as Kafka reads it
    word *= kMix;
    word ^= word >> kShift;
    word *= kMix;
    hash = (hash * kMix) ^ word;
  }
  for (size_t i = left; i > 0; --i) {
    hash ^= static_cast<uint32_t>(static_cast<uint8_t>(at[i - 1])) << (8 * (i - 1));
  }
  if (left > 0) hash *= kMix;
  hash ^= hash >> 13;
  hash *= kMix;
  hash ^= hash >> 15;
  return hash;
}

Partition PartitionOf(absl::string_view key, int partitions) {
  INVARIANT(partitions > 0, "a topic has at least one partition");
  return Partition{
      static_cast<int32_t>((Murmur2(key) & 0x7fffffffU) % static_cast<uint32_t>(partitions))};
}

}  // namespace gridledger
