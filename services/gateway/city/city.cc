#include "services/gateway/city/city.h"

#include "services/domain/audit/audit.h"
#include "services/runtime/engine/entry_codec.h"
#include "services/runtime/host/subjects.h"

namespace gridledger::gateway {
namespace {

namespace asio = boost::asio;

// Of a record that is not among the newest ones any more, by what the audit keeps for good.
Judged FromTimeline(const host::AskedPartition& asked, Offset offset, const IncidentId& id) {
  Judged judged{.partition = asked.partition, .offset = offset, .stage = {}, .at = asked.now};
  judged.dead_letter = true;
  for (const audit::TimelineItem& item :
       audit::Timeline(host::AuditOf(asked.Of("audit").subject()), id)) {
    if (item.offset != offset) continue;
    judged.dead_letter = false;
    judged.verdict = item.line.verdict;
    judged.reason = item.line.reason;
    judged.stage = item.line.stage;
    judged.at = item.line.at;
    break;
  }
  return judged;
}

}  // namespace

asio::awaitable<absl::StatusOr<Offset>> City::Append(Partition partition, NewRecord record) {
  return Await<absl::StatusOr<Offset>>(
      [this, partition, record = std::move(record)](Told<absl::StatusOr<Offset>> told) mutable {
        std::vector<NewRecord> records;
        records.push_back(std::move(record));
        options_.log->Append(partition, std::move(records),
                             [told = std::move(told)](absl::StatusOr<Offset> first) mutable {
                               std::move(told)(std::move(first));
                             });
      });
}

asio::awaitable<absl::StatusOr<Judged>> City::Submit(Partition partition, std::string key,
                                                     v1::Entry entry) {
  const IncidentId id(entry.fact().incident_id());
  NewRecord record;
  record.timestamp = options_.clock->Now();
  record.key = std::move(key);
  const int64_t number = ++appended_;
  engine::EncodeEntry(entry, "/gridledger/gateway",
                      absl::StrCat(absl::ToUnixMillis(record.timestamp), ".", number),
                      &record.headers, &record.value);
  auto appending = Append(partition, std::move(record));
  const absl::StatusOr<Offset> offset = co_await std::move(appending);
  if (!offset.ok()) co_return offset.status();
  auto asking = Ask<Judged>(
      partition,
      [this, at = *offset, id](const host::AskedPartition& asked) {
        if (auto judged = options_.watch->FindJudged(asked.partition, at)) return *judged;
        return FromTimeline(asked, at, id);
      },
      offset->Next());
  co_return co_await std::move(asking);
}

}  // namespace gridledger::gateway
