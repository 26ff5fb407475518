// The laws of the engine, each as a property of histories that RapidCheck draws. A failure prints
// the smallest history that it found, and what to put into RC_PARAMS to see it again.
#include <absl/container/btree_map.h>
#include <absl/strings/str_cat.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <iterator>
#include <limits>
#include <map>
#include <ostream>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "services/base/layout.h"
#include "services/domain/incident/limits.h"
#include "services/runtime/adapters/memory/memory_state_store.h"
#include "services/runtime/engine/entry_codec.h"
#include "services/runtime/engine/entry_window.h"
#include "services/runtime/host/subjects.h"
#include "tests/support/live_simulation.h"
#include "tests/support/small_services.h"
#include "tests/support/story.h"

namespace gridledger {
namespace {

constexpr Partition kPartition{0};
constexpr absl::Duration kRest = absl::Hours(24 * 12);  // every ladder has been climbed by then

const std::vector<engine::Service>& Services() { return host::AllServices(); }

// Long enough that most incidents live some while.
Deeds Draw() { return *rc::gen::scale(1.5, AnyDeeds()); }
Ledger DrawLedger() { return PlayLockStep(Services(), Draw(), kRest); }
// With a case that is reported and filed before all else: there is something to decide in each.
Deeds DrawAfterACase() {
  Deeds deeds = Draw();
  deeds.insert(deeds.begin(), {Deed{0, 1, 0, 0, 5}, Deed{0, 13, 1, 1, 9}});
  return deeds;
}

// A property that is about some of the histories only: `property` answers whether it met one. When
// none was met, nothing was shown.
template <class Property>
void CheckSome(absl::string_view kind, Property property) {
  int met = 0;
  rc::detail::checkGTest([&] { met += property() ? 1 : 0; });
  EXPECT_GT(met, 0) << "not one history " << kind;
}

v1::Entry EntryOf(const NewRecord& record) {
  v1::Entry entry;
  RC_ASSERT(engine::DecodeEntry(record.value, &entry).ok());
  return entry;
}

std::vector<Digest> FoldFromZero(const Ledger& ledger) {
  std::vector<Digest> digests;
  for (const engine::Service& service : Services()) {
    const auto task = NewTask(service, kPartition);
    RC_ASSERT(FoldAll(*task, ledger).ok());
    digests.push_back(task->digest());
  }
  return digests;
}

LiveSimulationOptions Rough(uint64_t seed, int owners) {
  LiveSimulationOptions options;
  options.seed = seed;
  options.owners = owners;
  options.crashes_per_mille = 20;
  options.faults = {
      .append_lost = 60, .append_unanswered = 60, .append_delayed = 600, .batch_short = 300};
  return options;
}

// What is pending, as text that tells cause from cause and decision from decision.
std::string PendingText(engine::Task& task) {
  std::string text;
  for (const engine::PendingDecision& pending : PendingOf(task)) {
    absl::StrAppend(&text, pending.cause.value, "#", Fingerprint(pending.value), " ");
  }
  return text;
}

// A ledger folded from zero by one service: what it came to at each offset.
struct Replayed {
  std::vector<Digest> digests;
  std::vector<std::string> pending;
};
Replayed Replay(const engine::Service& service, const Ledger& ledger) {
  Replayed replayed;
  const auto task = NewTask(service, kPartition);
  for (size_t i = 0; i <= ledger.size(); ++i) {
    RC_ASSERT(FoldUpTo(*task, ledger, i).ok());
    replayed.digests.push_back(task->digest());
    replayed.pending.push_back(PendingText(*task));
  }
  return replayed;
}

// Wherever an owner stood, alive or dead by now, it had the digest that a replay from zero has
// there; and so it goes on from every checkpoint that was kept, with the same decisions pending.
// Answers with how many of the checkpoints had some.
int CheckReplays(const std::vector<engine::Service>& services, LiveSimulation& live,
                 const Ledger& ledger) {
  std::vector<Replayed> replayed;
  for (const engine::Service& service : services) replayed.push_back(Replay(service, ledger));
  std::set<std::pair<size_t, size_t>> at_the_end;
  for (const Standing& one : live.standings()) {
    const size_t at = static_cast<size_t>(one.next.value);
    RC_ASSERT(at <= ledger.size());
    RC_ASSERT(one.digest == replayed[one.service].digests[at]);
    if (at == ledger.size()) at_the_end.emplace(one.owner, one.service);
  }
  RC_ASSERT(at_the_end.size() == services.size() * static_cast<size_t>(live.owners()));
  int with_pending = 0;
  for (const auto& store : live.OpenCheckpoints()) {
    for (size_t s = 0; s < services.size(); ++s) {
      const auto task = *engine::Task::Open(services[s], kPartition, store.get(), "test");
      const size_t at = static_cast<size_t>(task->next().value);
      RC_ASSERT(at <= ledger.size());
      RC_ASSERT(task->digest() == replayed[s].digests[at]);
      RC_ASSERT(PendingText(*task) == replayed[s].pending[at]);
      with_pending += task->pending().empty() ? 0 : 1;
      RC_ASSERT(FoldAll(*task, ledger).ok());
      RC_ASSERT(task->digest() == replayed[s].digests.back());
      RC_ASSERT(task->pending().empty());
    }
  }
  return with_pending;
}

// What every ledger must keep, however it came to be: of each service's decisions, those that count
// are just the ones that a task makes which folds alone, in cause order, and none is left out.
void CheckDecisions(const Ledger& ledger) {
  for (const engine::Service& service : Services()) {
    const auto task = NewTask(service, kPartition);
    for (size_t i = 0; i < ledger.size(); ++i) {
      const v1::Entry entry = EntryOf(ledger[i]);
      const v1::Decision& decision = entry.decision();
      const Offset cause{decision.cause()};
      if (entry.has_decision() && decision.service() == service.name.text() &&
          cause > task->Settled(service.name)) {
        RC_ASSERT(!task->pending().empty());
        RC_ASSERT(task->pending().front().cause == cause);
        RC_ASSERT(task->pending().front().value == ledger[i].value);
      }
      RC_ASSERT(FoldUpTo(*task, ledger, i + 1).ok());
    }
    RC_ASSERT(task->pending().empty());
  }
}

// ---- L1: a state is a function of the prefix ----------------------------------------------------

// One task has never seen more than the prefix. The other sees what follows a few records ahead, as
// every reader does, and folds it while the checkpoint of the cut is still being collected.
RC_GTEST_PROP(L1Prefix, StateAtAnOffsetDoesNotHangOnWhatFollows, ()) {
  const Ledger ledger = DrawLedger();
  const size_t cut = *rc::gen::inRange<size_t>(1, ledger.size());
  std::vector<Record> records;
  for (size_t i = 0; i < ledger.size(); ++i) records.push_back(At(ledger, kPartition, i));
  for (const engine::Service& service : Services()) {
    const auto alone = NewTask(service, kPartition);
    RC_ASSERT(FoldUpTo(*alone, ledger, cut).ok());
    const Digest at_cut = alone->digest();

    MemoryStateStore store;
    auto task = *engine::Task::Open(service, kPartition, &store, "test");
    std::vector<TaskCheckpoint> checkpoints;
    const auto collect = [&](size_t most) {
      if (!task->collecting()) return;
      if (auto one = task->CollectSome(&most)) checkpoints.push_back(*std::move(one));
    };
    engine::EntryWindow window;
    window.Walk(
        records,
        [&](const Record&, const v1::Entry& entry, engine::Ahead ahead) {
          task->Expect(entry, ahead);
        },
        [&](const Record& record, const v1::Entry* entry) {
          if (record.offset.value == static_cast<int64_t>(cut)) {
            RC_ASSERT(task->digest() == at_cut);
            task->BeginCollect();
          }
          RC_ASSERT(entry != nullptr);
          RC_ASSERT(task->FoldEntry(record.offset, record.timestamp, *entry, record.value).ok());
          collect(*rc::gen::inRange<size_t>(0, 3));
          return true;
        });
    collect(std::numeric_limits<size_t>::max());
    const Digest at_end = task->digest();
    RC_ASSERT(at_end != at_cut);  // what follows is something

    RC_ASSERT(checkpoints.size() == 1u);
    RC_ASSERT(checkpoints[0].checkpoint.digest == at_cut);
    RC_ASSERT(store.Commit(std::move(checkpoints)).ok());
    task = *engine::Task::Open(service, kPartition, &store, "test");
    RC_ASSERT(task->next().value == static_cast<int64_t>(cut));
    RC_ASSERT(task->digest() == at_cut);
    RC_ASSERT(PendingText(*task) == PendingText(*alone));
    RC_ASSERT(FoldAll(*task, ledger).ok());
    RC_ASSERT(task->digest() == at_end);
  }
}

RC_GTEST_PROP(L1Prefix, WhatHappensToBeInMemoryDoesNotMatter, ()) {
  const Ledger ledger = DrawLedger();
  const std::vector<Digest> expected = FoldFromZero(ledger);
  for (size_t s = 0; s < Services().size(); ++s) {
    MemoryStateStore store;
    auto task = *engine::Task::Open(Services()[s], kPartition, &store, "test");
    size_t at = 0;
    while (at < ledger.size()) {
      at = std::min(ledger.size(), at + *rc::gen::inRange<size_t>(1, 40));
      RC_ASSERT(FoldUpTo(*task, ledger, at).ok());
      std::vector<TaskCheckpoint> checkpoint;
      checkpoint.push_back(task->Collect());
      RC_ASSERT(store.Commit(std::move(checkpoint)).ok());
      task->Stored(*rc::gen::element<size_t>(0, size_t{1} << 30));
      // A task that opens here goes on as the one that has been there all along.
      if (*rc::gen::arbitrary<bool>()) {
        task = *engine::Task::Open(Services()[s], kPartition, &store, "test");
      }
    }
    RC_ASSERT(task->digest() == expected[s]);
  }
}

// ---- L2: the log is the arbiter -----------------------------------------------------------------

RC_GTEST_PROP(L2Arbiter, VoidFactsChangeNothingButTheirCount, ()) {
  Deeds deeds = Draw();
  // A report, and one more of the same incident: something is void in each history.
  deeds.insert(deeds.begin(), {Deed{0, 1, 0, 0, 5}, Deed{0, 0, 0, 0, 5}});
  const Ledger ledger = PlayLockStep(Services(), deeds, kRest);
  // What the fold says of each fact as it takes it, beside what it counts.
  std::map<incident::VoidReason, uint64_t> seen;
  std::vector<incident::Verdict> verdicts;  // of the record being folded
  const auto task = NewTask(Observer([&](const incident::Change& change) {
                              verdicts.push_back(change.verdict);
                              if (change.verdict == incident::Verdict::kVoid) ++seen[change.reason];
                            }),
                            kPartition);
  // Without what is void. Offsets move, and so do the causes of the decisions.
  Ledger applied;
  std::vector<int64_t> moved;  // where a record stands in it; of one that is void, the one before
  for (size_t i = 0; i < ledger.size(); ++i) {
    verdicts.clear();
    RC_ASSERT(FoldUpTo(*task, ledger, i + 1).ok());
    const incident::Counts& counted = task->incidents().counts.Get();
    for (int number = 0; number < incident::kVoidReasons; ++number) {
      const auto reason = static_cast<incident::VoidReason>(number);
      RC_ASSERT(counted.Voids(reason) == seen[reason]);
    }
    // A report that counts may release facts that are void: it is not itself, and comes first.
    const bool is_void =
        EntryOf(ledger[i]).has_fact() && verdicts.at(0) == incident::Verdict::kVoid;
    if (!is_void) {
      applied.push_back(ledger[i]);
      v1::Entry entry = EntryOf(ledger[i]);
      if (entry.has_decision()) {
        const auto cause = static_cast<size_t>(entry.decision().cause());
        entry.mutable_decision()->set_cause(moved.at(cause));
        applied.back().value = entry.SerializeAsString();
      }
    }
    moved.push_back(static_cast<int64_t>(applied.size()) - 1);
  }
  RC_ASSERT(applied.size() < ledger.size());
  RC_ASSERT(Outcome(applied) == Outcome(ledger));
}

RC_GTEST_PROP(L2Arbiter, AFactOfAnotherStageChangesNothing, ()) {
  Deeds deeds = Draw();
  // A report, and a fact of a stage that its incident has never reached.
  deeds.insert(deeds.begin(), {Deed{0, 1, 0, 0, 5}, Deed{0, 0, 7, 0, 5}});
  const Ledger ledger = PlayLockStep(Services(), deeds, kRest);
  const auto task = NewTask(Onlooker(), kPartition);
  const auto bytes_of = [&](const std::string& id) {
    const incident::Incident* found = task->incidents().incidents.Find(IncidentId(id));
    std::string bytes;
    if (found != nullptr) AppendLayout(*found, &bytes);
    return bytes;
  };
  int others = 0;
  for (size_t i = 0; i < ledger.size(); ++i) {
    const v1::Entry entry = EntryOf(ledger[i]);
    const std::string& id = entry.fact().incident_id();
    const std::string before = bytes_of(id);
    const Stage stage = incident::PresentStage(task->incidents(), IncidentId(id));
    RC_ASSERT(FoldUpTo(*task, ledger, i + 1).ok());
    if (!entry.has_fact() || before.empty() || entry.fact().stage() == stage.value) continue;
    RC_ASSERT(bytes_of(id) == before);
    ++others;
  }
  RC_ASSERT(others > 0);
}

// ---- L3: a decision is one record, in cause order, without gaps ---------------------------------

struct Decided {
  Offset cause;
  std::string value;
  friend bool operator==(const Decided&, const Decided&) = default;
};
std::ostream& operator<<(std::ostream& out, const Decided& decided) {
  return out << "@" << decided.cause.value << " #" << Fingerprint(decided.value);
}

// The decisions of a service that count, in ledger order. Every other record of a decision is a
// repetition, to the byte, of one of them.
std::vector<Decided> Counting(const Ledger& ledger, absl::string_view service) {
  std::vector<Decided> counting;
  for (size_t i = 0; i < ledger.size(); ++i) {
    const v1::Entry entry = EntryOf(ledger[i]);
    if (entry.decision().service() != std::string(service)) continue;
    const Decided found{Offset{entry.decision().cause()}, ledger[i].value};
    RC_ASSERT(found.cause.value >= 0 && found.cause.value < static_cast<int64_t>(i));
    if (counting.empty() || found.cause > counting.back().cause) {
      counting.push_back(found);
    } else {
      RC_ASSERT(std::find(counting.begin(), counting.end(), found) != counting.end());
    }
  }
  return counting;
}

RC_GTEST_PROP(L3Decisions, AreOneRecordEachInCauseOrderWithoutGaps, ()) {
  std::vector<engine::Service> services = Services();
  services.push_back(Echoes());
  const Ledger story = PlayLockStep(Services(), Draw(), kRest);
  const int owners = *rc::gen::element(1, 2);
  LiveSimulation live(services, Rough(*rc::gen::arbitrary<uint32_t>(), owners));
  const Ledger ledger = live.Play(InputsOf(story), kRest);
  RC_TAG(owners == 1 ? "one owner" : "two owners");
  for (const engine::Service& service : services) {
    // What there is to decide: whatever one that folds alone thinks of at each offset.
    std::vector<Decided> expected;
    const auto task = NewTask(service, kPartition);
    for (size_t i = 0; i < ledger.size(); ++i) {
      RC_ASSERT(FoldUpTo(*task, ledger, i + 1).ok());
      const engine::PendingDecision* newest =
          task->pending().FindNew(Offset{static_cast<int64_t>(i)});
      if (newest != nullptr) {
        expected.push_back(Decided{newest->cause, newest->value});
      }
    }
    RC_ASSERT(Counting(ledger, service.name.text()) == expected);
  }
  // And of one service by what it is for, without asking it.
  std::vector<Offset> reports;
  const auto task = NewTask(Onlooker(), kPartition);
  for (size_t i = 0; i < ledger.size(); ++i) {
    const uint64_t before = task->incidents().counts.Get().incidents;
    RC_ASSERT(FoldUpTo(*task, ledger, i + 1).ok());
    if (task->incidents().counts.Get().incidents == before) continue;
    reports.push_back(Offset{static_cast<int64_t>(i)});
  }
  const std::vector<Decided> echoes = Counting(ledger, "recurrence");
  RC_ASSERT(echoes.size() == reports.size());
  for (size_t i = 0; i < echoes.size(); ++i) {
    const v1::Entry decided = EntryOf(NewRecord{{}, "", "", echoes[i].value});
    const v1::Entry cause = EntryOf(ledger[static_cast<size_t>(reports[i].value)]);
    RC_ASSERT(echoes[i].cause == reports[i]);
    RC_ASSERT(decided.decision().facts_size() == 2);
    RC_ASSERT(decided.decision().facts(1).incident_id() == cause.fact().incident_id());
  }
}

// ---- L4: the log is the acknowledgement of a decision -------------------------------------------

RC_GTEST_PROP(L4Settled, ADecisionThatComesAgainChangesNothing, ()) {
  const Ledger ledger = PlayLockStep(Services(), DrawAfterACase(), kRest);
  Ledger again;
  std::vector<NewRecord> waiting;
  for (const NewRecord& record : ledger) {
    const v1::Entry entry = EntryOf(record);
    // A fact from outside is as good at its new offset; but causes are offsets, so only what stands
    // behind the last cause may move. Repetitions go to the end.
    again.push_back(record);
    if (!entry.has_decision()) continue;
    if (waiting.empty() || *rc::gen::arbitrary<bool>()) waiting.push_back(record);
  }
  RC_ASSERT(!waiting.empty());
  for (NewRecord& record : waiting) {
    record.timestamp = ledger.back().timestamp;
    again.push_back(std::move(record));
  }
  RC_ASSERT(Outcome(again) == Outcome(ledger));
  const auto task = NewTask(*host::FindService("dispatch"), kPartition);
  RC_ASSERT(FoldAll(*task, again).ok());
  RC_ASSERT(task->progress().decisions_void == waiting.size());
  uint64_t facts = 0;
  for (size_t i = ledger.size(); i < again.size(); ++i) {
    facts += static_cast<uint64_t>(EntryOf(again[i]).decision().facts_size());
  }
  const auto reason = incident::VoidReason::kDuplicateDecision;
  RC_ASSERT(task->incidents().counts.Get().Voids(reason) == facts);
  RC_ASSERT(task->pending().empty());
}

RC_GTEST_PROP(L4Settled, NewCodeDoesNotDecideAgainWhatOldCodeSettled, ()) {
  const Ledger ledger = PlayLockStep(Services(), DrawAfterACase(), kRest);
  const auto task = NewTask(*host::FindService("dispatch"), kPartition);
  RC_ASSERT(FoldAll(*task, ledger).ok());
  // The same service by a rule that sends every case elsewhere.
  const auto newer = NewTask(SendAllTo("elsewhere"), kPartition);
  RC_ASSERT(FoldAll(*newer, ledger).ok());
  const Offset settled = task->Settled(ServiceName("dispatch"));
  RC_ASSERT(settled.value >= 0);
  RC_ASSERT(newer->Settled(ServiceName("dispatch")) == settled);
  for (const auto& pending : PendingOf(*newer)) RC_ASSERT(pending.cause > settled);
}

RC_GTEST_PROP(L4Settled, RedeliveredInputsMakeNoSecondIncident, ()) {
  const Deeds deeds = DrawAfterACase();
  const Ledger once = PlayLockStep(Services(), deeds, kRest);
  // Every input twice, one right behind the other, in a live run that settles each.
  std::vector<Input> twice;
  for (const Input& input : InputsOf(once)) {
    twice.push_back(input);
    const v1::Entry entry = EntryOf(input.record);
    if (entry.has_fact() && !entry.fact().has_rated()) {
      twice.push_back(Input{absl::ZeroDuration(), input.record});
    }
  }
  LiveSimulation live(Services(), {});
  const Ledger ledger = live.PlaySettled(twice, once.back().timestamp);
  const auto task = NewTask(*host::FindService("dispatch"), kPartition);
  RC_ASSERT(FoldAll(*task, ledger).ok());
  const auto first = NewTask(*host::FindService("dispatch"), kPartition);
  RC_ASSERT(FoldAll(*first, once).ok());
  RC_ASSERT(first->incidents().counts.Get().incidents > 0u);
  RC_ASSERT(task->incidents().counts.Get().incidents == first->incidents().counts.Get().incidents);
}

// ---- L5: a crash anywhere leaves a state that goes on -------------------------------------------

TEST(L5Crash, ACrashAtAnyPointChangesNoLaw) {
  CheckSome("had a crash", [] {
    const Ledger story = PlayLockStep(Services(), Draw(), kRest);
    const uint64_t seed = *rc::gen::arbitrary<uint32_t>();
    LiveSimulation live(Services(), Rough(seed, 1));
    const Ledger ledger = live.Play(InputsOf(story), kRest);
    CheckDecisions(ledger);
    CheckReplays(Services(), live, ledger);
    return live.crashes() > 0;
  });
}

// Every point between two steps of one short history, one after the other.
TEST(L5Crash, AtEachStepOfOneHistory) {
  const Deeds deeds = {{0, 1, 0, 3, 5},  {0, 5, 1, 1, 30}, {1, 1, 0, 0, 5},
                       {0, 9, 2, 2, 60}, {1, 13, 1, 1, 9}, {0, 1, 1, 1, 400}};
  const Ledger story = PlayLockStep(Services(), deeds, kRest);
  const std::vector<Input> inputs = InputsOf(story);
  LiveSimulationOptions options;
  options.faults.append_delayed = 500;
  options.checkpoint_interval = absl::Milliseconds(10);
  // One that has decisions pending at some checkpoint.
  const auto has_pending = [&] {
    LiveSimulation calm(Services(), options);
    return CheckReplays(Services(), calm, calm.Play(inputs, kRest)) > 0;
  };
  for (options.seed = 1; !has_pending(); ++options.seed) {
    ASSERT_LE(options.seed, 50) << "no checkpoint has decisions pending";
  }
  LiveSimulation calm(Services(), options);
  const Ledger undisturbed = calm.Play(inputs, kRest);
  for (int64_t step = 0; step < calm.steps(); ++step) {
    options.crash_before_step = step;
    LiveSimulation live(Services(), options);
    const Ledger ledger = live.Play(inputs, kRest);
    ASSERT_EQ(live.crashes(), 1) << "step " << step;
    SCOPED_TRACE(absl::StrCat("a crash before step ", step));
    CheckDecisions(ledger);
    CheckReplays(Services(), live, ledger);
  }
}

// ---- L6: time is a record -----------------------------------------------------------------------

RC_GTEST_PROP(L6Time, EveryDueTimerFiresOnceAndNotEarly, ()) {
  const std::vector<engine::Service> services = {Alarms(3)};
  const Ledger story = PlayLockStep(services, Draw(), kRest);
  LiveSimulation live(services, Rough(*rc::gen::arbitrary<uint32_t>(), 2));
  const Ledger ledger = live.Play(InputsOf(story), kRest);
  // What is due: each applied report's own deadline.
  absl::btree_map<std::string, int64_t> due;
  const auto task = NewTask(Alarms(3), kPartition);
  for (size_t i = 0; i < ledger.size(); ++i) {
    const uint64_t before = task->incidents().counts.Get().incidents;
    RC_ASSERT(FoldUpTo(*task, ledger, i + 1).ok());
    const v1::Entry entry = EntryOf(ledger[i]);
    if (task->incidents().counts.Get().incidents == before) continue;
    if (entry.fact().reported().due_at_ms() == 0) continue;
    if (entry.fact().reported().due_at_ms() > ToMillis(ledger.back().timestamp)) continue;
    due[entry.fact().incident_id()] = entry.fact().reported().due_at_ms();
  }
  absl::btree_map<std::string, int> fired;
  for (const std::string& told : Fired(task->subject())) {
    const std::string id = told.substr(0, told.find('@'));
    const size_t offset = std::stoul(told.substr(told.find('/') + 1));
    ++fired[id];
    RC_ASSERT(due.contains(id));
    RC_ASSERT(ToMillis(ledger[offset].timestamp) >= due[id]);
  }
  RC_ASSERT(fired.size() == due.size());
  for (const auto& [id, times] : fired) RC_ASSERT(times == 1);
}

RC_GTEST_PROP(L6Time, IsTheRunningMaximumOfTheRecords, ()) {
  Ledger wild = DrawLedger();
  for (NewRecord& record : wild) {
    if (*rc::gen::inRange(0, 3) != 0) continue;
    record.timestamp += absl::Seconds(*rc::gen::inRange(-100'000, 1000));
    if (*rc::gen::inRange(0, 8) == 0) record.value = "\xff";  // unreadable, and yet of its time
  }
  Ledger tame = wild;
  absl::Time now = absl::FromUnixMillis(0);
  for (NewRecord& record : tame) record.timestamp = now = std::max(now, record.timestamp);
  for (const engine::Service& service : Services()) {
    const auto one = NewTask(service, kPartition);
    const auto other = NewTask(service, kPartition);
    for (size_t i = 0; i < wild.size(); ++i) {
      RC_ASSERT(FoldUpTo(*one, wild, i + 1).ok());
      RC_ASSERT(FoldUpTo(*other, tame, i + 1).ok());
      RC_ASSERT(one->now() == tame[i].timestamp);
    }
    RC_ASSERT(one->digest() == other->digest());
    RC_ASSERT(PendingText(*one) == PendingText(*other));
  }
}

// ---- L7: facts are never re-timed ---------------------------------------------------------------

RC_GTEST_PROP(L7Facts, TheSourcesWordForTheTimeMovesNoClock, ()) {
  const Deeds deeds = Draw();
  const Ledger ledger = PlayLockStep(Services(), deeds, kRest);
  Ledger retold = ledger;
  for (NewRecord& record : retold) {
    v1::Entry entry = EntryOf(record);
    // What names no instant that there is, is void; that it must stay.
    if (entry.has_fact() && incident::InstantsFit(entry.fact())) {
      entry.mutable_fact()->set_happened_at_ms(
          *rc::gen::inRange<int64_t>(0, incident::kLatestMs + 1));
      record.value = entry.SerializeAsString();
    }
  }
  RC_ASSERT(Outcome(retold) == Outcome(ledger));
}

// ---- L8: nothing is dropped in silence ----------------------------------------------------------

RC_GTEST_PROP(L8Nothing, WhatCannotBeReadIsCountedAndTheRestGoesOn, ()) {
  const Ledger story = PlayLockStep(Services(), Draw(), kRest);
  std::vector<Input> inputs;
  uint64_t garbage = 0;
  for (const Input& input : InputsOf(story)) {
    inputs.push_back(input);
    if (garbage > 0 && *rc::gen::inRange(0, 4) != 0) continue;
    std::string value = "\xff" + *rc::gen::arbitrary<std::string>();
    if (*rc::gen::arbitrary<bool>()) {
      // Or one that could be read, and is of a schema that nobody raised the partition to.
      v1::Entry newer = EntryOf(input.record);
      newer.set_schema(*rc::gen::inRange<uint32_t>(engine::kBaseSchema + 1, 0xffff'ffff));
      value = newer.SerializeAsString();
    }
    inputs.push_back(Input{absl::ZeroDuration(), NewRecord{{}, "C1", "", std::move(value)}});
    ++garbage;
  }
  RC_ASSERT(garbage > 0u);
  LiveSimulation live(Services(), {});
  Ledger ledger = live.PlaySettled(inputs, story.back().timestamp);
  ledger.push_back(story.back());  // the tick that says how far time has run
  for (const engine::Service& service : Services()) {
    const auto task = NewTask(service, kPartition);
    RC_ASSERT(FoldAll(*task, ledger).ok());
    RC_ASSERT(task->progress().undecodable == garbage);
    uint64_t letters = 0;
    task->dead_letters().Scan("", [&](const auto&, const auto&) { ++letters; });
    RC_ASSERT(letters == garbage);
  }
  RC_ASSERT(Outcome(ledger) == Outcome(story));
}

RC_GTEST_PROP(L8Nothing, EveryFactIsAppliedVoidOrAwaiting, ()) {
  const Ledger ledger = DrawLedger();
  const auto task = NewTask(*host::FindService("audit"), kPartition);
  RC_ASSERT(FoldAll(*task, ledger).ok());
  uint64_t facts = 0;
  for (const NewRecord& record : ledger) {
    const v1::Entry entry = EntryOf(record);
    facts += entry.has_fact() ? 1 : static_cast<uint64_t>(entry.decision().facts_size());
  }
  uint64_t lines = 0;
  for (int i = 0; i < 8; ++i) {
    for (const auto& line :
         audit::Timeline(host::AuditOf(task->subject()), IncidentId(absl::StrCat("I", i)))) {
      lines += line.line.verdict == incident::Verdict::kAwaiting ? 0 : 1;
    }
  }
  const incident::Counts& counts = task->incidents().counts.Get();
  RC_ASSERT(lines + counts.awaiting == facts);
}

RC_GTEST_PROP(L8Nothing, NoCountFallsBelowNothing, ()) {
  const Ledger ledger = DrawLedger();
  const auto task = NewTask(*host::FindService("metrics"), kPartition);
  RC_ASSERT(FoldAll(*task, ledger).ok());
  host::MetricsOf(task->subject())
      .rows.ForEach([](const metrics::RowKey&, const metrics::Row& row) {
        for (const metrics::NamedCount& count : metrics::NamedCounts())
          RC_ASSERT(count.Of(row) >= 0);
      });
}

// What the stories must have in them for the laws to be held to anything: each kind of edge, taken
// by the fold as well as refused.
TEST(Stories, HaveEachRefusalAndEachEdgeInThem) {
  std::map<incident::VoidReason, uint64_t> voids;
  std::set<uint32_t> levels;
  uint64_t latest = 0;
  for (uint64_t seed = 0; seed < 300; ++seed) {
    const Deeds deeds = AnyDeeds()(rc::Random(seed), 100).value();
    const Ledger ledger = PlayLockStep(Services(), deeds, kRest);
    const auto task = NewTask(Observer([&](const incident::Change& change) {
                                if (change.verdict == incident::Verdict::kVoid) {
                                  ++voids[change.reason];
                                } else if (change.fact->has_escalation_raised()) {
                                  levels.insert(change.fact->escalation_raised().level());
                                } else if (change.now != nullptr &&
                                           change.now->due_at == FromMillis(incident::kLatestMs)) {
                                  ++latest;
                                }
                              }),
                              kPartition);
    ASSERT_TRUE(FoldAll(*task, ledger).ok());
  }
  using incident::VoidReason;
  for (const VoidReason reason :
       {VoidReason::kMalformed, VoidReason::kStaleStage, VoidReason::kFutureStage,
        VoidReason::kNotPermitted, VoidReason::kNoSuchLevel, VoidReason::kTooLong,
        VoidReason::kOutOfRange, VoidReason::kNoSuchUnit, VoidReason::kNoSuchMember,
        VoidReason::kOutOfService, VoidReason::kOtherUnitsMember}) {
    EXPECT_GT(voids[reason], 0u) << incident::VoidReasonName(reason);
  }
  EXPECT_TRUE(levels.contains(1) && levels.contains(16)) << "the lowest level and the highest";
  EXPECT_GT(latest, 0u) << "a deadline at the end of time";
}

// ---- the two drivers ----------------------------------------------------------------------------

RC_GTEST_PROP(Drivers, ALiveRunThatSettlesEachInputIsLockStepRecordForRecord, ()) {
  const Ledger expected = PlayLockStep(Services(), Draw(), kRest);
  LiveSimulation live(Services(), {});
  const Ledger found = live.PlaySettled(InputsOf(expected), expected.back().timestamp);
  // Lock-step ends with a tick that says how far time has run; nobody asks for it live.
  const Ledger but_last(expected.begin(), expected.end() - 1);
  const std::string difference =
      Difference(found.size() < expected.size() ? but_last : expected, found);
  RC_ASSERT_FALSE(!difference.empty() && (RC_LOG(difference), true));
}

TEST(Drivers, WhateverALiveRunWroteReplaysToTheSameDigests) {
  CheckSome("had a checkpoint with decisions pending", [] {
    const Ledger story = PlayLockStep(Services(), DrawAfterACase(), kRest);
    LiveSimulation live(Services(), Rough(*rc::gen::arbitrary<uint32_t>(), 2));
    const Ledger ledger = live.Play(InputsOf(story), kRest);
    return CheckReplays(Services(), live, ledger) > 0;
  });
}

RC_GTEST_PROP(Drivers, TwoOwnersOfOnePartitionDoNoHarm, ()) {
  const Ledger story = PlayLockStep(Services(), Draw(), kRest);
  LiveSimulation live(Services(), Rough(*rc::gen::arbitrary<uint32_t>(), 2));
  const Ledger ledger = live.Play(InputsOf(story), kRest);
  CheckDecisions(ledger);
  CheckReplays(Services(), live, ledger);
}

}  // namespace
}  // namespace gridledger
