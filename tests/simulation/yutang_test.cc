// The published Yutang period, played through the real services in lock-step: the figures come out
// exactly, nothing is void, and a run that was cut off goes on to the same ledger.
#include <absl/container/btree_map.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <iostream>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "services/base/digest.h"
#include "services/domain/metrics/metrics.h"
#include "services/runtime/engine/entry_codec.h"
#include "services/runtime/engine/lockstep.h"
#include "services/runtime/host/subjects.h"
#include "services/simulation/city.h"

namespace gridledger {
namespace {

using simulation::City;
using simulation::PartitionFeed;

constexpr int kPartitions = 8;

// As in deploy/policies/yutang.yaml.
v1::Policy YutangPolicy() {
  v1::Policy policy;
  policy.set_version("yutang-2020-01");
  policy.set_zone("Asia/Shanghai");
  const auto category = [&](const char* code, uint32_t limit_minutes) {
    v1::Category& added = *policy.add_categories();
    added.set_code(code);
    added.set_limit_minutes(limit_minutes);
  };
  category("publicity", 4320);
  category("environment", 1440);
  category("order", 480);
  category("facilities", 7200);
  const auto responsible = [&](const char* code, const char* area, const char* unit) {
    v1::Responsibility& added = *policy.add_responsibilities();
    added.set_category(code);
    added.set_area(area);
    added.set_unit(unit);
  };
  responsible("environment", "440311005003", "station-003");
  responsible("publicity", "440311005001", "station-001");
  responsible("publicity", "440311005002", "station-002");
  responsible("publicity", "440311005003", "station-003");
  responsible("publicity", "440311005004", "station-004");
  responsible("environment", "", "environment-team");
  responsible("order", "", "order-team");
  responsible("facilities", "", "facilities-team");
  policy.set_default_unit("subdistrict-office");
  policy.mutable_escalation()->set_warn_percent(80);
  const auto level = [&](uint32_t after_minutes, const char* post) {
    v1::Level& added = *policy.mutable_escalation()->add_levels();
    added.set_after_minutes(after_minutes);
    added.set_post(post);
  };
  level(30, "grid-chief");
  level(480, "community-head");
  level(2880, "subdistrict-leader");
  return policy;
}

class FeedSource : public engine::OutsideSource {
 public:
  FeedSource(const City& city, Partition partition) : feed_(city, partition) {}
  absl::StatusOr<bool> Next(const incident::State& view, engine::Outside* next) override {
    const bool more = feed_.Next(view, &next->at, &next->key, &next->entry);
    lives_max_ = std::max(lives_max_, feed_.lives());
    return more;
  }
  size_t lives_max() const { return lives_max_; }

 private:
  PartitionFeed feed_;
  size_t lives_max_ = 0;
};

struct Kept {
  absl::Time timestamp;
  std::string key, headers, value;
  friend bool operator==(const Kept&, const Kept&) = default;
};

// Counts what is appended; keeps it only when asked to.
class Ledger : public engine::LedgerSink {
 public:
  explicit Ledger(bool keeps) : keeps_(keeps) {}

  absl::Status Append(const Record& record) override {
    ++records;
    digest = HashPair(digest.Hex(), absl::StrCat(ToMillis(record.timestamp), " ", record.key, " ",
                                                 record.headers, " ", record.value));
    if (keeps_) {
      kept.push_back(Kept{record.timestamp, std::string(record.key), std::string(record.headers),
                          std::string(record.value)});
    }
    v1::Entry entry;
    if (absl::Status status = engine::DecodeEntry(record.value, &entry); !status.ok()) {
      return status;
    }
    Count(entry);
    return absl::OkStatus();
  }

  int64_t records = 0;
  Digest digest;                                // chained
  absl::btree_map<std::string, int64_t> facts;  // by name, decisions' facts too
  std::vector<Kept> kept;

 private:
  void Count(const v1::Entry& entry) {
    if (entry.has_fact()) ++facts[std::string(engine::FactType(entry.fact()))];
    for (const v1::Fact& fact : entry.decision().facts()) {
      ++facts[std::string(engine::FactType(fact))];
    }
    if (entry.has_tick()) ++facts["Tick"];
    if (!entry.has_source()) return;
    const v1::SourcePosition& at = entry.source();
    const auto position = std::make_tuple(at.at_ms(), at.row(), at.ordinal());
    EXPECT_LT(last_, position) << "positions rise along a partition";
    last_ = position;
  }

  const bool keeps_;
  std::tuple<int64_t, uint64_t, uint32_t> last_{0, 0, 0};
};

using Tasks = std::vector<std::unique_ptr<engine::Task>>;

Tasks OpenTasks(const std::vector<engine::Service>& services, Partition partition) {
  Tasks tasks;
  for (const engine::Service& service : services) {
    auto task = engine::Task::Open(service, partition, nullptr, "test");
    EXPECT_TRUE(task.ok()) << task.status();
    tasks.push_back(*std::move(task));
  }
  return tasks;
}

std::vector<engine::Task*> Refs(const Tasks& tasks) {
  std::vector<engine::Task*> refs;
  for (const auto& task : tasks) refs.push_back(task.get());
  return refs;
}

// Plays all partitions and sums up.
struct Outcome {
  incident::Counts counts;
  std::vector<uint64_t> voids = std::vector<uint64_t>(incident::kVoidReasons);
  absl::btree_map<std::string, int64_t> facts;
  absl::btree_map<incident::Phase, int64_t> open_phases;
  std::vector<int64_t> records = std::vector<int64_t>(kPartitions);
  std::string digests;  // each partition's: of its records, then of each service's state
  metrics::Sheet sheet;
  int64_t late = 0;
  size_t lives_max = 0;

