// Entries as records: what a client reads off the headers, and what stops a reader.
#include "services/runtime/engine/entry_codec.h"

#include <absl/strings/str_cat.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/support/ledger.h"

namespace gridledger::engine {
namespace {

v1::Entry Filed() {
  v1::Entry entry = FactOn("I1", 1);
  entry.mutable_fact()->mutable_filed();
  return entry;
}

TEST(EntryCodec, HeadersAreCloudEventsInBinaryMode) {
  std::string headers, value;
  EncodeEntry(Filed(), "boston311", "17.2", &headers, &value);
  EXPECT_EQ(FindHeader(headers, "ce_specversion"), "1.0");
  EXPECT_EQ(FindHeader(headers, "ce_type"), "gridledger.v1.IncidentFiled");
  EXPECT_EQ(FindHeader(headers, "ce_source"), "boston311");
  EXPECT_EQ(FindHeader(headers, "ce_id"), "17.2");
  EXPECT_EQ(FindHeader(headers, "content-type"), "application/protobuf");
}

TEST(EntryCodec, WhatWasEncodedIsDecoded) {
  std::string headers = "left over", value = "left over";
  EncodeEntry(Filed(), "s", "1", &headers, &value);
  v1::Entry entry;
  ASSERT_TRUE(DecodeEntry(value, &entry).ok());
  EXPECT_EQ(entry.SerializeAsString(), Filed().SerializeAsString());
}

TEST(EntryCodec, EveryContentHasATypeOfItsOwn) {
  v1::Entry entry;
  EXPECT_EQ(EntryType(entry), "") << "without content";
  entry.mutable_fact();
  EXPECT_EQ(EntryType(entry), "gridledger.v1.Fact") << "a fact without a kind";
  EXPECT_EQ(FactType(entry.fact()), "");
  entry.mutable_decision();
  EXPECT_EQ(EntryType(entry), "gridledger.v1.Decision");
  entry.mutable_roster_published();
  EXPECT_EQ(EntryType(entry), "gridledger.v1.RosterPublished");
  v1::Fact fact;
  fact.mutable_escalation_raised();
  EXPECT_EQ(FactType(fact), "EscalationRaised");
}

TEST(EntryCodec, ParksWhatIsNoEntryAndStopsAtANewerSchema) {
  v1::Entry newer = Filed();
  newer.set_schema(kNewestSchema + 1);
  v1::Entry newer_and_unknown;
  newer_and_unknown.set_schema(kNewestSchema + 1);
  v1::Entry older = Filed();
  older.set_schema(0);
  v1::Entry no_content;
  no_content.set_schema(kEntrySchema);
  const std::string whole = Filed().SerializeAsString();
  const struct {
    std::string bytes;
    absl::StatusCode code;
    const char* why;
  } rows[] = {
      {whole, absl::StatusCode::kOk, "an entry"},
      {older.SerializeAsString(), absl::StatusCode::kOk, "an older writer says nothing new"},
      {"", absl::StatusCode::kInvalidArgument, "no bytes are an empty message, without content"},
      {no_content.SerializeAsString(), absl::StatusCode::kInvalidArgument, "says nothing"},
      {whole.substr(0, whole.size() - 1), absl::StatusCode::kInvalidArgument, "cut off"},
      {"\xff\xff\xff\xff", absl::StatusCode::kInvalidArgument, "no message at all"},
      {newer.SerializeAsString(), absl::StatusCode::kFailedPrecondition, "may mean more"},
      {newer_and_unknown.SerializeAsString(), absl::StatusCode::kFailedPrecondition,
       "a content that only the newer schema has looks like none"},
  };
  for (const auto& row : rows) {
    v1::Entry entry;
    EXPECT_EQ(DecodeEntry(row.bytes, &entry).code(), row.code) << row.why;
  }
}

TEST(EntryCodec, ANewerSchemaSaysWhatToDo) {
  v1::Entry newer = Filed();
  newer.set_schema(7);
  v1::Entry entry;
  const absl::Status status = DecodeEntry(newer.SerializeAsString(), &entry);
  EXPECT_EQ(status.message(), absl::StrCat("the entry has schema 7, this build knows up to ",
                                           kNewestSchema, ": run a newer build on this partition"));
}

// The codec's messages are reused from record to record: nothing of the last one may stay.
TEST(EntryCodec, NothingIsLeftOfTheEntryBefore) {
  v1::Entry tick;
  tick.mutable_tick()->set_service("escalation");
  v1::Entry entry;
  ASSERT_TRUE(DecodeEntry(Filed().SerializeAsString(), &entry).ok());
  ASSERT_TRUE(DecodeEntry(tick.SerializeAsString(), &entry).ok());
  EXPECT_EQ(entry.SerializeAsString(), tick.SerializeAsString());
}

}  // namespace
}  // namespace gridledger::engine
