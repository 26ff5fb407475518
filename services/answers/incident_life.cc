#include "services/answers/incident_life.h"

#include <absl/strings/ascii.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/strip.h>
#include <google/protobuf/reflection.h>
#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <utility>

#include "services/base/layout.h"
#include "services/domain/policy/instant_text.h"
#include "services/runtime/engine/entry_codec.h"

namespace gridledger::answers {
namespace {

using incident::Incident;
using incident::Verdict;
using policy::Rfc3339;

// The facts that no line has told yet.
struct Untold {
  const RecordFacts* record = nullptr;
  std::vector<bool> told;
};

bool Fits(const Line& line, const v1::Fact& fact) {
  return static_cast<uint32_t>(fact.kind_case()) == line.judged.kind &&
         FromMillis(fact.happened_at_ms()) == line.judged.happened_at;
}

// Takes the fact from the line's own record, where each is told once.
bool TellOwn(Untold* own, Line* line) {
  for (size_t i = 0; i < own->told.size(); ++i) {
    if (own->told[i] || !Fits(*line, own->record->facts[i])) continue;
    own->told[i] = true;
    line->fact = own->record->facts[i];
    line->decided = own->record->decided;
    return true;
  }
  return false;
}

// A report releases what earlier records said: those are told once more.
void TellReleased(absl::Span<const RecordFacts> earlier, Line* line) {
  for (const RecordFacts& record : earlier) {
    for (const v1::Fact& fact : record.facts) {
      if (!Fits(*line, fact)) continue;
      line->fact = fact;
      line->decided = record.decided;
      return;
    }
  }
}

// The record at which the reader stands.
absl::StatusOr<RecordFacts> ReadOne(LogReader& reader, Partition partition, Offset offset,
                                    const IncidentId& id, absl::Duration patience) {
  RecordBatch batch;
  if (absl::Status status = reader.Poll(patience, 1, &batch); !status.ok()) return status;
  if (batch.records().empty()) {
    return absl::UnavailableError(absl::StrCat("partition ", partition.value, " offset ",
                                               offset.value, ": the record did not come within ",
                                               absl::FormatDuration(patience)));
  }
  v1::Entry entry;
  if (!engine::DecodeEntry(batch.records()[0].value, &entry).ok()) {
    return absl::DataLossError(absl::StrCat("partition ", partition.value, " offset ", offset.value,
                                            ": the audit knows this record, the ledger does not"));
  }
  return FactsOf(offset, entry, id);
}

nlohmann::ordered_json InstantJson(const std::optional<absl::Time>& at, const policy::Zone& zone) {
  return at ? nlohmann::ordered_json(Rfc3339(*at, zone)) : nlohmann::ordered_json();
}

}  // namespace

std::vector<Offset> OffsetsOf(absl::Span<const audit::TimelineItem> items) {
  std::vector<Offset> offsets;
  for (const audit::TimelineItem& item : items) {
    if (offsets.empty() || offsets.back() != item.offset) offsets.push_back(item.offset);
  }
  return offsets;
}

RecordFacts FactsOf(Offset offset, const v1::Entry& entry, const IncidentId& id) {
  RecordFacts read{.offset = offset, .facts = {}, .decided = {}};
  if (entry.has_fact()) read.facts.push_back(entry.fact());
  if (entry.dead_letter_retried().entry().has_fact()) {
    read.facts.push_back(entry.dead_letter_retried().entry().fact());
  }
  if (entry.has_decision()) {
    const v1::Decision& decision = entry.decision();
    for (const v1::Fact& fact : decision.facts()) {
      if (fact.incident_id() == id.text()) read.facts.push_back(fact);
    }
    read.decided = Decided{decision.service(), decision.rule(), decision.policy_version(),
                           Offset{decision.cause()}};
  }
  return read;
}

absl::StatusOr<std::vector<RecordFacts>> ReadFacts(LogReader& reader, Partition partition,
                                                   absl::Span<const Offset> offsets,
                                                   const IncidentId& id, absl::Duration patience) {
  std::vector<RecordFacts> records;
  absl::Status status;
  for (const Offset offset : offsets) {
    // Not read on to what is not next: what lies between may be damaged.
    const bool is_next = !records.empty() && records.back().offset.Next() == offset;
    if (!is_next) status = reader.Assign(partition, offset);
    if (!status.ok()) break;
    absl::StatusOr<RecordFacts> read = ReadOne(reader, partition, offset, id, patience);
    status = read.status();
    if (!status.ok()) break;
    records.push_back(*std::move(read));
  }
  reader.Unassign(partition);
  if (!status.ok()) return status;
  return records;
}

void TellLines(absl::Span<const RecordFacts> records, Life* life) {
  life->lines.clear();
  size_t earlier = 0;  // records before the item's own
  Untold own;
  for (const audit::TimelineItem& item : life->items) {
    while (earlier < records.size() && records[earlier].offset < item.offset) ++earlier;
    Line line{.offset = item.offset, .judged = item.line, .fact = {}, .decided = {}};
    const bool there = earlier < records.size() && records[earlier].offset == item.offset;
    if (there && own.record != &records[earlier]) {
      own = {.record = &records[earlier], .told = std::vector<bool>(records[earlier].facts.size())};
    }
    if (!there || !TellOwn(&own, &line)) TellReleased(records.subspan(0, earlier), &line);
    life->lines.push_back(std::move(line));
  }
}

void SortLives(std::vector<Life>* lives) {
  std::sort(lives->begin(), lives->end(), [](const Life& a, const Life& b) {
    return std::pair(!a.present, a.partition) < std::pair(!b.present, b.partition);
  });
}

std::string Words(absl::string_view value, absl::string_view prefix) {
  std::string words = absl::AsciiStrToLower(absl::StripPrefix(value, prefix));
  std::replace(words.begin(), words.end(), '_', ' ');
  return words;
}

absl::string_view VerdictName(incident::Verdict verdict) {
  switch (verdict) {
    case incident::Verdict::kApplied: return "applied";
    case incident::Verdict::kAwaiting: return "parked";
    case incident::Verdict::kVoid: return "void";
  }
  return "void";
}

const google::protobuf::Message* KindOf(const v1::Fact& fact) {
  const auto* oneof = v1::Fact::descriptor()->FindOneofByName("kind");
  const auto* field = fact.GetReflection()->GetOneofFieldDescriptor(fact, oneof);
  return field == nullptr ? nullptr : &fact.GetReflection()->GetMessage(fact, field);
}

nlohmann::ordered_json PresentJson(const Incident& now, const policy::Zone& zone) {
  nlohmann::ordered_json json;
  json["phase"] = std::string(incident::PhaseName(now.phase));
  json["stage"] = now.stage.value;
  json["open"] = incident::IsOpen(now.phase);
  json["category"] = now.category.text();
  json["community"] = now.community.text();
  json["area"] = now.area.text();
  json["channel"] = now.channel;
  json["unit"] = now.unit.text();
  json["member"] = now.member.text();
  json["deadline"] = InstantJson(now.due_at, zone);
  json["deadline_missed"] = now.missed;
  json["paused_at"] = InstantJson(now.paused_at, zone);
  json["level"] = now.level;
  json["reported_at"] = Rfc3339(now.reported_at, zone);
  json["filed_at"] = InstantJson(now.filed_at, zone);
  json["first_acknowledged_at"] = InstantJson(now.first_acknowledged_at, zone);
  json["closed_at"] = InstantJson(now.closed_at, zone);
  json["disposition"] = Words(v1::Disposition_Name(now.disposition), "DISPOSITION_");
  json["times"] = {{"returned", now.times_returned},
                   {"reworked", now.times_reworked},
                   {"reopened", now.times_reopened},
                   {"extended", now.times_extended},
                   {"paused", now.times_paused}};
  json["stars"] = now.stars;
  if (!now.merged_into.empty()) json["merged_into"] = now.merged_into;
  return json;
}

nlohmann::ordered_json LineJson(Partition partition, const Line& line, const policy::Zone& zone) {
  nlohmann::ordered_json json;
  json["at"] = Rfc3339(line.judged.at, zone);
  json["happened_at"] = Rfc3339(line.judged.happened_at, zone);
  json["what"] = std::string(engine::FactType(line.fact));
  json["who"] = {{"role", Words(v1::Role_Name(line.fact.actor().role()), "ROLE_")},
                 {"code", line.fact.actor().code()}};
  json["verdict"] = std::string(VerdictName(line.judged.verdict));
  if (line.judged.verdict == Verdict::kVoid) {
    json["reason"] = std::string(incident::VoidReasonName(line.judged.reason));
  }
  json["stage"] = line.judged.stage.value;
  json["partition"] = partition.value;
  json["offset"] = line.offset.value;
  if (line.decided) {
    json["decision"] = {{"service", line.decided->service},
                        {"rule", line.decided->rule},
                        {"policy_version", line.decided->policy_version},
                        {"cause", line.decided->cause.value}};
  }
  if (line.fact.inferred()) json["inferred"] = true;
  std::string details;
  const google::protobuf::Message* kind = KindOf(line.fact);
  if (kind != nullptr && google::protobuf::util::MessageToJsonString(*kind, &details).ok()) {
    json["details"] = nlohmann::ordered_json::parse(details, nullptr, false);
  }
  return json;
}

nlohmann::ordered_json LifeJson(const IncidentId& id, absl::Span<const Life> lives,
                                const policy::Zone& zone) {
  const Life& life = lives.front();
  nlohmann::ordered_json json;
  json["id"] = id.text();
  json["partition"] = life.partition.value;
  json["present"] = life.present ? PresentJson(*life.present, zone) : nlohmann::ordered_json();
  json["timeline"] = nlohmann::ordered_json::array();
  for (const Line& line : life.lines) {
    json["timeline"].push_back(LineJson(life.partition, line, zone));
  }
  if (lives.size() > 1) {
    json["also_in_partitions"] = nlohmann::ordered_json::array();
    for (const Life& other : lives.subspan(1)) {
      json["also_in_partitions"].push_back(other.partition.value);
    }
  }
  return json;
}

}  // namespace gridledger::answers
