// The city as handlers reach it: questions to its partitions, and facts on their way into its
// ledger. Any thread may use it.
#pragma once

#include <absl/status/statusor.h>
#include <absl/strings/str_cat.h>
#include <absl/time/time.h>
#include <boost/asio/awaitable.hpp>

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gridledger/v1/entry.pb.h"
#include "services/base/ids.h"
#include "services/gateway/city/awaiting.h"
#include "services/gateway/city/city_watch.h"
#include "services/runtime/host/live_city.h"
#include "services/runtime/ports/clock.h"
#include "services/runtime/ports/event_log.h"

namespace gridledger::gateway {

// What a question stands on.
struct StandsOn {
  Partition partition;
  Offset next;     // the first record that it does not know
  absl::Time now;  // the partition's time
};

class City {
 public:
  struct Options {
    host::LiveCity* live = nullptr;
    EventLog* log = nullptr;
    CityWatch* watch = nullptr;
    Clock* clock = nullptr;
    absl::Duration patience = absl::Seconds(5);  // with a question, and with an append
  };
  // All of them outlive it.
  explicit City(Options options) : options_(options) {}

  int partitions() const { return options_.log->partitions(); }
  host::LiveCity& live() { return *options_.live; }
  CityWatch& watch() { return *options_.watch; }
  Clock& clock() { return *options_.clock; }
  EventLog& log() { return *options_.log; }

  // One step, for what is done in a millisecond.
  template <class T>
  boost::asio::awaitable<absl::StatusOr<T>> Ask(
      Partition partition, std::function<T(const host::AskedPartition&)> answer,
      Offset least = Offset{0}) {
    return AskInSteps<T>(
        partition,
        [answer = std::move(answer)](const host::AskedPartition& asked, T* into) {
          *into = answer(asked);
          return true;
        },
        least);
  }

  // Until a step answers true.
  template <class T>
  using Step = std::function<bool(const host::AskedPartition&, T* into)>;
  template <class T>
  boost::asio::awaitable<absl::StatusOr<T>> AskInSteps(Partition partition, Step<T> step,
                                                       Offset least = Offset{0}) {
    return Await<absl::StatusOr<T>>(
        [this, partition, step = std::move(step), least](Told<absl::StatusOr<T>> told) mutable {
          auto open = std::make_shared<Open<T>>();
          open->told = std::move(told);
          host::Question question;
          question.partition = partition;
          question.least = least;
          question.deadline = options_.clock->Steady() + options_.patience;
          question.step = [open, step = std::move(step)](const host::AskedPartition& asked) {
            if (!step(asked, &open->into)) return false;
            std::move(open->told)(std::move(open->into));
            return true;
          };
          question.refuse = [open](absl::Status why) { std::move(open->told)(std::move(why)); };
          options_.live->Ask(std::move(question));
        });
  }

  // All partitions at once, in their order; the first refusal is the answer.
  template <class T>
  boost::asio::awaitable<absl::StatusOr<std::vector<T>>> AskAll(Step<T> step) {
    using All = absl::StatusOr<std::vector<T>>;
    return Await<All>([this, step = std::move(step)](Told<All> told) {
      auto open = std::make_shared<OpenAll<T>>();
      open->told = std::move(told);
      open->into.resize(static_cast<size_t>(partitions()));
      open->left = partitions();
      for (int p = 0; p < partitions(); ++p) {
        host::Question question;
        question.partition = Partition{p};
        question.deadline = options_.clock->Steady() + options_.patience;
        question.step = [open, step, p](const host::AskedPartition& asked) {
          if (!step(asked, &open->into[static_cast<size_t>(p)])) return false;
          open->Landed(absl::OkStatus());
          return true;
        };
        question.refuse = [open](absl::Status why) { open->Landed(std::move(why)); };
        options_.live->Ask(std::move(question));
      }
    });
  }

  // Appends facts, those of a partition in their order, and waits until the fold has judged each.
  // A record's time is this program's clock. Unavailable, DeadlineExceeded: the records of that
  // partition may be there or not.
  struct Submission {
    Partition partition;
    std::vector<std::string> keys;  // of the records
    std::vector<v1::Fact> facts;
  };
  using Judgements = absl::StatusOr<std::vector<Judged>>;
  boost::asio::awaitable<std::vector<Judgements>> SubmitAll(std::vector<Submission> submissions);
  // The same for one.
  boost::asio::awaitable<absl::StatusOr<Judged>> Submit(Partition partition, std::string key,
                                                        v1::Fact fact);

 private:
  static std::string NewInstance();

  template <class T>
  struct Open {
    Told<absl::StatusOr<T>> told;
    T into{};
  };
  template <class T>
  struct OpenAll {
    Told<absl::StatusOr<std::vector<T>>> told;
    std::vector<T> into;
    std::atomic<int> left{0};
    absl::Mutex mutex;
    absl::Status status ABSL_GUARDED_BY(mutex);

    void Landed(absl::Status with) {
      {
        const absl::MutexLock lock(&mutex);
        if (status.ok()) status = std::move(with);
      }
      if (--left > 0) return;
      const absl::MutexLock lock(&mutex);
      if (status.ok()) {
        std::move(told)(std::move(into));
      } else {
        std::move(told)(status);
      }
    }
  };

  void Begin(Submission submission, Told<Judgements> told);

  const Options options_;
  std::atomic<int64_t> appended_{0};
  const std::string instance_ = NewInstance();  // tells the records of two gateways apart
};

}  // namespace gridledger::gateway
