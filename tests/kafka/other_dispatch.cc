// The dispatch service of another build: the same in everything but its rule, which sends whatever
// is dispatched to one unit, and hangs over the incident that OTHER_DISPATCH_HANGS names. For tests
// of an upgrade under way and of a fold that hangs; no test itself.
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <utility>

#include "services/runtime/host/subjects.h"
#include "services/runtime/program/service_main.h"

namespace gridledger {
namespace {

class OtherDispatch : public engine::Subject {
 public:
  explicit OtherDispatch(std::unique_ptr<engine::Subject> first) : first_(std::move(first)) {}
  void EvolveTime(const incident::Moment& moment) override { first_->EvolveTime(moment); }
  void EvolveTick(const incident::Moment& moment) override { first_->EvolveTick(moment); }
  void EvolveChange(const incident::Change& change) override { first_->EvolveChange(change); }
  void EvolvePolicy(const incident::Moment& moment) override { first_->EvolvePolicy(moment); }
  void Decide(const incident::Moment& cause, absl::Span<const IncidentId> touched,
              v1::Decision* decision) const override {
    first_->Decide(cause, touched, decision);
    if (decision->facts().empty()) return;
    decision->set_rule("dispatch: everything to one unit");
    static const char* const hangs = std::getenv("OTHER_DISPATCH_HANGS");
    for (v1::Fact& fact : *decision->mutable_facts()) {
      if (!fact.has_dispatched()) continue;
      while (hangs != nullptr && fact.incident_id() == hangs) pause();
      fact.mutable_dispatched()->Clear();
      fact.mutable_dispatched()->set_unit("other-team");
      fact.mutable_dispatched()->set_reason(v1::DISPATCH_REASON_BY_HAND);
    }
  }
  absl::Time EarliestTimer() const override { return first_->EarliestTimer(); }

 private:
  const std::unique_ptr<engine::Subject> first_;
};

}  // namespace
}  // namespace gridledger

int main(int argc, char** argv) {
  using namespace gridledger;
  engine::Service service = *host::FindService("dispatch");
  service.make = [first = service.make](TableSet& tables, incident::State& incidents) {
    return std::make_unique<OtherDispatch>(first(tables, incidents));
  };
  return host::ServiceMain({.name = "dispatch", .what = "With another rule, for tests."}, service,
                           argc, argv);
}
