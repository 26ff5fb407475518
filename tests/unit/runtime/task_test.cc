// A task: what it folds, decides, keeps pending, stores and finds again.
#include "services/runtime/engine/task.h"

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "services/runtime/adapters/memory/memory_log.h"
#include "services/runtime/adapters/memory/memory_state_store.h"
#include "services/runtime/engine/same_log.h"
#include "tests/support/ledger.h"
#include "tests/support/small_services.h"

namespace gridledger::engine {
namespace {

using incident::Phase;
using incident::VoidReason;
using ::testing::HasSubstr;

constexpr Partition kPartition{3};

v1::Entry Report(absl::string_view id, int64_t due_ms = 0) {
  v1::Entry entry = FactOn(id, 0);
  entry.mutable_fact()->mutable_reported()->set_community("C1");
  if (due_ms != 0) {
    entry.mutable_fact()->mutable_reported()->set_due_at_ms(ToMillis(TestTime(due_ms)));
  }
  return entry;
}
v1::Entry File(absl::string_view id, uint32_t stage = 1) {
  v1::Entry entry = FactOn(id, stage);
  entry.mutable_fact()->mutable_filed();
  return entry;
}
v1::Entry Close(absl::string_view id, uint32_t stage) {
  v1::Entry entry = FactOn(id, stage);
  entry.mutable_fact()->mutable_actor()->set_code("l1");
  entry.mutable_fact()->mutable_closed()->set_disposition(v1::DISPOSITION_UNCHECKED);
  return entry;
}
v1::Entry DecisionOn(int64_t cause, absl::string_view unit, absl::string_view id = "I1",
                     uint32_t stage = 2) {
  v1::Entry entry;
  entry.set_schema(kEntrySchema);
  entry.mutable_decision()->set_service("dispatch");
  entry.mutable_decision()->set_cause(cause);
  v1::Fact& fact = *entry.mutable_decision()->add_facts();
  fact.set_incident_id(std::string(id));
  fact.set_stage(stage);
  fact.mutable_dispatched()->set_unit(std::string(unit));
  return entry;
}
NewRecord Answer(Task& task, size_t pending = 0) {
  return task.MakeDecision(PendingOf(task)[pending], task.now());
}

// A ledger that a task folds as it grows.
class TaskTest : public testing::Test {
 protected:
  void Fold(Task& task, const NewRecord& record) {
    ledger_.push_back(record);
    ASSERT_TRUE(FoldAll(task, ledger_).ok());
  }
  void Fold(Task& task, const v1::Entry& entry) {
    Fold(task, RecordOf(entry, TestTime(static_cast<int64_t>(ledger_.size()))));
  }
  absl::StatusOr<std::unique_ptr<Task>> Open(const Service& service) {
    return Task::Open(service, kPartition, &store_, "test");
  }
  void Store(Task& task, size_t bytes_max = size_t{1} << 20) {
    std::vector<TaskCheckpoint> checkpoints;
    checkpoints.push_back(task.Collect());
    ASSERT_TRUE(store_.Commit(std::move(checkpoints)).ok());
    task.Stored(bytes_max);
  }
  static uint64_t Voids(const Task& task, VoidReason reason) {
    return task.incidents().counts.Get().Voids(reason);
  }

