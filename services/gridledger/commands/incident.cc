// gridledger incident: one incident's life, each record about it with who said it, what became of
// it and which rule of which policy decided it.
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/strings/strip.h>
#include <google/protobuf/reflection.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "services/answers/incident_life.h"
#include "services/gridledger/commands/command.h"
#include "services/gridledger/terminal/text_table.h"
#include "services/history/mapping/values/degrees.h"
#include "services/runtime/console/instant.h"
#include "services/runtime/console/json_text.h"
#include "services/runtime/console/printable.h"
#include "services/runtime/console/watched_view.h"
#include "services/runtime/host/subjects.h"

namespace gridledger::cli {
namespace {

using answers::KindOf;
using answers::Life;
using answers::Line;
using answers::Words;

struct IncidentOptions {
  CommonOptions common;
  std::string id;
};

// A reader waits so long for a record that the audit knows of.
constexpr absl::Duration kPatience = absl::Seconds(10);

absl::Status TellLines(EventLog& log, const IncidentId& id, Life* life) {
  const std::unique_ptr<LogReader> reader = log.NewReader();
  const auto records =
      answers::ReadFacts(*reader, life->partition, answers::OffsetsOf(life->items), id, kPatience);
  if (!records.ok()) return records.status();
  answers::TellLines(*records, life);
  return absl::OkStatus();
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
  answers::SortLives(&lives);
  for (Life& life : lives) {
    status = TellLines((*folder)->log(), id, &life);
    if (!status.ok()) return status;
  }
  std::string out;
  if (options.common.json) out = JsonText(answers::LifeJson(id, lives, *zone));
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