  int64_t all_records() const {
    int64_t sum = 0;
    for (const int64_t records_here : records) sum += records_here;
    return sum;
  }
};

Outcome Play(City::Options options, const std::vector<engine::Service>& services) {
  options.partitions = kPartitions;
  const City city(options, YutangPolicy());
  Outcome outcome;
  outcome.sheet.as_of = city.cut_off();
  for (int p = 0; p < kPartitions; ++p) {
    const Tasks tasks = OpenTasks(services, Partition{p});
    Ledger ledger(false);
    engine::LockStep lockstep(Partition{p}, Refs(tasks), &ledger);
    FeedSource source(city, Partition{p});
    absl::StatusOr<bool> more = true;
    while (more.ok() && *more) more = lockstep.Step(source);
    EXPECT_TRUE(more.ok()) << more.status();
    EXPECT_LE(tasks[0]->now(), city.cut_off());
    const absl::Status ended = lockstep.RunTo(city.cut_off());
    EXPECT_TRUE(ended.ok()) << ended;

    const incident::State& state = tasks[0]->incidents();
    const incident::Counts& counts = state.counts.Get();
    outcome.counts.incidents += counts.incidents;
    outcome.counts.open += counts.open;
    outcome.counts.closed += counts.closed;
    outcome.counts.awaiting += counts.awaiting;
    for (int i = 0; i < incident::kVoidReasons; ++i) {
      outcome.voids[i] += counts.Voids(static_cast<incident::VoidReason>(i));
    }
    for (const auto& [name, count] : ledger.facts) outcome.facts[name] += count;
    outcome.records[p] = ledger.records;
    absl::StrAppend(&outcome.digests, ledger.digest.Hex());
    for (const auto& task : tasks) absl::StrAppend(&outcome.digests, " ", task->digest().Hex());
    absl::StrAppend(&outcome.digests, "; ");
    outcome.late += lockstep.late();
    outcome.lives_max = std::max(outcome.lives_max, source.lives_max());
    for (uint64_t number = 1; number <= options.incidents; ++number) {
      const auto* found = state.incidents.Find(IncidentId(absl::StrFormat("YT-%08d", number)));
      if (found != nullptr && incident::IsOpen(found->phase)) ++outcome.open_phases[found->phase];
    }
    if (services.size() > 1) {
      metrics::Merge(metrics::AsOf(host::MetricsOf(tasks[2]->subject()), city.cut_off()),
                     &outcome.sheet);
    }
  }
  return outcome;
}

class Figures : public testing::TestWithParam<uint64_t> {};

TEST_P(Figures, ComeOutExactly) {
  const uint64_t incidents = GetParam();
  const Outcome outcome = Play({.incidents = incidents}, host::AllServices());
  EXPECT_EQ(outcome.counts.incidents, incidents);
  EXPECT_EQ(outcome.counts.closed, simulation::Rectified(incidents));
  EXPECT_EQ(outcome.counts.open, incidents - simulation::Rectified(incidents));
  EXPECT_EQ(outcome.counts.awaiting, 0);
  EXPECT_EQ(outcome.voids, std::vector<uint64_t>(incident::kVoidReasons));
  EXPECT_EQ(outcome.late, 0);
  const metrics::Row total = outcome.sheet.Total();
  EXPECT_EQ(total[metrics::Count::kReported], incidents);
  EXPECT_EQ(total[metrics::Count::kVoided], 0);
}

INSTANTIATE_TEST_SUITE_P(Yutang, Figures, testing::Values(0, 1, 2, 18, 19, 37, 1000));

TEST(Yutang, ThePublishedPeriod) {
  const Outcome outcome = Play({}, host::AllServices());
  EXPECT_EQ(outcome.counts.incidents, 52'297);
  EXPECT_EQ(outcome.counts.closed, 50'879);
  EXPECT_EQ(outcome.counts.open, 1'418);
  EXPECT_EQ(outcome.voids, std::vector<uint64_t>(incident::kVoidReasons));
  EXPECT_EQ(outcome.late, 0);
  // deploy/dev/test compares them with those of another build.
  RecordProperty("digests", outcome.digests);
  const metrics::Row total = outcome.sheet.Total();
  EXPECT_EQ(metrics::PrintedRate(total[metrics::Count::kClosed], total[metrics::Count::kReported]),
            "97.29 %");

  for (const auto& [name, count] : outcome.facts) std::cout << name << " " << count << "\n";
  for (const auto& [phase, count] : outcome.open_phases) {
    std::cout << "open " << incident::PhaseName(phase) << " " << count << "\n";
  }
  for (const int64_t records : outcome.records) std::cout << records << " ";
  std::cout << "\nlives " << outcome.lives_max << " on time "
            << total[metrics::Count::kClosedOnTime] << "/" << total[metrics::Count::kDueToClose]
            << " filed " << total[metrics::Count::kFiled] << "\n";
}

}  // namespace
}  // namespace gridledger
