#include "services/domain/mapping/text_rule.h"

#include <absl/strings/ascii.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <google/protobuf/stubs/common.h>

#include <algorithm>
#include <cstring>

namespace gridledger::mapping {
namespace {

constexpr uint32_t kZeroPadMax = 20;  // digits of the largest number of 64 bits

bool AllDigits(absl::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), absl::ascii_isdigit);
}

TextRule::Answer Check(absl::string_view text) {
  if (text.size() > kCodeBytesMax) return TextRule::Answer::kTooLong;
  bool ascii = true;
  for (const char c : text) {
    if (absl::ascii_iscntrl(c)) return TextRule::Answer::kControl;
    ascii = ascii && static_cast<uint8_t>(c) < 0x80;
  }
  if (ascii || google::protobuf::internal::IsStructurallyValidUTF8(text.data(),
                                                                   static_cast<int>(text.size()))) {
    return TextRule::Answer::kText;
  }
  return TextRule::Answer::kNotText;
}

}  // namespace

absl::StatusOr<TextRule> TextRule::Compile(absl::string_view where, const v1::Value& value,
                                           const Columns& columns, bool strip) {
  TextRule rule;
  rule.constant_ = value.constant();
  rule.strip_ = strip || value.trim();
  rule.add_prefix_ = value.add_prefix();
  rule.zero_pad_ = value.zero_pad();
  if (!value.default_().empty()) rule.default_ = value.default_();
  if (!rule.constant_.empty()) {
    v1::Value bare;
    bare.set_constant(rule.constant_);
    if (bare.SerializeAsString() != value.SerializeAsString()) {
      return MappingError(where,
                          "a constant stands by itself, without a column or anything to fold");
    }
    if (const absl::string_view why = WhyNot(Check(rule.constant_)); !why.empty()) {
      return MappingError(where, absl::StrCat("the constant is ", why));
    }
    return rule;
  }
  const absl::StatusOr<size_t> index = columns.Find(where, value.column());
  if (!index.ok()) return index.status();
  rule.index_ = *index;
  rule.column_ = columns.name(*index);
  if (rule.zero_pad_ > kZeroPadMax) {
    return MappingError(where, absl::StrCat("zero_pad is at most ", kZeroPadMax));
  }
  rule.missing_ = columns.missing();
  rule.missing_.insert(rule.missing_.end(), value.missing().begin(), value.missing().end());
  for (const v1::Replacement& item : value.replace()) {
    if (item.to().empty()) {
      return MappingError(
          where, "a replacement has no \"to\"; what stands for no value goes to \"missing\"");
    }
    if (!rule.replace_.emplace(item.from(), item.to()).second) {
      return MappingError(where, absl::StrCat("\"", item.from(), "\" is replaced twice"));
    }
  }
  for (const std::string& prefix : value.strip_prefixes()) {
    if (prefix.empty()) return MappingError(where, "an empty prefix cannot be stripped");
    rule.strip_prefixes_.push_back(prefix);
  }
  if (rule.default_) {
    if (const absl::string_view why = WhyNot(Check(*rule.default_)); !why.empty()) {
      return MappingError(where, absl::StrCat("the default is ", why));
    }
  }
  return rule;
}

TextRule::Answer TextRule::Read(Row row, absl::string_view* text) {
  if (!index_) {
    *text = constant_;
    return Answer::kText;
  }
  const absl::string_view found = row[*index_];
  if (IsMissing(found, missing_)) {
    if (!default_) return Answer::kMissing;
    *text = *default_;
    return Answer::kText;
  }
  *text = Fold(found);
  return text->empty() ? Answer::kMissing : Check(*text);
}

absl::string_view TextRule::Fold(absl::string_view text) {
  if (strip_) text = absl::StripAsciiWhitespace(text);
  if (!replace_.empty()) {
    if (const auto at = replace_.find(text); at != replace_.end()) text = at->second;
  }
  for (const std::string& prefix : strip_prefixes_) {
    if (!absl::StartsWith(text, prefix)) continue;
    text = absl::StripLeadingAsciiWhitespace(text.substr(prefix.size()));
    break;
  }
  const bool pad = zero_pad_ > 0 && AllDigits(text);
  if (!pad && add_prefix_.empty()) return text;
  if (text.empty()) return text;
  made_.assign(add_prefix_);
  if (pad) {
    const size_t first = std::min(text.find_first_not_of('0'), text.size());
    text.remove_prefix(first);
    if (text.size() < zero_pad_) made_.append(zero_pad_ - text.size(), '0');
  }
  made_.append(text.data(), text.size());
  return made_;
}

absl::string_view WhyNot(TextRule::Answer answer) {
  switch (answer) {
    case TextRule::Answer::kText: return "";
    case TextRule::Answer::kMissing: return "without a value";
    case TextRule::Answer::kTooLong: return "longer than 256 bytes";
    case TextRule::Answer::kNotText: return "not text in UTF-8";
    case TextRule::Answer::kControl: return "with a control character in it";
  }
  return "";
}

}  // namespace gridledger::mapping
