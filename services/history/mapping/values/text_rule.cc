#include "services/history/mapping/values/text_rule.h"

#include <absl/strings/ascii.h>
#include <absl/strings/str_cat.h>
#include <google/protobuf/stubs/common.h>

#include <utility>

#include "services/base/characters.h"

namespace gridledger::mapping {

TextRule::Answer CheckCode(absl::string_view text) {
  if (text.size() > kCodeBytesMax) return TextRule::Answer::kTooLong;
  bool ascii = true;
  for (const char c : text) {
    if (absl::ascii_iscntrl(c)) return TextRule::Answer::kControl;
    ascii = ascii && static_cast<uint8_t>(c) < 0x80;
  }
  if (ascii) return TextRule::Answer::kText;
  if (!google::protobuf::internal::IsStructurallyValidUTF8(text.data(),
                                                           static_cast<int>(text.size()))) {
    return TextRule::Answer::kNotText;
  }
  // U+0080 to U+009F: what Windows' quotes and dashes become where they are read as ISO-8859-1.
  for (size_t at = text.find('\xc2'); at != absl::string_view::npos;
       at = text.find('\xc2', at + 1)) {
    if (static_cast<uint8_t>(text[at + 1]) < 0xa0) return TextRule::Answer::kControl;
  }
  return TextRule::Answer::kText;
}

absl::StatusOr<TextRule> TextRule::Compile(absl::string_view where, const v1::Value& value,
                                           const Columns& columns, bool strip) {
  TextRule rule;
  rule.constant_ = value.constant();
  rule.strip_ = strip || value.trim();
  if (!value.default_().empty()) rule.default_ = value.default_();
  if (!rule.constant_.empty()) {
    v1::Value bare;
    bare.set_constant(rule.constant_);
    if (bare.SerializeAsString() != value.SerializeAsString()) {
      return MappingError(where,
                          "a constant stands by itself, without a column or anything to fold");
    }
    if (const absl::string_view why = WhyNot(CheckCode(rule.constant_)); !why.empty()) {
      return MappingError(where, absl::StrCat("the constant is ", why));
    }
    return rule;
  }
  const auto text = ColumnText::Compile(where, value.column(), value.with(), columns);
  if (!text.ok()) return text.status();
  rule.text_ = *text;
  rule.column_ = value.column();
  absl::StatusOr<Folding> folding = Folding::Compile(where, value);
  if (!folding.ok()) return folding.status();
  rule.folding_ = *std::move(folding);
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
  if (rule.default_) {
    if (const absl::string_view why = WhyNot(CheckCode(*rule.default_)); !why.empty()) {
      return MappingError(where, absl::StrCat("the default is ", why));
    }
  }
  if (value.has_table()) {
    absl::Status status = rule.CompileTable(absl::StrCat(where, ".table"), value.table(), columns);
    if (!status.ok()) return status;
  }
  return rule;
}

absl::Status TextRule::CompileTable(absl::string_view where, const v1::Lookup& lookup,
                                    const Columns& columns) {
  if (lookup.file().empty()) return MappingError(where, "it names no file");
  if (lookup.from().empty() || lookup.to().empty()) {
    return MappingError(where, "it names two columns of its file, \"from\" and \"to\"");
  }
  const auto& tables = columns.annex().tables;
  const auto at = tables.find(Annex::NameOf(lookup));
  if (at == tables.end()) {
    return MappingError(where, absl::StrCat(lookup.file(), " was not loaded"));
  }
  table_ = at->second;
  if (lookup.otherwise().empty()) return absl::OkStatus();
  otherwise_ = lookup.otherwise();
  const absl::string_view why = WhyNot(CheckCode(*otherwise_));
  return why.empty() ? absl::OkStatus()
                     : MappingError(where, absl::StrCat("\"otherwise\" is ", why));
}

TextRule::Answer TextRule::Read(Row row, absl::string_view* text) {
  if (!text_) {
    *text = constant_;
    return Answer::kText;
  }
  const absl::string_view found = text_->Of(row, missing_, &joined_);
  if (IsMissing(found, missing_)) {
    if (!default_) return Answer::kMissing;
    *text = *default_;
    return Answer::kText;
  }
  *text = Fold(found);
  if (table_ != nullptr && !text->empty()) {
    const std::string* const told = table_->Find(*text);
    if (told == nullptr && !otherwise_) return Answer::kNotInTable;
    *text = told != nullptr ? *told : *otherwise_;
    return text->empty() ? Answer::kMissing : Answer::kText;
  }
  return text->empty() ? Answer::kMissing : CheckCode(*text);
}

absl::string_view TextRule::Fold(absl::string_view text) {
  if (strip_) text = StripBlanks(text);
  if (!replace_.empty()) {
    if (const auto at = replace_.find(text); at != replace_.end()) text = at->second;
  }
  return folding_.Apply(text, &made_);
}

absl::string_view WhyNot(TextRule::Answer answer) {
  switch (answer) {
    case TextRule::Answer::kText: return "";
    case TextRule::Answer::kMissing: return "without a value";
    case TextRule::Answer::kTooLong: return "longer than 256 bytes";
    case TextRule::Answer::kNotText: return "not text in UTF-8";
    case TextRule::Answer::kControl: return "with a control character in it";
    case TextRule::Answer::kNotInTable:
      return "not in its table; add it there, or tell the table's \"otherwise\"";
  }
  return "";
}

}  // namespace gridledger::mapping
