#include "tests/support/small_services.h"

#include <absl/strings/str_cat.h>

#include <memory>
#include <vector>

#include "services/base/table.h"
#include "services/domain/incident/incident.h"
#include "tests/support/ledger.h"

namespace gridledger {
namespace {

using engine::Service;
using engine::Subject;
using incident::Change;
using incident::Moment;

class SendAll : public Subject {
 public:
  SendAll(std::string unit, const incident::State& incidents)
      : unit_(std::move(unit)), incidents_(incidents) {}

  void Decide(const Moment&, absl::Span<const IncidentId> touched,
              v1::Decision* decision) const override {
    for (const IncidentId& id : touched) {
      const incident::Incident* found = incidents_.incidents.Find(id);
      if (found == nullptr || found->phase != incident::Phase::kFiled) continue;
      v1::Fact& fact = *decision->add_facts();
      fact.set_incident_id(id.text());
      fact.set_stage(found->stage.value);
      fact.mutable_dispatched()->set_unit(unit_);
    }
    decision->set_rule("test: all to one");
  }

 private:
  const std::string unit_;
  const incident::State& incidents_;
};

struct AlarmKey {
  absl::Time due_at;
  std::string id;

  friend bool operator<(const AlarmKey& a, const AlarmKey& b) {
    return a.due_at != b.due_at ? a.due_at < b.due_at : a.id < b.id;
  }
  friend bool operator==(const AlarmKey&, const AlarmKey&) = default;
  template <class H>
  friend H AbslHashValue(H h, const AlarmKey& key) {
    return H::combine(std::move(h), key.due_at, key.id);
  }
  void AppendKey(std::string* out) const {
    AppendOrdered(out, ToMillis(due_at));
    out->append(id);
  }
  bool ParseKey(absl::string_view bytes) {
    int64_t due_ms = 0;
    if (!TakeOrdered(&bytes, &due_ms)) return false;
    due_at = FromMillis(due_ms);
    id = std::string(bytes);
    return true;
  }
};
struct Alarm {
  template <class A>
  void Fields(A&) {}
};
struct Firings {
  std::vector<std::string> told;
  template <class A>
  void Fields(A& a) {
    a(told);
  }
};

class AlarmSubject : public Subject {
 public:
  AlarmSubject(TableSet& tables, int fired_max)
      : alarms_(tables, 32), firings_(tables, 33), fired_max_(fired_max) {}

  void EvolveTick(const Moment& moment) override {
    due_now_.clear();
    due_at_ = moment.offset;
    for (int i = 0; i < fired_max_ && EarliestTimer() <= moment.at; ++i) {
      const AlarmKey key = alarms_.FirstKey();
      alarms_.Erase(key);
      firings_.Change().told.push_back(absl::StrCat(
          key.id, "@", ToMillis(key.due_at) - ToMillis(TestTime(0)), "/", moment.offset.value));
      due_now_.push_back(key.id);
    }
  }
  void EvolveChange(const Change& change) override {
    if (change.verdict != incident::Verdict::kApplied || !change.fact->has_reported()) return;
    const int64_t due_ms = change.fact->reported().due_at_ms();
    if (due_ms != 0) alarms_.Insert(AlarmKey{FromMillis(due_ms), change.fact->incident_id()});
  }
  void Decide(const Moment& cause, absl::Span<const IncidentId>,
              v1::Decision* decision) const override {
    if (cause.offset != due_at_) return;
    for (const std::string& id : due_now_) decision->add_facts()->set_incident_id(id);
  }
  absl::Time EarliestTimer() const override {
    return alarms_.empty() ? absl::InfiniteFuture() : alarms_.FirstKey().due_at;
  }
  const std::vector<std::string>& fired() const { return firings_.Get().told; }

 private:
  OrderedTable<AlarmKey, Alarm> alarms_;
  Cell<Firings> firings_;
  const int fired_max_;
  // Follow from the record being folded, and so are in no table.
  Offset due_at_{-1};
  std::vector<std::string> due_now_;
};

class OnlookerSubject : public Subject {
 public:
  void Decide(const Moment&, absl::Span<const IncidentId>, v1::Decision*) const override {}
};

class ObserverSubject : public OnlookerSubject {
 public:
  explicit ObserverSubject(std::function<void(const Change&)> told) : told_(std::move(told)) {}
  void EvolveChange(const Change& change) override { told_(change); }

 private:
  const std::function<void(const Change&)> told_;
};

class EchoSubject : public Subject {
 public:
  void EvolveChange(const Change& change) override {
    if (change.verdict != incident::Verdict::kApplied || !change.fact->has_reported()) return;
    reported_at_ = change.moment.offset;
    reported_ = change.fact->incident_id();
  }
  void Decide(const Moment& cause, absl::Span<const IncidentId>,
              v1::Decision* decision) const override {
    if (cause.offset != reported_at_) return;
    for (int i = 0; i < 2; ++i) decision->add_facts()->set_incident_id(reported_);
  }

 private:
  // Follow from the record being folded, and so are in no table.
  Offset reported_at_{-1};
  std::string reported_;
};

}  // namespace

Service SendAllTo(absl::string_view unit) {
  return Service{ServiceName("dispatch"), 1,
                 [unit = std::string(unit)](TableSet&, incident::State& incidents) {
                   return std::make_unique<SendAll>(unit, incidents);
                 }};
}

Service Alarms(int fired_max) {
  return Service{ServiceName("escalation"), 1, [fired_max](TableSet& tables, incident::State&) {
                   return std::make_unique<AlarmSubject>(tables, fired_max);
                 }};
}

Service Onlooker() {
  return Service{ServiceName("onlooker"), 1,
                 [](TableSet&, incident::State&) { return std::make_unique<OnlookerSubject>(); }};
}

Service Observer(std::function<void(const Change&)> told) {
  return Service{ServiceName("observer"), 1, [told = std::move(told)](TableSet&, incident::State&) {
                   return std::make_unique<ObserverSubject>(told);
                 }};
}

Service Echoes() {
  return Service{ServiceName("recurrence"), 1,
                 [](TableSet&, incident::State&) { return std::make_unique<EchoSubject>(); }};
}

std::vector<std::string> Fired(const Subject& alarms) {
  const auto* const subject = dynamic_cast<const AlarmSubject*>(&alarms);
  INVARIANT(subject != nullptr, "asked a task that has no alarms");
  return subject->fired();
}

}  // namespace gridledger
