#include "services/gateway/api/reporting.h"

#include <absl/time/time.h>
#include <boost/asio/post.hpp>
#include <google/protobuf/util/message_differencer.h>

#include <algorithm>
#include <memory>
#include <utility>
#include <variant>
#include <vector>

#include "services/answers/incident_life.h"
#include "services/base/partitioning.h"
#include "services/domain/audit/audit.h"
#include "services/gateway/api/incident_ids.h"
#include "services/gateway/api/known_incident.h"
#include "services/runtime/host/subjects.h"

namespace gridledger::gateway {

namespace asio = boost::asio;

namespace {

constexpr absl::Duration kReadPatience = absl::Seconds(5);

// When it happened is left out: a repeated report that does not say has another now.
bool IsSameReport(const v1::Fact& a, const v1::Fact& b) {
  using google::protobuf::util::MessageDifferencer;
  return MessageDifferencer::Equals(a.reported(), b.reported()) &&
         MessageDifferencer::Equals(a.actor(), b.actor());
}

// The report that made an incident: what became of it, and what it said.
struct FirstReport {
  Judged judged;
  v1::Fact fact;
};

asio::awaitable<absl::StatusOr<FirstReport>> FindReport(City& city, asio::thread_pool& pool,
                                                        Partition partition, IncidentId id) {
  auto asking = city.Ask<std::optional<Judged>>(partition, [id](const host::AskedPartition& there) {
    std::optional<Judged> found;
    for (const audit::TimelineItem& item :
         audit::Timeline(host::AuditOf(there.Of("audit").subject()), id)) {
      if (item.line.kind != static_cast<uint32_t>(v1::Fact::kReported) ||
          item.line.verdict != incident::Verdict::kApplied) {
        continue;
      }
      found = Judged{.partition = there.partition,
                     .offset = item.offset,
                     .stage = item.line.stage,
                     .at = item.line.at};
    }
    return found;
  });
  const absl::StatusOr<std::optional<Judged>> judged = co_await std::move(asking);
  if (!judged.ok()) co_return judged.status();
  if (!judged->has_value()) co_return absl::InternalError("an incident without its report");
  FirstReport first{.judged = **judged, .fact = {}};
  using Read = absl::StatusOr<std::vector<answers::RecordFacts>>;
  auto reading =
      Await<Read>([&city, &pool, partition, at = first.judged.offset, id](Told<Read> told) {
        asio::post(pool, [&city, partition, at, id, told = std::move(told)]() mutable {
          const std::unique_ptr<LogReader> reader = city.log().NewReader();
          std::move(told)(answers::ReadFacts(*reader, partition, {at}, id, kReadPatience));
        });
      });
  const Read read = co_await std::move(reading);
  if (!read.ok()) co_return read.status();
  for (const answers::RecordFacts& record : *read) {
    for (const v1::Fact& fact : record.facts) {
      if (fact.has_reported()) first.fact = fact;
    }
  }
  co_return first;
}

}  // namespace

asio::awaitable<SubmittedReport> SubmitReport(City& city, asio::thread_pool& pool,
                                              intake::Principal principal, v1::Fact asked,
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
  auto asking_known =
      city.Ask<KnownIncident>(partition, [&city, id](const host::AskedPartition& there) {
        return KnownHere(city.watch(), there, id);
      });
  const auto known = co_await std::move(asking_known);
  if (!known.ok()) {
    submitted.judged = known.status();
    co_return submitted;
  }
  if (repeat_key && !known->is) {
    // Another community's report under this key may be in another partition.
    auto asking_elsewhere =
        city.AskAll<uint8_t>([id](const host::AskedPartition& there, uint8_t* into) {
          *into = there.tasks.front()->incidents().incidents.Find(id) != nullptr;
          return true;
        });
    const auto elsewhere = co_await std::move(asking_elsewhere);
    if (!elsewhere.ok()) {
      submitted.judged = elsewhere.status();
      co_return submitted;
    }
    const auto at = std::find(elsewhere->begin(), elsewhere->end(), 1);
    // In this one: it has come since.
    if (at != elsewhere->end() && at - elsewhere->begin() != partition.value) {
      submitted.key_is_taken = true;
      co_return submitted;
    }
  }
  intake::Circumstances circumstances;
  circumstances.now = now;
  circumstances.policy = known->policy.get();
  std::variant<v1::Fact, intake::Refusal> admitted =
      intake::Admit(principal, circumstances, std::move(asked));
  if (auto* refusal = std::get_if<intake::Refusal>(&admitted)) {
    submitted.refusal = std::move(*refusal);
    co_return submitted;
  }
  const v1::Fact sent = std::get<v1::Fact>(admitted);
  bool is_repeat = repeat_key.has_value() && known->is.has_value();
  if (!is_repeat) {
    submitted.sent = true;
    auto submitting = city.Submit(partition, key, std::get<v1::Fact>(std::move(admitted)));
    submitted.judged = co_await std::move(submitting);
    is_repeat = repeat_key.has_value() && submitted.judged.ok() &&
                submitted.judged->verdict == incident::Verdict::kVoid &&
                submitted.judged->reason == incident::VoidReason::kDuplicateReport;
  }
  if (is_repeat) {
    // The first one's answer: the report that counted.
    auto finding = FindReport(city, pool, partition, id);
    const absl::StatusOr<FirstReport> first = co_await std::move(finding);
    if (!first.ok()) {
      submitted.judged = first.status();
    } else if (IsSameReport(first->fact, sent)) {
      submitted.judged = first->judged;
    } else {
      submitted.key_is_taken = true;
    }
  }
  co_return submitted;
}

}  // namespace gridledger::gateway
