#include "tests/support/event_log_contract.h"

#include <absl/strings/str_cat.h>
#include <absl/synchronization/blocking_counter.h>
#include <absl/synchronization/mutex.h>
#include <absl/synchronization/notification.h>
#include <absl/time/clock.h>

#include <algorithm>
#include <map>
#include <ostream>
#include <random>
#include <thread>
#include <utility>

namespace gridledger {
namespace {

// A wait that ends long before this; reaching it is a failure.
constexpr absl::Duration kLong = absl::Seconds(60);

absl::Time At(int64_t ms) { return absl::FromUnixMillis(ms); }

NewRecord Plain(std::string value) { return NewRecord{At(1), "key", "", std::move(value)}; }

std::vector<NewRecord> PlainRecords(int count, absl::string_view prefix) {
  std::vector<NewRecord> records;
  for (int i = 0; i < count; ++i) records.push_back(Plain(absl::StrCat(prefix, i)));
  return records;
}

std::vector<std::string> Values(const std::vector<OwnedRecord>& records) {
  std::vector<std::string> values;
  for (const OwnedRecord& record : records) values.push_back(record.value);
  return values;
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const EventLogFactory& factory) {
  return out << factory.name;
}

std::string NameOfFactory(const testing::TestParamInfo<EventLogFactory>& tested) {
  return tested.param.name;
}

std::ostream& operator<<(std::ostream& out, const OwnedRecord& record) {
  return out << record.partition.value << "@" << record.offset.value << " "
             << absl::FormatTime(record.timestamp, absl::UTCTimeZone()) << " key "
             << testing::PrintToString(record.key) << " headers "
             << testing::PrintToString(record.headers) << " value of " << record.value.size();
}

absl::StatusOr<std::vector<OwnedRecord>> ReadRecords(EventLog& log, Partition partition,
                                                     Offset from, int64_t count) {
  const std::unique_ptr<LogReader> reader = log.NewReader();
  std::vector<OwnedRecord> records;
  RecordBatch batch;
  absl::Status status = ReadUntil(*reader,
                                  Stretch{.partition = partition,
                                          .from = from,
                                          .end = Offset{from.value + count},
                                          .records_max = 1000,
                                          .patience = kLong},
                                  &batch, [&](absl::Span<const Record> read) {
                                    for (const Record& record : read)
                                      records.push_back(Own(record));
                                    return true;
                                  });
  if (!status.ok()) return status;
  return records;
}

absl::StatusOr<std::vector<OwnedRecord>> ReadAll(EventLog& log, Partition partition) {
  const absl::StatusOr<Offset> end = log.End(partition);
  if (!end.ok()) return end.status();
  return ReadRecords(log, partition, Offset{0}, end->value);
}

void EventLogContract::SetUp() {
  Make(4);
  if (under_test_ == nullptr) GTEST_SKIP() << "there is nothing to run this adapter on";
}

// A test may link this file for something else in it.
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(EventLogContract);

TEST_P(EventLogContract, OffsetsBeginAtZeroAndHaveNoGaps) {
  EXPECT_EQ(*log().End(Partition{2}), Offset{0});
  EXPECT_EQ(*log().AppendAndWait(Partition{2}, PlainRecords(3, "a")), Offset{0});
  EXPECT_EQ(*log().AppendAndWait(Partition{2}, PlainRecords(1, "b")), Offset{3});
  EXPECT_EQ(*log().AppendAndWait(Partition{1}, PlainRecords(1, "other")), Offset{0});
  EXPECT_EQ(*log().AppendAndWait(Partition{2}, PlainRecords(2, "c")), Offset{4});
  EXPECT_EQ(*log().End(Partition{2}), Offset{6});
  EXPECT_EQ(*log().End(Partition{0}), Offset{0});

  const auto records = ReadAll(log(), Partition{2});
  ASSERT_TRUE(records.ok()) << records.status();
  EXPECT_EQ(Values(*records), (std::vector<std::string>{"a0", "a1", "a2", "b0", "c0", "c1"}));
  for (size_t i = 0; i < records->size(); ++i) {
    EXPECT_EQ((*records)[i].offset.value, static_cast<int64_t>(i));
  }
}

NewRecord Nothing() {
  NewRecord nothing;
  nothing.kind = PlaceKind::kNothing;
  return nothing;
}

TEST_P(EventLogContract, APlaceWithoutARecordHasItsOffsetAndNothingElse) {
  std::vector<NewRecord> records = PlainRecords(2, "a");
  records.insert(records.begin() + 1, Nothing());
  EXPECT_EQ(*log().AppendAndWait(Partition{0}, records), Offset{0});
  EXPECT_EQ(*log().AppendAndWait(Partition{0}, {Nothing()}), Offset{3});
  NewRecord empty = PlainRecords(1, "")[0];
  empty.key = empty.headers = empty.value = "";
  EXPECT_EQ(*log().AppendAndWait(Partition{0}, {empty}), Offset{4});
  EXPECT_EQ(*log().End(Partition{0}), Offset{5});
  for (const bool again : {false, true}) {
    if (again) under_test_->Reopen();
    for (int from = 0; from < 5; ++from) {
      const auto found = ReadRecords(log(), Partition{0}, Offset{from}, 5 - from);
      ASSERT_TRUE(found.ok()) << found.status();
      for (const OwnedRecord& record : *found) {
        const bool is_nothing = record.offset.value == 1 || record.offset.value == 3;
        EXPECT_EQ(record.kind, is_nothing ? PlaceKind::kNothing : PlaceKind::kRecord)
            << record.offset.value;
        if (!is_nothing) continue;
        EXPECT_EQ(record, (OwnedRecord{Partition{0}, record.offset, absl::UnixEpoch(), "", "", "",
                                       PlaceKind::kNothing}));
      }
    }
  }
}

TEST_P(EventLogContract, ABulkAppendHasPlacesWithoutARecordToo) {
  const std::unique_ptr<BulkAppender> bulk = under_test_->NewBulkAppender();
  if (bulk == nullptr) GTEST_SKIP() << "no bulk appending";
  EXPECT_EQ(*bulk->AppendNothing(Partition{1}), Offset{0});
  EXPECT_EQ(*bulk->Append(Partition{1}, absl::FromUnixMillis(1), "", "", "a"), Offset{1});
  EXPECT_EQ(*bulk->AppendNothing(Partition{1}), Offset{2});
  ASSERT_TRUE(bulk->Flush().ok());
  const auto found = ReadAll(log(), Partition{1});
  ASSERT_TRUE(found.ok()) << found.status();
  std::vector<PlaceKind> kinds;
  for (const OwnedRecord& record : *found) kinds.push_back(record.kind);
  EXPECT_EQ(kinds,
            (std::vector<PlaceKind>{PlaceKind::kNothing, PlaceKind::kRecord, PlaceKind::kNothing}));
}

TEST_P(EventLogContract, BoundsAreToldWithoutWaiting) {
  ASSERT_TRUE(log().AppendAndWait(Partition{3}, PlainRecords(3, "a")).ok());
  for (const auto& [partition, end] : {std::pair(3, 3), std::pair(2, 0)}) {
    absl::Notification told;
    absl::StatusOr<LogBounds> bounds;
    log().AskBounds(Partition{partition}, [&](absl::StatusOr<LogBounds> answer) {
      bounds = std::move(answer);
      told.Notify();
    });
    told.WaitForNotification();
    ASSERT_TRUE(bounds.ok()) << bounds.status();
    EXPECT_EQ(bounds->begin, Offset{0});
    EXPECT_EQ(bounds->end, Offset{end});
    const std::unique_ptr<LogReader> reader = log().NewReader();
    EXPECT_TRUE(reader->AssignWithin(Partition{partition}, Offset{end}, *bounds).ok());
    EXPECT_TRUE(
        absl::IsOutOfRange(reader->AssignWithin(Partition{partition}, Offset{end + 1}, *bounds)));
  }
}

TEST_P(EventLogContract, EveryByteComesBack) {
  std::string headers;
  AppendHeader("ce_type", "IncidentReported", &headers);
  AppendHeader("ce_type", "", &headers);
  std::string every_byte;
  for (int c = 0; c < 256; ++c) every_byte.push_back(static_cast<char>(c));
  std::vector<NewRecord> cases = {
      {At(0), "", "", ""},
      {At(1), "key", headers, "value"},
      {At(1700000000123), every_byte, every_byte, every_byte},
      {At(1699999999999), "", "", std::string(1, '\0')},  // timestamps need not ascend
      {At(-1), std::string(1000, 'k'), "", std::string(100000, 'v')},
      {At(253402300799999), std::string(1, '\xff'), "", ""},  // the last ms of the year 9999
  };
  if (!GetParam().takes_any_timestamp) {
    for (NewRecord& record : cases) {
      if (record.timestamp >= At(1) && record.timestamp < absl::Now()) continue;
      EXPECT_TRUE(absl::IsInvalidArgument(log().AppendAndWait(Partition{0}, {record}).status()));
      record.timestamp = At(1);
    }
  }
  ASSERT_TRUE(log().AppendAndWait(Partition{0}, cases).ok());
  const auto records = ReadAll(log(), Partition{0});
  ASSERT_TRUE(records.ok()) << records.status();
  ASSERT_EQ(records->size(), cases.size());
  for (size_t i = 0; i < cases.size(); ++i) {
    const OwnedRecord expected{Partition{0},       Offset{static_cast<int64_t>(i)},
                               cases[i].timestamp, cases[i].key,
                               cases[i].headers,   cases[i].value};
    EXPECT_EQ((*records)[i], expected) << "record " << i;
  }
}

TEST_P(EventLogContract, AReaderOfValuesReadsHeadersWhenItIsTold) {
  std::string headers;
  AppendHeader("traceparent", "00-1-2-01", &headers);
  ASSERT_TRUE(log().AppendAndWait(Partition{0}, {NewRecord{At(1), "key", headers, "v"}}).ok());
  const std::unique_ptr<LogReader> reader = log().NewReaderOfValues();
  for (int i = 0; i < 2; ++i) {
    reader->ReadHeaders(true);
    ASSERT_TRUE(reader->Assign(Partition{0}, Offset{0}).ok());
    RecordBatch batch;
    ASSERT_TRUE(reader->Poll(kLong, 10, &batch).ok());
    ASSERT_EQ(batch.records().size(), 1u);
    EXPECT_EQ(batch.records()[0].headers, headers);
    EXPECT_EQ(batch.records()[0].value, "v");
    reader->ReadHeaders(false);
    ASSERT_TRUE(reader->Assign(Partition{0}, Offset{0}).ok());
    ASSERT_TRUE(reader->Poll(kLong, 10, &batch).ok());
    ASSERT_EQ(batch.records().size(), 1u);
    EXPECT_EQ(batch.records()[0].value, "v");
  }
}

TEST_P(EventLogContract, TheLargestRecordFitsAndALargerOneIsRefusedWhole) {
  const std::string largest(kRecordBytesMax - 10, 'x');
  ASSERT_TRUE(
      log().AppendAndWait(Partition{0}, {NewRecord{At(1), "12345", "67890", largest}}).ok());
  const auto refused = log().AppendAndWait(
      Partition{0}, {Plain("small"), NewRecord{At(1), "12345", "67890", largest + "x"}});
  EXPECT_TRUE(absl::IsInvalidArgument(refused.status())) << refused.status();
  EXPECT_EQ(*log().AppendAndWait(Partition{0}, {Plain("next")}), Offset{1});
  const auto records = ReadAll(log(), Partition{0});
  ASSERT_TRUE(records.ok()) << records.status();
  ASSERT_EQ(records->size(), 2u);
  EXPECT_EQ((*records)[0].value, largest);
  EXPECT_EQ((*records)[1].value, "next");
}

TEST_P(EventLogContract, ABatchOfLargestRecordsIsBounded) {
  constexpr int kRecords = 40;
  const std::string large(kRecordBytesMax / 2, 'x');
  for (int i = 0; i < kRecords; i += 4) {
    ASSERT_TRUE(
        log()
            .AppendAndWait(Partition{0}, {Plain(large), Plain(large), Plain(large), Plain(large)})
            .ok());
  }
  const auto reader = log().NewReader();
  ASSERT_TRUE(reader->Assign(Partition{0}, Offset{0}).ok());
  RecordBatch batch;
  for (int seen = 0; seen < kRecords; seen += static_cast<int>(batch.records().size())) {
    ASSERT_TRUE(reader->Poll(kLong, 10000, &batch).ok());
    ASSERT_FALSE(batch.records().empty());
    EXPECT_LE(batch.bytes(), size_t{64} << 20);
  }
}

TEST_P(EventLogContract, UnknownPartitionsAreRefused) {
  for (const Partition unknown : {Partition{-1}, Partition{4}}) {
    EXPECT_TRUE(absl::IsInvalidArgument(log().End(unknown).status()));
    EXPECT_TRUE(absl::IsInvalidArgument(log().AppendAndWait(unknown, {Plain("x")}).status()));
    EXPECT_TRUE(absl::IsInvalidArgument(log().NewReader()->Assign(unknown, Offset{0})));
  }
  EXPECT_EQ(log().partitions(), 4);
}

TEST_P(EventLogContract, WhatWasAcknowledgedIsThereAfterReopening) {
  std::map<int, std::vector<OwnedRecord>> before;
  for (int round = 0; round < 3; ++round) {
    for (int p = 0; p < 4; ++p) {
      ASSERT_TRUE(
          log().AppendAndWait(Partition{p}, PlainRecords(p + 1, absl::StrCat(round, "-"))).ok());
      before[p] = *ReadAll(log(), Partition{p});
    }
    under_test_->Reopen();
    EXPECT_EQ(log().partitions(), 4);
    for (int p = 0; p < 4; ++p) {
      EXPECT_EQ(*log().End(Partition{p}), Offset{(round + 1) * (p + 1)});
      const auto after = ReadAll(log(), Partition{p});
      ASSERT_TRUE(after.ok()) << after.status();
      EXPECT_EQ(*after, before[p]);
    }
  }
}

TEST_P(EventLogContract, AReaderBeginsAnywhere) {
  ASSERT_TRUE(log().AppendAndWait(Partition{3}, PlainRecords(100, "")).ok());
  for (const int64_t from : {0, 1, 50, 98, 99}) {
    const auto records = ReadRecords(log(), Partition{3}, Offset{from}, 100 - from);
    ASSERT_TRUE(records.ok()) << records.status();
    EXPECT_EQ(records->front().offset.value, from);
    EXPECT_EQ(records->front().value, absl::StrCat(from));
    EXPECT_EQ(records->back().value, "99");
  }
}

TEST_P(EventLogContract, AssigningBeyondTheEndIsOutOfRange) {
  ASSERT_TRUE(log().AppendAndWait(Partition{0}, PlainRecords(5, "")).ok());
  const auto reader = log().NewReader();
  EXPECT_TRUE(absl::IsOutOfRange(reader->Assign(Partition{0}, Offset{6})));
  EXPECT_TRUE(absl::IsOutOfRange(reader->Assign(Partition{1}, Offset{1})));
  EXPECT_TRUE(reader->Assign(Partition{0}, Offset{5}).ok());
  RecordBatch batch;
  ASSERT_TRUE(reader->Poll(absl::ZeroDuration(), 10, &batch).ok());
  EXPECT_TRUE(batch.records().empty());
}

TEST_P(EventLogContract, AssigningAgainMovesAndUnassigningStops) {
  ASSERT_TRUE(log().AppendAndWait(Partition{0}, PlainRecords(5, "zero-")).ok());
  ASSERT_TRUE(log().AppendAndWait(Partition{1}, PlainRecords(5, "one-")).ok());
  const auto reader = log().NewReader();
  RecordBatch batch;
  ASSERT_TRUE(reader->Assign(Partition{0}, Offset{0}).ok());
  ASSERT_TRUE(reader->Poll(kLong, 2, &batch).ok());
  ASSERT_FALSE(batch.records().empty());
  EXPECT_EQ(batch.records()[0].value, "zero-0");
  ASSERT_TRUE(reader->Assign(Partition{0}, Offset{4}).ok());
  ASSERT_TRUE(reader->Poll(kLong, 10, &batch).ok());
  ASSERT_EQ(batch.records().size(), 1u);
  EXPECT_EQ(batch.records()[0].value, "zero-4");

  ASSERT_TRUE(reader->Assign(Partition{0}, Offset{0}).ok());
  ASSERT_TRUE(reader->Assign(Partition{1}, Offset{4}).ok());
  reader->Unassign(Partition{0});
  ASSERT_TRUE(reader->Poll(kLong, 10, &batch).ok());
  ASSERT_EQ(batch.records().size(), 1u);
  EXPECT_EQ(batch.records()[0].value, "one-4");
  reader->Unassign(Partition{1});
  reader->Unassign(Partition{2});
  ASSERT_TRUE(reader->Poll(absl::ZeroDuration(), 10, &batch).ok());
  EXPECT_TRUE(batch.records().empty());
}

TEST_P(EventLogContract, APollDeliversNoMoreThanAskedFor) {
  ASSERT_TRUE(log().AppendAndWait(Partition{0}, PlainRecords(50, "")).ok());
  ASSERT_TRUE(log().AppendAndWait(Partition{1}, PlainRecords(50, "")).ok());
  const auto reader = log().NewReader();
  ASSERT_TRUE(reader->Assign(Partition{0}, Offset{0}).ok());
  ASSERT_TRUE(reader->Assign(Partition{1}, Offset{0}).ok());
  RecordBatch batch;
  std::map<Partition, int64_t> seen;
  for (int left = 100; left > 0; left -= static_cast<int>(batch.records().size())) {
    ASSERT_TRUE(reader->Poll(kLong, 7, &batch).ok());
    ASSERT_FALSE(batch.records().empty());
    EXPECT_LE(batch.records().size(), 7u);
    for (const Record& record : batch.records()) {
      EXPECT_EQ(record.offset.value, seen[record.partition]++);
    }
  }
}

TEST_P(EventLogContract, AWaitingPollReturnsWhenSomethingIsAppended) {
  absl::Notification waiting;
  std::vector<std::string> seen;
  std::thread reading([&] {
    const auto reader = log().NewReader();
    ASSERT_TRUE(reader->Assign(Partition{0}, Offset{0}).ok());
    ASSERT_TRUE(reader->Assign(Partition{1}, Offset{0}).ok());
    RecordBatch batch;
    waiting.Notify();
    while (seen.size() < 20) {
      ASSERT_TRUE(reader->Poll(kLong, 10, &batch).ok());
      ASSERT_FALSE(batch.records().empty()) << "nothing came in a minute";
      for (const Record& record : batch.records()) seen.emplace_back(record.value);
    }
  });
  waiting.WaitForNotification();
  for (int i = 0; i < 20; ++i) {
    EXPECT_TRUE(log().AppendAndWait(Partition{i % 2}, {Plain(absl::StrCat(i))}).ok());
  }
  reading.join();
  EXPECT_EQ(seen.size(), 20u);
}

TEST_P(EventLogContract, WakeEndsAWaitEvenWhenItCameFirst) {
  const auto reader = log().NewReader();
  ASSERT_TRUE(reader->Assign(Partition{0}, Offset{0}).ok());
  RecordBatch batch;
  // Before the wait begins.
  reader->Wake();
  const absl::Time begun = absl::Now();
  ASSERT_TRUE(reader->Poll(kLong, 10, &batch).ok());
  EXPECT_TRUE(batch.records().empty());
  // During it, or before: the thread may not have got there.
  absl::Notification waiting;
  std::thread polling([&] {
    waiting.Notify();
    EXPECT_TRUE(reader->Poll(kLong, 10, &batch).ok());
  });
  waiting.WaitForNotification();
  reader->Wake();
  polling.join();
  EXPECT_LT(absl::Now() - begun, kLong / 2);
  EXPECT_TRUE(batch.records().empty());
}

TEST_P(EventLogContract, ALongPartitionDoesNotStarveAShortOne) {
  constexpr int kLongest = 40'000;
  // 40 MB that do not compress: an adapter may read ahead by some of it.
  std::minstd_rand random(1);
  std::string noise(1000, ' ');
  for (int i = 0; i < kLongest; i += 1000) {
    std::vector<NewRecord> records;
    for (int j = 0; j < 1000; ++j) {
      for (char& c : noise) c = static_cast<char>(random());
      records.push_back(Plain(noise));
    }
    ASSERT_TRUE(log().AppendAndWait(Partition{0}, std::move(records)).ok());
  }
  for (const int p : {1, 2, 3}) {
    ASSERT_TRUE(log().AppendAndWait(Partition{p}, PlainRecords(3, "")).ok());
  }
  const auto reader = log().NewReader();
  for (int p = 0; p < 4; ++p) ASSERT_TRUE(reader->Assign(Partition{p}, Offset{0}).ok());
  RecordBatch batch;
  std::map<Partition, int> seen;
  while (seen[Partition{1}] + seen[Partition{2}] + seen[Partition{3}] < 9) {
    ASSERT_LT(seen[Partition{0}], kLongest / 2) << "the short ones have not come yet";
    ASSERT_TRUE(reader->Poll(kLong, 100, &batch).ok());
    for (const Record& record : batch.records()) ++seen[record.partition];
  }
  EXPECT_LT(seen[Partition{0}], kLongest / 2);
}

TEST_P(EventLogContract, ConcurrentAppendsKeepTheirOrderAndStayTogether) {
  constexpr int kThreads = 8, kCalls = 50;
  struct Call {
    int thread, number, size;
    Partition partition;
    Offset first;
  };
  absl::Mutex mutex;
  std::vector<Call> calls;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      absl::BlockingCounter answered(kCalls);
      for (int number = 0; number < kCalls; ++number) {
        const int size = 1 + (number * 7 + t) % 5;
        const Partition partition{(number + t) % 2};
        std::vector<NewRecord> records;
        for (int i = 0; i < size; ++i) {
          records.push_back(Plain(absl::StrCat(t, " ", number, " ", i)));
        }
        log().Append(partition, std::move(records), [&, t, number, size, partition](auto first) {
          EXPECT_TRUE(first.ok()) << first.status();
          if (first.ok()) {
            const absl::MutexLock lock(&mutex);
            calls.push_back(Call{t, number, size, partition, *first});
          }
          answered.DecrementCount();
        });
      }
      answered.Wait();
    });
  }
  for (std::thread& thread : threads) thread.join();
  ASSERT_EQ(calls.size(), size_t{kThreads * kCalls});

  std::map<Partition, std::vector<OwnedRecord>> records;
  for (const Partition p : {Partition{0}, Partition{1}}) records[p] = *ReadAll(log(), p);
  size_t total = 0;
  for (const Call& call : calls) {
    total += static_cast<size_t>(call.size);
    for (int i = 0; i < call.size; ++i) {
      ASSERT_LT(call.first.value + i, static_cast<int64_t>(records[call.partition].size()));
      EXPECT_EQ(records[call.partition][call.first.value + i].value,
                absl::StrCat(call.thread, " ", call.number, " ", i));
    }
  }
  EXPECT_EQ(records[Partition{0}].size() + records[Partition{1}].size(), total);
  // One thread's calls stand in the order in which it made them.
  std::sort(calls.begin(), calls.end(), [](const Call& a, const Call& b) {
    return std::tie(a.partition, a.thread, a.number) < std::tie(b.partition, b.thread, b.number);
  });
  for (size_t i = 1; i < calls.size(); ++i) {
    if (calls[i].partition != calls[i - 1].partition || calls[i].thread != calls[i - 1].thread) {
      continue;
    }
    EXPECT_GT(calls[i].first, calls[i - 1].first);
  }
}

