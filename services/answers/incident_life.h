// One incident's life as JSON, as `gridledger incident --json` has it: what the audit knows of each
// fact about it, and the fact itself, which only its record has.
//
// A server reads records elsewhere than where it holds states, so this is in three steps: the
// timeline is the audit's; ReadFacts, or whoever reads otherwise and calls FactsOf, has what the
// records say; TellLines joins the two without any reading.
#pragma once

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <absl/time/time.h>
#include <absl/types/span.h>
#include <google/protobuf/message.h>
#include <nlohmann/json.hpp>

#include <optional>
#include <string>
#include <vector>

#include "gridledger/v1/entry.pb.h"
#include "services/base/ids.h"
#include "services/domain/audit/audit.h"
#include "services/domain/incident/incident.h"
#include "services/domain/policy/zone.h"
#include "services/runtime/ports/event_log.h"

namespace gridledger::answers {

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
  std::vector<audit::TimelineItem> items;     // in ledger order
  std::vector<Line> lines;                    // one for each item, once they are told
};

// The facts of one record that speak of the incident, in their order.
struct RecordFacts {
  Offset offset;
  std::vector<v1::Fact> facts;
  std::optional<Decided> decided;
};

// ---- reading ------------------------------------------------------------------------------------

// The records behind a timeline: rising, each once.
std::vector<Offset> OffsetsOf(absl::Span<const audit::TimelineItem> items);

// What an entry says of the incident: of a decision the facts about it, of any other entry its
// fact.
RecordFacts FactsOf(Offset offset, const v1::Entry& entry, const IncidentId& id);

// The same for the records at `offsets`, in their order. REQUIRES: the offsets rise, and the reader
// has no other partition assigned; it has none when this returns. Waits up to `patience` for each
// record. Unavailable when one does not come within that; DataLoss for one that is no entry, though
// the audit has lines of it.
absl::StatusOr<std::vector<RecordFacts>> ReadFacts(LogReader& reader, Partition partition,
                                                   absl::Span<const Offset> offsets,
                                                   const IncidentId& id, absl::Duration patience);

// Makes the life's lines of its items and of what their records say: without any I/O. REQUIRES: the
// records' offsets rise. A line whose fact is in none of them has an empty one.
void TellLines(absl::Span<const RecordFacts> records, Life* life);

// Those that were reported come first, then by partition.
void SortLives(std::vector<Life>* lives);

// ---- JSON ---------------------------------------------------------------------------------------

// "ROLE_SHIFT_LEADER" → "shift leader": an enum's value without its type's name.
std::string Words(absl::string_view value, absl::string_view prefix);
// "applied", "void", "parked"
absl::string_view VerdictName(incident::Verdict verdict);
// What the fact says of its kind; null for a fact without one.
const google::protobuf::Message* KindOf(const v1::Fact& fact);

// {"phase", "stage", "open", …}
nlohmann::ordered_json PresentJson(const incident::Incident& now, const policy::Zone& zone);
// {"at", "happened_at", "what", "who", "verdict", …, "details"}
nlohmann::ordered_json LineJson(Partition partition, const Line& line, const policy::Zone& zone);
// {"id", "partition", "present", "timeline": […]} of the first life; the others' partitions are
// named in "also_in_partitions". REQUIRES: there is a life, and their lines are told.
nlohmann::ordered_json LifeJson(const IncidentId& id, absl::Span<const Life> lives,
                                const policy::Zone& zone);

}  // namespace gridledger::answers
