#include "tests/support/scenario.h"

#include <absl/container/btree_map.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/strings/str_replace.h>
#include <absl/strings/str_split.h>

#include <algorithm>

#include "services/runtime/host/subjects.h"
#include "tests/support/fact_text.h"

namespace gridledger::tests {
namespace {

using incident::Incident;
using incident::Verdict;
using incident::VoidReason;

constexpr Partition kPartition{0};

// ---- playing

class KeepRecords : public engine::LedgerSink {
 public:
  explicit KeepRecords(Ledger* ledger) : ledger_(ledger) {}
  absl::Status Append(const Record& record) override {
    ledger_->push_back(LedgerRecord{record.timestamp, std::string(record.key),
                                    std::string(record.headers), std::string(record.value)});
    return absl::OkStatus();
  }

 private:
  Ledger* const ledger_;
};

// Tells a scenario's entries in order. A fact names the stage that its author saw.
class Teller : public engine::OutsideSource {
 public:
  Teller(const Scenario& scenario, PlayOptions options) : scenario_(scenario), options_(options) {}

  absl::StatusOr<bool> Next(const incident::State& view, engine::Outside* next) override {
    if (next_ == scenario_.said.size()) return false;
    const Said& said = scenario_.said[next_];
    next->at = said.at;
    next->entry = said.entry;
    if (said.entry.has_fact()) {
      const v1::Fact& fact = said.entry.fact();
      if (!again_ && !said.same_stage) {
        stage_ = incident::PresentStage(view, IncidentId(fact.incident_id()));
      }
      if (fact.has_reported()) stage_ = Stage{};
      next->entry.mutable_fact()->set_stage(stage_.value);
      next->key = fact.reported().community();
    }
    again_ = options_.repeat && !again_;
    if (!again_) ++next_;
    return true;
  }

 private:
  const Scenario& scenario_;
  const PlayOptions options_;
  size_t next_ = 0;
  bool again_ = false;  // the next telling is a repetition
  Stage stage_;         // that the latest fact named
};

absl::StatusOr<City> NewCity() {
  City city;
  for (const engine::Service& service : host::AllServices()) {
    absl::StatusOr<std::unique_ptr<engine::Task>> task =
        engine::Task::Open(service, kPartition, nullptr, "test");
    if (!task.ok()) return task.status();
    city.tasks.push_back(*std::move(task));
  }
  return city;
}

absl::Status FoldInto(const Ledger& ledger, engine::Task* task) {
  for (const LedgerRecord& record : ledger) {
    const absl::Status folded = task->Fold(Record{kPartition, task->next(), record.timestamp,
                                                  record.key, record.headers, record.value});
    if (!folded.ok()) return folded;
  }
  return absl::OkStatus();
}

// ---- judging

// A fact as the fold took it.
struct Seen {
  v1::Fact fact;
  Verdict verdict;
  VoidReason reason;
  absl::Time at;
};

// Keeps every change that the fold tells.
class Observer : public engine::Subject {
 public:
  explicit Observer(std::vector<Seen>* seen) : seen_(seen) {}
  void EvolveChange(const incident::Change& change) override {
    seen_->push_back(Seen{*change.fact, change.verdict, change.reason, change.moment.at});
  }
  void Decide(const incident::Moment&, absl::Span<const IncidentId>, v1::Decision*) const override {
  }

