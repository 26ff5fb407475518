// One service's run: it opens the ledger, folds and sends on threads, as a member of a group where
// there is one, and ends with all kept. Never reads a command line, and never ends the process.
#pragma once

#include <absl/base/thread_annotations.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <absl/synchronization/mutex.h>
#include <absl/synchronization/notification.h>
#include <absl/time/time.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "services/runtime/adapters/kafka/kafka_log.h"
#include "services/runtime/adapters/kafka/membership.h"
#include "services/runtime/cluster/dead_letter_topic.h"
#include "services/runtime/engine/subject.h"
#include "services/runtime/host/folder.h"
#include "services/runtime/host/ledger_clock.h"
#include "services/runtime/host/live_city.h"
#include "services/runtime/program/clock_watch.h"
#include "services/runtime/program/end_watch.h"
#include "services/runtime/program/endpoints.h"
#include "services/runtime/program/partition_lines.h"
#include "services/runtime/program/service_main.h"
#include "services/runtime/program/service_options.h"

namespace gridledger::host {

class ServiceRun {
 public:
  ServiceRun(const ServiceProgram& program, const engine::Service& service,
             const ServiceOptions& options)
      : program_(program),
        service_(service),
        options_(options),
        clock_(OffsetOf(options.clock_offset)),
        clock_watch_(service.name.text(), &clock_),
        lines_(service.name.text()) {}
  // What keeps anything is closed by then (End); the clients go here.
  ~ServiceRun() { StopHearing(); }

  absl::Status Open();

  // A thread of it hangs: there is no end to wait for.
  bool stuck() const { return stuck_; }

  // Until it is asked to end, nothing is left to do or nothing can go on. All is kept then; what is
  // left is to close.
  absl::Status Serve(EndWatch& watch);

  // Its partitions are free from here on: the group is told first.
  void Close();

 private:
  absl::StatusOr<FolderOptions> Where();

  absl::Status StartCity(const FolderOptions& where);

  bool IsMember() const {
    return is_cluster_ && !options_.standby && options_.partitions.empty() &&
           program_.front == nullptr;
  }

  absl::Status OpenEndpoints();
  absl::Status OpenFront();

  KafkaLog* cluster_log() { return dynamic_cast<KafkaLog*>(&folder_->log()); }

  std::vector<KafkaClientStatistics> ClientStatistics();

  // The brokers stamp what is appended: their clock is the one that deadlines go by.
  void ListenToBrokers();

  void StandBack(bool stands_back);

  // The lag that /metrics tells, and whether the ledger still has as many partitions. A thread of
  // its own: nobody waits for brokers that are away.
  void BeginHearing();

  void CountPartitions();

  absl::Status WhatEndsIt();

  absl::Status Join();

  // Sends no more and keeps what is folded. Whatever may hang comes later.
  absl::Status End(absl::Status ended);

  void StopHearing();

  const ServiceProgram& program_;
  const engine::Service& service_;
  const ServiceOptions& options_;
  absl::Duration stuck_after_;
  bool stuck_ = false;
  std::atomic<bool> given_{false};  // the group has said which partitions
  size_t memory_ = 0;
  bool is_cluster_ = false;
  FolderOptions cluster_;
  FolderOptions where_;
  std::unique_ptr<Folder> folder_;
  LedgerClock clock_;
  ClockWatch clock_watch_;
  PartitionLines lines_;
  std::unique_ptr<DeadLetterTopic> dead_letters_;  // null where there is none
  std::unique_ptr<LiveCity> city_;
  std::unique_ptr<Endpoints> endpoints_;
  absl::Mutex mutex_;  // of what the endpoints and the hearing thread reach
  // Set and reset under it, by the one thread that also reads it without.
  std::unique_ptr<KafkaMembership> membership_;
  absl::Status recounted_ ABSL_GUARDED_BY(mutex_);
  absl::Notification ending_;
  std::thread hearing_;
};

}  // namespace gridledger::host
