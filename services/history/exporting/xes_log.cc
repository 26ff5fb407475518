#include "services/history/exporting/xes_log.h"

#include <absl/strings/str_cat.h>

#include <utility>

namespace gridledger::cli {
namespace {

constexpr size_t kWriteBytes = size_t{64} << 10;  // as much as a pipe takes at once

constexpr absl::string_view kOpening =
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
    "<log xes.version=\"2.0\" xes.features=\"\" xmlns=\"http://www.xes-standard.org/\">\n"
    "  <extension name=\"Concept\" prefix=\"concept\" "
    "uri=\"http://www.xes-standard.org/concept.xesext\"/>\n"
    "  <extension name=\"Time\" prefix=\"time\" "
    "uri=\"http://www.xes-standard.org/time.xesext\"/>\n"
    "  <extension name=\"Lifecycle\" prefix=\"lifecycle\" "
    "uri=\"http://www.xes-standard.org/lifecycle.xesext\"/>\n"
    "  <extension name=\"Organizational\" prefix=\"org\" "
    "uri=\"http://www.xes-standard.org/org.xesext\"/>\n"
    "  <global scope=\"trace\">\n"
    "    <string key=\"concept:name\" value=\"\"/>\n"
    "    <string key=\"community\" value=\"\"/>\n"
    "    <string key=\"category\" value=\"\"/>\n"
    "    <int key=\"partition\" value=\"0\"/>\n"
    "  </global>\n"
    "  <global scope=\"event\">\n"
    "    <string key=\"concept:name\" value=\"\"/>\n"
    "    <date key=\"time:timestamp\" value=\"1970-01-01T00:00:00.000Z\"/>\n"
    "    <string key=\"lifecycle:transition\" value=\"complete\"/>\n"
    "  </global>\n"
    "  <classifier name=\"Activity\" keys=\"concept:name\"/>\n"
    "  <string key=\"lifecycle:model\" value=\"standard\"/>\n";
constexpr absl::string_view kClosing = "</log>\n";
constexpr absl::string_view kTraceOpening = "  <trace>\n";
constexpr absl::string_view kTraceClosing = "  </trace>\n";

// Where a column stands, and as what; on neither, it is told by the keys above it.
struct XesKey {
  absl::string_view key;
  bool of_trace = false;
};

XesKey KeyOf(Column column) {
  switch (column) {
    case Column::kIncidentId: return {"concept:name", true};
    case Column::kTime: return {"time:timestamp"};
    case Column::kFact: return {"concept:name"};
    case Column::kActorCode: return {"org:resource"};
    case Column::kActorRole: return {"org:role"};
    case Column::kUnit: return {"org:group"};
    case Column::kCommunity:
    case Column::kCategory:
    case Column::kArea:
    case Column::kChannel:
    case Column::kLatitude:
    case Column::kLongitude:
    case Column::kPartition: return {ColumnForms()[static_cast<size_t>(column)].name, true};
    default: return {ColumnForms()[static_cast<size_t>(column)].name};
  }
}

absl::string_view TagOf(FieldForm form) {
  switch (form) {
    case FieldForm::kText: return "string";
    case FieldForm::kInt: return "int";
    case FieldForm::kBool: return "boolean";
    case FieldForm::kInstant: return "date";
    case FieldForm::kDegrees: return "float";
  }
  return "";
}

}  // namespace

absl::StatusOr<std::unique_ptr<XesLog>> XesLog::Open(files::FactSorterOptions options) {
  const int partitions = options.partitions;
  auto sorter = files::FactSorter::Open(std::move(options));
  if (!sorter.ok()) return sorter.status();
  return std::unique_ptr<XesLog>(new XesLog(*std::move(sorter), partitions));
}

absl::Status XesLog::Add(const LifeStep& step, const StepRow& row) {
  text_.clear();
  const auto append = [&](bool of_trace, int depth) {
    for (size_t i = 0; i < kColumns; ++i) {
      const XesKey key = KeyOf(static_cast<Column>(i));
      if (key.of_trace == of_trace && !row[i].empty()) {
        AppendAttribute(key.key, ColumnForms()[i].form, row[i], depth);
      }
    }
  };
  // A life begins with its report.
  if (step.fact->has_reported()) append(true, 4);
  text_.append("    <event>\n");
  append(false, 6);
  AppendAttribute("lifecycle:transition", FieldForm::kText, "complete", 6);
  text_.append("    </event>\n");
  // Traces by their report, events by their place.
  const files::FactPlace place{.at = FromMillis(step.opened.offset.value),
                               .input = step.opened.ordinal,
                               .row = static_cast<uint64_t>(step.place.offset.value),
                               .ordinal = step.place.ordinal};
  return sorter_->Add(step.partition, place, "", text_);
}

void XesLog::AppendAttribute(absl::string_view key, FieldForm form, absl::string_view value,
                             int depth) {
  text_.append(static_cast<size_t>(depth), ' ');
  absl::StrAppend(&text_, "<", TagOf(form), " key=\"", key, "\" value=\"");
  AppendText(value);
  absl::StrAppend(&text_, "\"/>\n");
}

// Blanks of lines would become spaces as they stand; of other control characters, and of U+FFFE
// and U+FFFF, XML 1.0 knows no form at all.
void XesLog::AppendText(absl::string_view text) {
  constexpr absl::string_view kReplacement = "\xEF\xBF\xBD";
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    switch (c) {
      case '&': text_.append("&amp;"); continue;
      case '<': text_.append("&lt;"); continue;
      case '>': text_.append("&gt;"); continue;
      case '"': text_.append("&quot;"); continue;
      case '\t': text_.append("&#9;"); continue;
      case '\n': text_.append("&#10;"); continue;
      case '\r': text_.append("&#13;"); continue;
      default: break;
    }
    const bool control = static_cast<unsigned char>(c) < 0x20;
    const absl::string_view three = text.substr(i, 3);
    const bool beyond = three == "\xEF\xBF\xBE" || three == "\xEF\xBF\xBF";
    if (!control && !beyond) {
      text_.push_back(c);
      continue;
    }
    text_.append(kReplacement.data(), kReplacement.size());
    ++replaced_;
    if (beyond) i += 2;
  }
}