  Ledger ledger_;
  MemoryStateStore store_;
};

TEST_F(TaskTest, ADecisionIsPendingUntilItIsReadBack) {
  const auto task = NewTask(SendAllTo("U1"), kPartition);
  Fold(*task, Report("I1"));
  EXPECT_TRUE(task->pending().empty());
  Fold(*task, File("I1"));
  ASSERT_EQ(task->pending().size(), 1u);
  EXPECT_EQ(PendingOf(*task)[0].cause, Offset{1});
  EXPECT_EQ(PendingOf(*task)[0].key, "C1");
  EXPECT_EQ(task->Settled(ServiceName("dispatch")), Offset{-1});

  const NewRecord answer = Answer(*task);
  EXPECT_EQ(FindHeader(answer.headers, "ce_source"), "/gridledger/dispatch/3");
  EXPECT_EQ(FindHeader(answer.headers, "ce_id"), "1");
  Fold(*task, answer);
  EXPECT_TRUE(task->pending().empty());
  EXPECT_EQ(task->Settled(ServiceName("dispatch")), Offset{1});
  EXPECT_EQ(task->incidents().incidents.Find(IncidentId("I1"))->phase, Phase::kDispatched);
}

TEST_F(TaskTest, ADecisionSaysWhoseItIs) {
  const auto task = NewTask(SendAllTo("U1"), kPartition);
  Fold(*task, Report("I1"));
  Fold(*task, File("I1"));
  v1::Entry entry;
  ASSERT_TRUE(DecodeEntry(Answer(*task).value, &entry).ok());
  const v1::Decision& decision = entry.decision();
  EXPECT_EQ(entry.schema(), kEntrySchema);
  EXPECT_EQ(decision.service(), "dispatch");
  EXPECT_EQ(decision.cause(), 1);
  EXPECT_EQ(decision.rule(), "test: all to one");
  EXPECT_EQ(decision.facts(0).happened_at_ms(), ToMillis(TestTime(1)));
  EXPECT_EQ(decision.facts(0).actor().role(), v1::ROLE_SERVICE);
  EXPECT_EQ(decision.facts(0).actor().code(), "dispatch");
}

TEST_F(TaskTest, TheSecondDecisionOnACauseIsVoid) {
  const auto task = NewTask(SendAllTo("U1"), kPartition);
  Fold(*task, Report("I1"));
  Fold(*task, File("I1"));
  const NewRecord answer = Answer(*task);
  Fold(*task, answer);
  Fold(*task, answer);
  EXPECT_EQ(task->progress().decisions_void, 1u);
  EXPECT_EQ(Voids(*task, VoidReason::kDuplicateDecision), 1u);
  EXPECT_EQ(task->incidents().incidents.Find(IncidentId("I1"))->stage, Stage{3});
}

TEST_F(TaskTest, WhatADecisionMaySettle) {
  const struct {
    int64_t cause;
    bool settles;
    const char* why;
  } rows[] = {
      {-1, false, "there is no such record"},
      {0, true, "the first record of a ledger may be a cause"},
      {1, true, "the record right before it"},
      {2, false, "nobody answers a record by itself"},
      {3, false, "nor one that is not there yet: it was made up"},
      {int64_t{1} << 62, false, "and would silence the service for ever"},
  };
  for (const auto& row : rows) {
    const auto task = NewTask(Onlooker(), kPartition);
    ledger_.clear();
    Fold(*task, Report("I1"));
    Fold(*task, File("I1"));
    Fold(*task, DecisionOn(row.cause, "U9"));
    EXPECT_EQ(task->progress().decisions_void, row.settles ? 0u : 1u) << row.why;
    EXPECT_EQ(task->Settled(ServiceName("dispatch")), Offset{row.settles ? row.cause : -1})
        << row.why;
  }
}

// Law L4: what another build of the service has settled is not decided again.
TEST_F(TaskTest, ADecisionOfAnotherBuildSettlesOurs) {
  const auto task = NewTask(SendAllTo("new unit"), kPartition);
  Fold(*task, Report("I1"));
  Fold(*task, File("I1"));
  Fold(*task, Report("I2"));
  Fold(*task, File("I2"));
  ASSERT_EQ(task->pending().size(), 2u);
  Fold(*task, DecisionOn(1, "old unit"));
  ASSERT_EQ(task->pending().size(), 1u);
  EXPECT_EQ(PendingOf(*task)[0].cause, Offset{3});
  EXPECT_EQ(task->incidents().incidents.Find(IncidentId("I1"))->unit, UnitCode("old unit"));
}

TEST_F(TaskTest, PendingDecisionsAreInTheCheckpoint) {
  auto task = *Open(SendAllTo("U1"));
  Fold(*task, Report("I1"));
  Fold(*task, File("I1"));
  Fold(*task, Report("I2"));
  Fold(*task, File("I2"));
  const NewRecord first = Answer(*task, 0), second = Answer(*task, 1);
  Store(*task);

  task = *Open(SendAllTo("another rule"));
  EXPECT_EQ(task->next(), Offset{4});
  ASSERT_EQ(task->pending().size(), 2u) << "made by the build before, and never sent";
  EXPECT_TRUE(PendingOf(*task)[0].value == first.value &&
              PendingOf(*task)[1].value == second.value);
  EXPECT_TRUE(Answer(*task).headers == first.headers && Answer(*task).key == first.key);
  Fold(*task, first);
  ASSERT_EQ(task->pending().size(), 1u);
  EXPECT_EQ(PendingOf(*task)[0].cause, Offset{3});
}

// A long backlog is decided on before the first decision may go out.
TEST_F(TaskTest, ABacklogOfDecisionsLeavesMemory) {
  constexpr size_t kCount = 4000;
  auto task = *Open(SendAllTo("U1"));
  for (size_t i = 0; i < kCount; ++i) {
    const std::string id = absl::StrCat("I", i);
    Fold(*task, Report(id));
    Fold(*task, File(id));
    if (i % 1500 == 0) Store(*task, 0);
  }
  EXPECT_GE(task->dirty(), kCount - 3001) << "those wait for a checkpoint, too";
  Store(*task, size_t{1} << 30);
  EXPECT_GE(task->pending().resident(), 1400u) << "with room for them they stay";
  Store(*task, 0);
  EXPECT_EQ(task->pending().size(), kCount);
  EXPECT_LE(task->pending().resident(), 1500u);
  task = *Open(SendAllTo("another rule"));
  EXPECT_EQ(task->pending().size(), kCount);
  EXPECT_LE(task->pending().resident(), 1500u);
  const std::vector<PendingDecision> all = PendingOf(*task);
  ASSERT_EQ(all.size(), kCount);
  for (size_t i = 0; i < kCount; ++i) {
    ASSERT_EQ(all[i].cause, Offset{static_cast<int64_t>(2 * i + 1)});
    Fold(*task, task->MakeDecision(all[i], TestTime(0)));
    ASSERT_EQ(task->pending().size(), kCount - 1 - i);
    if (i % 700 == 0) Store(*task, 0);
  }
  const auto replayed = NewTask(SendAllTo("U1"), kPartition);
  ASSERT_TRUE(FoldAll(*replayed, ledger_).ok());
  EXPECT_EQ(task->digest(), replayed->digest());
  EXPECT_TRUE(replayed->pending().empty());
}

// Decision 0002: the digest says what the log says, not what this build would say next.
TEST_F(TaskTest, PendingDecisionsAreNotDigested) {
  const auto one = NewTask(SendAllTo("U1"), kPartition);
  const auto other = NewTask(Onlooker(), kPartition);
  Fold(*one, Report("I1"));
  Fold(*one, File("I1"));
  ASSERT_TRUE(FoldAll(*other, ledger_).ok());
  EXPECT_EQ(one->pending().size(), 1u);
  EXPECT_EQ(one->digest(), other->digest());
}

TEST_F(TaskTest, AReopenedTaskIsTheSame) {
  auto task = *Open(Alarms());
  Fold(*task, Report("I1", 500));
  Fold(*task, Report("I2", 400));
  Store(*task);
  const Digest digest = task->digest();
  task = *Open(Alarms());
  EXPECT_EQ(task->next(), Offset{2});
  EXPECT_EQ(task->now(), TestTime(1));
  EXPECT_EQ(task->digest(), digest);
  EXPECT_EQ(task->EarliestTimer(), TestTime(400));
  EXPECT_EQ(task->uncollected(), 0);
  const auto replayed = NewTask(Alarms(), kPartition);
  ASSERT_TRUE(FoldAll(*replayed, ledger_).ok());
  EXPECT_EQ(replayed->digest(), digest);
}

// A task that began with an empty store must find there what it has let go of since.
TEST_F(TaskTest, WhatRestsIsNotForgottenByATaskThatBeganFromNothing) {
  for (const size_t bytes_max : {size_t{1} << 20, size_t{0}}) {
    ledger_.clear();
    MemoryStateStore empty;
    const auto task = *Task::Open(Onlooker(), kPartition, &empty, "test");
    Fold(*task, Report("I1"));
    Fold(*task, File("I1"));
    Fold(*task, Close("I1", 2));
    std::vector<TaskCheckpoint> checkpoints;
    checkpoints.push_back(task->Collect());
    ASSERT_TRUE(empty.Commit(std::move(checkpoints)).ok());
    task->Stored(bytes_max);

    Fold(*task, Report("I1"));
    EXPECT_EQ(Voids(*task, VoidReason::kDuplicateReport), 1u) << "bytes_max " << bytes_max;
    const auto replayed = NewTask(Onlooker(), kPartition);
    ASSERT_TRUE(FoldAll(*replayed, ledger_).ok());
    EXPECT_EQ(task->digest(), replayed->digest()) << "bytes_max " << bytes_max;
  }
}

TEST_F(TaskTest, AStateOfAnotherSchemaIsReplacedAndNeverRead) {
  Service service = Onlooker();
  auto task = *Open(service);
  Fold(*task, Report("I1"));
  Fold(*task, Close("I1", 1));
  Store(*task);

  service.schema = 2;
  task = *Open(service);
  EXPECT_EQ(task->next(), Offset{0}) << "replays from zero";
  ASSERT_TRUE(FoldUpTo(*task, ledger_, 1).ok());
  EXPECT_EQ(Voids(*task, VoidReason::kDuplicateReport), 0u) << "the old state's incident was read";
  ledger_ = {RecordOf(Report("I1"), TestTime(0)), RecordOf(Report("I2"), TestTime(1))};
  ASSERT_TRUE(FoldAll(*task, ledger_).ok());
  Store(*task);
  const Digest digest = task->digest();
  Digest stored;
  store_.Tier(task->id())->Scan("", [&](absl::string_view key, absl::string_view value) {
    stored += HashPair(key, value);
    return true;
  });
  EXPECT_EQ(stored, digest) << "pairs of the old schema are still there";
  task = *Open(service);
  EXPECT_EQ(task->next(), Offset{2});
  EXPECT_EQ(task->digest(), digest);
}

TEST_F(TaskTest, EvictionIsInvisible) {
  const auto all = NewTask(SendAllTo("U1"), kPartition);
  auto task = *Open(SendAllTo("U1"));
  for (int i = 0; i < 40; ++i) {
    const std::string id = absl::StrCat("I", i % 7);
    Fold(*task, i < 7 ? Report(id) : File(id, static_cast<uint32_t>(1 + i / 14)));
    ASSERT_TRUE(FoldAll(*all, ledger_).ok());
    if (i % 3 == 0) Store(*task, 0);
    ASSERT_EQ(task->digest(), all->digest()) << "after " << ledger_.size() << " records";
    ASSERT_EQ(task->pending().size(), all->pending().size());
  }
}

TEST_F(TaskTest, AnUndecodableRecordIsParkedAndCounted) {
  const auto task = NewTask(SendAllTo("U1"), kPartition);
  Fold(*task, Report("I1"));
  Fold(*task, NewRecord{TestTime(70), "", "", "\xff no entry"});
  Fold(*task, File("I1"));
  EXPECT_EQ(task->progress().undecodable, 1u);
  EXPECT_EQ(task->now(), TestTime(70)) << "its timestamp is as good as any";
  EXPECT_EQ(task->pending().size(), 1u) << "the partition goes on";
  std::vector<std::string> letters;
  task->dead_letters().Scan("", [&](const DeadLetterKey& key, const DeadLetter& letter) {
    letters.push_back(absl::StrCat(key.offset.value, ": ", letter.reason));
  });
  EXPECT_THAT(letters, testing::ElementsAre("1: the value is not a gridledger.v1.Entry"));
}

// Letters lie far apart, near each other, and at the edges of what one scan looks at.
TEST_F(TaskTest, DeadLettersAreListedFromAnOffsetOn) {
  const auto task = NewTask(SendAllTo("U1"), kPartition);
  const std::vector<int64_t> letters = {0, 1, 65'535, 65'536, 131'071, 131'072, 1'100'000};
  std::string tick;
  v1::Entry entry;
  entry.set_schema(kEntrySchema);
  entry.mutable_tick();
  entry.SerializeToString(&tick);
  for (int64_t offset = 0; offset <= letters.back(); ++offset) {
    const bool is_letter = std::find(letters.begin(), letters.end(), offset) != letters.end();
    Record record;
    record.partition = kPartition;
    record.offset = Offset{offset};
    record.timestamp = TestTime(70);
    record.value = is_letter ? absl::string_view("\xff no entry") : absl::string_view(tick);
    const absl::Status folded =
        is_letter ? task->Fold(record)
                  : task->FoldEntry(record.offset, record.timestamp, entry, record.value);
    ASSERT_TRUE(folded.ok()) << folded;
  }
  for (const int64_t from : {0, 1, 2, 65'536, 65'537, 131'072, 131'073, 1'100'000, 1'100'001}) {
    std::vector<int64_t> wanted, got;
    for (const int64_t letter : letters) {
      if (letter >= from) wanted.push_back(letter);
    }
    const auto visit = [&](Offset letter, const DeadLetter& said) {
      EXPECT_EQ(said.reason, "the value is not a gridledger.v1.Entry");
      got.push_back(letter.value);
    };
    EXPECT_EQ(task->ScanDeadLetters(Offset{from}, letters.size() + 1, visit), task->next());
    EXPECT_EQ(got, wanted) << from;
    got.clear();
    for (Offset at{from}; at < task->next();) at = task->ScanDeadLetters(at, 1, visit);
    EXPECT_EQ(got, wanted) << from << ", block by block";
  }
}

v1::Entry Retried(int64_t letter, const v1::Entry& meant) {
  v1::Entry entry;
  entry.set_schema(kDeadLetterSchema);
  entry.mutable_dead_letter_retried()->set_offset(letter);
  *entry.mutable_dead_letter_retried()->mutable_entry() = meant;
  return entry;
}

v1::Entry Discarded(int64_t letter) {
  v1::Entry entry;
  entry.set_schema(kDeadLetterSchema);
  entry.mutable_dead_letter_discarded()->set_offset(letter);
  return entry;
}

TEST_F(TaskTest, WhatTheRegistryOrThePolicyCannotTakeIsADeadLetter) {
  const auto task = NewTask(SendAllTo("U1"), kPartition);
  v1::Entry member;
  member.set_schema(kEntrySchema);
  member.mutable_member_registered()->set_unit("U1");
  Fold(*task, member);  // without a code
  v1::Entry policy;
  policy.set_schema(kEntrySchema);
  policy.mutable_policy_activated()->mutable_policy()->set_version(std::string(257, 'v'));
  Fold(*task, policy);
  member.mutable_member_registered()->set_member("m1");
  Fold(*task, member);
  EXPECT_EQ(task->progress().undecodable, 2u);
  EXPECT_EQ(task->incidents().policy.now().version(), "");
  EXPECT_EQ(task->incidents().registry.members.size(), 1u);
  std::vector<std::string> letters;
  task->dead_letters().Scan("", [&](const DeadLetterKey& key, const DeadLetter& letter) {
    letters.push_back(absl::StrCat(key.offset.value, ": ", letter.reason));
  });
  EXPECT_THAT(letters, testing::ElementsAre("0: a member without a code",
                                            "1: Policy.version is longer than 256 bytes"));
  // Who sees to it says what it should have been.
  member.mutable_member_registered()->set_member("m2");
  Fold(*task, Retried(0, member));
  EXPECT_EQ(task->incidents().registry.members.size(), 2u);
}

TEST_F(TaskTest, ADeadLetterIsRetriedOnceAsWhatItWasMeantToBe) {
  const auto task = NewTask(SendAllTo("U1"), kPartition);
  Fold(*task, Report("I1"));
  Fold(*task, NewRecord{TestTime(70), "", "", "\xff no entry"});
  EXPECT_EQ(task->FindResolution(Offset{1}), nullptr);
  Fold(*task, Retried(1, File("I1")));
  ASSERT_NE(task->FindResolution(Offset{1}), nullptr);
  EXPECT_TRUE(task->FindResolution(Offset{1})->retried);
  EXPECT_EQ(task->FindResolution(Offset{1})->by, Offset{2});
  EXPECT_EQ(task->incidents().incidents.Find("I1")->phase, incident::Phase::kFiled);
  ASSERT_EQ(task->pending().size(), 1u) << "what it meant is decided on";
  EXPECT_EQ(task->pending().front().cause, Offset{2});
  // Neither again, nor away.
  Fold(*task, Retried(1, Report("I2")));
  Fold(*task, Discarded(1));
  EXPECT_EQ(task->incidents().incidents.Find("I2"), nullptr);
  EXPECT_EQ(task->resolution_counts().retried, 1u);
  EXPECT_EQ(task->resolution_counts().discarded, 0u);
  EXPECT_EQ(task->resolution_counts().void_entries, 2u);
}

TEST_F(TaskTest, ADeadLetterThatWasDiscardedStaysSo) {
  const auto task = NewTask(SendAllTo("U1"), kPartition);
  Fold(*task, NewRecord{TestTime(70), "", "", "\xff no entry"});
  Fold(*task, Discarded(0));
  EXPECT_FALSE(task->FindResolution(Offset{0})->retried);
  Fold(*task, Retried(0, Report("I1")));
  EXPECT_EQ(task->incidents().incidents.Find("I1"), nullptr);
  EXPECT_EQ(task->resolution_counts().discarded, 1u);
  EXPECT_EQ(task->resolution_counts().void_entries, 1u);
}

TEST_F(TaskTest, OnlyALetterIsRetriedAndOnlyAsAFactOrARegistryEntry) {
  const auto task = NewTask(SendAllTo("U1"), kPartition);
  Fold(*task, Report("I1"));
  Fold(*task, NewRecord{TestTime(70), "", "", "\xff no entry"});
  Fold(*task, Retried(0, File("I1")));   // a record that was read
  Fold(*task, Retried(99, File("I1")));  // none yet
  v1::Entry tick;
  tick.set_schema(kEntrySchema);
  tick.mutable_tick();
  Fold(*task, Retried(1, tick));
  Fold(*task, Retried(1, Discarded(1)));
  v1::Entry imported = File("I1");
  imported.mutable_source()->set_source("a source");
  Fold(*task, Retried(1, imported));
  EXPECT_EQ(task->FindResolution(Offset{1}), nullptr) << "it waits still";
  EXPECT_EQ(task->incidents().incidents.Find("I1")->phase, incident::Phase::kReported);
  EXPECT_EQ(task->resolution_counts().void_entries, 5u);
}

TEST_F(TaskTest, WhatBecameOfALetterIsInTheCheckpoint) {
  auto task = *Open(SendAllTo("U1"));
  Fold(*task, NewRecord{TestTime(70), "", "", "\xff no entry"});
  Fold(*task, NewRecord{TestTime(71), "", "", "\xfe nor this"});
  Store(*task, 0);
  Fold(*task, Retried(0, Report("I1")));
  Store(*task, 0);
  task = *Open(SendAllTo("U1"));
  EXPECT_TRUE(task->FindResolution(Offset{0})->retried);
  EXPECT_EQ(task->FindResolution(Offset{1}), nullptr);
  Fold(*task, Retried(0, Report("I2")));
  EXPECT_EQ(task->resolution_counts().void_entries, 1u);
  Fold(*task, Discarded(1));
  EXPECT_EQ(task->resolution_counts().discarded, 1u);
}

std::string ReasonOf(Task& task, int64_t letter) {
  std::string reason;
  task.dead_letters().Scan("", [&](const DeadLetterKey& key, const DeadLetter& said) {
    if (key.offset.value == letter) reason = said.reason;
  });
  return reason;
}

Service Knowing(uint32_t schema) {
  Service service = SendAllTo("U1");
  service.knows = schema;
  return service;
}

v1::Entry FileAs(uint32_t schema, absl::string_view id = "I1") {
  v1::Entry entry = File(id);
  entry.set_schema(schema);
  return entry;
}

TEST_F(TaskTest, WhatIsNewerThanItsPartitionIsADeadLetter) {
  const auto task = NewTask(SendAllTo("U1"), kPartition);
  Fold(*task, Report("I1"));
  Fold(*task, FileAs(kBaseSchema + 1));
  Fold(*task, NewRecord{TestTime(70), "", "", std::string("\x08\xe7\x24\xa2\x01\x04lamp", 10)});
  Fold(*task, NewRecord{TestTime(71), "", "", std::string("\x08\x09\x12\x02\xff\xff", 6)});
  EXPECT_EQ(ReasonOf(*task, 1), "its schema is 3, and its partition is raised to 2");
  EXPECT_EQ(ReasonOf(*task, 2), "its schema is 4711, and its partition is raised to 2");
  EXPECT_EQ(ReasonOf(*task, 3), "its schema is 9, and its partition is raised to 2");
  EXPECT_EQ(task->progress().undecodable, 3u);
  EXPECT_EQ(task->now(), TestTime(71));
  EXPECT_TRUE(task->pending().empty());
  EXPECT_EQ(task->incidents().incidents.Find("I1")->phase, Phase::kReported);
  Fold(*task, Discarded(2));
  EXPECT_EQ(task->resolution_counts().discarded, 1u);
  Fold(*task, File("I1"));
  EXPECT_EQ(task->pending().size(), 1u) << "the partition goes on";
}

TEST_F(TaskTest, ALetterIsNotRetriedAsWhatIsNewerThanThePartition) {
  const auto task = NewTask(SendAllTo("U1"), kPartition);
  Fold(*task, Report("I1"));
  Fold(*task, FileAs(3));
  Fold(*task, Retried(1, FileAs(3)));
  EXPECT_EQ(task->FindResolution(Offset{1}), nullptr) << "it waits still";
  EXPECT_EQ(task->resolution_counts().void_entries, 1u);
  Fold(*task, RaiseSchema(kPartition, 2, "all know it"));
  Fold(*task, Retried(1, FileAs(3)));
  EXPECT_TRUE(task->FindResolution(Offset{1})->retried) << "it was only too new";
  EXPECT_EQ(task->pending().size(), 1u);
}

TEST_F(TaskTest, AnEntryOfItsOwnRaisesTheSchema) {
  const auto task = NewTask(Knowing(4), kPartition);
  Fold(*task, Report("I1"));
  Fold(*task, Report("I2"));
  Fold(*task, RaiseSchema(kPartition, 2, "all know it"));
  EXPECT_EQ(task->schema(), 3u);
  EXPECT_EQ(task->schema_state().raised_by, Offset{2});
  Fold(*task, FileAs(3));
  EXPECT_EQ(task->pending().size(), 1u);
  Fold(*task, RaiseSchema(kPartition, 2, "somebody else at the same time"));
  EXPECT_EQ(task->schema(), 3u);
  EXPECT_EQ(task->schema_state().void_entries, 1u);
  Fold(*task, FileAs(4, "I2"));
  Fold(*task, RaiseSchema(kPartition, 4, "two at once"));
  Fold(*task, RaiseSchema(Partition{kPartition.value + 1}, 3, "another's"));
  EXPECT_EQ(task->progress().undecodable, 3u);
  Fold(*task, RaiseSchema(kPartition, 3, "all know this, too"));
  EXPECT_EQ(task->schema(), 4u);
  EXPECT_EQ(task->schema_state().void_entries, 1u);
  EXPECT_EQ(task->incidents().incidents.Find("I2")->phase, Phase::kReported);
}

TEST_F(TaskTest, AProgramThatKnowsLessStopsWhereThePartitionIsRaised) {
  const auto knows_more = NewTask(Knowing(4), kPartition);
  const auto task = NewTask(Knowing(3), kPartition);
  Fold(*task, Report("I1"));
  Fold(*task, RaiseSchema(kPartition, 2, "all know it"));
  const Digest digest = task->digest();
  const absl::Time now = task->now();
  Fold(*knows_more, RaiseSchema(kPartition, 3, "not all of them know it"));
  EXPECT_EQ(knows_more->schema(), 4u);
  const absl::Status status = FoldAll(*task, ledger_);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(status.message(),
            "dispatch/3@2: the partition is raised to schema 4 here, this program knows up to 3: "
            "run a newer one on it");
  EXPECT_EQ(task->next(), Offset{2});
  EXPECT_EQ(task->now(), now);
  EXPECT_EQ(task->digest(), digest);
}

TEST_F(TaskTest, AProgramThatKnowsLessDoesNotGoOnFromTheStateOfOneThatKnowsMore) {
  auto task = *Open(Knowing(4));
  Fold(*task, Report("I1"));
  Fold(*task, RaiseSchema(kPartition, 2, "all know it"));
  Fold(*task, RaiseSchema(kPartition, 3, "all know it"));
  Fold(*task, Report("I2"));
  Store(*task, 0);
  task = *Open(Knowing(4));
  EXPECT_EQ(task->schema(), 4u);
  EXPECT_TRUE(task->CheckKnown().ok());
  task = *Open(Knowing(3));
  EXPECT_EQ(task->CheckKnown().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(task->CheckKnown().message()), HasSubstr("dispatch/3@2: "));
  ledger_.push_back(RecordOf(File("I1"), TestTime(9)));
  EXPECT_EQ(FoldAll(*task, ledger_).code(), absl::StatusCode::kFailedPrecondition);
  ledger_.back() = NewRecord{TestTime(9), "", "", "\xff no entry"};
  EXPECT_EQ(FoldAll(*task, ledger_).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(task->next(), Offset{4});
}

// What every build may fold has one digest, whatever each of them could read beyond it.
TEST_F(TaskTest, WhatAProgramKnowsDoesNotMoveTheDigestOfAPartitionThatHasLess) {
  const auto older = NewTask(Knowing(2), kPartition);
  const auto newer = NewTask(Knowing(9), kPartition);
  Fold(*older, Report("I1"));
  Fold(*older, FileAs(3));
  Fold(*older, FileAs(9));
  Fold(*older, RaiseSchema(kPartition, 8, "from where it does not stand"));
  Fold(*older, NewRecord{TestTime(9), "", "", std::string("\x08\x09\x12\x02\xff\xff", 6)});
  ASSERT_TRUE(FoldAll(*newer, ledger_).ok());
  EXPECT_EQ(older->progress().undecodable, 4u);
  EXPECT_EQ(older->digest(), newer->digest());
}

TEST_F(TaskTest, AStateThatCannotBeReadStopsTheTask) {
  auto task = *Open(Onlooker());
  Fold(*task, Report("I1"));
  Store(*task, 0);
  task = *Open(Onlooker());
  store_.FailReads(absl::DataLossError("a torn block"));
  ledger_.push_back(RecordOf(File("I1"), TestTime(1)));
  EXPECT_EQ(FoldAll(*task, ledger_).code(), absl::StatusCode::kDataLoss);
  // And stays stopped: also at a record that reads nothing.
  ledger_.push_back(NewRecord{TestTime(2), "", "", "\xff no entry"});
  EXPECT_EQ(FoldAll(*task, ledger_).code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(Open(Onlooker()).status().code(), absl::StatusCode::kDataLoss);
}

TEST_F(TaskTest, ACheckpointThatDoesNotParseSaysWhatToDo) {
  TaskCheckpoint damaged;
  {
    const auto task = *Open(SendAllTo("U1"));
    Fold(*task, Report("I1"));
    damaged = task->Collect();
  }
  damaged.pairs.Put(absl::string_view("\0 no decision", 13), "");
  std::vector<TaskCheckpoint> checkpoints;
  checkpoints.push_back(std::move(damaged));
  ASSERT_TRUE(store_.Commit(std::move(checkpoints)).ok());
  const absl::Status status = Open(SendAllTo("U1")).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()), HasSubstr("dispatch/3@1 does not parse: remove"));
}

TEST_F(TaskTest, TimeIsTheRunningMaximum) {
  const auto task = NewTask(Onlooker(), kPartition);
  Fold(*task, RecordOf(Report("I1"), TestTime(50)));
  Fold(*task, RecordOf(Report("I2"), TestTime(20)));
  EXPECT_EQ(task->now(), TestTime(50));
  EXPECT_EQ(task->incidents().incidents.Find(IncidentId("I2"))->reported_at, TestTime(50));
}

TEST_F(TaskTest, ASourcesMarkNeverGoesBack) {
  const auto from_row = [](uint64_t row, int64_t at_ms) {
    v1::Entry entry = Report(absl::StrCat("R", row));
    entry.mutable_source()->set_source("city#1");
    entry.mutable_source()->set_row(row);
    entry.mutable_source()->set_at_ms(at_ms);
    return entry;
  };
  const auto task = NewTask(Onlooker(), kPartition);
  EXPECT_EQ(task->Mark(SourceName("city#1")), nullptr);
  Fold(*task, from_row(7, 1000));
  Fold(*task, from_row(3, 2000));
  Fold(*task, from_row(7, 1000));  // delivered once more
  const SourceMark* mark = task->Mark(SourceName("city#1"));
  ASSERT_NE(mark, nullptr);
  EXPECT_EQ(mark->at_ms, 2000);
  EXPECT_EQ(mark->row, 3u);
  EXPECT_EQ(mark->entries, 3u);
}

TEST_F(TaskTest, AStateIsOfOneLogOnly) {
  MemoryLog log(MemoryLogOptions{4, 0, {}, false});
  const auto append = [](MemoryLog& to, const v1::Entry& entry) {
    ASSERT_TRUE(to.AppendAndWait(kPartition, {RecordOf(entry, TestTime(0))}).ok());
  };
  const auto task = NewTask(Onlooker(), kPartition);
  EXPECT_TRUE(CheckSameLog(&log, *task).ok()) << "a task at 0 is of any log";
  Fold(*task, Report("I1"));
  Fold(*task, Report("I2"));
  append(log, Report("I1"));
  EXPECT_EQ(CheckSameLog(&log, *task).code(), absl::StatusCode::kDataLoss) << "cut by one";
  append(log, Report("I3"));
  EXPECT_EQ(CheckSameLog(&log, *task).code(), absl::StatusCode::kDataLoss) << "and grown again";

  MemoryLog same(MemoryLogOptions{4, 0, {}, false});
  append(same, Report("I1"));
  append(same, Report("I2"));
  EXPECT_TRUE(CheckSameLog(&same, *task).ok());
  append(same, Report("I3"));
  EXPECT_TRUE(CheckSameLog(&same, *task).ok()) << "what came later does not matter";
  MemoryLog empty(MemoryLogOptions{4, 0, {}, false});
  EXPECT_EQ(CheckSameLog(&empty, *task).code(), absl::StatusCode::kDataLoss);
}

// The marks that end transactions take places of a cluster's log, and of its copies.
TEST_F(TaskTest, APlaceWithoutARecordIsPassedAndChangesNothingElse) {
  Ledger ledger = {RecordOf(Report("I1"), TestTime(0)), RecordOf(Report("I2"), TestTime(1000))};
  Ledger marked = ledger;
  NewRecord nothing;
  nothing.kind = PlaceKind::kNothing;
  nothing.timestamp = TestTime(5000);
  marked.insert(marked.begin() + 1, nothing);
  marked.push_back(nothing);
  const auto task = NewTask(SendAllTo("unit"), kPartition);
  ASSERT_TRUE(FoldAll(*task, marked).ok());
  EXPECT_EQ(task->next(), Offset{4});
  EXPECT_EQ(task->now(), TestTime(1000)) << "it has no time of its own";
  EXPECT_EQ(task->progress().undecodable, 0u);
  EXPECT_EQ(task->place_counts().without_record, 2u);
  EXPECT_TRUE(task->FoldedLast(""));
  EXPECT_EQ(task->incidents().counts.Get().incidents, 2u);

  const auto plain = NewTask(SendAllTo("unit"), kPartition);
  ASSERT_TRUE(FoldAll(*plain, ledger).ok());
  EXPECT_EQ(plain->place_counts().without_record, 0u);
}

TEST_F(TaskTest, AStateThatStandsBehindAPlaceWithoutARecordIsOfItsLog) {
  MemoryLog log(MemoryLogOptions{4, 0, {}, false});
  NewRecord nothing;
  nothing.kind = PlaceKind::kNothing;
  ASSERT_TRUE(log.AppendAndWait(kPartition, {RecordOf(Report("I1"), TestTime(0)), nothing}).ok());
  const auto task = NewTask(Onlooker(), kPartition);
  ASSERT_TRUE(FoldAll(*task, ReadLedger(log, kPartition)).ok());
  EXPECT_TRUE(CheckSameLog(&log, *task).ok());
  MemoryLog other(MemoryLogOptions{4, 0, {}, false});
  ASSERT_TRUE(other
                  .AppendAndWait(kPartition, {RecordOf(Report("I1"), TestTime(0)),
                                              RecordOf(Report("I2"), TestTime(0))})
                  .ok());
  EXPECT_EQ(CheckSameLog(&other, *task).code(), absl::StatusCode::kDataLoss);
}

TEST_F(TaskTest, WhatStandsForALostRecordIsADeadLetter) {
  v1::Entry lost;
  lost.set_schema(kEntrySchema);
  lost.mutable_place_lost()->set_damage("checksum");
  const Ledger ledger = {RecordOf(Report("I1"), TestTime(0)), RecordOf(lost, TestTime(0))};
  const auto task = NewTask(Onlooker(), kPartition);
  ASSERT_TRUE(FoldAll(*task, ledger).ok());
  EXPECT_EQ(task->progress().undecodable, 1u);
  std::string reason;
  task->ScanDeadLetters(Offset{0}, 10, [&](Offset at, const DeadLetter& letter) {
    EXPECT_EQ(at, Offset{1});
    reason = letter.reason;
  });
  EXPECT_EQ(reason, "the record was lost before the ledger was copied: checksum");
}

// Whose causes are settled is kept by name: names that nobody decides under leave nothing.
TEST_F(TaskTest, ADecisionOfAServiceThatDoesNotDecideIsVoid) {
  const auto task = NewTask(SendAllTo("U1"), kPartition);
  Fold(*task, Report("I1"));
  Fold(*task, File("I1"));
  size_t first = 0;
  for (int i = 0; i < 1000; ++i) {
    v1::Entry entry = DecisionOn(1, "U2");
    entry.mutable_decision()->set_service(absl::StrCat("a service of a long name, no. ", i));
    Fold(*task, entry);
    if (i == 0) first = task->resident_bytes();  // with the count of what is void so
  }
  EXPECT_EQ(Voids(*task, VoidReason::kUnknownService), 1000u);
  EXPECT_EQ(Voids(*task, VoidReason::kDuplicateDecision), 0u);
  EXPECT_EQ(task->progress().decisions_void, 1000u);
  EXPECT_EQ(task->Settled(ServiceName("a service of a long name, no. 1")), Offset{-1});
  EXPECT_EQ(task->resident_bytes(), first);
  EXPECT_EQ(task->incidents().incidents.Find(IncidentId("I1"))->unit, UnitCode());
  ASSERT_EQ(task->pending().size(), 1u) << "and what is decided goes on";
  Fold(*task, Answer(*task));
  EXPECT_EQ(task->incidents().incidents.Find(IncidentId("I1"))->unit, UnitCode("U1"));
}

TEST_F(TaskTest, SourcesLeaveMemoryAndAreFoundAgain) {
  auto task = *Open(Onlooker());
  const size_t empty = task->resident_bytes();
  const auto name = [](int i) { return absl::StrCat("somebody's source, round ", i); };
  for (int i = 0; i < 1000; ++i) {
    v1::Entry entry = Close("nobody", 1);
    entry.mutable_source()->set_source(name(i));
    entry.mutable_source()->set_row(5);
    entry.mutable_fact()->clear_incident_id();
    Fold(*task, entry);
  }
  Store(*task, 0);
  EXPECT_LE(task->resident_bytes(), empty + 1000);
  EXPECT_EQ(task->Mark(SourceName(name(7)))->row, 5u);
  int marks = 0;
  task->EachMark([&](const SourceName&, const SourceMark&) { ++marks; });
  EXPECT_EQ(marks, 1000);
  const auto all = NewTask(Onlooker(), kPartition);
  ASSERT_TRUE(FoldAll(*all, ledger_).ok());
  EXPECT_EQ(all->digest(), task->digest());
}

// A hundred bytes may ask for a pair of two hundred thousand: all that waits for one report.
TEST_F(TaskTest, WhatRecordsOnlyAskForDoesNotPileUp) {
  auto task = *Open(Onlooker());
  for (int i = 0; i < 50; ++i) {
    for (int j = 0; j < incident::kAwaitingMax; ++j) Fold(*task, LongFactOn(absl::StrCat("I", i)));
  }
  EXPECT_GE(task->resident_bytes(), 50u * incident::kAwaitingMax * 3'000);
  Store(*task, 0);
  task->set_loaded_bytes_max(300'000);
  for (int i = 0; i < 50; ++i) {
    Fold(*task, Close(absl::StrCat("I", i), 2));  // one too many: void
    EXPECT_LE(task->resident_bytes(), 700'000u);
    EXPECT_EQ(task->dirty(), 2u)
        << "the counts and the position, and nothing that was only asked for";
  }
  EXPECT_EQ(Voids(*task, VoidReason::kAwaitingFull), 50u);
}

// The log would refuse it for ever, and nothing behind it would come through.
TEST_F(TaskTest, ADecisionThatNoRecordHoldsIsNotMade) {
  const auto task = NewTask(SendAllTo(std::string(kRecordBytesMax, 'u')), kPartition);
  Fold(*task, Report("I1"));
  Fold(*task, File("I1"));
  EXPECT_TRUE(task->pending().empty());
  EXPECT_EQ(task->decisions_too_large(), 1);
  Fold(*task, Close("I1", 2));
  EXPECT_EQ(task->incidents().incidents.Find(IncidentId("I1"))->phase, Phase::kClosed);
}

}  // namespace
}  // namespace gridledger::engine
