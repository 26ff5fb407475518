#include "tests/support/story.h"

#include <absl/strings/str_cat.h>

#include <ostream>
#include <set>
#include <utility>

#include "services/base/invariant.h"
#include "services/base/layout.h"
#include "services/domain/incident/incident.h"
#include "services/gridledger/commands/built_in_policies.h"
#include "services/runtime/engine/entry_codec.h"
#include "services/runtime/engine/lockstep.h"
#include "services/runtime/host/subjects.h"

namespace gridledger {
namespace {

using v1::Fact;

constexpr Partition kPartition{0};
constexpr int kIncidents = 5;
constexpr absl::string_view kCommunity = "440311005001";

bool ByPeople(Fact::KindCase kind) {
  return kind != Fact::kDeadlineWarned && kind != Fact::kDeadlineMissed &&
         kind != Fact::kEscalationRaised;
}

// The kind that the deed means: of those that the phase allows, or of all.
Fact::KindCase KindOf(const Deed& deed, incident::Phase phase) {
  std::vector<Fact::KindCase> allowed, all;
  for (const incident::Transition& row : incident::Transitions()) {
    all.push_back(row.fact);
    if ((row.from >> static_cast<int>(phase) & 1) != 0 && ByPeople(row.fact)) {
      allowed.push_back(row.fact);
    }
  }
  const std::vector<Fact::KindCase>& from = deed.kind % 4 == 0 || allowed.empty() ? all : allowed;
  return from[deed.kind / 4 % from.size()];
}

void Fill(const Deed& deed, Fact::KindCase kind, absl::Time at, Fact* fact) {
  static constexpr const char* kCategories[] = {"publicity", "environment", "order", "facilities"};
  const int64_t later_ms = ToMillis(at) + int64_t{deed.detail} * 60'000;
  const auto& field = *Fact::descriptor()->FindFieldByNumber(kind);
  fact->GetReflection()->MutableMessage(fact, &field);
  switch (kind) {
    case Fact::kReported:
      fact->mutable_reported()->set_category(kCategories[deed.detail % 4]);
      fact->mutable_reported()->set_community(std::string(kCommunity));
      if (deed.detail % 3 == 0) fact->mutable_reported()->set_due_at_ms(later_ms);
      break;
    case Fact::kVerified: fact->mutable_verified()->set_confirmed(deed.detail % 5 != 0); break;
    case Fact::kDispatched: fact->mutable_dispatched()->set_unit("order-team"); break;
    case Fact::kDeadlineExtended: fact->mutable_deadline_extended()->set_due_at_ms(later_ms); break;
    case Fact::kClosed:
      fact->mutable_closed()->set_disposition(deed.detail % 2 == 0 ? v1::DISPOSITION_SOLVED
                                                                   : v1::DISPOSITION_UNCHECKED);
      break;
    case Fact::kMerged: fact->mutable_merged()->set_into("I0"); break;
    case Fact::kRated: fact->mutable_rated()->set_stars(1 + deed.detail % 5); break;
    default: break;
  }
}

class DeedSource : public engine::OutsideSource {
 public:
  explicit DeedSource(const Deeds& deeds) : deeds_(deeds) { Open(); }

  absl::StatusOr<bool> Next(const incident::State& view, engine::Outside* next) override {
    next->key = std::string(kCommunity);
    next->entry.Clear();
    next->entry.mutable_source()->set_source("story");
    next->entry.mutable_source()->set_row(++row_);
    if (row_ <= opening_.size()) {
      next->entry.MergeFrom(opening_[row_ - 1]);
    } else {
      const size_t i = row_ - 1 - opening_.size();
      if (i == deeds_.size()) return false;
      at_ += absl::Seconds(deeds_[i].after_s);
      Tell(deeds_[i], view, next->entry.mutable_fact());
    }
    next->at = at_;
    next->entry.mutable_source()->set_at_ms(ToMillis(at_));
    return true;
  }

 private:
  void Open() {
    *opening_.emplace_back().mutable_policy_activated()->mutable_policy() =
        *cli::PackPolicy("yutang");
    for (const char* unit : {"environment-team", "order-team"}) {
      v1::RosterPublished roster;
      roster.set_unit(unit);
      for (const char* name : {"a", "b"}) {
        v1::MemberRegistered& member = *opening_.emplace_back().mutable_member_registered();
        member.set_member(absl::StrCat(unit, "-", name));
        member.set_unit(unit);
        member.set_active(true);
        v1::Shift& shift = *roster.add_shifts();
        shift.set_member(member.member());
        shift.set_end_minute(*name == 'a' ? 1440 : 720);
      }
      *opening_.emplace_back().mutable_roster_published() = roster;
    }
  }

