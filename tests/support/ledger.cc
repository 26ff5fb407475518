#include "tests/support/ledger.h"

#include <absl/strings/str_cat.h>
#include <absl/types/span.h>

#include <algorithm>

#include "services/base/invariant.h"
#include "services/runtime/engine/entry_codec.h"
#include "services/runtime/ports/record_at.h"

namespace gridledger {

absl::Time TestTime(int64_t ms_after) {
  return absl::FromUnixSeconds(1'704'067'200) + absl::Milliseconds(ms_after);
}

NewRecord RecordOf(const v1::Entry& entry, absl::Time at, absl::string_view key,
                   absl::string_view id) {
  NewRecord record{at, std::string(key), {}, {}};
  engine::EncodeEntry(entry, "/test", id, &record.headers, &record.value);
  return record;
}

v1::Entry FactOn(absl::string_view incident, uint32_t stage) {
  v1::Entry entry;
  entry.set_schema(engine::kEntrySchema);
  entry.mutable_fact()->set_incident_id(std::string(incident));
  entry.mutable_fact()->set_stage(stage);
  return entry;
}

v1::Entry LongFactOn(absl::string_view incident) {
  v1::Entry entry = FactOn(incident, 2);
  entry.mutable_fact()->mutable_actor()->set_role(v1::ROLE_DISPATCHER);
  entry.mutable_fact()->mutable_actor()->set_code("d-001");
  v1::IncidentDispatched& dispatched = *entry.mutable_fact()->mutable_dispatched();
  dispatched.set_unit(std::string(256, 'u'));
  for (int i = 0; i < 12; ++i) dispatched.add_candidates()->set_member(std::string(256, 'm'));
  return entry;
}

bool SameRecord(const NewRecord& a, const NewRecord& b) {
  return a.kind == b.kind && a.timestamp == b.timestamp && a.key == b.key &&
         a.headers == b.headers && a.value == b.value;
}

std::string Tell(const NewRecord& record) {
  v1::Entry entry;
  const std::string at = absl::StrCat(ToMillis(record.timestamp) - ToMillis(TestTime(0)), " ms ",
                                      record.key, " ", FindHeader(record.headers, "ce_source"), "#",
                                      FindHeader(record.headers, "ce_id"), " ");
  if (!engine::DecodeEntry(record.value, &entry).ok()) {
    return absl::StrCat(at, "undecodable, ", record.value.size(), " B");
  }
  return absl::StrCat(at, entry.ShortDebugString());
}

std::string Difference(const Ledger& expected, const Ledger& found) {
  const size_t both = std::min(expected.size(), found.size());
  size_t i = 0;
  while (i < both && SameRecord(expected[i], found[i])) ++i;
  if (i == both && expected.size() == found.size()) return "";
  std::string said = absl::StrCat("the ledgers differ from offset ", i, " on\n");
  for (size_t before = i < 3 ? 0 : i - 3; before < i; ++before) {
    absl::StrAppend(&said, "  both      ", before, ": ", Tell(expected[before]), "\n");
  }
  for (size_t at = i; at < i + 2; ++at) {
    if (at < expected.size()) {
      absl::StrAppend(&said, "  expected  ", at, ": ", Tell(expected[at]), "\n");
    }
    if (at < found.size()) absl::StrAppend(&said, "  found     ", at, ": ", Tell(found[at]), "\n");
  }
  return said;
}

Ledger ReadLedger(EventLog& log, Partition partition) {
  Ledger ledger;
  const std::unique_ptr<LogReader> reader = log.NewReader();
  RecordBatch batch;
  const absl::StatusOr<Offset> end = log.End(partition);
  INVARIANT(end.ok(), "the end of a ledger is known");
  const absl::Status read =
      ReadUntil(*reader, Stretch{.partition = partition, .from = Offset{0}, .end = *end}, &batch,
                [&](absl::Span<const Record> records) {
                  for (const Record& record : records) {
                    ledger.push_back(NewRecord{record.timestamp, std::string(record.key),
                                               std::string(record.headers),
                                               std::string(record.value), record.kind});
                  }
                  return true;
                });
  INVARIANT(read.ok(), "a test's log can be read");
  return ledger;
}

Record At(const Ledger& ledger, Partition partition, size_t index) {
  const NewRecord& record = ledger[index];
  return Record{partition,        Offset{static_cast<int64_t>(index)},
                record.timestamp, record.key,
                record.headers,   record.value,
                record.kind};
}

absl::Status FoldUpTo(engine::Task& task, const Ledger& ledger, size_t to) {
  while (task.next().value < static_cast<int64_t>(to)) {
    absl::Status status =
        task.Fold(At(ledger, task.id().partition, static_cast<size_t>(task.next().value)));
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status FoldAll(engine::Task& task, const Ledger& ledger) {
  return FoldUpTo(task, ledger, ledger.size());
}

std::unique_ptr<engine::Task> NewTask(const engine::Service& service, Partition partition) {
  auto task = engine::Task::Open(service, partition, nullptr, "test");
  INVARIANT(task.ok(), "a task without a store opens");
  return *std::move(task);
}

std::vector<engine::PendingDecision> PendingOf(engine::Task& task) {
  std::vector<engine::PendingDecision> all;
  task.pending().Visit(Offset{-1}, task.pending().size(),
                       [&](const engine::PendingDecision& one) { all.push_back(one); });
  return all;
}

absl::Status LedgerKeeper::Append(const Record& record) {
  INVARIANT(record.offset.value == static_cast<int64_t>(ledger.size()),
            "lock-step appends without gaps");
  ledger.push_back(NewRecord{record.timestamp, std::string(record.key), std::string(record.headers),
                             std::string(record.value)});
  return absl::OkStatus();
}

}  // namespace gridledger
