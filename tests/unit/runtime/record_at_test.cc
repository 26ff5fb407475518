// Reading what a log has promised: each way in which a place answers, and an end that never comes.
#include "services/runtime/ports/record_at.h"

#include <absl/strings/str_cat.h>
#include <absl/types/span.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "services/runtime/adapters/memory/memory_log.h"

namespace gridledger {
namespace {

constexpr Partition kHere{1};
constexpr absl::Duration kShort = absl::Milliseconds(1);

// "0", "1", a place without a record, "3" and so on, in partition 1 of 2.
class RecordAtTest : public testing::Test {
 protected:
  RecordAtTest() : log_(MemoryLogOptions{2, 7, {}, true}), reader_(log_.NewReader()) { Append(10); }

  void Append(int count) {
    std::vector<NewRecord> records;
    for (int i = 0; i < count; ++i, ++end_) {
      if (end_ == 2) {
        records.push_back(NewRecord{absl::UnixEpoch(), "", "", "", PlaceKind::kNothing});
      } else {
        records.push_back(
            NewRecord{absl::FromUnixMillis(end_), "key", "headers", absl::StrCat(end_)});
      }
    }
    EXPECT_TRUE(log_.AppendAndWait(kHere, std::move(records)).ok());
  }

  // The values of a stretch, "-" for a place without a record, and how it ended.
  std::string Read(const Stretch& stretch) {
    std::string text;
    const absl::Status status =
        ReadUntil(*reader_, stretch, &batch_, [&](absl::Span<const Record> records) {
          EXPECT_FALSE(records.empty());
          for (const Record& record : records) {
            absl::StrAppend(&text, record.kind == PlaceKind::kNothing ? "-" : record.value, " ");
          }
          return true;
        });
    return absl::StrCat(text, absl::StatusCodeToString(status.code()));
  }

