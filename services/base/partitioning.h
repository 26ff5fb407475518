// Key → partition by Kafka's murmur2, so that any client agrees on where a key lives.
#pragma once

#include <absl/strings/string_view.h>

#include <cstdint>

#include "services/base/ids.h"

namespace gridledger {

// Kafka's murmur2 (seed 0x9747b28c), as org.apache.kafka.common.utils.Utils.murmur2 computes it.
uint32_t Murmur2(absl::string_view bytes);

// toPositive(murmur2(key)) % partitions. REQUIRES: partitions > 0.
Partition PartitionOf(absl::string_view key, int partitions);

}  // namespace gridledger
