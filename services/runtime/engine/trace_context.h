// W3C Trace Context (https://www.w3.org/TR/trace-context): whoever sends a record in a trace finds
// what was decided on it in the same trace. A trace is continued, never begun.
#pragma once

#include <absl/strings/string_view.h>

#include <cstdint>
#include <string>

namespace gridledger::engine {

// The headers `traceparent` and `tracestate` for what follows from a record with these headers: the
// same trace, and `span` for the part that follows. Empty when the record is in no trace, or in one
// that does not parse; a tracestate of more than 512 bytes is left out.
std::string ContinueTrace(absl::string_view headers, uint64_t span);

}  // namespace gridledger::engine
