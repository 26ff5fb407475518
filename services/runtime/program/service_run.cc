#include "services/runtime/program/service_run.h"

#include <absl/strings/str_cat.h>
#include <absl/time/clock.h>

#include <map>
#include <optional>
#include <string>
#include <utility>

#include "services/runtime/adapters/kafka/topics.h"
#include "services/runtime/cluster/topic_rules.h"
#include "services/runtime/host/log_lines.h"
#include "services/runtime/host/memory_size.h"
#include "services/runtime/host/stall_watch.h"
#include "services/runtime/host/subjects.h"
#include "services/runtime/program/stuck_watch.h"

namespace gridledger::host {
namespace {

constexpr absl::Duration kLookWait = absl::Milliseconds(50);
constexpr absl::Duration kDrainWait = absl::Milliseconds(200);
constexpr absl::Duration kHearEvery = absl::Seconds(1);
constexpr absl::Duration kCountEvery = absl::Seconds(5);
constexpr absl::Duration kWatchEvery = absl::Milliseconds(250);
// Longer than a leader takes to move; ends are heard once a second.
constexpr absl::Duration kStallAfter = absl::Seconds(3);

}  // namespace

absl::Status ServiceRun::Open() {
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
  where_ = *where;
  return StartCity(*where);
}

absl::Status ServiceRun::Serve(EndWatch& watch) {
  Log(LogLevel::kInfo, "began", absl::StrCat(service_.name.text(), " began on ", folder_->name()),
      {{"service", service_.name.text()}, {"ledger", folder_->name()}, {"code", CodeId()}});
  if (absl::Status status = OpenEndpoints(); !status.ok()) return status;
  if (absl::Status status = Join(); !status.ok()) return status;
  BeginHearing();
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
    if (watch.Asked(drains ? absl::ZeroDuration() : (lines_.said_live() ? kWatchEvery : kLookWait)))
      break;
    const CityLook look = city_->LookHere();
    lines_.SayStopped(look);
    lines_.SayRefused(look, clock_.Steady());
    clock_watch_.Check([this](bool stands_back) { StandBack(stands_back); });
    lines_.SayStalls(stall_watch.Check(look, absl::Now()));
    if (membership_ == nullptr || given_) lines_.SayLive(look);
    lines_.SayTakenOver(look);
    if (stuck_watch.Check(city_->Turns(), absl::Now())) {
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

void ServiceRun::Close() {
  std::unique_ptr<KafkaMembership> membership;
  {
    const absl::MutexLock lock(&mutex_);
    membership = std::move(membership_);
  }
  membership.reset();
  endpoints_.reset();
  StopHearing();
}

absl::StatusOr<FolderOptions> ServiceRun::Where() {
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

absl::Status ServiceRun::StartCity(const FolderOptions& where) {
  const auto takeover = ParseWait("--takeover-after", options_.takeover_after);
  if (!takeover.ok()) return takeover.status();
  const auto checkpoints = ParseWait("--checkpoint-every", options_.checkpoint_every);
  if (!checkpoints.ok()) return checkpoints.status();
  const auto stuck = ParseWait("--stuck-after", options_.stuck_after);
  if (!stuck.ok()) return stuck.status();
  stuck_after_ = *stuck;
  LiveCityOptions live;
  live.services = {service_};
  if (program_.front != nullptr) {
    live.services = AllServices();
    live.watch = program_.front->Watch(folder_->log().partitions());
  }
  live.outputs = !options_.standby && program_.front == nullptr;
  live.threads = options_.threads;
  live.tables_bytes_max = ShareMemory(memory_).tables;
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

absl::Status ServiceRun::OpenFront() {
  Front::Ground ground;
  ground.city = city_.get();
  ground.folder = folder_.get();
  ground.clock = &clock_;
  ground.where = where_;
  ground.http = options_.http;
  ground.unfit = [this] { return clock_watch_.Unfit(); };
  const absl::StatusOr<std::string> address = program_.front->Open(std::move(ground));
  if (!address.ok()) return address.status();
  Log(LogLevel::kInfo, "endpoints", absl::StrCat("the city is on ", *address),
      {{"service", service_.name.text()}, {"address", *address}});
  return absl::OkStatus();
}

absl::Status ServiceRun::OpenEndpoints() {
  if (program_.front != nullptr) return OpenFront();
  if (options_.http.empty()) return absl::OkStatus();
  EndpointOptions options;
  options.address = options_.http;
  options.service = service_.name.text();
  options.look = [this] {
    CityLook look = city_->LookHere();
    look.stalled = lines_.stalled();
    look.clock_ahead = clock_.Ahead();
    return look;
  };
  options.unfit = [this] { return clock_watch_.Unfit(); };
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

std::vector<KafkaClientStatistics> ServiceRun::ClientStatistics() {
  std::vector<KafkaClientStatistics> all;
  if (KafkaLog* log = cluster_log(); log != nullptr) all = log->Statistics();
  const absl::MutexLock lock(&mutex_);
  if (membership_ != nullptr) all.push_back({"member", membership_->Statistics()});
  std::erase_if(all, [](const KafkaClientStatistics& one) { return one.json.empty(); });
  return all;
}

void ServiceRun::ListenToBrokers() {
  KafkaLog* const log = cluster_log();
  if (log == nullptr) return;
  const absl::Status asks = log->AskForTime(absl::StrCat(cluster_.log->prefix, ".clock.v1"));
  if (!asks.ok()) cluster_.said(4, asks.message());
}

void ServiceRun::StandBack(bool stands_back) {
  if (membership_ != nullptr) return membership_->StandBack(stands_back);
  if (options_.standby) return;  // it does nothing that its owner does
  stands_back ? city_->StandBack() : city_->Promote();
}

void ServiceRun::BeginHearing() {
  if (endpoints_ == nullptr && !is_cluster_ && program_.front == nullptr) return;
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

void ServiceRun::CountPartitions() {
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

absl::Status ServiceRun::WhatEndsIt() {
  if (membership_ != nullptr) {
    if (absl::Status status = membership_->status(); !status.ok()) return status;
  }
  const absl::MutexLock lock(&mutex_);
  return recounted_;
}

absl::Status ServiceRun::Join() {
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

absl::Status ServiceRun::End(absl::Status ended) {
  if (program_.front != nullptr) program_.front->Close();
  if (KafkaLog* log = cluster_log(); log != nullptr) log->AskNoMore();
  const absl::Status kept = city_->Stop();
  const CityLook last = city_->LookHere();
  lines_.SayStopped(last);
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

void ServiceRun::StopHearing() {
  if (!hearing_.joinable()) return;
  ending_.Notify();
  hearing_.join();
}

}  // namespace gridledger::host
