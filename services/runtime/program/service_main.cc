#include "services/runtime/program/service_main.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <absl/base/thread_annotations.h>
#include <absl/strings/ascii.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <absl/synchronization/mutex.h>
#include <absl/synchronization/notification.h>
#include <absl/time/clock.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "services/runtime/adapters/kafka/kafka_log.h"
#include "services/runtime/adapters/kafka/membership.h"
#include "services/runtime/adapters/kafka/topics.h"
#include "services/runtime/cluster/dead_letter_topic.h"
#include "services/runtime/cluster/topic_rules.h"
#include "services/runtime/host/exit_code.h"
#include "services/runtime/host/folder.h"
#include "services/runtime/host/ledger_clock.h"
#include "services/runtime/host/live_city.h"
#include "services/runtime/host/log_lines.h"
#include "services/runtime/host/memory_size.h"
#include "services/runtime/host/signals.h"
#include "services/runtime/host/stall_watch.h"
#include "services/runtime/host/subjects.h"
#include "services/runtime/program/end_watch.h"
#include "services/runtime/program/endpoints.h"
#include "services/runtime/program/stuck_watch.h"

namespace gridledger::host {
namespace {

struct ServiceOptions {
  std::string data, log, state;
  std::vector<std::string> kafka;
  std::string kafka_properties;
  std::string partitions, group, instance;
  std::string memory = "1GiB";
  int threads = 1;
  bool drain = false;
  bool standby = false;
  bool keep_place = false;
  std::string takeover_after = "500ms";
  std::string stuck_after = "5m";
  std::string checkpoint_every = "10s";
  std::string http;
  std::string log_format = "text";
  std::string clock_offset;
};

constexpr absl::Duration kLookWait = absl::Milliseconds(50);
constexpr absl::Duration kDrainWait = absl::Milliseconds(200);
constexpr absl::Duration kHearEvery = absl::Seconds(1);
constexpr absl::Duration kCountEvery = absl::Seconds(5);
constexpr absl::Duration kWatchEvery = absl::Milliseconds(250);
// A clock that is off by more than the first is said, with more than the second another owner is
// better; it is right again, or good enough, at half of either.
constexpr absl::Duration kClockOff = absl::Seconds(1);
constexpr absl::Duration kClockWrong = absl::Seconds(5);
constexpr absl::Duration kRefusedEvery = absl::Seconds(10);  // between lines of what goes on
// Longer than a leader takes to move; ends are heard once a second.
constexpr absl::Duration kStallAfter = absl::Seconds(3);

absl::StatusOr<absl::Duration> ParseWait(const std::string& option, const std::string& text) {
  absl::Duration duration;
  if (absl::ParseDuration(text, &duration) && duration > absl::ZeroDuration()) return duration;
  return absl::InvalidArgumentError(
      absl::StrCat(option, " ", text, ": a duration is written as 500ms, 10s or 1m"));
}

// "0-7,12"
absl::StatusOr<std::vector<Partition>> ParsePartitions(const std::string& text, int count) {
  std::vector<Partition> partitions;
  for (const absl::string_view part : absl::StrSplit(text, ',')) {
    const std::vector<absl::string_view> ends = absl::StrSplit(part, absl::MaxSplits('-', 1));
    int from = 0, to = 0;
    if (!absl::SimpleAtoi(ends.front(), &from) || !absl::SimpleAtoi(ends.back(), &to) || from < 0 ||
        to < from || to >= count) {
      return absl::InvalidArgumentError(absl::StrCat("--partitions ", text, ": '", part,
                                                     "' is no partition of 0 to ", count - 1,
                                                     ", nor a range of them"));
    }
    for (int p = from; p <= to; ++p) partitions.push_back(Partition{p});
  }
  std::sort(partitions.begin(), partitions.end());
  partitions.erase(std::unique(partitions.begin(), partitions.end()), partitions.end());
  return partitions;
}

// Zero unless it is a duration.
absl::Duration OffsetOf(const std::string& text) {
  absl::Duration offset;
  return absl::ParseDuration(text, &offset) ? offset : absl::ZeroDuration();
}

// Two processes never share a state folder, so its path tells them apart.
std::string InstanceName(const ServiceOptions& options) {
  if (!options.instance.empty()) return options.instance;
  char host[256] = "host";
  gethostname(host, sizeof host - 1);
  std::error_code ignored;
  std::string name =
      absl::StrCat(host, "-", std::filesystem::absolute(options.state, ignored).string());
  for (char& c : name) {
    if (!absl::ascii_isalnum(static_cast<unsigned char>(c)) && c != '.' && c != '-') c = '_';
  }
  return name.substr(name.size() > 200 ? name.size() - 200 : 0);
}

class ServiceRun {
 public:
  ServiceRun(const ServiceProgram& program, const engine::Service& service,
             const ServiceOptions& options)
      : program_(program),
        service_(service),
        options_(options),
        clock_(OffsetOf(options.clock_offset)) {}
  // What keeps anything is closed by then (End); the clients go here.
  ~ServiceRun() { StopHearing(); }

