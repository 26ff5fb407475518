// How much a service says in one decision: a decision is one record (law L3), and the log takes
// records of up to 1 MiB. What does not fit is due for a tick at the same instant.
#pragma once

#include <cstddef>

namespace gridledger::incident {

// Of a decision's facts: half a record. The case that comes to the bound is still said whole, with
// up to 18 facts of ~1 KB; the version and the rule's name, ~300 B, stand once beside them.
inline constexpr size_t kDecisionBytesMax = size_t{512} << 10;

// Of a fact beside its texts: stage 6, time 11, actor 2 + role 2 + service 12, numbers of its kind
// up to 3 × 11, and the tags and lengths of messages and texts, 3 B each of ten.
inline constexpr size_t kFactBytes = 96;

}  // namespace gridledger::incident