absl::Status XesLog::Write(const std::atomic<bool>& stop,
                           absl::FunctionRef<absl::Status(absl::string_view)> out) {
  if (absl::Status status = sorter_->Finish(); !status.ok()) return status;
  text_.assign(kOpening.data(), kOpening.size());
  for (int p = 0; p < partitions_; ++p) {
    if (absl::Status status = WritePartition(Partition{p}, stop, out); !status.ok()) return status;
  }
  text_.append(kClosing.data(), kClosing.size());
  return out(text_);
}

absl::Status XesLog::WritePartition(Partition partition, const std::atomic<bool>& stop,
                                    absl::FunctionRef<absl::Status(absl::string_view)> out) {
  auto facts = sorter_->NewReader(partition);
  if (!facts.ok()) return facts.status();
  files::SortedFact fact;
  std::optional<std::pair<absl::Time, uint32_t>> trace;
  for (;;) {
    const absl::StatusOr<bool> more = (*facts)->Next(&fact);
    if (!more.ok()) return more.status();
    if (!*more) break;
    if (stop) return absl::AbortedError("interrupted");
    const std::pair of(fact.place.at, fact.place.input);
    if (trace != of) {
      if (trace) text_.append(kTraceClosing.data(), kTraceClosing.size());
      text_.append(kTraceOpening.data(), kTraceOpening.size());
      trace = of;
    }
    text_.append(fact.entry.data(), fact.entry.size());
    ++written_;
    if (text_.size() < kWriteBytes) continue;
    if (absl::Status status = out(text_); !status.ok()) return status;
    text_.clear();
  }
  if (trace) text_.append(kTraceClosing.data(), kTraceClosing.size());
  return absl::OkStatus();
}

}  // namespace gridledger::cli