  absl::Status Open() {
    absl::StatusOr<FolderOptions> where = Where();
    if (!where.ok()) return where.status();
    is_cluster_ = where->log.has_value() && where->log->kind == LogName::Kind::kKafka;
    if (is_cluster_) {
      // A topic that would lose records is not folded.
      cluster_ = *where;
      if (absl::Status status = CheckLedgerIsSafe(cluster_); !status.ok()) return status;
    }
    auto folder = Folder::Open(*where);
    if (!folder.ok()) return folder.status();
    folder_ = *std::move(folder);
    for (const std::string& said : folder_->said()) {
      Log(LogLevel::kWarning, "state_recovered", said, {{"service", service_.name.text()}});
    }
    return StartCity(*where);
  }

  // A thread of it hangs: there is no end to wait for.
  bool stuck() const { return stuck_; }

  // Until it is asked to end, nothing is left to do or nothing can go on. All is kept then; what is
  // left is to close.
  absl::Status Serve(EndWatch& watch) {
    Log(LogLevel::kInfo, "began", absl::StrCat(service_.name.text(), " began on ", folder_->name()),
        {{"service", service_.name.text()}, {"ledger", folder_->name()}, {"code", CodeId()}});
    if (absl::Status status = OpenEndpoints(); !status.ok()) return status;
    if (absl::Status status = Join(); !status.ok()) return status;
    BeginHearing();
    bool said_live = false;
    int64_t taken_over_said = 0, stood_down_said = 0;
    ListenToBrokers();
    StuckWatch stuck_watch(stuck_after_);
    StallWatch stall_watch(kStallAfter);
    absl::Status ended;
    while (!city_->Failed()) {
      // A member is idle only once its group has said what it is to do.
      const bool drains = options_.drain && (membership_ == nullptr || given_);
      if (drains && city_->WaitUntilIdle(absl::Now() + kDrainWait) &&
          (dead_letters_ == nullptr || dead_letters_->WaitUntilTried(absl::Now() + kDrainWait))) {
        break;
      }
      if (watch.Asked(drains ? absl::ZeroDuration() : (said_live ? kWatchEvery : kLookWait))) break;
      const CityLook look = city_->LookHere();
      SayStopped(look);
      SayRefused(look);
      WatchClock();
      SayStalls(stall_watch.Look(look, absl::Now()));
      const size_t running = look.tasks.size() - look.stopped.size();
      if (look.live && !said_live && (membership_ == nullptr || given_) && running > 0) {
        LogCount(LogLevel::kInfo, "live", " is live on ", static_cast<int64_t>(running),
                 " partitions");
        said_live = true;
      }
      if (look.taken_over > taken_over_said) {
        taken_over_said = look.taken_over;
        LogCount(LogLevel::kWarning, "took_over", " took over: ", taken_over_said,
                 " partitions had nobody who settled what was due");
      }
      if (look.stood_down > stood_down_said) {
        stood_down_said = look.stood_down;
        LogCount(LogLevel::kWarning, "stood_down", " stood down: ", stood_down_said,
                 " partitions have an owner again, who settles what is due");
      }
      if (stuck_watch.Look(city_->Rounds(), absl::Now())) {
        stuck_ = true;
        return absl::DeadlineExceededError(absl::StrCat(
            "a thread that folds has not come round for ", absl::FormatDuration(stuck_after_),
            ": the process ends without a checkpoint, and its partitions are free"));
      }
      if (!look.stopped.empty() && look.stopped.size() == look.tasks.size()) break;
      ended = WhatEndsIt();
      if (!ended.ok()) break;
    }
    return End(ended);
  }

