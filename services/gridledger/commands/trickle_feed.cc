#include "services/gridledger/commands/trickle_feed.h"

#include <absl/strings/str_cat.h>
#include <spdlog/spdlog.h>

#include <algorithm>

#include "services/runtime/engine/entry_codec.h"
#include "services/runtime/host/live_city.h"
#include "services/runtime/host/subjects.h"
#include "services/runtime/host/system_clock.h"

namespace gridledger::cli {
namespace {

constexpr int kReadBatch = 1024;
constexpr size_t kDirtyMax = 50'000;  // pairs of one view before it is opened anew; ~25 MB

}  // namespace

TrickleFeed::TrickleFeed(host::Folder* folder, v1::Policy policy, int64_t reports_per_hour)
    : folder_(folder),
      city_({.partitions = folder->log().partitions()}, std::move(policy)),
      begun_at_(host::SystemClock().Now()) {
  for (int p = 0; p < folder_->log().partitions(); ++p) {
    simulation::Trickle::Options options;
    options.seed = static_cast<uint64_t>(absl::ToUnixSeconds(begun_at_));
    options.start = begun_at_;
    options.reports_per_hour = reports_per_hour;
    trickles_.push_back(std::make_unique<simulation::Trickle>(city_, Partition{p}, options));
  }
}

absl::StatusOr<std::unique_ptr<TrickleFeed>> TrickleFeed::Start(host::Folder* folder,
                                                                v1::Policy policy,
                                                                int64_t reports_per_hour) {
  std::unique_ptr<TrickleFeed> feed(new TrickleFeed(folder, std::move(policy), reports_per_hour));
  if (absl::Status status = feed->OpenTasks(); !status.ok()) return status;
  // In a partition without this policy nobody would be responsible for what is reported.
  const bool is_ours = std::all_of(feed->views_.begin(), feed->views_.end(), [&](const auto& view) {
    return view->incidents().policy.now().version() == feed->city_.policy().version();
  });
  if (!is_ours) return nullptr;
  feed->thread_ = std::thread([self = feed.get()] { self->Work(); });
  return feed;
}

TrickleFeed::~TrickleFeed() {
  stopping_ = true;
  reader_->Wake();
  if (thread_.joinable()) thread_.join();
}

absl::Status TrickleFeed::OpenTasks() {
  views_.clear();
  reader_ = folder_->log().NewReader();
  for (int p = 0; p < folder_->log().partitions(); ++p) {
    auto task = engine::Task::Open(host::AllServices().front(), Partition{p}, folder_->store(),
                                   host::CodeId());
    if (!task.ok()) return task.status();
    if (absl::Status status = reader_->Assign(Partition{p}, (*task)->next()); !status.ok())
      return status;
    views_.push_back(*std::move(task));
  }
  return absl::OkStatus();
}

absl::Status TrickleFeed::Follow(absl::Duration wait) {
  if (absl::Status status = reader_->Poll(wait, kReadBatch, &batch_); !status.ok()) return status;
  for (const Record& record : batch_.records()) {
    absl::Status status = views_[record.partition.value]->Fold(record);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

void TrickleFeed::Act(absl::Time now) {
  for (size_t p = 0; p < views_.size(); ++p) {
    if (trickles_[p]->NextAt() > now) continue;
    std::vector<NewRecord> records;
    trickles_[p]->Act(
        now, views_[p]->incidents(), [&](absl::string_view key, const v1::Entry& entry) {
          v1::Entry stamped = entry;
          stamped.set_schema(engine::kEntrySchema);
          NewRecord& record = records.emplace_back();
          record.timestamp = now;
          record.key = std::string(key);
          const int64_t number = ++appended_;
          engine::EncodeEntry(stamped, "/gridledger/trickle",
                              absl::StrCat(absl::ToUnixSeconds(begun_at_), ".", number),
                              &record.headers, &record.value);
        });
    if (records.empty()) continue;
    const auto at =
        folder_->log().AppendAndWait(Partition{static_cast<int32_t>(p)}, std::move(records));
    // People try again by what they see; a disk that stays full is said once a try.
    if (!at.ok())
      spdlog::warn("the trickle could not report: {}", std::string(at.status().message()));
  }
}

void TrickleFeed::Work() {
  host::SystemClock clock;
  while (!stopping_) {
    absl::Time next = absl::InfiniteFuture();
    for (const auto& trickle : trickles_) next = std::min(next, trickle->NextAt());
    const absl::Duration wait =
        std::clamp(next - clock.Now(), absl::ZeroDuration(), absl::Milliseconds(500));
    absl::Status status = Follow(wait);
    size_t dirty = 0;
    for (const auto& view : views_) dirty = std::max(dirty, view->dirty());
    if (status.ok() && dirty > kDirtyMax) status = OpenTasks();
    if (!status.ok()) {
      spdlog::error("the trickle ended: {}", std::string(status.message()));
      return;
    }
    Act(clock.Now());
  }
}

}  // namespace gridledger::cli
