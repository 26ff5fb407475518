#include "tests/support/story.h"

#include <absl/strings/str_cat.h>

#include <iterator>
#include <ostream>
#include <set>
#include <utility>

#include "services/base/invariant.h"
#include "services/base/layout.h"
#include "services/domain/incident/incident.h"
#include "services/domain/incident/limits.h"
#include "services/gridledger/packs.h"
#include "services/runtime/engine/entry_codec.h"
#include "services/runtime/engine/lockstep.h"
#include "services/runtime/host/subjects.h"

namespace gridledger {
namespace {

using v1::Fact;

constexpr Partition kPartition{0};
constexpr int kIncidents = 5;
constexpr absl::string_view kCommunity = "440311005001";

// A person who says what the service says, too: the case must have come to it.
bool ByPeople(Fact::KindCase kind, const incident::Incident* seen) {
  const bool is_late = seen != nullptr && seen->due_at.has_value();
  switch (kind) {
    case Fact::kDeadlineWarned: return is_late && !seen->warned;
    case Fact::kDeadlineMissed: return is_late && !seen->missed;
    case Fact::kEscalationRaised: return is_late && seen->missed;
    default: return true;
  }
}

// The kind that the deed means: of those that the phase allows, or of all.
Fact::KindCase KindOf(const Deed& deed, const incident::Incident* seen) {
  const incident::Phase phase = seen == nullptr ? incident::Phase::kNone : seen->phase;
  std::vector<Fact::KindCase> allowed, all;
  for (const incident::Transition& row : incident::Transitions()) {
    all.push_back(row.fact);
    if ((row.from >> static_cast<int>(phase) & 1) != 0 && ByPeople(row.fact, seen)) {
      allowed.push_back(row.fact);
    }
  }
  const std::vector<Fact::KindCase>& from = deed.kind % 4 == 0 || allowed.empty() ? all : allowed;
  return from[deed.kind / 4 % from.size()];
}

// A deadline of the deed: minutes from now, or one of the edges.
int64_t DueMs(const Deed& deed, absl::Time at) {
  switch (deed.edge) {
    case 1: return ToMillis(at);
    case 2: return ToMillis(at) - 1;
    case 3: return ToMillis(at) + 1;
    case 4: return incident::kLatestMs;
    case 5: return incident::kLatestMs + 1;
    case 6: return -1;
    case 7: return INT64_MAX;
    case 8: return INT64_MIN;
    default: return ToMillis(at) + int64_t{deed.detail} * 60'000;
  }
}

void FillDispatch(const Deed& deed, v1::IncidentDispatched* dispatched) {
  dispatched->set_unit(deed.edge == 1 ? "nowhere" : "order-team");
  static constexpr const char* kMembers[] = {"", "order-team-a", "order-team-b",
                                             "environment-team-a", "whoever"};
  dispatched->set_member(kMembers[deed.detail % std::size(kMembers)]);
}

// Of a ladder that has three levels unless a policy says otherwise.
uint32_t LevelOf(const Deed& deed) {
  static constexpr uint32_t kLevels[] = {1, 2, 3, 0, 4, 16, 17, 1u << 31, UINT32_MAX};
  return kLevels[deed.detail % std::size(kLevels)];
}

// The wrong speaker, time or text, whatever is said.
void MakeOdd(const Deed& deed, Fact* fact) {
  v1::Actor& actor = *fact->mutable_actor();
  switch (deed.edge) {
    case 9: actor.Clear(); break;
    case 10: actor.set_role(v1::ROLE_CITIZEN); break;
    case 11: actor.set_role(v1::ROLE_SERVICE); break;
    case 12: actor.set_code(std::string(incident::kCodeBytesMax + 1, 'M')); break;
    case 13: fact->set_happened_at_ms(-1); break;
    case 14: fact->set_happened_at_ms(INT64_MAX); break;
    case 15: fact->set_stage(UINT32_MAX); break;
    default: break;
  }
}

void Fill(const Deed& deed, Fact::KindCase kind, absl::Time at, const incident::Incident* seen,
          Fact* fact) {
  static constexpr const char* kCategories[] = {"publicity", "environment", "order", "facilities"};
  const int64_t seen_due_ms = seen != nullptr && seen->due_at ? ToMillis(*seen->due_at) : 0;
  const auto& field = *Fact::descriptor()->FindFieldByNumber(kind);
  fact->GetReflection()->MutableMessage(fact, &field);
  switch (kind) {
    case Fact::kReported:
      fact->mutable_reported()->set_category(kCategories[deed.detail % 4]);
      fact->mutable_reported()->set_community(std::string(kCommunity));
      if (deed.detail % 3 == 0 || deed.edge != 0) {
        fact->mutable_reported()->set_due_at_ms(DueMs(deed, at));
      }
      break;
    case Fact::kVerified: fact->mutable_verified()->set_confirmed(deed.detail % 5 != 0); break;
    case Fact::kFiled:
      if (deed.edge != 0) fact->mutable_filed()->set_due_at_ms(DueMs(deed, at));
      break;
    case Fact::kDispatched: FillDispatch(deed, fact->mutable_dispatched()); break;
    case Fact::kDeadlineExtended:
      fact->mutable_deadline_extended()->set_due_at_ms(DueMs(deed, at));
      break;
    case Fact::kDeadlineWarned: fact->mutable_deadline_warned()->set_due_at_ms(seen_due_ms); break;
    case Fact::kDeadlineMissed: fact->mutable_deadline_missed()->set_due_at_ms(seen_due_ms); break;
    case Fact::kEscalationRaised:
      fact->mutable_escalation_raised()->set_level(LevelOf(deed));
      break;
    case Fact::kClosed:
      fact->mutable_closed()->set_disposition(deed.detail % 2 == 0 ? v1::DISPOSITION_SOLVED
                                                                   : v1::DISPOSITION_UNCHECKED);
      break;
    case Fact::kMerged:  // into another one, itself, or none
      fact->mutable_merged()->set_into(absl::StrCat("I", deed.detail % (kIncidents + 1)));
      break;
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
      if (deeds_[i].kind % 16 == 15) {
        Change(deeds_[i], &next->entry);
      } else {
        Tell(deeds_[i], view, next->entry.mutable_fact());
      }
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

  // Another policy, member or roster is in force from now on.
  static void Change(const Deed& deed, v1::Entry* entry) {
    static constexpr const char* kMembers[] = {"environment-team-a", "environment-team-b",
                                               "order-team-a", "order-team-b"};
    const char* const member = kMembers[deed.who % std::size(kMembers)];
    switch (deed.kind / 16 % 3) {
      case 0: {
        v1::Policy& policy = *entry->mutable_policy_activated()->mutable_policy();
        policy = *cli::PackPolicy("yutang");
        policy.set_version(absl::StrCat("story-", deed.detail));
        if (deed.edge != 0) policy.mutable_categories()->DeleteSubrange(0, 1);
        policy.mutable_escalation()->set_warn_percent(deed.detail);
        static constexpr int kLadders[] = {0, 1, 2, 3, 16, 17};
        policy.mutable_escalation()->clear_levels();
        for (int i = 0; i < kLadders[deed.detail % std::size(kLadders)]; ++i) {
          v1::Level& level = *policy.mutable_escalation()->add_levels();
          level.set_after_minutes(static_cast<uint32_t>(60 * i));
          level.set_post(absl::StrCat("post-", i));
        }
        break;
      }
      case 1: {
        v1::MemberRegistered& registered = *entry->mutable_member_registered();
        registered.set_member(member);
        registered.set_unit(deed.detail % 3 == 0 ? "order-team" : "environment-team");
        registered.set_active(deed.detail % 2 == 0);
        break;
      }
      default: {
        v1::RosterPublished& roster = *entry->mutable_roster_published();
        roster.set_unit(deed.detail % 2 == 0 ? "order-team" : "environment-team");
        for (int i = 0; i < deed.detail % 4; ++i) {  // the same shift, more than once
          v1::Shift& shift = *roster.add_shifts();
          shift.set_member(member);
          shift.set_start_minute(deed.edge == 1 ? UINT32_MAX : 0);
          shift.set_end_minute(1440);
          shift.set_utc_offset_minutes(deed.edge == 2 ? INT32_MIN : 480);
        }
        break;
      }
    }
  }

  void Tell(const Deed& deed, const incident::State& view, Fact* fact) {
    fact->set_incident_id(absl::StrCat("I", deed.incident % kIncidents));
    const incident::Incident* found = view.incidents.Find(IncidentId(fact->incident_id()));
    const Fact::KindCase kind = KindOf(deed, found);
    fact->set_happened_at_ms(ToMillis(at_) - deed.detail * 1000);
    fact->mutable_actor()->set_role(v1::ROLE_HANDLER);
    fact->mutable_actor()->set_code(absl::StrCat("M", deed.who % 3));
    // Otherwise 0, in whose place lock-step puts the present stage.
    if (deed.kind % 4 == 0) fact->set_stage(1 + deed.who % 8);
    Fill(deed, kind, at_, found, fact);
    MakeOdd(deed, fact);
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
             << " s edge " << int{deed.edge} << "}";
}

rc::Gen<Deeds> AnyDeeds() {
  return rc::gen::container<Deeds>(rc::gen::build<Deed>(
      rc::gen::set(&Deed::incident, rc::gen::inRange<uint8_t>(0, kIncidents)),
      rc::gen::set(&Deed::kind), rc::gen::set(&Deed::who, rc::gen::inRange<uint8_t>(0, 8)),
      rc::gen::set(&Deed::detail),
      rc::gen::set(&Deed::after_s, rc::gen::inRange<uint16_t>(0, 20000)),
      rc::gen::set(&Deed::edge,
                   rc::gen::weightedOneOf<uint8_t>({{5, rc::gen::just<uint8_t>(0)},
                                                    {2, rc::gen::inRange<uint8_t>(1, kEdges)}}))));
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