  // Its partitions are free from here on: the group is told first.
  void Close() {
    std::unique_ptr<KafkaMembership> membership;
    {
      const absl::MutexLock lock(&mutex_);
      membership = std::move(membership_);
    }
    membership.reset();
    endpoints_.reset();
    StopHearing();
  }

 private:
  absl::StatusOr<FolderOptions> Where() {
    const absl::StatusOr<size_t> memory = ParseMemorySize(options_.memory);
    if (!memory.ok()) return memory.status();
    memory_ = *memory;
    FolderOptions where;
    where.path = options_.data;
    where.partitions = 0;
    where.memory_bytes = memory_;
    where.readers = options_.threads + (program_.parks_dead_letters ? 1 : 0);
    where.read_only = options_.standby;
    if (options_.log.empty()) {
      if (!options_.data.empty()) return where;
      return absl::InvalidArgumentError("--data DIR is required, or --log LOG: name the ledger");
    }
    absl::StatusOr<LogName> log = ParseLogName(options_.log);
    if (!log.ok()) return log.status();
    if (log->kind == LogName::Kind::kFile) {
      return absl::InvalidArgumentError("a service runs on a data folder or on a cluster");
    }
    where.path = log->path;
    if (log->kind == LogName::Kind::kLocal) return where;
    if (options_.state.empty()) {
      return absl::InvalidArgumentError(
          "--state DIR is required with a cluster: where this process keeps its state");
    }
    where.path = options_.state;
    where.log = *std::move(log);
    where.read_only = false;  // a standby on a cluster has a state of its own
    auto properties = ReadKafkaProperties(options_.kafka_properties, options_.kafka);
    if (!properties.ok()) return properties.status();
    where.kafka = *std::move(properties);
    where.said = [](int severity, absl::string_view text) {
      const LogLevel level = severity <= 3   ? LogLevel::kError
                             : severity <= 4 ? LogLevel::kWarning
                                             : LogLevel::kInfo;
      Log(level, "kafka_client", absl::StrCat("kafka: ", text), {{"severity", int64_t{severity}}});
    };
    return where;
  }

