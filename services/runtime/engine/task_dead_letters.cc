// A task's dead letters: records that nothing can be made of, and what became of each. A retry is
// folded as the entry that it says; never reads what a letter's record holds.
#include <absl/strings/string_view.h>

#include <algorithm>
#include <string>
#include <utility>

#include "services/runtime/engine/task.h"

namespace gridledger::engine {
namespace {

// Keys are offsets, their highest byte first: those of a block have all but the last two in common.
constexpr int64_t kScanBlock = 65'536;
constexpr size_t kScanPrefix = sizeof(int64_t) - 2;

}  // namespace

absl::Status Task::Park(Offset offset, absl::Time timestamp, absl::string_view value,
                        std::string reason) {
  INVARIANT(offset == next_, "a task folds its records in order, without gaps");
  next_ = next_.Next();
  Progress& progress = progress_.Change();
  progress.now = std::max(progress.now, timestamp);
  progress.last_fingerprint = Fingerprint(value);
  AddDeadLetter(offset, std::move(reason));
  const incident::Moment moment{offset, progress.now};
  subject_->EvolveTime(moment);
  if (watch_ != nullptr) watch_->Folded(*this, moment, nullptr);
  BoundLoaded();
  return status();
}

void Task::AddDeadLetter(Offset offset, std::string why) {
  ++progress_.Change().undecodable;
  dead_letters_.Add(DeadLetterKey{offset}, DeadLetter{std::move(why)});
}

Offset Task::ScanDeadLetters(Offset from, size_t enough,
                             absl::FunctionRef<void(Offset, const DeadLetter&)> visit) {
  size_t seen = 0;
  while (from < next_ && seen < enough) {
    const int64_t block = from.value / kScanBlock;
    std::string key;
    DeadLetterKey{Offset{block * kScanBlock}}.AppendKey(&key);
    dead_letters_.Scan(absl::string_view(key).substr(0, kScanPrefix),
                       [&](const DeadLetterKey& at, const DeadLetter& letter) {
                         if (at.offset < from) return;
                         ++seen;
                         visit(at.offset, letter);
                       });
    from = std::min(next_, Offset{(block + 1) * kScanBlock});
  }
  return from;
}

bool Task::Waits(Offset letter) {
  if (FindResolution(letter) != nullptr) return false;
  bool is_there = false;
  std::string key;
  DeadLetterKey{letter}.AppendKey(&key);
  dead_letters_.Scan(key, [&](const DeadLetterKey&, const DeadLetter&) { is_there = true; });
  return is_there;
}

void Task::FoldRetry(const incident::Moment& moment, const v1::DeadLetterRetried& retried) {
  const Offset letter{retried.offset()};
  if (!IsRetriable(retried.entry()) || retried.entry().schema() > schema() || !Waits(letter)) {
    ++resolution_counts_.Change().void_entries;
    return;
  }
  resolutions_.Insert(DeadLetterKey{letter}) = Resolution{.by = moment.offset, .retried = true};
  ++resolution_counts_.Change().retried;
  FoldContent(moment, retried.entry());
}

void Task::FoldDiscard(const incident::Moment& moment, const v1::DeadLetterDiscarded& discarded) {
  const Offset letter{discarded.offset()};
  if (!Waits(letter)) {
    ++resolution_counts_.Change().void_entries;
    return;
  }
  resolutions_.Insert(DeadLetterKey{letter}) = Resolution{.by = moment.offset, .retried = false};
  ++resolution_counts_.Change().discarded;
}

}  // namespace gridledger::engine
