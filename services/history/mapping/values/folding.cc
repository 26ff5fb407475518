#include "services/history/mapping/values/folding.h"

#include <absl/strings/ascii.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>

#include <algorithm>

#include "services/history/mapping/values/columns.h"

namespace gridledger::mapping {
namespace {

constexpr uint32_t kZeroPadMax = 20;  // digits of the largest number of 64 bits

bool AllDigits(absl::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), absl::ascii_isdigit);
}

}  // namespace

template <typename Message>
absl::StatusOr<Folding> Folding::CompileAny(absl::string_view where, const Message& message) {
  Folding folding;
  folding.add_prefix_ = message.add_prefix();
  folding.zero_pad_ = message.zero_pad();
  if (folding.zero_pad_ > kZeroPadMax) {
    return MappingError(where, absl::StrCat("zero_pad is at most ", kZeroPadMax));
  }
  for (const std::string& prefix : message.strip_prefixes()) {
    if (prefix.empty()) return MappingError(where, "an empty prefix cannot be stripped");
    folding.strip_prefixes_.push_back(prefix);
  }
  return folding;
}

absl::StatusOr<Folding> Folding::Compile(absl::string_view where, const v1::Value& value) {
  return CompileAny(where, value);
}

absl::StatusOr<Folding> Folding::Compile(absl::string_view where, const v1::AreaByPoint& areas) {
  return CompileAny(where, areas);
}

absl::string_view Folding::Apply(absl::string_view text, std::string* made) const {
  for (const std::string& prefix : strip_prefixes_) {
    if (!absl::StartsWith(text, prefix)) continue;
    text = absl::StripLeadingAsciiWhitespace(text.substr(prefix.size()));
    break;
  }
  const bool pad = zero_pad_ > 0 && AllDigits(text);
  if (!pad && add_prefix_.empty()) return text;
  if (text.empty()) return text;
  made->assign(add_prefix_);
  if (pad) {
    const size_t first = std::min(text.find_first_not_of('0'), text.size());
    text.remove_prefix(first);
    if (text.size() < zero_pad_) made->append(zero_pad_ - text.size(), '0');
  }
  made->append(text.data(), text.size());
  return *made;
}

}  // namespace gridledger::mapping