  absl::Status StartCity(const FolderOptions& where) {
    const auto takeover = ParseWait("--takeover-after", options_.takeover_after);
    if (!takeover.ok()) return takeover.status();
    const auto checkpoints = ParseWait("--checkpoint-every", options_.checkpoint_every);
    if (!checkpoints.ok()) return checkpoints.status();
    const auto stuck = ParseWait("--stuck-after", options_.stuck_after);
    if (!stuck.ok()) return stuck.status();
    stuck_after_ = *stuck;
    LiveCityOptions live;
    live.services = {service_};
    live.threads = options_.threads;
    live.tables_bytes_max = ShareMemory(memory_).tables;
    live.outputs = !options_.standby;
    live.checkpoint_interval = *checkpoints;
    live.code_id = CodeId();
    if (options_.standby && is_cluster_) live.takeover_after = *takeover;
    if (!options_.partitions.empty()) {
      auto list = ParsePartitions(options_.partitions, folder_->log().partitions());
      if (!list.ok()) return list.status();
      live.partitions = *std::move(list);
    } else if (IsMember()) {
      live.partitions.emplace();  // the group says which
    }
    if (auto* log = dynamic_cast<KafkaLog*>(&folder_->log());
        log != nullptr && program_.parks_dead_letters && !options_.standby) {
      DeadLetterTopicOptions letters;
      letters.topic.bootstrap = where.log->bootstrap;
      letters.topic.topic = absl::StrCat(where.log->prefix, ".dead-letters.v1");
      letters.topic.properties = where.kafka;
      letters.topic.said = where.said;
      letters.ledger = log;
      letters.ledger_topic = where.log->Topic();
      dead_letters_ = std::make_unique<DeadLetterTopic>(std::move(letters));
    }
    live.parked = dead_letters_.get();
    live.clock = &clock_;
    // Beside the writer of a data folder a standby's state is in memory only.
    StateStore* const store = where.read_only ? nullptr : folder_->store();
    clock_.ListenTo(cluster_log());
    auto city = LiveCity::Start(&folder_->log(), store, live);
    if (!city.ok()) return city.status();
    city_ = *std::move(city);
    return absl::OkStatus();
  }

  bool IsMember() const { return is_cluster_ && !options_.standby && options_.partitions.empty(); }

  absl::Status OpenEndpoints() {
    if (options_.http.empty()) return absl::OkStatus();
    EndpointOptions options;
    options.address = options_.http;
    options.service = service_.name.text();
    options.look = [this] {
      CityLook look = city_->LookHere();
      look.stalled = stalled_;
      look.clock_ahead = clock_.Ahead();
      return look;
    };
    options.unfit = [this] { return stands_back_ ? DescribeClock() : std::string(); };
    options.failed = [this] { return city_->Failed(); };
    options.given = [this] { return !IsMember() || given_; };
    options.client_statistics = [this] { return ClientStatistics(); };
    auto endpoints = Endpoints::Start(std::move(options));
    if (!endpoints.ok()) return endpoints.status();
    endpoints_ = *std::move(endpoints);
    Log(LogLevel::kInfo, "endpoints", absl::StrCat("endpoints on http://", endpoints_->address()),
        {{"service", service_.name.text()}, {"address", endpoints_->address()}});
    return absl::OkStatus();
  }

  KafkaLog* cluster_log() { return dynamic_cast<KafkaLog*>(&folder_->log()); }

  std::vector<KafkaClientStatistics> ClientStatistics() {
    std::vector<KafkaClientStatistics> all;
    if (KafkaLog* log = cluster_log(); log != nullptr) all = log->Statistics();
    const absl::MutexLock lock(&mutex_);
    if (membership_ != nullptr) all.push_back({"member", membership_->Statistics()});
    std::erase_if(all, [](const KafkaClientStatistics& one) { return one.json.empty(); });
    return all;
  }

  // The brokers stamp what is appended: their clock is the one that deadlines go by.
  void ListenToBrokers() {
    KafkaLog* const log = cluster_log();
    if (log == nullptr) return;
    const absl::Status asks = log->AskForTime(absl::StrCat(cluster_.log->prefix, ".clock.v1"));
    if (!asks.ok()) cluster_.said(4, asks.message());
  }

  // "this machine's clock is 300.0 s ahead of the brokers'"
  std::string DescribeClock() {
    const absl::Duration ahead = clock_.Ahead().value_or(absl::ZeroDuration());
    return absl::StrCat(
        "this machine's clock is ",
        absl::FormatDuration(absl::Trunc(absl::AbsDuration(ahead), absl::Milliseconds(100))),
        ahead < absl::ZeroDuration() ? " behind" : " ahead of", " the brokers'");
  }

  void SayClock(LogLevel level, absl::string_view event, absl::string_view then) {
    Log(level, event, absl::StrCat(DescribeClock(), then),
        {{"service", service_.name.text()},
         {"ahead_ms", absl::ToInt64Milliseconds(clock_.Ahead().value_or(absl::ZeroDuration()))}});
  }

