// gridledger incident: one incident's life, each record about it with who said it, what became of
// it and which rule of which policy decided it.
#include <absl/strings/ascii.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/strings/strip.h>
#include <google/protobuf/reflection.h>
#include <google/protobuf/util/json_util.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "services/gridledger/commands/command.h"
#include "services/gridledger/terminal/text_table.h"
#include "services/history/mapping/values/degrees.h"
#include "services/runtime/console/instant.h"
#include "services/runtime/console/json_text.h"
#include "services/runtime/console/printable.h"
#include "services/runtime/console/watched_view.h"
#include "services/runtime/host/subjects.h"
#include "services/runtime/ports/record_at.h"

namespace gridledger::cli {
namespace {

struct IncidentOptions {
  CommonOptions common;
  std::string id;
};

// What a decision record says beside its facts.
struct Decided {
  std::string service;
  std::string rule;
  std::string policy_version;
  Offset cause;
};

// One line of the timeline, with the fact as the ledger has it.
struct Line {
  Offset offset;
  audit::Line judged;
  v1::Fact fact;
  std::optional<Decided> decided;
};

// An id in one partition. Its records are all there, because a partition is a whole universe.
struct Life {
  Partition partition;
  std::optional<incident::Incident> present;  // nothing: facts wait for its report
  std::vector<audit::TimelineItem> items;
  std::vector<Line> lines;
};

// The facts of one record that speak of the incident, in their order.
struct RecordFacts {
  Offset offset;
  std::vector<v1::Fact> facts;
  std::vector<bool> told;  // by a line already
  std::optional<Decided> decided;
};

absl::StatusOr<RecordFacts> ReadFacts(LogReader& reader, Partition partition, Offset offset,
                                      const std::string& id) {
  RecordBatch batch;
  const auto record = ReadRecordAt(reader, partition, offset, &batch);
  if (!record.ok()) return record.status();
  v1::Entry entry;
  if (!record->has_value() || !engine::DecodeEntry((*record)->value, &entry).ok()) {
    return absl::DataLossError(absl::StrCat("partition ", partition.value, " offset ", offset.value,
                                            ": the audit knows this record, the ledger does not"));
  }
  RecordFacts read{.offset = offset, .facts = {}, .told = {}, .decided = {}};
  if (entry.has_fact()) read.facts.push_back(entry.fact());
  if (entry.dead_letter_retried().entry().has_fact()) {
    read.facts.push_back(entry.dead_letter_retried().entry().fact());
  }
  if (entry.has_decision()) {
    const v1::Decision& decision = entry.decision();
    for (const v1::Fact& fact : decision.facts()) {
      if (fact.incident_id() == id) read.facts.push_back(fact);
    }
    read.decided = Decided{decision.service(), decision.rule(), decision.policy_version(),
                           Offset{decision.cause()}};
  }
  read.told.resize(read.facts.size());
  return read;
}

// A line's fact is in its own record, or, when a report released it, in an earlier one.
void TellFact(std::vector<RecordFacts>& records, Line* line) {
  const auto fits = [&](const v1::Fact& fact) {
    return static_cast<uint32_t>(fact.kind_case()) == line->judged.kind &&
           FromMillis(fact.happened_at_ms()) == line->judged.happened_at;
  };
  for (const bool own : {true, false}) {
    for (RecordFacts& record : records) {
      if ((record.offset == line->offset) != own) continue;
      for (size_t i = 0; i < record.facts.size(); ++i) {
        if ((own && record.told[i]) || !fits(record.facts[i])) continue;
        if (own) record.told[i] = true;
        line->fact = record.facts[i];
        line->decided = record.decided;
        return;
      }
    }
  }
}

absl::Status TellLines(EventLog& log, const std::string& id, Life* life) {
  const std::unique_ptr<LogReader> reader = log.NewReader();
  std::vector<RecordFacts> records;
  for (const audit::TimelineItem& item : life->items) {
    if (records.empty() || records.back().offset != item.offset) {
      auto read = ReadFacts(*reader, life->partition, item.offset, id);
      if (!read.ok()) return read.status();
      records.push_back(*std::move(read));
    }
    Line line{.offset = item.offset, .judged = item.line, .fact = {}, .decided = {}};
    TellFact(records, &line);
    life->lines.push_back(std::move(line));
  }
  return absl::OkStatus();
}

// "ROLE_SHIFT_LEADER" → "shift leader": enum values without their type's name.
std::string Words(const std::string& value, absl::string_view prefix) {
  std::string words = absl::AsciiStrToLower(absl::StripPrefix(value, prefix));
  std::replace(words.begin(), words.end(), '_', ' ');
  return words;
}

std::string VerdictWords(const audit::Line& line) {
  switch (line.verdict) {
    case incident::Verdict::kApplied: return "applied";
    case incident::Verdict::kAwaiting: return "parked";
    case incident::Verdict::kVoid:
      return absl::StrCat("void: ", incident::VoidReasonName(line.reason));
  }
  return "";
}

std::string Actor(const v1::Actor& actor) {
  const std::string role = Words(v1::Role_Name(actor.role()), "ROLE_");
  return actor.code().empty() ? role : absl::StrCat(role, " ", actor.code());
}

const google::protobuf::Message* KindOf(const v1::Fact& fact) {
  const auto* oneof = v1::Fact::descriptor()->FindOneofByName("kind");
  const auto* field = fact.GetReflection()->GetOneofFieldDescriptor(fact, oneof);
  return field == nullptr ? nullptr : &fact.GetReflection()->GetMessage(fact, field);
}

// "2 (YT003-G10-D1 with 3, YT003-G10-D2 with 4)": who was on duty, and with how much to do.
std::string Candidates(const google::protobuf::RepeatedFieldRef<v1::Candidate>& candidates) {
  std::vector<std::string> words;
  for (const v1::Candidate& candidate : candidates) {
    words.push_back(absl::StrCat(candidate.member(), " with ", candidate.load()));
  }
  return absl::StrCat(words.size(), " (", absl::StrJoin(words, ", "), ")");
}

// The fields that are set, as "name value": enums in words, instants in the ledger's zone.
std::string Details(const google::protobuf::Message& message, const policy::Zone& zone) {
  using google::protobuf::FieldDescriptor;
  const auto& reflection = *message.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  std::vector<std::string> words;
  for (const FieldDescriptor* field : fields) {
    std::string name = field->name();
    std::string value;
    if (field->is_repeated()) {
      value = absl::StrCat(reflection.FieldSize(message, field));
      if (field->message_type() == v1::Candidate::descriptor()) {
        value = Candidates(reflection.GetRepeatedFieldRef<v1::Candidate>(message, field));
      }
    } else if (field->message_type() == v1::Point::descriptor()) {
      const auto& point = static_cast<const v1::Point&>(reflection.GetMessage(message, field));
      value = absl::StrCat(mapping::PrintDegrees(point.latitude_e7()), " ",
                           mapping::PrintDegrees(point.longitude_e7()));
    } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      value = absl::StrCat("(", Details(reflection.GetMessage(message, field), zone), ")");
    } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_ENUM) {
      const auto* chosen = reflection.GetEnum(message, field);
      std::string prefix = chosen->type()->FindValueByNumber(0)->name();
      value = Words(chosen->name(), absl::StripSuffix(prefix, "UNSPECIFIED"));
    } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_INT64 &&
               absl::EndsWith(name, "_at_ms")) {
      name = std::string(absl::StripSuffix(name, "_at_ms"));
      value = ShownInstant(FromMillis(reflection.GetInt64(message, field)), zone);
    } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
      value = reflection.GetString(message, field);
    } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_BOOL) {
      value = "yes";
    } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_UINT32) {
      value = absl::StrCat(reflection.GetUInt32(message, field));
    } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_INT32) {
      value = absl::StrCat(reflection.GetInt32(message, field));
    }
    std::replace(name.begin(), name.end(), '_', ' ');
    words.push_back(absl::StrCat(name, " ", value));
  }
  return absl::StrJoin(words, ", ");
}