  MemoryLog log_;
  std::unique_ptr<LogReader> reader_;
  RecordBatch batch_;
  int end_ = 0;
};

TEST_F(RecordAtTest, ARecordIsCopied) {
  const auto record = ReadRecordAt(*reader_, kHere, Offset{3}, &batch_);
  ASSERT_TRUE(record.ok()) << record.status();
  ASSERT_TRUE(record->has_value());
  EXPECT_EQ(**record, (OwnedRecord{kHere, Offset{3}, absl::FromUnixMillis(3), "key", "headers", "3",
                                   PlaceKind::kRecord}));
  const auto again = ReadRecordAt(log_, kHere, Offset{3});
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(*again, *record) << "with a reader of its own";
}

TEST_F(RecordAtTest, APlaceWithoutARecordIsTold) {
  const auto place = ReadRecordAt(*reader_, kHere, Offset{2}, &batch_);
  ASSERT_TRUE(place.ok()) << place.status();
  ASSERT_TRUE(place->has_value());
  EXPECT_EQ((*place)->kind, PlaceKind::kNothing);
  EXPECT_EQ((*place)->offset, Offset{2});
}

TEST_F(RecordAtTest, ABadPlaceIsAnErrorUntilItIsMended) {
  log_.Break(BadPlace{kHere, Offset{4}});
  EXPECT_TRUE(absl::IsDataLoss(ReadRecordAt(*reader_, kHere, Offset{4}, &batch_).status()));
  EXPECT_EQ(batch_.bad_place(), (BadPlace{kHere, Offset{4}}));
  EXPECT_TRUE(ReadRecordAt(*reader_, kHere, Offset{3}, &batch_).ok()) << "it is that place alone";
  log_.Mend(kHere);
  EXPECT_TRUE(ReadRecordAt(*reader_, kHere, Offset{4}, &batch_).ok());
}

TEST_F(RecordAtTest, WhatDoesNotComeIsNothing) {
  const auto record = ReadRecordAt(*reader_, kHere, Offset{end_}, &batch_, kShort);
  ASSERT_TRUE(record.ok()) << record.status();
  EXPECT_FALSE(record->has_value());
  EXPECT_TRUE(
      absl::IsOutOfRange(ReadRecordAt(*reader_, kHere, Offset{end_ + 1}, &batch_).status()));
}

TEST_F(RecordAtTest, NothingOfOnePartitionComesForAnother) {
  ASSERT_TRUE(ReadRecordAt(*reader_, kHere, Offset{end_ - 1}, &batch_).ok());
  Append(1);
  const auto other = ReadRecordAt(*reader_, Partition{0}, Offset{0}, &batch_, kShort);
  ASSERT_TRUE(other.ok()) << other.status();
  EXPECT_FALSE(other->has_value());
}

TEST_F(RecordAtTest, AStretchIsReadOnceAndNoFurther) {
  const Stretch all{.partition = kHere, .from = Offset{0}, .end = Offset{10}};
  EXPECT_EQ(Read(all), "0 1 - 3 4 5 6 7 8 9 OK");
  Stretch part{.partition = kHere, .from = Offset{1}, .end = Offset{8}, .records_max = 3};
  EXPECT_EQ(Read(part), "1 - 3 4 5 6 7 OK") << "not 8 and 9, which come with 7";
  part.end = part.from;
  EXPECT_EQ(Read(part), "OK");
}

TEST_F(RecordAtTest, ABadPlaceEndsAStretchAndIsKnown) {
  const BadPlace bad{kHere, Offset{4}, BadPlace::Damage::kChecksum};
  log_.Break(bad);
  const Stretch all{.partition = kHere, .from = Offset{0}, .end = Offset{10}};
  EXPECT_EQ(Read(all), "0 1 - 3 DATA_LOSS");
  EXPECT_EQ(batch_.bad_place(), bad);
  EXPECT_EQ(Read(Stretch{.partition = kHere, .from = Offset{5}, .end = Offset{7}}), "5 6 OK");
  EXPECT_EQ(batch_.bad_place(), std::nullopt);
}

TEST_F(RecordAtTest, AnEndThatNeverComesIsWaitedForInVain) {
  Stretch more{.partition = kHere, .from = Offset{8}, .end = Offset{11}, .patience = kShort};
  EXPECT_EQ(Read(more), "8 9 UNAVAILABLE");
  const absl::Status status =
      ReadUntil(*reader_, more, &batch_, [](absl::Span<const Record>) { return true; });
  EXPECT_EQ(status.message(), "partition 1 offset 10: the record does not come");
  more.from = Offset{11};
  more.end = Offset{12};
  EXPECT_EQ(Read(more), "OUT_OF_RANGE");
}

TEST_F(RecordAtTest, ALogThatIsSilentWithoutWaitingIsGivenUpToo) {
  MemoryLog log(MemoryLogOptions{1, 7, {}, false});
  const Stretch stretch{
      .partition = Partition{0}, .from = Offset{0}, .end = Offset{1}, .patience = absl::Hours(1)};
  const absl::Status status =
      ReadUntil(*log.NewReader(), stretch, &batch_, [](absl::Span<const Record>) { return true; });
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
}

TEST_F(RecordAtTest, WhoeverReadsMayHaveEnough) {
  int visits = 0;
  const Stretch all{.partition = kHere, .from = Offset{0}, .end = Offset{10}, .records_max = 2};
  EXPECT_TRUE(ReadUntil(*reader_, all, &batch_, [&](absl::Span<const Record>) {
                return ++visits < 3;
              }).ok());
  EXPECT_EQ(visits, 3);
  const auto refuse = [](absl::Span<const Record>) -> absl::StatusOr<bool> {
    return absl::InternalError("refused");
  };
  EXPECT_EQ(ReadUntil(*reader_, all, &batch_, refuse), absl::InternalError("refused"));
}

TEST_F(RecordAtTest, AWaitIsEndedByWhoeverMayEndIt) {
  int asked = 0;
  const absl::Status status = ReadUntil(
      *reader_, Stretch{.partition = kHere, .from = Offset{9}, .end = Offset{11}}, &batch_,
      [](absl::Span<const Record>) { return true; },
      [&] { return ++asked < 3 ? absl::OkStatus() : absl::CancelledError("no more"); });
  EXPECT_EQ(status, absl::CancelledError("no more"));
  EXPECT_EQ(asked, 3) << "before the record, before the wait, and in the midst of it";
}

}  // namespace
}  // namespace gridledger
