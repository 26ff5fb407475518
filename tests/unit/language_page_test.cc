// proto/README.md shows one incident's life as its actual records. This test makes that page, so
// that it cannot drift; GRIDLEDGER_UPDATE=1 writes it anew.

#include <absl/strings/str_cat.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "services/runtime/engine/lockstep.h"
#include "services/runtime/host/subjects.h"

namespace gridledger {
namespace {

constexpr absl::string_view kBegin = "<!-- made by tests/unit/language_page_test.cc -->\n";
constexpr absl::string_view kEnd = "<!-- end -->\n";

absl::Time At(absl::string_view text) {
  absl::Time at;
  std::string error;
  INVARIANT(absl::ParseTime("%Y-%m-%d %H:%M", text, absl::FixedTimeZone(8 * 3600), &at, &error),
            error);
  return at;
}

// What people outside said, in order.
class Script : public engine::OutsideSource {
 public:
  v1::Entry& Say(absl::string_view at) {
    said_.push_back(engine::Outside{At(at), "440311005003", {}});
    return said_.back().entry;
  }
  v1::Fact& SayOf(absl::string_view at, v1::Role role, absl::string_view actor) {
    v1::Fact& fact = *Say(at).mutable_fact();
    fact.set_incident_id("YT-00000007");
    fact.set_happened_at_ms(absl::ToUnixMillis(At(at)));
    fact.mutable_actor()->set_role(role);
    fact.mutable_actor()->set_code(std::string(actor));
    return fact;
  }
  absl::StatusOr<bool> Next(const incident::State&, engine::Outside* next) override {
    if (next_ == said_.size()) return false;
    *next = said_[next_++];
    return true;
  }