nlohmann::ordered_json InstantJson(const std::optional<absl::Time>& at, const policy::Zone& zone) {
  return at ? nlohmann::ordered_json(Rfc3339(*at, zone)) : nlohmann::ordered_json();
}

nlohmann::ordered_json PresentJson(const incident::Incident& now, const policy::Zone& zone) {
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

nlohmann::ordered_json LineJson(const Life& life, const Line& line, const policy::Zone& zone) {
  nlohmann::ordered_json json;
  json["at"] = Rfc3339(line.judged.at, zone);
  json["happened_at"] = Rfc3339(line.judged.happened_at, zone);
  json["what"] = std::string(engine::FactType(line.fact));
  json["who"] = {{"role", Words(v1::Role_Name(line.fact.actor().role()), "ROLE_")},
                 {"code", line.fact.actor().code()}};
  json["verdict"] = line.judged.verdict == incident::Verdict::kApplied    ? "applied"
                    : line.judged.verdict == incident::Verdict::kAwaiting ? "parked"
                                                                          : "void";
  if (line.judged.verdict == incident::Verdict::kVoid) {
    json["reason"] = std::string(incident::VoidReasonName(line.judged.reason));
  }
  json["stage"] = line.judged.stage.value;
  json["partition"] = life.partition.value;
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

std::string PrintJson(const std::string& id, const std::vector<Life>& lives,
                      const policy::Zone& zone) {
  const Life& life = lives.front();
  nlohmann::ordered_json json;
  json["id"] = id;
  json["partition"] = life.partition.value;
  json["present"] = life.present ? PresentJson(*life.present, zone) : nlohmann::ordered_json();
  json["timeline"] = nlohmann::ordered_json::array();
  for (const Line& line : life.lines) json["timeline"].push_back(LineJson(life, line, zone));
  if (lives.size() > 1) {
    json["also_in_partitions"] = nlohmann::ordered_json::array();
    for (size_t i = 1; i < lives.size(); ++i) {
      json["also_in_partitions"].push_back(lives[i].partition.value);
    }
  }
  return JsonText(json);
}

std::string PresentText(const incident::Incident& now, const policy::Zone& zone) {
  const auto or_dash = [](const std::string& text) { return text.empty() ? "—" : Printable(text); };
  const auto at = [&](const std::optional<absl::Time>& instant) {
    return instant ? ShownInstant(*instant, zone) : std::string("—");
  };
  std::string phase(incident::PhaseName(now.phase));
  if (now.paused_at) absl::StrAppend(&phase, ", its clock stands since ", at(now.paused_at));
  if (now.disposition != v1::DISPOSITION_UNSPECIFIED) {
    absl::StrAppend(&phase, ", ", Words(v1::Disposition_Name(now.disposition), "DISPOSITION_"));
  }
  std::string deadline = at(now.due_at);
  if (now.missed) absl::StrAppend(&deadline, " ", Paint(Colour::kRed, "missed"));
  if (now.level > 0) absl::StrAppend(&deadline, ", escalated to level ", now.level);
  return absl::StrCat("phase      ", phase, " (stage ", now.stage.value, ")\n", "deadline   ",
                      deadline, "\n", "unit       ", or_dash(now.unit.text()), "\n", "member     ",
                      or_dash(now.member.text()), "\n", "category   ", or_dash(now.category.text()),
                      "\n", "place      ", or_dash(now.community.text()), " / ",
                      or_dash(now.area.text()), "\n", "reported   ", at(now.reported_at),
                      ", filed ", at(now.filed_at), ", acknowledged ",
                      at(now.first_acknowledged_at), ", closed ", at(now.closed_at), "\n");
}

std::string PrintText(const std::string& id, const Life& life, const policy::Zone& zone) {
  std::string out = absl::StrCat(Paint(Colour::kBold, Printable(id)), "  in partition ",
                                 life.partition.value, "\n");
  absl::StrAppend(&out,
                  life.present ? PresentText(*life.present, zone)
                               : "not reported yet: what is known waits for its report\n",
                  "\n");
  TextTable table({{"time"}, {"what"}, {"who"}, {"verdict"}, {"record"}});
  for (const Line& line : life.lines) {
    Colour colour = Colour::kNone;
    if (line.judged.verdict == incident::Verdict::kVoid) colour = Colour::kYellow;
    if (line.fact.has_deadline_missed()) colour = Colour::kRed;
    const google::protobuf::Message* kind = KindOf(line.fact);
    std::string details = kind == nullptr ? "" : Details(*kind, zone);
    if (line.fact.inferred()) absl::StrAppend(&details, details.empty() ? "" : ", ", "inferred");
    if (line.judged.happened_at != line.judged.at && !line.decided) {
      absl::StrAppend(&details, details.empty() ? "" : ", ", "happened ",
                      ShownInstant(line.judged.happened_at, zone));
    }
    table.Add({ShownInstant(line.judged.at, zone),
               {std::string(engine::FactType(line.fact)), colour},
               Actor(line.fact.actor()),
               {VerdictWords(line.judged), colour},
               absl::StrCat(life.partition.value, "@", line.offset.value)});
    if (!details.empty()) table.AddNote(std::move(details));
    if (line.decided) {
      table.AddNote(absl::StrCat("decided on record @", line.decided->cause.value, " by ",
                                 line.decided->rule, " of policy ", line.decided->policy_version));
    }
  }
  return absl::StrCat(out, table.Print());
}

absl::Status ShowIncident(const IncidentOptions& options) {
  if (options.id.empty()) return absl::InvalidArgumentError("an incident's id is not empty");
  auto folder = OpenForReading(options.common);
  if (!folder.ok()) return folder.status();
  const absl::StatusOr<policy::Zone> zone = ZoneOf(**folder);
  if (!zone.ok()) return zone.status();
  host::View view;
  view.folder = folder->get();
  view.services = {*host::FindService("audit")};
  const IncidentId id(options.id);
  std::vector<Life> lives;
  std::vector<MissingPart> missing;
  absl::Status status = FoldWatched(
      options.common, "looking", std::move(view),
      [&](const host::Seen& seen) {
        const engine::Task& task = *seen.tasks.front().task;
        Life life;
        life.partition = seen.partition;
        life.items = audit::Timeline(host::AuditOf(task.subject()), id);
        const incident::Incident* present = task.incidents().incidents.Find(id);
        if (present != nullptr) life.present = *present;
        if (present != nullptr || !life.items.empty()) lives.push_back(std::move(life));
        return absl::OkStatus();
      },
      nullptr, &missing);
  if (!status.ok()) return status;
  if (lives.empty()) {
    if (!missing.empty()) return EndOf(missing);
    return absl::NotFoundError(absl::StrCat(
        "no record of the ledger in ", options.common.LedgerText(), " speaks of incident ",
        Printable(options.id), ": check the id, e.g. with gridledger export"));
  }
  // Those that were reported come first.
  std::sort(lives.begin(), lives.end(), [](const Life& a, const Life& b) {
    return std::pair(!a.present, a.partition) < std::pair(!b.present, b.partition);
  });
  for (Life& life : lives) {
    status = TellLines((*folder)->log(), options.id, &life);
    if (!status.ok()) return status;
  }
  std::string out;
  if (options.common.json) out = PrintJson(options.id, lives, *zone);
  for (const Life& life : lives) {
    if (options.common.json) break;
    absl::StrAppend(&out, out.empty() ? "" : "\n", PrintText(options.id, life, *zone));
  }
  absl::Status written = WriteOut(out);
  return written.ok() ? EndOf(missing) : written;
}

}  // namespace

void AddIncident(CLI::App& app, Command* chosen) {
  auto options = std::make_shared<IncidentOptions>();
  CLI::App* command = AddCommand(
      app,
      {.name = "incident",
       .summary = "One incident's life: who said what, what became of it, and by which rule",
       .examples =
           "  gridledger incident --data city YT-00000042\n"
           "  gridledger incident --data boston 101000295613 --json | jq .present.deadline\n"
           "\n"
           "Each line is a fact with its verdict: applied, void (with the reason: somebody else "
           "was\n"
           "faster, or the step is not allowed there), or parked until its report comes. A record "
           "is\n"
           "partition@offset; a decision names its rule, its policy's version and its cause.\n"},
      &options->common, chosen, [options] { return ShowIncident(*options); });
  command->add_option("id", options->id, "The incident's id")->type_name("ID")->required();
}

}  // namespace gridledger::cli