  void Tell(const Deed& deed, const incident::State& view, Fact* fact) {
    fact->set_incident_id(absl::StrCat("I", deed.incident % kIncidents));
    const incident::Incident* found = view.incidents.Find(IncidentId(fact->incident_id()));
    const Fact::KindCase kind =
        KindOf(deed, found == nullptr ? incident::Phase::kNone : found->phase);
    fact->set_happened_at_ms(ToMillis(at_) - deed.detail * 1000);
    fact->mutable_actor()->set_role(v1::ROLE_HANDLER);
    fact->mutable_actor()->set_code(absl::StrCat("M", deed.who % 3));
    // Otherwise 0, in whose place lock-step puts the present stage.
    if (deed.kind % 4 == 0) fact->set_stage(1 + deed.who % 8);
    Fill(deed, kind, at_, fact);
  }

  const Deeds& deeds_;
  std::vector<v1::Entry> opening_;
  absl::Time at_ = TestTime(0);
  size_t row_ = 0;
};

}  // namespace

std::ostream& operator<<(std::ostream& out, const Deed& deed) {
  return out << "{I" << int{deed.incident} % kIncidents << " kind " << int{deed.kind} << " who "
             << int{deed.who} << " detail " << int{deed.detail} << " after " << deed.after_s
             << " s}";
}

rc::Gen<Deeds> AnyDeeds() {
  return rc::gen::container<Deeds>(rc::gen::build<Deed>(
      rc::gen::set(&Deed::incident, rc::gen::inRange<uint8_t>(0, kIncidents)),
      rc::gen::set(&Deed::kind), rc::gen::set(&Deed::who, rc::gen::inRange<uint8_t>(0, 8)),
      rc::gen::set(&Deed::detail),
      rc::gen::set(&Deed::after_s, rc::gen::inRange<uint16_t>(0, 20000))));
}

Ledger PlayLockStep(const std::vector<engine::Service>& services, const Deeds& deeds,
                    absl::Duration rest) {
  std::vector<std::unique_ptr<engine::Task>> owned;
  std::vector<engine::Task*> tasks;
  for (const engine::Service& service : services) {
    tasks.push_back(owned.emplace_back(NewTask(service, kPartition)).get());
  }
  LedgerKeeper keeper;
  engine::LockStep run(kPartition, tasks, &keeper);
  DeedSource source(deeds);
  while (true) {
    const absl::StatusOr<bool> more = run.Step(source);
    INVARIANT(more.ok(), "a story plays in lock-step");
    if (!*more) break;
  }
  INVARIANT(run.RunTo(tasks[0]->now() + rest).ok(), "a story's time runs on");
  return std::move(keeper.ledger);
}

std::vector<Input> InputsOf(const Ledger& ledger) {
  std::vector<Input> inputs;
  absl::Time at = TestTime(0);
  v1::Entry entry;
  for (const NewRecord& record : ledger) {
    INVARIANT(engine::DecodeEntry(record.value, &entry).ok(), "a story's ledger can be read");
    if (entry.has_decision() || entry.has_tick()) continue;
    inputs.push_back(Input{record.timestamp - at, record});
    at = record.timestamp;
  }
  return inputs;
}

std::string Outcome(const Ledger& ledger) {
  std::string text;
  std::set<std::string> ids;
  v1::Entry entry;
  for (const NewRecord& record : ledger) {
    if (!engine::DecodeEntry(record.value, &entry).ok()) continue;
    if (entry.has_fact()) ids.insert(entry.fact().incident_id());
  }
  const auto metrics = NewTask(*host::FindService("metrics"), kPartition);
  INVARIANT(FoldAll(*metrics, ledger).ok(), "a ledger folds");
  for (const std::string& id : ids) {
    const incident::Incident* found = metrics->incidents().incidents.Find(IncidentId(id));
    if (found == nullptr) continue;
    std::string bytes;
    AppendLayout(*found, &bytes);
    absl::StrAppend(&text, id, " ", incident::PhaseName(found->phase), " stage ",
                    found->stage.value, " #", Fingerprint(bytes), "\n");
  }
  host::MetricsOf(metrics->subject()).rows.ForEach([&](const auto& key, const auto& row) {
    std::string bytes;
    AppendLayout(row, &bytes);
    absl::StrAppend(&text, metrics::DimensionName(key.dimension), " ", key.key, " ", row.reported,
                    " reported ", row.closed, " closed #", Fingerprint(bytes), "\n");
  });
  return text;
}

}  // namespace gridledger