  // Deadlines go by the brokers' clock anyhow. A machine whose own is far off is one that something
  // is wrong with: others do its work, where there are any.
  void WatchClock() {
    const std::optional<absl::Duration> ahead = clock_.Ahead();
    if (!ahead.has_value()) return;
    const absl::Duration off = absl::AbsDuration(*ahead);
    if (off > kClockWrong && !stands_back_) {
      stands_back_ = true;
      clock_is_off_ = true;
      SayClock(LogLevel::kError, "clock_wrong", ": it is left to others what they can take over");
      StandBack(true);
    } else if (stands_back_ && off < kClockWrong / 2) {
      stands_back_ = false;
      SayClock(LogLevel::kInfo, "clock_mended", ": it does its own again");
      StandBack(false);
    }
    if (off > kClockOff && !clock_is_off_) {
      clock_is_off_ = true;
      SayClock(LogLevel::kWarning, "clock_off", "");
    } else if (off < kClockOff / 2) {
      clock_is_off_ = false;
    }
  }

  void StandBack(bool stands_back) {
    if (membership_ != nullptr) return membership_->StandBack(stands_back);
    if (options_.standby) return;  // it does nothing that its owner does
    stands_back ? city_->StandBack() : city_->Promote();
  }

  // The first at once; then, while it goes on, now and then.
  void SayRefused(const CityLook& look) {
    if (look.refused == refused_said_ || !look.last_refusal.has_value()) return;
    const absl::Time now = clock_.Steady();
    if (refused_said_ > 0 && now - refused_said_at_ < kRefusedEvery) return;
    refused_said_at_ = now;
    refused_said_ = look.refused;
    const engine::Live::Refusal& last = *look.last_refusal;
    Log(LogLevel::kWarning, "append_refused", last.text,
        {{"service", service_.name.text()},
         {"partition", int64_t{last.partition.value}},
         {"offset", last.at.value},
         {"refused", look.refused}});
  }

  // The lag that /metrics tells, and whether the ledger still has as many partitions. A thread of
  // its own: nobody waits for brokers that are away.
  void BeginHearing() {
    if (endpoints_ == nullptr && !is_cluster_) return;
    // On a cluster also for those who ask for no endpoints: a partition that stands still is seen.
    hearing_ = std::thread([this] {
      absl::Time count_at = absl::Now() + kCountEvery;
      do {
        if (is_cluster_ && absl::Now() >= count_at) {
          CountPartitions();
          count_at = absl::Now() + kCountEvery;
        }
        city_->HearEnds();
      } while (!ending_.WaitForNotificationWithTimeout(kHearEvery));
    });
  }

  void CountPartitions() {
    KafkaLog* const log = cluster_log();
    const absl::StatusOr<int> count = log->CountPartitions();
    if (!count.ok() || *count == log->partitions()) return;
    const absl::MutexLock lock(&mutex_);
    recounted_ = absl::FailedPreconditionError(absl::StrCat(
        cluster_.log->Topic(), " has ", *count, " partitions now, and had ", log->partitions(),
        " when this began: a community's records would lie in two of them, and none has all. "
        "A ledger's number of partitions never changes. End what writes to it, make new topics "
        "with ",
        log->partitions(), " partitions and `gridledger copy --reunite ", log->partitions(),
        "` it there: that brings facts to their incidents"));
  }

  absl::Status WhatEndsIt() {
    if (membership_ != nullptr) {
      if (absl::Status status = membership_->status(); !status.ok()) return status;
    }
    const absl::MutexLock lock(&mutex_);
    return recounted_;
  }

  // "dispatch is live on 8 partitions": the service, words, how many, words.
  void LogCount(LogLevel level, absl::string_view event, absl::string_view before, int64_t count,
                absl::string_view after) const {
    Log(level, event, absl::StrCat(service_.name.text(), before, count, after),
        {{"service", service_.name.text()}, {"partitions", count}});
  }