TEST_P(EventLogContract, ManyReadersSeeEverythingInOrderWhileItIsAppended) {
  constexpr int kReaders = 4, kAppends = 60;
  std::vector<std::thread> threads;
  std::vector<std::map<Partition, std::vector<std::string>>> seen(kReaders);
  for (int r = 0; r < kReaders; ++r) {
    threads.emplace_back([&, r] {
      const auto reader = log().NewReader();
      for (int p = 0; p < 4; ++p) ASSERT_TRUE(reader->Assign(Partition{p}, Offset{0}).ok());
      RecordBatch batch;
      for (int count = 0; count < 4 * kAppends;) {
        ASSERT_TRUE(reader->Poll(kLong, 16, &batch).ok());
        ASSERT_FALSE(batch.records().empty()) << "nothing came in a minute";
        for (const Record& record : batch.records()) {
          auto& values = seen[r][record.partition];
          EXPECT_EQ(record.offset.value, static_cast<int64_t>(values.size()));
          values.emplace_back(record.value);
          ++count;
        }
      }
    });
  }
  for (int p = 0; p < 4; ++p) {
    threads.emplace_back([&, p] {
      for (int i = 0; i < kAppends; ++i) {
        EXPECT_TRUE(log().AppendAndWait(Partition{p}, {Plain(absl::StrCat(i))}).ok());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (int r = 1; r < kReaders; ++r) EXPECT_EQ(seen[r], seen[0]);
}

TEST_P(EventLogContract, BulkAppendsShowWhenFlushed) {
  auto bulk = under_test_->NewBulkAppender();
  if (bulk == nullptr) GTEST_SKIP() << "this adapter has no bulk appending";
  ASSERT_TRUE(log().AppendAndWait(Partition{1}, PlainRecords(2, "before-")).ok());
  for (int i = 0; i < 1000; ++i) {
    for (const int p : {0, 1}) {
      EXPECT_EQ(*bulk->Append(Partition{p}, At(i), "k", "h", absl::StrCat("bulk-", i)),
                Offset{i + 2 * p});
    }
  }
  EXPECT_EQ(*log().End(Partition{0}), Offset{0});
  // The partition is the bulk appender's alone, until it flushes.
  auto other = under_test_->NewBulkAppender();
  EXPECT_TRUE(
      absl::IsFailedPrecondition(log().AppendAndWait(Partition{1}, {Plain("refused")}).status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(other->Append(Partition{1}, At(1), "", "", "x").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(
      bulk->Append(Partition{1}, At(1), "", "", std::string(kRecordBytesMax + 1, 'x')).status()));
  EXPECT_TRUE(other->Append(Partition{2}, At(1), "", "", "lost with its appender").ok());
  other.reset();
  EXPECT_TRUE(log().AppendAndWait(Partition{2}, {Plain("kept")}).ok());
  EXPECT_EQ(ReadAll(log(), Partition{2})->front().value, "kept");

  ASSERT_TRUE(bulk->Flush().ok());
  ASSERT_TRUE(log().AppendAndWait(Partition{1}, {Plain("after")}).ok());
  EXPECT_EQ(*bulk->Append(Partition{0}, At(1), "", "", "second flush"), Offset{1000});
  ASSERT_TRUE(bulk->Flush().ok());
  ASSERT_TRUE(bulk->Flush().ok()) << "nothing to flush is no error";
  bulk.reset();
  under_test_->Reopen();
  const auto records = ReadAll(log(), Partition{1});
  ASSERT_TRUE(records.ok()) << records.status();
  ASSERT_EQ(records->size(), 1003u);
  EXPECT_EQ((*records)[1].value, "before-1");
  EXPECT_EQ((*records)[2], (OwnedRecord{Partition{1}, Offset{2}, At(0), "k", "h", "bulk-0"}));
  EXPECT_EQ((*records)[1001].value, "bulk-999");
  EXPECT_EQ((*records)[1002].value, "after");
  EXPECT_EQ(ReadAll(log(), Partition{0})->back().value, "second flush");
}

TEST_P(EventLogContract, AReaderMeetsBulkRecordsWhileItWaits) {
  auto bulk = under_test_->NewBulkAppender();
  if (bulk == nullptr) GTEST_SKIP() << "this adapter has no bulk appending";
  absl::Notification waiting;
  std::thread reading([&] {
    const auto reader = log().NewReader();
    ASSERT_TRUE(reader->Assign(Partition{0}, Offset{0}).ok());
    RecordBatch batch;
    waiting.Notify();
    for (int64_t next = 0; next < 3000;) {
      ASSERT_TRUE(reader->Poll(kLong, 500, &batch).ok());
      ASSERT_FALSE(batch.records().empty()) << "nothing came in a minute";
      for (const Record& record : batch.records()) EXPECT_EQ(record.offset.value, next++);
    }
  });
  waiting.WaitForNotification();
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 1000; ++i) {
      EXPECT_TRUE(bulk->Append(Partition{0}, At(i), "k", "", absl::StrCat(i)).ok());
    }
    EXPECT_TRUE(bulk->Flush().ok());
  }
  reading.join();
}

}  // namespace gridledger
