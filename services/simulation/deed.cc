#include "services/simulation/deed.h"

#include <algorithm>
#include <array>

#include "services/base/invariant.h"
#include "services/simulation/rhythm.h"

namespace gridledger::simulation {
namespace {

using incident::Incident;
using incident::Phase;
using v1::Fact;

constexpr int kKindsMax = 64;  // field numbers of Fact.kind

// The phases that the fold takes a kind of fact in, as bits.
uint32_t PhasesOf(Fact::KindCase kind) {
  static const auto* const phases = [] {
    auto* by_kind = new std::array<uint32_t, kKindsMax>{};
    for (const incident::Transition& row : incident::Transitions()) (*by_kind)[row.fact] = row.from;
    return by_kind;
  }();
  return (*phases)[kind];
}

bool IsByUnit(Fact::KindCase kind) {
  return kind == Fact::kDispatchAccepted || kind == Fact::kDispatchDeclined ||
         kind == Fact::kDispatchReturned || kind == Fact::kHandlingStarted ||
         kind == Fact::kHandlingFinished;
}

void Says(v1::Role role, absl::string_view code, Fact* fact) {
  v1::Actor& actor = *fact->mutable_actor();
  actor.set_role(role);
  actor.set_code(code.data(), code.size());
}

// Posts of the centre (监督中心 and 指挥中心), not members of any unit: so the checker is never the
// handler (S21).
constexpr std::array<absl::string_view, 4> kAcceptors = {"YT-ACCEPT-1", "YT-ACCEPT-2",
                                                         "YT-ACCEPT-3", "YT-ACCEPT-4"};
constexpr std::array<absl::string_view, 4> kLeaders = {"YT-LEADER-1", "YT-LEADER-2", "YT-LEADER-3",
                                                       "YT-LEADER-4"};
constexpr std::array<absl::string_view, 4> kDispatchers = {"YT-SEND-1", "YT-SEND-2", "YT-SEND-3",
                                                           "YT-SEND-4"};
constexpr std::array<absl::string_view, 8> kCheckers = {"YT-CHECK-1", "YT-CHECK-2", "YT-CHECK-3",
                                                        "YT-CHECK-4", "YT-CHECK-5", "YT-CHECK-6",
                                                        "YT-CHECK-7", "YT-CHECK-8"};

// By shift, so that one post serves by day or by night and never both.
template <size_t kPosts>
absl::string_view PostOf(const std::array<absl::string_view, kPosts>& posts, const Scene& scene) {
  const size_t half = kPosts / 2;
  return posts[scene.traits.draw % half + (IsDayShift(scene.at_ms) ? 0 : half)];
}

const Grid& GridOf(const Scene& scene) { return scene.community->grids[scene.traits.grid]; }

// Another unit than the one that has it, as the unit sees it.
const std::string& NextOwner(const Scene& scene, const Incident& seen) {
  const std::vector<std::string>& units = scene.community->units;
  const size_t first = scene.traits.draw % units.size();
  const bool same = units[first] == seen.unit.text();
  return units[same ? (first + 1) % units.size() : first];
}

// All but actor and kind; what the fact held before goes, its memory stays.
void Begin(const Scene& scene, Fact* fact) {
  fact->clear_kind();
  fact->set_incident_id(scene.id->text());
  fact->set_stage(0);
  fact->set_happened_at_ms(scene.at_ms);
  fact->set_inferred(false);
}

int64_t DueMs(const Incident& seen) { return seen.due_at ? ToMillis(*seen.due_at) : 0; }

}  // namespace

void WriteReport(const Scene& scene, uint64_t draw, v1::Fact* fact) {
  const Grid& grid = GridOf(scene);
  Begin(scene, fact);
  switch (scene.traits.channel) {
    case Channel::kPatrol:
      Says(v1::ROLE_COLLECTOR, OnDuty(grid, scene.at_ms, scene.traits.draw), fact);
      break;
    case Channel::kSensor: Says(v1::ROLE_SENSOR, grid.sensor, fact); break;
    case Channel::kApp:
    case Channel::kPhone:
      Says(v1::ROLE_CITIZEN, "", fact);  // anonymous
      break;
  }
  v1::IncidentReported& reported = *fact->mutable_reported();
  const absl::string_view category = Categories()[scene.traits.category].code;
  const absl::string_view channel = ChannelName(scene.traits.channel);
  reported.set_category(category.data(), category.size());
  reported.set_channel(channel.data(), channel.size());
  reported.set_community(scene.community->code);
  if (!scene.traits.knows_grid) return;
  reported.set_area(grid.code);
  // Inside the grid: up to 0.001 degrees to each side of its centre.
  v1::Point& point = *reported.mutable_point();
  point.set_latitude_e7(grid.centre.latitude_e7() + static_cast<int32_t>(draw % 20'000) - 10'000);
  point.set_longitude_e7(grid.centre.longitude_e7() + static_cast<int32_t>((draw >> 32) % 20'000) -
                         10'000);
}

v1::Fact::KindCase Fitting(v1::Fact::KindCase planned, const incident::Incident& seen) {
  if (seen.phase == Phase::kFiled && IsByUnit(planned)) return Fact::kDispatched;
  if ((PhasesOf(planned) >> static_cast<int>(seen.phase) & 1) == 0) return Fact::KIND_NOT_SET;
  const bool paused = seen.paused_at.has_value();
  switch (planned) {
    case Fact::kFiled: return seen.confirmed ? planned : Fact::KIND_NOT_SET;
    case Fact::kHandlingResumed: return paused ? planned : Fact::KIND_NOT_SET;
    case Fact::kHandlingPaused:
    case Fact::kHandlingFinished: return paused ? Fact::KIND_NOT_SET : planned;
    case Fact::kClosed: return seen.phase == Phase::kChecked ? planned : Fact::KIND_NOT_SET;
    default: return planned;
  }
}

void WriteDeed(const Scene& scene, const Step& step, v1::Fact::KindCase kind,
               const incident::Incident& seen, const policy::Compiled& policy, Pace pace,
               v1::Fact* fact) {
  Begin(scene, fact);
  // The member who has it; where the roster had nobody, the unit.
  const std::string& on_it = seen.member.empty() ? seen.unit.text() : seen.member.text();
  if (IsByUnit(kind)) Says(v1::ROLE_HANDLER, on_it, fact);
  switch (kind) {
    case Fact::kAccepted:
      Says(v1::ROLE_ACCEPTOR, PostOf(kAcceptors, scene), fact);
      fact->mutable_accepted();
      break;
    case Fact::kVerified:
      Says(v1::ROLE_COLLECTOR, OnDuty(GridOf(scene), scene.at_ms, scene.traits.draw >> 1), fact);
      fact->mutable_verified()->set_confirmed(true);
      break;
    case Fact::kFiled: {
      Says(v1::ROLE_SHIFT_LEADER, PostOf(kLeaders, scene), fact);
      v1::IncidentFiled& filed = *fact->mutable_filed();
      // A faster life has shorter limits; at the usual pace the policy's stand.
      const auto limit = policy.Limit(seen.category);
      if (pace.speed != 1 && limit) {
        filed.set_due_at_ms(scene.at_ms + absl::ToInt64Milliseconds(*limit) / pace.speed);
      }
      break;
    }
    case Fact::kDispatched: {
      Says(v1::ROLE_DISPATCHER, PostOf(kDispatchers, scene), fact);
      v1::IncidentDispatched& dispatched = *fact->mutable_dispatched();
      const UnitCode unit =
          seen.named_unit.empty()
              ? policy.ResponsibleFor(seen.category, seen.community, seen.area).unit
              : seen.named_unit;
      // Without any policy the station of the grids stands in: somebody always can be found.
      dispatched.set_unit(unit.empty() ? scene.community->station : unit.text());
      dispatched.set_reason(v1::DISPATCH_REASON_BY_HAND);
      break;
    }
    case Fact::kDispatchAccepted: fact->mutable_dispatch_accepted(); break;
    case Fact::kDispatchDeclined:
      fact->mutable_dispatch_declined()->set_reason(static_cast<v1::DeclineReason>(step.detail));
      break;
    case Fact::kDispatchReturned:
      fact->mutable_dispatch_returned()->set_next_owner(NextOwner(scene, seen));
      break;
    case Fact::kHandlingStarted: fact->mutable_handling_started(); break;
    case Fact::kHandlingPaused:
      Says(v1::ROLE_DISPATCHER, PostOf(kDispatchers, scene), fact);
      fact->mutable_handling_paused()->set_kind(static_cast<v1::PauseKind>(step.detail));
      break;
    case Fact::kHandlingResumed:
      Says(v1::ROLE_DISPATCHER, PostOf(kDispatchers, scene), fact);
      fact->mutable_handling_resumed();
      break;
    case Fact::kDeadlineExtended:
      Says(v1::ROLE_DISPATCHER, PostOf(kDispatchers, scene), fact);
      fact->mutable_deadline_extended()->set_due_at_ms(std::max(DueMs(seen), scene.at_ms) +
                                                       step.detail * kHourMs / pace.speed);
      break;
    case Fact::kHandlingFinished: fact->mutable_handling_finished(); break;
    case Fact::kCheckPassed:
      Says(v1::ROLE_CHECKER, PostOf(kCheckers, scene), fact);
      fact->mutable_check_passed();
      break;
    case Fact::kCheckFailed:
      Says(v1::ROLE_CHECKER, PostOf(kCheckers, scene), fact);
      fact->mutable_check_failed();
      break;
    case Fact::kClosed:
      Says(v1::ROLE_SHIFT_LEADER, PostOf(kLeaders, scene), fact);
      fact->mutable_closed()->set_disposition(v1::DISPOSITION_SOLVED);
      break;
    case Fact::kRated:
      Says(v1::ROLE_CITIZEN, "", fact);
      fact->mutable_rated()->set_stars(step.detail);
      break;
    case Fact::kReopened:
      // A citizen is dissatisfied; that it has come back, the patrol sees.
      if (step.detail == v1::REOPEN_REASON_DISSATISFIED) {
        Says(v1::ROLE_CITIZEN, "", fact);
      } else {
        Says(v1::ROLE_COLLECTOR, OnDuty(GridOf(scene), scene.at_ms, scene.traits.draw), fact);
      }
      fact->mutable_reopened()->set_reason(static_cast<v1::ReopenReason>(step.detail));
      break;
    default: INVARIANT(false, "nobody in the simulation does that");
  }
}

}  // namespace gridledger::simulation