  // Each as soon as it stops, once.
  void SayStopped(const CityLook& look) {
    std::set<Partition> stopped;
    for (const engine::Live::Stopped& one : look.stopped) {
      stopped.insert(one.partition);
      if (stopped_said_.contains(one.partition)) continue;
      const std::string why(one.why.message());
      const std::string damage(one.bad_place ? DamageName(one.bad_place->damage) : "");
      Log(LogLevel::kError, "partition_stopped",
          absl::StrCat("partition ", one.partition.value, " stopped at offset ", one.at.value,
                       damage.empty() ? "" : absl::StrCat(" (", damage, ")"), ": ", why),
          {{"service", service_.name.text()},
           {"partition", int64_t{one.partition.value}},
           {"offset", one.at.value},
           {"damage", damage},
           {"reason", why}});
    }
    stopped_said_ = std::move(stopped);
  }

  // Each as soon as it stands still, and when it goes on.
  void SayStalls(const std::vector<Stall>& stalls) {
    std::set<Partition> stalled;
    for (const Stall& one : stalls) {
      stalled.insert(one.partition);
      if (stalled_said_.contains(one.partition)) continue;
      Log(LogLevel::kWarning, "partition_stalled",
          absl::StrCat("partition ", one.partition.value, " stands still at offset ",
                       one.next.value, ": the log ends at ", one.end.value, ", and nothing comes"),
          {{"service", service_.name.text()},
           {"partition", int64_t{one.partition.value}},
           {"offset", one.next.value},
           {"end", one.end.value}});
    }
    for (const Partition partition : stalled_said_) {
      if (stalled.contains(partition)) continue;
      Log(LogLevel::kInfo, "partition_reads_on",
          absl::StrCat("partition ", partition.value, " is read on, or no longer here"),
          {{"service", service_.name.text()}, {"partition", int64_t{partition.value}}});
    }
    stalled_ = static_cast<int64_t>(stalled.size());
    stalled_said_ = std::move(stalled);
  }

  absl::Status Join() {
    if (!IsMember()) return absl::OkStatus();
    KafkaMembershipOptions options;
    options.bootstrap = cluster_.log->bootstrap;
    options.topic = cluster_.log->Topic();
    options.group = options_.group.empty()
                        ? absl::StrCat(cluster_.log->prefix, ".", service_.name.text())
                        : options_.group;
    options.instance = InstanceName(options_);
    options.keeps_place = options_.keep_place;
    options.properties = cluster_.kafka;
    options.said = cluster_.said;
    options.owns = [this](const std::vector<Partition>& partitions) {
      Log(LogLevel::kInfo, "group_gives",
          absl::StrCat("the group gives ", partitions.size(), " partitions"),
          {{"service", service_.name.text()},
           {"partitions", static_cast<int64_t>(partitions.size())}});
      city_->SetPartitions(partitions);
      given_ = true;
    };
    options.positions = [this] {
      std::map<Partition, Offset> positions;
      for (const TaskLook& task : city_->LookHere().tasks) {
        positions[task.task.partition] = task.next;
      }
      return positions;
    };
    auto membership = KafkaMembership::Start(std::move(options));
    if (!membership.ok()) return membership.status();
    const absl::MutexLock lock(&mutex_);
    membership_ = *std::move(membership);
    return absl::OkStatus();
  }

  // Sends no more and keeps what is folded. Whatever may hang comes later.
  absl::Status End(absl::Status ended) {
    if (KafkaLog* log = cluster_log(); log != nullptr) log->AskNoMore();
    const absl::Status kept = city_->Stop();
    const CityLook last = city_->LookHere();
    SayStopped(last);
    if (!kept.ok()) return kept;
    Log(LogLevel::kInfo, "ended",
        absl::StrCat(service_.name.text(), " ended: ", last.folded, " records folded, ",
                     last.decisions_sent, " decisions sent"),
        {{"service", service_.name.text()},
         {"records_folded", last.folded},
         {"decisions_sent", last.decisions_sent}});
    if (!ended.ok()) return ended;
    return last.stopped.empty() ? absl::OkStatus() : last.stopped.front().why;
  }