 private:
  std::deque<engine::Outside> said_;
  size_t next_ = 0;
};

class Page : public engine::LedgerSink {
 public:
  absl::Status Append(const Record& record) override {
    v1::Entry entry;
    if (absl::Status status = engine::DecodeEntry(record.value, &entry); !status.ok())
      return status;
    std::string json;
    google::protobuf::util::JsonPrintOptions print;
    print.add_whitespace = true;
    const auto printed = google::protobuf::util::MessageToJsonString(entry, &json, print);
    INVARIANT(printed.ok(), "an entry prints as JSON");
    absl::StrAppend(
        &text, "#### ", record.offset.value, " · ", FindHeader(record.headers, "ce_type"), " · ",
        absl::FormatTime("%Y-%m-%d %H:%M:%E3S", record.timestamp, absl::FixedTimeZone(8 * 3600)),
        "\n\n`ce_source` ", FindHeader(record.headers, "ce_source"), " · `ce_id` ",
        FindHeader(record.headers, "ce_id"), " · key ",
        record.key.empty() ? "(none)" : std::string(record.key), " · ", record.value.size(),
        " bytes\n\n```json\n", json, "```\n\n");
    return absl::OkStatus();
  }
  std::string text;
};

std::string Life() {
  Script script;
  v1::Policy& policy = *script.Say("2021-01-04 08:00").mutable_policy_activated()->mutable_policy();
  policy.set_version("example-1");
  policy.set_zone("Asia/Shanghai");
  v1::ZoneRules& rules = *policy.mutable_zone_rules();
  rules.set_source("tzdata 2025b");
  rules.set_until_s(4'133'980'800);
  rules.add_offsets_s(8 * 3600);
  rules.add_offsets_s(9 * 3600);
  // Summer time from 1986 to 1991.
  for (const uint32_t after_s : {515527200, 11487600, 18147600, 13302000, 18752400, 12697200,
                                 18752400, 13302000, 18147600, 13302000, 18147600, 13302000}) {
    rules.add_changes_to(1 - rules.changes_after_s_size() % 2);
    rules.add_changes_after_s(after_s);
  }
  policy.set_default_unit("subdistrict-office");
  v1::Category& category = *policy.add_categories();
  category.set_code("environment");
  category.set_name("公共环境");
  category.set_limit_minutes(120);
  v1::Responsibility& responsibility = *policy.add_responsibilities();
  responsibility.set_category("environment");
  responsibility.set_unit("sanitation");
  policy.mutable_escalation()->set_warn_percent(80);
  v1::Level& level = *policy.mutable_escalation()->add_levels();
  level.set_after_minutes(30);
  level.set_post("shift-leader");
  v1::MemberRegistered& member = *script.Say("2021-01-04 08:00").mutable_member_registered();
  member.set_member("m-017");
  member.set_unit("sanitation");
  member.set_active(true);
  v1::RosterPublished& roster = *script.Say("2021-01-04 08:00").mutable_roster_published();
  roster.set_unit("sanitation");
  v1::Shift& shift = *roster.add_shifts();
  shift.set_member("m-017");
  shift.set_start_minute(8 * 60);
  shift.set_end_minute(20 * 60);
  shift.set_utc_offset_minutes(480);

  v1::IncidentReported& reported =
      *script.SayOf("2021-01-04 09:00", v1::ROLE_CITIZEN, "").mutable_reported();
  reported.set_category("environment");
  reported.set_community("440311005003");
  reported.set_area("440311005003-004");
  reported.set_channel("app");
  script.SayOf("2021-01-04 09:05", v1::ROLE_COLLECTOR, "m-021")
      .mutable_verified()
      ->set_confirmed(true);
  script.SayOf("2021-01-04 09:10", v1::ROLE_SHIFT_LEADER, "l-002").mutable_filed();
  script.SayOf("2021-01-04 09:30", v1::ROLE_HANDLER, "m-017").mutable_handling_started();
  script.SayOf("2021-01-04 11:20", v1::ROLE_HANDLER, "m-017").mutable_handling_finished();
  script.SayOf("2021-01-04 11:25", v1::ROLE_CHECKER, "m-021").mutable_check_passed();
  script.SayOf("2021-01-04 11:26", v1::ROLE_SHIFT_LEADER, "l-002")
      .mutable_closed()
      ->set_disposition(v1::DISPOSITION_SOLVED);
  script.SayOf("2021-01-04 19:00", v1::ROLE_CITIZEN, "").mutable_rated()->set_stars(4);

  std::vector<std::unique_ptr<engine::Task>> tasks;
  std::vector<engine::Task*> refs;
  for (const engine::Service& service : host::AllServices()) {
    tasks.push_back(*engine::Task::Open(service, Partition{0}, nullptr, "page"));
    refs.push_back(tasks.back().get());
  }
  Page page;
  engine::LockStep lockstep(Partition{0}, refs, &page);
  for (bool more = true; more;) {
    const absl::StatusOr<bool> step = lockstep.Step(script);
    INVARIANT(step.ok(), step.status().message());
    more = *step;
  }
  const incident::Incident* incident =
      refs[0]->incidents().incidents.Find(IncidentId("YT-00000007"));
  EXPECT_NE(incident, nullptr);
  EXPECT_EQ(incident->phase, incident::Phase::kClosed);
  EXPECT_EQ(incident->stars, 4u);
  return page.text;
}

TEST(LanguagePage, ShowsTheRecordsOfOneLife) {
  const char* source = std::getenv("GRIDLEDGER_SOURCE_DIR");
  ASSERT_NE(source, nullptr) << "run it by ctest, which says where the sources are";
  const std::string path = absl::StrCat(source, "/proto/README.md");
  std::stringstream bytes;
  bytes << std::ifstream(path).rdbuf();
  const std::string page = bytes.str();
  const size_t begin = page.find(std::string(kBegin));
  const size_t end = page.find(std::string(kEnd));
  ASSERT_NE(begin, std::string::npos) << path << " has lost its begin mark";
  ASSERT_NE(end, std::string::npos) << path << " has lost its end mark";
  const std::string fresh = absl::StrCat(page.substr(0, begin), kBegin, "\n", Life(), kEnd,
                                         page.substr(end + kEnd.size()));
  if (std::getenv("GRIDLEDGER_UPDATE") != nullptr) std::ofstream(path) << fresh;
  EXPECT_EQ(page, fresh)
      << "the language has moved: run this test with GRIDLEDGER_UPDATE=1 and commit " << path;
}

}  // namespace
}  // namespace gridledger
