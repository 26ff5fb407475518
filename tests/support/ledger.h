// Ledgers as tests handle them: the records of one partition in a vector, made from entries and
// folded into tasks. Never decides what a ledger should say.
#pragma once

#include <absl/status/status.h>
#include <absl/strings/string_view.h>
#include <absl/time/time.h>

#include <memory>
#include <string>
#include <vector>

#include "gridledger/v1/entry.pb.h"
#include "services/runtime/engine/lockstep.h"
#include "services/runtime/engine/task.h"
#include "services/runtime/ports/event_log.h"

namespace gridledger {

// The records of one partition; the offset is the index.
using Ledger = std::vector<NewRecord>;

// An instant that is easy to read in a failure: so many milliseconds after 2024-01-01 00:00 UTC.
absl::Time TestTime(int64_t ms_after);
// An entry as somebody outside appends it.
NewRecord RecordOf(const v1::Entry& entry, absl::Time at, absl::string_view key = "C1",
                   absl::string_view id = "test");
// A fact as an entry; the kind is for the caller to set.
v1::Entry FactOn(absl::string_view incident, uint32_t stage);
// A dispatch with texts as long as may be, ~3.3 KB: the most that is kept of one fact, while it
// waits for its incident's report.
v1::Entry LongFactOn(absl::string_view incident);

bool SameRecord(const NewRecord& a, const NewRecord& b);
// What the record says, on one line.
std::string Tell(const NewRecord& record);
// Where two ledgers differ first, told with what stands around it; empty when nowhere.
std::string Difference(const Ledger& expected, const Ledger& found);

// All records that are durable now.
Ledger ReadLedger(EventLog& log, Partition partition);
Record At(const Ledger& ledger, Partition partition, size_t index);

// Folds from where the task stands up to `to`, or to the end.
absl::Status FoldUpTo(engine::Task& task, const Ledger& ledger, size_t to);
absl::Status FoldAll(engine::Task& task, const Ledger& ledger);
// A task that begins at offset 0, in memory. Opening it cannot fail.
std::unique_ptr<engine::Task> NewTask(const engine::Service& service, Partition partition);

// The decisions that the task has made and nobody has answered, oldest first.
std::vector<engine::PendingDecision> PendingOf(engine::Task& task);

// Keeps what lock-step appends.
class LedgerKeeper : public engine::LedgerSink {
 public:
  absl::Status Append(const Record& record) override;
  Ledger ledger;
};

}  // namespace gridledger