 private:
  std::vector<Seen>* const seen_;
};

absl::StatusOr<std::vector<Seen>> Watch(const Ledger& ledger) {
  std::vector<Seen> seen;
  const engine::Service observer{ServiceName("observer"), 1, [&](TableSet&, incident::State&) {
                                   return std::make_unique<Observer>(&seen);
                                 }};
  absl::StatusOr<std::unique_ptr<engine::Task>> task =
      engine::Task::Open(observer, kPartition, nullptr, "test");
  if (!task.ok()) return task.status();
  if (absl::Status folded = FoldInto(ledger, task->get()); !folded.ok()) return folded;
  return seen;
}

std::string WordOf(VoidReason reason) {
  return absl::StrReplaceAll(incident::VoidReasonName(reason), {{" ", "_"}});
}

std::string TextOf(const std::optional<absl::Time>& at, absl::TimeZone zone) {
  return at ? InstantText(*at, zone) : "";
}

// All of an incident, by the names of its fields.
absl::btree_map<std::string, std::string> FieldsOf(const Incident& incident, absl::TimeZone zone) {
  const auto yes = [](bool it_is) { return std::string(it_is ? "yes" : "no"); };
  v1::Fact closing;
  closing.mutable_closed()->set_disposition(incident.disposition);
  return {
      {"stage", absl::StrCat(incident.stage.value)},
      {"phase", std::string(incident::PhaseName(incident.phase))},
      {"category", incident.category.text()},
      {"community", incident.community.text()},
      {"area", incident.area.text()},
      {"channel", incident.channel},
      {"named_unit", incident.named_unit.text()},
      {"unit", incident.unit.text()},
      {"member", incident.member.text()},
      {"handled_by", absl::StrJoin(incident.handled_by, ",")},
      {"merged_into", incident.merged_into},
      {"reported_at", InstantText(incident.reported_at, zone)},
      {"filed_at", TextOf(incident.filed_at, zone)},
      {"dispatched_at", TextOf(incident.dispatched_at, zone)},
      {"first_acknowledged_at", TextOf(incident.first_acknowledged_at, zone)},
      {"handled_at", TextOf(incident.handled_at, zone)},
      {"closed_at", TextOf(incident.closed_at, zone)},
      {"due_at", TextOf(incident.due_at, zone)},
      {"paused_at", TextOf(incident.paused_at, zone)},
      {"times_returned", absl::StrCat(incident.times_returned)},
      {"times_reworked", absl::StrCat(incident.times_reworked)},
      {"times_reopened", absl::StrCat(incident.times_reopened)},
      {"times_extended", absl::StrCat(incident.times_extended)},
      {"times_paused", absl::StrCat(incident.times_paused)},
      {"level", absl::StrCat(incident.level)},
      {"stars", absl::StrCat(incident.stars)},
      {"confirmed", yes(incident.confirmed)},
      {"warned", yes(incident.warned)},
      {"missed", yes(incident.missed)},
      {"disposition", FieldText(closing, "disposition", zone).value_or("?")},
  };
}

class Judgement {
 public:
  Judgement(const Scenario& scenario, const City& city, std::vector<Seen> seen,
            JudgeOptions options)
      : scenario_(scenario), city_(city), seen_(std::move(seen)), options_(options) {}

  std::vector<std::string> Of() {
    for (const Expected& expected : scenario_.then) Check(expected);
    return std::move(findings_);
  }

 private:
  void Say(int line, const std::string& what) {
    findings_.push_back(absl::StrCat(scenario_.file, ":", line, ": ", what));
  }
  void Compare(int line, absl::string_view name, absl::string_view expected,
               absl::string_view actual) {
    if (expected == actual) return;
    Say(line, absl::StrCat(name, " is '", actual, "', expected '", expected, "'"));
  }

  void Check(const Expected& expected) {
    const std::vector<std::string>& words = expected.words;
    const std::string first = words.empty() ? "" : words[0];
    if (words.size() == 2 && words[1] == "lived") {
      CheckLife(expected);
    } else if (words.size() == 2 && words[1] == "is") {
      CheckIncident(expected);
    } else if (first == "voids") {
      CheckVoids(expected);
    } else if (words.size() >= 4 && first == "rate") {
      CheckRate(expected);
    } else if (words.size() == 1 && first == "load") {
      CheckLoad(expected);
    } else if (words.size() <= 2) {
      CheckCounts(expected);
    } else {
      Say(expected.line, "no such line in 'then'; see tests/scenarios/README.md");
    }
  }

  bool Counts(const Seen& seen) const {
    return options_.voids || seen.verdict == Verdict::kApplied;
  }

  void CheckLife(const Expected& expected) {
    std::vector<const Seen*> life;
    for (const Seen& seen : seen_) {
      if (seen.fact.incident_id() == expected.words[0] && Counts(seen)) life.push_back(&seen);
    }
    std::vector<const Lived*> told;
    for (const Lived& lived : expected.life) {
      if (options_.voids || !IsVoid(lived)) told.push_back(&lived);
    }
    const size_t before = findings_.size();
    for (size_t i = 0; i < std::max(life.size(), told.size()); ++i) {
      if (i >= told.size()) {
        Say(expected.line, absl::StrCat("not told: ", LineOf(*life[i])));
      } else if (i >= life.size()) {
        Say(told[i]->line, absl::StrCat("did not happen: ", told[i]->fact));
      } else {
        CheckLived(*told[i], *life[i]);
      }
    }
    if (findings_.size() == before) return;
    std::string all = absl::StrCat("all that ", expected.words[0], " lived:");
    for (const Seen* seen : life) absl::StrAppend(&all, "\n    ", LineOf(*seen));
    Say(expected.line, all);
  }

