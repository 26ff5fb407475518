// Live out: what happens, as server-sent events (HTML5) under /api/v1/stream.
//
//   event: change    one record with what the fold made of each of its facts
//   event: figures   the total row and the lag, each second in which they changed
//   event: reset     the viewer was away for too long: it reads the lists again, and goes on here
//
// Each has an id: the places of all partitions, so that whoever comes back with Last-Event-ID, to
// this gateway or another one, misses nothing and gets nothing twice.
#pragma once

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>
#include <absl/time/time.h>
#include <boost/asio/awaitable.hpp>

#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include "services/domain/policy/zone.h"
#include "services/gateway/city/city.h"
#include "services/gateway/http/router.h"
#include "services/gateway/stream/hub.h"

namespace gridledger::gateway {

struct StreamOptions {
  City* city = nullptr;
  Hub* hub = nullptr;
  std::function<policy::Zone()> zone = nullptr;
  int viewers_max = 10'000;  // × ~40 KiB
};

class Stream {
 public:
  explicit Stream(StreamOptions options) : options_(std::move(options)) {}
  // The routes live as long as this does.
  void AddTo(Router* router);
  int viewers() const { return viewers_; }

 private:
  struct Viewer;
  boost::asio::awaitable<Reply> Open(Request& request);
  boost::asio::awaitable<void> Serve(std::shared_ptr<Viewer> viewer, BodyWriter& writer);
  // What the total row and the lag are just now: the same text for all viewers.
  std::shared_ptr<const std::string> FiguresText();

  const StreamOptions options_;
  std::atomic<int> viewers_{0};
  absl::Mutex mutex_;
  std::shared_ptr<const std::string> figures_ ABSL_GUARDED_BY(mutex_);
  absl::Time figures_at_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
};

}  // namespace gridledger::gateway
