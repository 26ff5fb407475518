#include "services/gateway/api/reporting.h"

#include <absl/time/time.h>

#include <utility>
#include <variant>

#include "services/base/partitioning.h"
#include "services/domain/audit/audit.h"
#include "services/gateway/api/incident_ids.h"
#include "services/runtime/engine/entry_codec.h"
#include "services/runtime/host/subjects.h"

namespace gridledger::gateway {

namespace asio = boost::asio;

KnownIncident KnownHere(const host::AskedPartition& asked, const IncidentId& id) {
  KnownIncident known;
  const incident::State& state = asked.tasks.front()->incidents();
  if (const incident::Incident* is = state.incidents.Find(id)) known.is = *is;
  known.policy = state.policy.now();
  return known;
}

v1::Entry EntryOf(v1::Fact fact) {
  v1::Entry entry;
  entry.set_schema(engine::kEntrySchema);
  *entry.mutable_fact() = std::move(fact);
  return entry;
}

asio::awaitable<SubmittedReport> SubmitReport(City& city, intake::Principal principal,
                                              v1::Fact asked,
                                              std::optional<std::string> repeat_key) {
  SubmittedReport submitted;
  const absl::Time now = city.clock().Now();
  if (asked.happened_at_ms() == 0) asked.set_happened_at_ms(absl::ToUnixMillis(now));
  if (asked.incident_id().empty()) {
    asked.set_incident_id(repeat_key ? RepeatableIncidentId(principal.name, *repeat_key)
                                     : NewIncidentId(now));
  }
  submitted.id = asked.incident_id();
  const std::string key = asked.reported().community();
  const Partition partition = PartitionOf(key, city.partitions());
  const IncidentId id(asked.incident_id());
  auto asking_known = city.Ask<KnownIncident>(
      partition, [id](const host::AskedPartition& there) { return KnownHere(there, id); });
  const auto known = co_await std::move(asking_known);
  if (!known.ok()) {
    submitted.judged = known.status();
    co_return submitted;
  }
  intake::Circumstances circumstances;
  circumstances.now = now;
  circumstances.policy = &*known->policy;
  std::variant<v1::Fact, intake::Refusal> admitted =
      intake::Admit(principal, circumstances, std::move(asked));
  if (auto* refusal = std::get_if<intake::Refusal>(&admitted)) {
    submitted.refusal = std::move(*refusal);
    co_return submitted;
  }
  bool is_repeat = repeat_key.has_value() && known->is.has_value();
  if (!is_repeat) {
    submitted.sent = true;
    auto submitting = city.Submit(partition, key, EntryOf(std::get<v1::Fact>(std::move(admitted))));
    submitted.judged = co_await std::move(submitting);
    is_repeat = repeat_key.has_value() && submitted.judged.ok() &&
                submitted.judged->verdict == incident::Verdict::kVoid &&
                submitted.judged->reason == incident::VoidReason::kDuplicateReport;
  }
  if (is_repeat) {
    auto asking_first = city.Ask<Judged>(partition, [id](const host::AskedPartition& there) {
      Judged of_first{.partition = there.partition, .offset = {}, .stage = {}, .at = {}};
      for (const audit::TimelineItem& item :
           audit::Timeline(host::AuditOf(there.Of("audit").subject()), id)) {
        if (item.line.kind != static_cast<uint32_t>(v1::Fact::kReported) ||
            item.line.verdict != incident::Verdict::kApplied) {
          continue;
        }
        of_first.offset = item.offset;
        of_first.stage = item.line.stage;
        of_first.at = item.line.at;
      }
      return of_first;
    });
    submitted.judged = co_await std::move(asking_first);
  }
  co_return submitted;
}

}  // namespace gridledger::gateway
