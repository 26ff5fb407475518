#include "services/runtime/host/subjects.h"

#include <memory>

#include "services/runtime/engine/task.h"

namespace gridledger::host {
namespace {

using engine::Service;
using engine::Subject;
using incident::Change;
using incident::Moment;

class DispatchSubject : public Subject {
 public:
  DispatchSubject(TableSet& tables, incident::State& incidents)
      : state(tables), incidents_(incidents) {}
  void EvolveChange(const Change& change) override {
    dispatch::EvolveChange(state, incidents_, change);
  }
  void EvolveTick(const Moment& moment) override {
    dispatch::EvolveTick(state, incidents_, moment);
  }
  void EvolveEnd(const Moment& moment, absl::Span<const IncidentId> touched) override {
    dispatch::EvolveEnd(state, incidents_, moment, touched);
  }
  void Decide(const Moment& cause, absl::Span<const IncidentId> touched,
              v1::Decision* decision) const override {
    dispatch::Decide(state, incidents_, cause, touched, decision);
  }
  absl::Time EarliestTimer() const override { return dispatch::EarliestTimer(state); }

  dispatch::State state;

 private:
  const incident::State& incidents_;
};

class EscalationSubject : public Subject {
 public:
  EscalationSubject(TableSet& tables, incident::State& incidents)
      : state(tables), incidents_(incidents) {}
  void EvolveTick(const Moment& moment) override {
    escalation::EvolveTick(state, incidents_, moment);
  }
  void EvolveChange(const Change& change) override {
    escalation::EvolveChange(state, incidents_, change);
  }
  void Decide(const Moment& cause, absl::Span<const IncidentId>,
              v1::Decision* decision) const override {
    escalation::Decide(state, incidents_, cause, decision);
  }
  absl::Time EarliestTimer() const override { return escalation::EarliestTimer(state); }

  escalation::State state;

 private:
  const incident::State& incidents_;
};

class MetricsSubject : public Subject {
 public:
  explicit MetricsSubject(TableSet& tables) : state(tables) {}
  void EvolveTime(const Moment& moment) override { metrics::EvolveTime(state, moment.at); }
  void EvolveChange(const Change& change) override { metrics::EvolveChange(state, change); }
  void Decide(const Moment&, absl::Span<const IncidentId>, v1::Decision*) const override {}

  metrics::State state;
};

class AuditSubject : public Subject {
 public:
  explicit AuditSubject(TableSet& tables) : state(tables) {}
  void EvolveChange(const Change& change) override { audit::EvolveChange(state, change); }
  void Decide(const Moment&, absl::Span<const IncidentId>, v1::Decision*) const override {}

  audit::State state;
};

template <class S>
const auto& StateOf(const Subject& subject) {
  const S* const own = dynamic_cast<const S*>(&subject);
  INVARIANT(own != nullptr, "asked a task for another service's state");
  return own->state;
}

}  // namespace

const std::vector<Service>& AllServices() {
  static const auto* const services = new std::vector<Service>{
      {ServiceName("dispatch"), 2,
       [](TableSet& tables, incident::State& incidents) {
         return std::make_unique<DispatchSubject>(tables, incidents);
       }},
      {ServiceName("escalation"), 2,
       [](TableSet& tables, incident::State& incidents) {
         return std::make_unique<EscalationSubject>(tables, incidents);
       }},
      {ServiceName("metrics"), 2,
       [](TableSet& tables, incident::State&) { return std::make_unique<MetricsSubject>(tables); }},
      {ServiceName("audit"), 2,
       [](TableSet& tables, incident::State&) { return std::make_unique<AuditSubject>(tables); }},
  };
  return *services;
}

const Service* FindService(absl::string_view name) {
  for (const Service& service : AllServices()) {
    if (service.name.text() == name) return &service;
  }
  return nullptr;
}

const std::vector<ScannedTable>& ScannedTables() {
  static const auto* const tables = [] {
    auto* all = new std::vector<ScannedTable>;
    for (const Service& service : AllServices()) {
      const std::vector<ScannedTable> own = engine::Task::ScannedTables(service);
      all->insert(all->end(), own.begin(), own.end());
    }
    return all;
  }();
  return *tables;
}

const dispatch::State& DispatchOf(const Subject& subject) {
  return StateOf<DispatchSubject>(subject);
}
const escalation::State& EscalationOf(const Subject& subject) {
  return StateOf<EscalationSubject>(subject);
}
const metrics::State& MetricsOf(const Subject& subject) { return StateOf<MetricsSubject>(subject); }
const audit::State& AuditOf(const Subject& subject) { return StateOf<AuditSubject>(subject); }

}  // namespace gridledger::host
