#include "services/domain/incident/speakers.h"

#include <string>

namespace gridledger::incident {
namespace {

using v1::Fact;

constexpr uint32_t Bit(int role) { return 1u << role; }
constexpr uint32_t kSource = Bit(v1::ROLE_SOURCE);
// People of the centre and of the units. One of whom no role is told is taken for one of them.
constexpr uint32_t kStaff = kSource | Bit(v1::ROLE_UNSPECIFIED) | Bit(v1::ROLE_COLLECTOR) |
                            Bit(v1::ROLE_ACCEPTOR) | Bit(v1::ROLE_SHIFT_LEADER) |
                            Bit(v1::ROLE_DISPATCHER) | Bit(v1::ROLE_HANDLER) |
                            Bit(v1::ROLE_CHECKER);
constexpr uint32_t kStaffAndCitizens = kStaff | Bit(v1::ROLE_CITIZEN);
constexpr uint32_t kAnybody = kStaffAndCitizens | Bit(v1::ROLE_SENSOR);
constexpr uint32_t kNameless = kSource | Bit(v1::ROLE_CITIZEN) | Bit(v1::ROLE_SENSOR);

const std::vector<Speakers>& Rows() {
  static const auto* const rows = new std::vector<Speakers>{
      {Fact::kReported, "reported", kAnybody, false, ""},
      {Fact::kAccepted, "accepted", kStaff, false, ""},
      {Fact::kRefused, "refused", kStaff, true, ""},
      {Fact::kVerified, "verified", kStaff, false, ""},
      {Fact::kFiled, "filed", kStaff, false, ""},
      {Fact::kDispatched, "dispatched", kStaff, true, "dispatch"},
      {Fact::kDispatchAccepted, "dispatch_accepted", kStaff, true, ""},
      {Fact::kDispatchDeclined, "dispatch_declined", kStaff, true, ""},
      {Fact::kDispatchReturned, "dispatch_returned", kStaff, true, ""},
      {Fact::kHandlingStarted, "handling_started", kStaff, true, ""},
      {Fact::kHandlingPaused, "handling_paused", kStaff, true, ""},
      {Fact::kHandlingResumed, "handling_resumed", kStaff, true, ""},
      {Fact::kDeadlineExtended, "deadline_extended", kStaff, true, ""},
      {Fact::kHandlingFinished, "handling_finished", kStaff, true, ""},
      {Fact::kCheckPassed, "check_passed", kStaff, true, ""},
      {Fact::kCheckFailed, "check_failed", kStaff, true, ""},
      {Fact::kClosed, "closed", kStaff, true, ""},
      {Fact::kVoided, "voided", kStaff, true, ""},
      {Fact::kReopened, "reopened", kStaffAndCitizens, true, ""},
      {Fact::kMerged, "merged", kStaff, true, ""},
      {Fact::kRated, "rated", kStaffAndCitizens, false, ""},
      {Fact::kDeadlineWarned, "deadline_warned", kStaff, true, "escalation"},
      {Fact::kDeadlineMissed, "deadline_missed", kStaff, true, "escalation"},
      {Fact::kEscalationRaised, "escalation_raised", kStaff, true, "escalation"},
  };
  return *rows;
}

const Speakers* RowOf(Fact::KindCase kind) {
  // An index built once makes the fold's look-up one load.
  static const auto* const index = [] {
    auto* by_kind = new std::vector<const Speakers*>(64, nullptr);
    for (const Speakers& row : Rows()) (*by_kind)[row.fact] = &row;
    return by_kind;
  }();
  return kind < static_cast<int>(index->size()) ? (*index)[kind] : nullptr;
}

}  // namespace

const std::vector<Speakers>& AllSpeakers() { return Rows(); }

bool MaySay(const Fact& fact, absl::string_view decided_by) {
  const Speakers* row = RowOf(fact.kind_case());
  if (row == nullptr) return false;
  if (!decided_by.empty()) return row->service == decided_by;
  // No service, which speaks in decisions; and a role that a later build knows is none that this
  // one may let pass.
  const v1::Actor& actor = fact.actor();
  if (actor.role() < 0 || actor.role() > v1::Role_MAX) return false;
  const uint32_t role = Bit(actor.role());
  if ((row->roles & role) == 0) return false;
  return !row->named || !actor.code().empty() || (kNameless & role) != 0;
}

}  // namespace gridledger::incident