  static bool IsVoid(const Lived& lived) {
    return std::any_of(lived.fields.begin(), lived.fields.end(), [](const Field& field) {
      return field.first == "void" || field.first == "parked";
    });
  }

  void CheckLived(const Lived& told, const Seen& seen) {
    Compare(told.line, "the fact", told.fact, KindText(seen.fact.kind_case()));
    Compare(told.line, "its time", told.at, InstantText(seen.at, scenario_.zone));
    if (!IsVoid(told)) Compare(told.line, "what became of it", "", Fate(seen));
    for (const auto& [name, value] : told.fields) {
      if (name == "void" || name == "parked") {
        Compare(told.line, "what became of it", absl::StrCat(name, "=", value), Fate(seen));
      } else if (name == "by") {
        Compare(told.line, name, value, ActorText(seen.fact.actor()));
      } else {
        const absl::StatusOr<std::string> actual = FieldText(seen.fact, name, scenario_.zone);
        Compare(told.line, name, value, actual.ok() ? *actual : actual.status().ToString());
      }
    }
  }

  // As in a line of a life; empty for an applied fact.
  static std::string Fate(const Seen& seen) {
    switch (seen.verdict) {
      case Verdict::kApplied: return "";
      case Verdict::kVoid: return absl::StrCat("void=", WordOf(seen.reason));
      case Verdict::kAwaiting: return "parked=yes";
    }
    return "?";
  }

  std::string LineOf(const Seen& seen) const {
    return absl::StrCat(InstantText(seen.at, scenario_.zone), "  ", KindText(seen.fact.kind_case()),
                        "  by=", ActorText(seen.fact.actor()), "  ", Fate(seen), "  {",
                        seen.fact.ShortDebugString(), "}");
  }

  void CheckIncident(const Expected& expected) {
    const Incident* incident =
        city_.tasks[0]->incidents().incidents.Find(IncidentId(expected.words[0]));
    if (incident == nullptr) {
      return Say(expected.line, absl::StrCat("there is no incident ", expected.words[0]));
    }
    const absl::btree_map<std::string, std::string> fields = FieldsOf(*incident, scenario_.zone);
    for (const auto& [name, value] : expected.fields) {
      const auto actual = fields.find(name);
      Compare(expected.line, name, value,
              actual == fields.end() ? "no field of an incident" : actual->second);
    }
  }

  // All of them: a reason that is not named must not occur.
  void CheckVoids(const Expected& expected) {
    if (!options_.voids) return;
    absl::btree_map<std::string, uint64_t> actual;
    for (const Seen& seen : seen_) {
      if (seen.verdict == Verdict::kVoid) ++actual[WordOf(seen.reason)];
    }
    for (const auto& [reason, count] : expected.fields) {
      Compare(expected.line, reason, count, absl::StrCat(actual[reason]));
      actual.erase(reason);
    }
    for (const auto& [reason, count] : actual)
      Compare(expected.line, reason, "0", absl::StrCat(count));
  }

  metrics::Sheet Figures() const {
    return metrics::AsOf(host::MetricsOf(city_.Of("metrics").subject()), scenario_.until);
  }

  void CheckCounts(const Expected& expected) {
    const metrics::Sheet sheet = Figures();
    metrics::RowKey key;
    bool known = false;
    for (int i = 0; i < metrics::kDimensions; ++i) {
      const auto dimension = static_cast<metrics::Dimension>(i);
      if (metrics::DimensionName(dimension) != expected.words[0]) continue;
      known = true;
      key.dimension = dimension;
      if (expected.words.size() > 1 && expected.words[1] != "—") key.key = expected.words[1];
    }
    if (!known) return Say(expected.line, "no such line in 'then'; see tests/scenarios/README.md");
    const auto found = sheet.rows.find(key);
    const metrics::Row row = found == sheet.rows.end() ? metrics::Row{} : found->second;
    for (const auto& [name, value] : expected.fields) {
      std::string actual = "no count";
      for (const metrics::NamedCount& count : metrics::NamedCounts()) {
        if (count.name == name) actual = absl::StrCat(count.Of(row));
      }
      Compare(expected.line, name, value, actual);
    }
  }