  void StopHearing() {
    if (!hearing_.joinable()) return;
    ending_.Notify();
    hearing_.join();
  }

  const ServiceProgram& program_;
  const engine::Service& service_;
  const ServiceOptions& options_;
  absl::Duration stuck_after_;
  bool stuck_ = false;
  std::atomic<bool> given_{false};  // the group has said which partitions
  size_t memory_ = 0;
  bool is_cluster_ = false;
  FolderOptions cluster_;
  std::unique_ptr<Folder> folder_;
  LedgerClock clock_;
  std::atomic<bool> stands_back_{false};
  bool clock_is_off_ = false;
  int64_t refused_said_ = 0;
  absl::Time refused_said_at_ = absl::InfinitePast();
  std::unique_ptr<DeadLetterTopic> dead_letters_;  // null where there is none
  std::unique_ptr<LiveCity> city_;
  std::unique_ptr<Endpoints> endpoints_;
  absl::Mutex mutex_;  // of what the endpoints and the hearing thread reach
  // Set and reset under it, by the one thread that also reads it without.
  std::unique_ptr<KafkaMembership> membership_;
  absl::Status recounted_ ABSL_GUARDED_BY(mutex_);
  std::set<Partition> stopped_said_;
  std::set<Partition> stalled_said_;
  std::atomic<int64_t> stalled_{0};
  absl::Notification ending_;
  std::thread hearing_;
};

// GRIDLEDGER_ and the option's name in capitals. GRIDLEDGER_DATA is where the tests look for the
// public data sets.
std::string EnvironmentName(absl::string_view option) {
  if (option == "data") return "GRIDLEDGER_DATA_FOLDER";
  std::string name = absl::StrCat("GRIDLEDGER_", absl::AsciiStrToUpper(option));
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

// The file of --config, but for what the environment says: CLI11 would have the file win.
class FileBehindEnvironment : public CLI::ConfigTOML {
 public:
  std::vector<CLI::ConfigItem> from_config(std::istream& input) const override {
    std::vector<CLI::ConfigItem> said = CLI::ConfigTOML::from_config(input);
    std::erase_if(said, [](const CLI::ConfigItem& item) {
      const char* value = std::getenv(EnvironmentName(item.name).c_str());
      return item.parents.empty() && value != nullptr && *value != '\0';
    });
    return said;
  }
};

// Every option is also an environment variable and a line of the file of --config, flags too.
void AddOptions(CLI::App& app, ServiceOptions& options) {
  app.set_config("--config", "", "A file of these options, a line NAME = VALUE each")
      ->envname("GRIDLEDGER_CONFIG");
  app.config_formatter(std::make_shared<FileBehindEnvironment>());
  app.allow_config_extras(CLI::config_extras_mode::error);
  const auto add = [&app](const char* name, auto& value, const char* help) {
    return app.add_option(name, value, help)->envname(EnvironmentName(name + 2));
  };
  const auto add_flag = [&app](const char* name, bool& value, const char* help) {
    app.add_flag(name, value, help)->envname(EnvironmentName(name + 2));
  };
  add("--data", options.data, "The data folder, as made by import, simulate or up");
  add("--log", options.log, "Another ledger: kafka:HOST:PORT[,HOST:PORT]/PREFIX");
  add("--state", options.state, "With a cluster: where this process keeps its state");
  add("--kafka", options.kafka, "A property of librdkafka, NAME=VALUE; may be repeated")
      ->take_all();
  add("--kafka-properties", options.kafka_properties,
      "A file of such properties: the place for passwords");
  add("--group", options.group, "The consumer group; PREFIX.SERVICE unless told");
  add("--instance", options.instance,
      "This member's own static name; of the host and the state folder unless told");
  add("--partitions", options.partitions, "A static list, e.g. 0-7,12, instead of a group");
  add("--memory", options.memory,
      "The one memory limit, e.g. 512MiB; with 64 partitions at least 256MiB")
      ->capture_default_str();
  add("--threads", options.threads, "Threads, each with some of the partitions")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  add("--checkpoint-every", options.checkpoint_every, "At the latest")->capture_default_str();
  add("--takeover-after", options.takeover_after,
      "When a standby takes over what nobody has settled")
      ->capture_default_str();
  add("--stuck-after", options.stuck_after, "End the process when a thread of it hangs for so long")
      ->capture_default_str();
  add("--http", options.http, "HOST:PORT for /live, /ready, /metrics, /clients; none unless told");
  add("--log-format", options.log_format, "Log lines: text or json")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
  // For tests: as if this machine's clock were wrong by so much, e.g. -300s.
  add("--clock-offset", options.clock_offset, "")->group("");
  add_flag("--drain", options.drain,
           "End when nothing is left to do, but in partitions that stopped");
  add_flag("--standby", options.standby,
           "Fold along and send nothing; on a cluster take over what nobody settles");
  add_flag("--keep-place", options.keep_place,
           "Do not leave the group at the end: back within 10 s, nothing has moved");
}

}  // namespace

int ServiceMain(const ServiceProgram& program, int argc, char** argv) {
  const engine::Service* service = FindService(program.name);
  INVARIANT(service != nullptr, "a program of a service that is not there");
  return ServiceMain(program, *service, argc, argv);
}

int ServiceMain(const ServiceProgram& program, const engine::Service& service, int argc,
                char** argv) {
  StopSignals signals;
  const std::string name = absl::StrCat("gridledger-", program.name);
  ServiceOptions options;
  CLI::App app(absl::StrCat("The ", service.name.text(), " service of gridledger, on its own.\n",
                            program.what,
                            "\nA data folder has one writing process: while `gridledger up` runs "
                            "there, use --standby.\nOn a cluster the processes of a group share "
                            "the partitions; whoever comes or goes moves only those."));
  AddOptions(app, options);
  app.footer(absl::StrCat(
      "Examples:\n  ", name, " --data city              serve until Ctrl-C\n  ", name,
      " --data city --drain      do what there is to do, and end\n  ", name,
      " --data city --standby    fold beside `gridledger up`\n  ", name,
      " --log kafka:127.0.0.1:9092/city --state /var/lib/city --http 127.0.0.1:8080\n  ", name,
      " --log kafka:127.0.0.1:9092/city --state other --partitions 0-31 --standby\n\n",
      "Every option may stand in the file of --config and in the environment, as GRIDLEDGER_ and "
      "its\nname in capitals (GRIDLEDGER_LOG, GRIDLEDGER_KAFKA_PROPERTIES, "
      "GRIDLEDGER_STANDBY=true); only --data\nis GRIDLEDGER_DATA_FOLDER. What the command line "
      "says comes before the environment, and that before\nthe file.\n\n"
      "On SIGTERM or SIGINT it makes a checkpoint, leaves its group and ends, within seconds also "
      "while\nbrokers hang.\n\n",
      kExitCodes));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  LogTo(options.log_format, name);
  EndWatch watch(&signals);
  absl::Status status;
  {
    ServiceRun run(program, service, options);
    status = run.Open();
    if (status.ok()) {
      watch.Opened();
      status = run.Serve(watch);
    }
    if (!status.ok()) {
      Log(LogLevel::kError, "failed", std::string(status.message()),
          {{"service", service.name.text()},
           {"status", absl::StatusCodeToString(status.code())},
           {"exit_code", ExitCodeOf(status)}});
    }
    watch.Kept(ExitCodeOf(status));
    run.Close();
    if (run.stuck()) _exit(ExitCodeOf(status));  // the state is what its last checkpoint says (L5)
  }
  return ExitCodeOf(status);
}

}  // namespace gridledger::host
