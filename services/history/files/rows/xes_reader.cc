#include "services/history/files/rows/xes_reader.h"

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <expat.h>

#include <algorithm>
#include <utility>

#include "services/base/digest.h"
#include "services/base/invariant.h"
#include "services/base/layout.h"
#include "services/history/files/bytes/encoding.h"

namespace gridledger::files {
namespace {

constexpr size_t kElementsMax = 4096;  // within one another; × ~200 B = 800 KiB
constexpr absl::string_view kOfTrace = "case:";

// Without its prefix.
absl::string_view LocalName(absl::string_view name) {
  const size_t colon = name.rfind(':');
  return colon == absl::string_view::npos ? name : name.substr(colon + 1);
}

// Empty without it.
absl::string_view AttributeOf(const char** attributes, absl::string_view name) {
  for (const char** at = attributes; *at != nullptr; at += 2) {
    if (absl::string_view(at[0]) == name) return at[1];
  }
  return "";
}

bool IsAttribute(absl::string_view name) {
  constexpr absl::string_view kTypes[] = {"string",  "date", "int",  "float",
                                          "boolean", "id",   "list", "container"};
  return std::find(std::begin(kTypes), std::end(kTypes), name) != std::end(kTypes);
}

}  // namespace

class XesReader::Callbacks {
 public:
  static void Begin(void* self, const char* name, const char** attributes) {
    static_cast<XesReader*>(self)->Begin(name, attributes);
  }
  static void End(void* self, const char*) { static_cast<XesReader*>(self)->End(); }
  static void Doctype(void* self, const char*, const char*, const char*, int) {
    auto* const reader = static_cast<XesReader*>(self);
    reader->Fail(absl::InvalidArgumentError(absl::StrFormat(
        "%s:%d: a DOCTYPE: XES has none, and entities of a document's own are not read; take it "
        "out",
        reader->input_->name(), reader->line())));
  }
};

XesReader::XesReader(std::unique_ptr<InputStream> input, PathColumns columns)
    : input_(std::move(input)), parser_(XML_ParserCreate("UTF-8")), columns_(std::move(columns)) {
  INVARIANT(parser_ != nullptr, "no memory for a parser");
  XML_SetUserData(parser_, this);
  XML_SetElementHandler(parser_, &Callbacks::Begin, &Callbacks::End);
  XML_SetStartDoctypeDeclHandler(parser_, &Callbacks::Doctype);
}

XesReader::~XesReader() { XML_ParserFree(parser_); }

absl::StatusOr<bool> XesReader::Next(InputRow* row) {
  if (!failed_.ok()) return failed_;
  event_ended_ = false;
  while (!event_ended_) {
    if (ended_ && !suspended_) return false;
    if (absl::Status status = Advance(); !status.ok()) {
      failed_ = status;
      return failed_;
    }
  }
  TakeRow(row);
  return true;
}

absl::Status XesReader::Advance() {
  XML_Status parsed = XML_STATUS_OK;
  if (std::exchange(suspended_, false)) {
    parsed = XML_ResumeParser(parser_);
  } else {
    auto piece = input_->Read();
    if (!piece.ok()) {
      return absl::Status(piece.status().code(),
                          absl::StrCat(piece.status().message(), "; line ", line()));
    }
    ended_ = piece->empty();
    anything_ = anything_ || !ended_;
    bounds_.Add(*piece);
    if (ended_) bounds_.Finish();
    const absl::string_view ready = bounds_.ready();
    // What is ready is some pieces at most; a size of expat is an int.
    parsed = XML_Parse(parser_, ready.data(), static_cast<int>(ready.size()), ended_ ? 1 : 0);
    bounds_.Taken();
  }
  if (parsed == XML_STATUS_ERROR) return failed_.ok() ? SyntaxError() : failed_;
  suspended_ = parsed == XML_STATUS_SUSPENDED;
  if (bounds_.too_large()) {
    return absl::InvalidArgumentError(
        absl::StrFormat("%s: a tag, a comment or the like of more than %d bytes, from line %d on",
                        input_->name(), kMarkupBytesMax, line()));
  }
  return absl::OkStatus();
}

absl::Status XesReader::SyntaxError() const {
  const XML_Error error = XML_GetErrorCode(parser_);
  if (!anything_) {
    return absl::InvalidArgumentError(absl::StrCat(input_->name(), " is empty: no XES"));
  }
  if (ended_ && (error == XML_ERROR_NO_ELEMENTS || error == XML_ERROR_UNCLOSED_TOKEN ||
                 error == XML_ERROR_UNCLOSED_CDATA_SECTION)) {
    return absl::DataLossError(
        absl::StrFormat("%s:%d: the document ends too early", input_->name(), line()));
  }
  return absl::InvalidArgumentError(absl::StrFormat(
      "%s:%d: this is not well-formed XML: %s", input_->name(), line(), XML_ErrorString(error)));
}

// Debian 13's expat wants these two under names that Debian 12's has not. XML_Size is 64 bits wide
// on both.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
int64_t XesReader::line() const {
  return static_cast<int64_t>(XML_GetCurrentLineNumber(parser_)) +
         bounds_.LinesBefore(static_cast<int64_t>(XML_GetCurrentByteIndex(parser_)));
}
#pragma GCC diagnostic pop

void XesReader::Fail(absl::Status why) {
  if (!failed_.ok()) return;
  failed_ = std::move(why);
  XML_StopParser(parser_, XML_FALSE);
}

void XesReader::Begin(const char* name, const char** attributes) {
  if (!failed_.ok()) return;
  if (levels_.size() == kElementsMax) {
    Fail(absl::InvalidArgumentError(absl::StrFormat(
        "%s:%d: more than %d elements within one another", input_->name(), line(), kElementsMax)));
    return;
  }
  const absl::string_view local = LocalName(name);
  if (levels_.empty()) {
    if (local != "log") {
      Fail(absl::InvalidArgumentError(absl::StrFormat(
          "%s:%d: the document is not XES: its root is not <log>", input_->name(), line())));
      return;
    }
    levels_.push_back(Level{Kind::kLog, 0});
    return;
  }
  const Level parent = levels_.back();
  Kind kind = Kind::kPassedOver;
  switch (parent.kind) {
    case Kind::kLog:
      if (local == "trace") kind = Kind::kTrace;
      if (local == "event") kind = Kind::kEvent;
      if (local == "global") kind = Kind::kGlobal;
      break;
    case Kind::kGlobal:
      if (IsAttribute(local)) kind = Kind::kAttribute;
      break;
    case Kind::kTrace:
      if (local == "event") kind = Kind::kEvent;
      if (IsAttribute(local)) kind = Kind::kAttribute;
      break;
    case Kind::kEvent:
    case Kind::kValues:
      if (IsAttribute(local)) kind = Kind::kAttribute;
      break;
    case Kind::kAttribute:
      if (IsAttribute(local)) kind = Kind::kAttribute;
      if (local == "values") kind = Kind::kValues;
      break;
    case Kind::kPassedOver: break;
  }
  levels_.push_back(Level{kind, path_.size()});
  if (kind == Kind::kGlobal) {
    const absl::string_view scope = AttributeOf(attributes, "scope");
    global_ = scope == "trace" ? &trace_default_ : scope == "event" ? &event_default_ : nullptr;
    if (global_ == nullptr) levels_.back().kind = Kind::kPassedOver;
  } else if (kind == Kind::kTrace) {
    trace_.Clear();
    in_trace_ = true;
  } else if (kind == Kind::kEvent) {
    if (parent.kind == Kind::kLog) {
      trace_.Clear();
      in_trace_ = false;
    }
    event_.Clear();
    event_line_ = line();
    in_event_ = true;
  } else if (kind == Kind::kAttribute) {
    BeginAttribute(attributes);
  }
}

void XesReader::BeginAttribute(const char** attributes) {
  const absl::string_view key = AttributeOf(attributes, "key");
  const absl::string_view value = AttributeOf(attributes, "value");
  constexpr size_t kOuterLevels = 3;  // the log, the trace and the event
  if (levels_.size() > kOuterLevels + kPathDepthMax) {
    values().Reject(absl::StrFormat("more than %d attributes within one another", kPathDepthMax));
    levels_.back().kind = Kind::kPassedOver;
    return;
  }
  const bool values_are_of_events = in_event_ || global_ == &event_default_;
  // A path that is too long stays so, and needs no more bytes.
  if (path_.size() <= kPathBytesMax) {
    absl::StrAppend(&path_,
                    !path_.empty()         ? "."
                    : values_are_of_events ? ""
                                           : kOfTrace,
                    key.substr(0, kPathBytesMax + 1));
  }
  if (global_ != nullptr) {
    // One that is no text, or is there twice, is none.
    const bool bad =
        absl::StrContains(value, kTooLongCharacter) || absl::StrContains(value, kNoTextCharacter);
    if (!bad) global_->Add(path_, value);
    return;
  }
  if (rows_ == 0 && first_.size() < kRowBytesMax) {
    AppendVarint(&first_, path_.size());
    AppendVarint(&first_, value.size());
    absl::StrAppend(&first_, path_, value);
  }
  if (absl::StrContains(value, kTooLongCharacter)) {
    values().AddBad(path_, absl::StrFormat("a text of more than %d bytes", kFieldBytesMax));
  } else if (absl::StrContains(value, kNoTextCharacter)) {
    values().AddBad(path_, "a text with bytes that are none in its encoding");
  } else {
    values().Add(path_, value);
  }
}

void XesReader::End() {
  if (!failed_.ok() || levels_.empty()) return;
  const Level level = levels_.back();
  levels_.pop_back();
  path_.resize(level.path_size);
  if (level.kind == Kind::kGlobal) global_ = nullptr;
  if (level.kind == Kind::kTrace) trace_.Clear();
  if (level.kind != Kind::kEvent) return;
  in_event_ = false;
  event_ended_ = true;
  XML_StopParser(parser_, XML_TRUE);
}

void XesReader::TakeRow(InputRow* row) {
  row->number = ++rows_;
  if (rows_ == 1) beginning_ = Fingerprint(std::exchange(first_, {}));
  row->line = event_line_;
  row->fields.clear();
  row->rejected = event_.rejected().empty() ? trace_.rejected() : event_.rejected();
  if (row->rejected.empty() && trace_.bytes() + event_.bytes() > kRowBytesMax) {
    row->rejected = absl::StrFormat("more than %d bytes", kRowBytesMax);
  }
  if (columns_.collecting()) return;
  for (size_t i = 0; i < columns_.names().size(); ++i) {
    if (event_.has(i) && trace_.has(i) && row->rejected.empty()) {
      row->rejected = absl::StrCat("more than one value for ", columns_.names()[i]);
    }
    row->fields.push_back(event_.has(i)   ? event_.text(i)
                          : trace_.has(i) ? trace_.text(i)
                                          : DefaultOf(i));
  }
}

PathValues& XesReader::values() {
  return global_ != nullptr ? *global_ : in_event_ ? event_ : trace_;
}

absl::string_view XesReader::DefaultOf(size_t column) const {
  if (event_default_.has(column)) return event_default_.text(column);
  return in_trace_ ? trace_default_.text(column) : absl::string_view();
}

}  // namespace gridledger::files