  // rate NAME NUMERATOR/DENOMINATOR PRINTED
  void CheckRate(const Expected& expected) {
    const metrics::Formula* formula = metrics::FindFormula(expected.words[1]);
    if (formula == nullptr) return Say(expected.line, "no such rate");
    const metrics::Rate rate = formula->Of(Figures().Total());
    const std::vector<std::string> printed(expected.words.begin() + 3, expected.words.end());
    Compare(expected.line, "the rate", expected.words[2],
            absl::StrCat(rate.numerator, "/", rate.denominator));
    Compare(expected.line, "the printed rate", absl::StrJoin(printed, " "),
            metrics::PrintedRate(rate.numerator, rate.denominator));
  }

  void CheckLoad(const Expected& expected) {
    const dispatch::State& state = host::DispatchOf(city_.Of("dispatch").subject());
    for (const auto& [member, load] : expected.fields) {
      Compare(expected.line, absl::StrCat("the load of ", member), load,
              absl::StrCat(dispatch::LoadOf(state, MemberCode(member))));
    }
  }

  const Scenario& scenario_;
  const City& city_;
  const std::vector<Seen> seen_;
  const JudgeOptions options_;
  std::vector<std::string> findings_;
};

}  // namespace

const engine::Task& City::Of(absl::string_view service) const {
  for (const std::unique_ptr<engine::Task>& task : tasks) {
    if (task->id().service.text() == service) return *task;
  }
  INVARIANT(false, "a city has all services");
}

absl::StatusOr<City> Play(const Scenario& scenario, PlayOptions options) {
  absl::StatusOr<City> city = NewCity();
  if (!city.ok()) return city;
  std::vector<engine::Task*> tasks;
  for (const std::unique_ptr<engine::Task>& task : city->tasks) tasks.push_back(task.get());
  KeepRecords sink(&city->ledger);
  engine::LockStep lockstep(kPartition, tasks, &sink);
  Teller teller(scenario, options);
  for (bool more = true; more;) {
    const absl::StatusOr<bool> stepped = lockstep.Step(teller);
    if (!stepped.ok()) return stepped.status();
    more = *stepped;
  }
  if (absl::Status run = lockstep.RunTo(scenario.until); !run.ok()) return run;
  return city;
}

absl::StatusOr<City> Fold(Ledger ledger) {
  absl::StatusOr<City> city = NewCity();
  if (!city.ok()) return city;
  city->ledger = std::move(ledger);
  for (const std::unique_ptr<engine::Task>& task : city->tasks) {
    if (absl::Status folded = FoldInto(city->ledger, task.get()); !folded.ok()) return folded;
  }
  return city;
}

Ledger WithDecisionsTwice(const Ledger& ledger) {
  Ledger twice;
  v1::Entry entry;
  for (const LedgerRecord& record : ledger) {
    twice.push_back(record);
    if (entry.ParseFromString(record.value) && entry.has_decision()) twice.push_back(record);
  }
  return twice;
}

std::vector<std::string> Judge(const Scenario& scenario, const Ledger& ledger,
                               JudgeOptions options) {
  absl::StatusOr<City> city = Fold(ledger);
  if (!city.ok()) return {absl::StrCat(scenario.file, ": ", city.status().ToString())};
  absl::StatusOr<std::vector<Seen>> seen = Watch(ledger);
  if (!seen.ok()) return {absl::StrCat(scenario.file, ": ", seen.status().ToString())};
  return Judgement(scenario, *city, *std::move(seen), options).Of();
}

std::string Outcome(const Scenario& scenario, const City& city) {
  std::string out;
  std::vector<std::string> ids;
  for (const Said& said : scenario.said) {
    const std::string& id = said.entry.fact().incident_id();
    if (id.empty() || std::find(ids.begin(), ids.end(), id) != ids.end()) continue;
    ids.push_back(id);
    absl::StrAppend(&out, id, "\n");
    const Incident* incident = city.tasks[0]->incidents().incidents.Find(IncidentId(id));
    if (incident == nullptr) continue;
    for (const auto& [name, value] : FieldsOf(*incident, scenario.zone)) {
      absl::StrAppend(&out, "  ", name, "=", value, "\n");
    }
  }
  const metrics::Sheet sheet =
      metrics::AsOf(host::MetricsOf(city.Of("metrics").subject()), scenario.until);
  for (const auto& [key, row] : sheet.rows) {
    absl::StrAppend(&out, metrics::DimensionName(key.dimension), " ", metrics::ShownKey(key));
    for (const metrics::NamedCount& count : metrics::NamedCounts()) {
      absl::StrAppend(&out, " ", count.name, "=", count.Of(row));
    }
    absl::StrAppend(&out, "\n");
  }
  return out;
}

}  // namespace gridledger::tests
