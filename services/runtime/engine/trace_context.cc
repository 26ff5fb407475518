#include "services/runtime/engine/trace_context.h"

#include <absl/strings/ascii.h>
#include <absl/strings/str_cat.h>

#include <algorithm>

#include "services/runtime/ports/event_log.h"

namespace gridledger::engine {
namespace {

// version "-" trace-id "-" parent-id "-" trace-flags, in digits of 4 bits
constexpr size_t kTraceAt = 3, kTraceDigits = 32;
constexpr size_t kParentAt = 36, kParentDigits = 16;
constexpr size_t kFlagsAt = 53, kSize = 55;
constexpr size_t kStateMax = 512;

bool IsHex(absl::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_isdigit(static_cast<unsigned char>(c)) || (c >= 'a' && c <= 'f');
  });
}

bool IsId(absl::string_view text) {
  return IsHex(text) && text.find_first_not_of('0') != absl::string_view::npos;
}

// A later version has the same beginning, and may go on behind it.
bool IsTraceParent(absl::string_view text) {
  if (text.size() < kSize || !IsHex(text.substr(0, 2)) || text.substr(0, 2) == "ff") return false;
  if (text.size() > kSize && (text.substr(0, 2) == "00" || text[kSize] != '-')) return false;
  return text[kTraceAt - 1] == '-' && IsId(text.substr(kTraceAt, kTraceDigits)) &&
         text[kParentAt - 1] == '-' && IsId(text.substr(kParentAt, kParentDigits)) &&
         text[kFlagsAt - 1] == '-' && IsHex(text.substr(kFlagsAt, 2));
}

// Of the flags this version knows one: that the trace is recorded.
absl::string_view Flags(absl::string_view parent) {
  const char last = parent[kFlagsAt + 1];
  const int digit = last <= '9' ? last - '0' : last - 'a' + 10;
  return digit % 2 == 1 ? "01" : "00";
}

}  // namespace

std::string ContinueTrace(absl::string_view headers, uint64_t span) {
  const absl::string_view parent = FindHeader(headers, "traceparent");
  std::string result;
  if (!IsTraceParent(parent)) return result;
  AppendHeader(
      "traceparent",
      absl::StrCat("00-", parent.substr(kTraceAt, kTraceDigits), "-",
                   absl::Hex(std::max<uint64_t>(span, 1), absl::kZeroPad16), "-", Flags(parent)),
      &result);
  const absl::string_view state = FindHeader(headers, "tracestate");
  if (!state.empty() && state.size() <= kStateMax) AppendHeader("tracestate", state, &result);
  return result;
}

}  // namespace gridledger::engine
