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

TEST(EntryCodec, ParksWhatIsNoEntry) {
  v1::Entry newer = Filed();
  newer.set_schema(kNewestSchema + 1);
  v1::Entry newer_and_unknown;
  newer_and_unknown.set_schema(kNewestSchema + 1);
  v1::Entry older = Filed();
  older.set_schema(0);
  v1::Entry no_content;
  no_content.set_schema(kEntrySchema);
  v1::Entry too_early = RaiseSchema(Partition{0}, kBaseSchema, "all know it");
  too_early.set_schema(kBaseSchema);
  const std::string whole = Filed().SerializeAsString();
  const struct {
    std::string bytes;
    bool parses;
    bool decodes;
    const char* why;
  } rows[] = {
      {whole, true, true, "an entry"},
      {older.SerializeAsString(), true, true, "an older writer says nothing new"},
      {"", false, false, "no bytes are an empty message, without content"},
      {no_content.SerializeAsString(), false, false, "says nothing"},
      {whole.substr(0, whole.size() - 1), false, false, "cut off"},
      {"\xff\xff\xff\xff", false, false, "no message at all"},
      {newer.SerializeAsString(), true, false, "may mean more; whether it counts, the fold says"},
      {newer_and_unknown.SerializeAsString(), false, false,
       "a content that only the newer schema has looks like none"},
      {too_early.SerializeAsString(), false, false, "a build of that schema finds no such content"},
  };
  for (const auto& row : rows) {
    v1::Entry entry;
    EXPECT_EQ(ParseEntry(row.bytes, &entry).code(),
              row.parses ? absl::StatusCode::kOk : absl::StatusCode::kInvalidArgument)
        << row.why;
    EXPECT_EQ(DecodeEntry(row.bytes, &entry).code(),
              row.decodes ? absl::StatusCode::kOk : absl::StatusCode::kInvalidArgument)
        << row.why;
  }
}

// Also where a content of tomorrow cannot be parsed: every build has to name the same schema.
TEST(EntryCodec, TheSchemaIsReadOffWhateverBytes) {
  const struct {
    std::string bytes;
    uint32_t schema;
    const char* why;
  } rows[] = {
      {"", 0, "nothing is said"},
      {Filed().SerializeAsString(), kEntrySchema, "an entry"},
      {std::string("\x08\xe7\x24\xa2\x01\x04lamp", 10), 4711, "somebody else's message"},
      {std::string("\x08\x09\x12\x02\xff\xff", 6), 9, "a fact that is none"},
      {std::string("\x12\x02\xff\xff\x08\x09", 6), 9, "fields may come in any order"},
      {std::string("\x08\x03\x08\x09", 4), 9, "the last one counts, as it does when parsed"},
      {std::string("\x0a\x01\x09", 3), 0, "a text where the schema should be"},
      {std::string("\x08\x09\x12\x05\xff", 5), 0, "cut off: no message"},
      {"\xff\xff\xff\xff", 0, "no message at all"},
      {std::string("\x08\xff\xff\xff\xff\x0f", 6), 0xffff'ffff, "the largest"},
  };
  for (const auto& row : rows) EXPECT_EQ(SchemaIn(row.bytes), row.schema) << row.why;
}

TEST(EntryCodec, ASchemaIsRaisedByOneStepAndWhatSaysSoToTheLetter) {
  const auto raises = [](auto change) {
    v1::Entry entry = RaiseSchema(Partition{3}, 2, "all know it");
    change(entry, *entry.mutable_schema_raised());
    return RaisesSchema(entry, Partition{3}, 2);
  };
  EXPECT_TRUE(raises([](v1::Entry&, v1::SchemaRaised&) {}));
  EXPECT_TRUE(raises([](v1::Entry&, v1::SchemaRaised& raised) {
    raised.set_reason(std::string(kSchemaReasonMax, 'x'));
  }));
  const struct {
    void (*change)(v1::Entry&, v1::SchemaRaised&);
    const char* why;
  } rows[] = {
      {[](v1::Entry& entry, v1::SchemaRaised& raised) {
         raised.set_to(0xffff'ffff);
         entry.set_schema(0xffff'ffff);
       },
       "to a schema that would stop everybody for good"},
      {[](v1::Entry& entry, v1::SchemaRaised& raised) {
         raised.set_to(4);
         entry.set_schema(4);
       },
       "two steps at once"},
      {[](v1::Entry& entry, v1::SchemaRaised& raised) {
         raised.set_from(3);
         raised.set_to(4);
         entry.set_schema(4);
       },
       "from where it does not stand"},
      {[](v1::Entry&, v1::SchemaRaised& raised) { raised.set_from(0); }, "from nowhere"},
      {[](v1::Entry& entry, v1::SchemaRaised&) { entry.set_schema(1); }, "of an older schema"},
      {[](v1::Entry& entry, v1::SchemaRaised&) { entry.set_schema(4); }, "of a newer schema"},
      {[](v1::Entry&, v1::SchemaRaised& raised) { raised.set_partition(4); }, "another partition"},
      {[](v1::Entry&, v1::SchemaRaised& raised) { raised.set_mark(1); }, "another mark"},
      {[](v1::Entry&, v1::SchemaRaised& raised) { raised.clear_reason(); }, "for no reason"},
      {[](v1::Entry&, v1::SchemaRaised& raised) {
         raised.set_reason(std::string(kSchemaReasonMax + 1, 'x'));
       },
       "for a reason too long"},
      {[](v1::Entry& entry, v1::SchemaRaised&) { entry.mutable_tick(); }, "a tick"},
  };
  for (const auto& row : rows) EXPECT_FALSE(raises(row.change)) << row.why;
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

TEST(EntryCodec, ParksAPolicyWhoseZoneRulesAreNone) {
  v1::Entry entry;
  v1::ZoneRules& rules = *entry.mutable_policy_activated()->mutable_policy()->mutable_zone_rules();
  rules.add_offsets_s(3600);
  rules.add_changes_after_s(1);
  rules.add_changes_to(7);
  v1::Entry retried;
  *retried.mutable_dead_letter_retried()->mutable_entry() = entry;
  for (const v1::Entry* one : {&entry, &retried}) {
    v1::Entry read;
    EXPECT_EQ(DecodeEntry(one->SerializeAsString(), &read).code(),
              absl::StatusCode::kInvalidArgument);
  }
  rules.set_changes_to(0, 0);
  rules.set_until_s(1);
  EXPECT_TRUE(DecodeEntry(entry.SerializeAsString(), &retried).ok());
}

}  // namespace gridledger::engine
