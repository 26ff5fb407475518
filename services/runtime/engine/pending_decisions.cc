#include "services/runtime/engine/pending_decisions.h"

#include <algorithm>
#include <utility>

#include "services/base/invariant.h"
#include "services/base/layout.h"

namespace gridledger::engine {
namespace {

const std::string& Prefix() {
  static const auto* const prefix = new std::string(1, kBesideDigest);
  return *prefix;
}

std::string KeyOf(Offset cause) {
  std::string key = Prefix();
  AppendOrdered(&key, cause.value);
  return key;
}

bool ParseKey(absl::string_view key, Offset* cause) {
  key.remove_prefix(Prefix().size());
  return TakeOrdered(&key, &cause->value) && key.empty();
}

using List = std::deque<PendingDecision>;

List::const_iterator Beyond(const List& list, Offset cause) {
  return std::upper_bound(
      list.begin(), list.end(), cause,
      [](Offset at, const PendingDecision& decision) { return at < decision.cause; });
}

}  // namespace

bool PendingDecisions::Open(TaskTier* tier) {
  tier_ = tier;
  bool parsed = true;
  PendingDecision decision;
  tier_->Scan(Prefix(), [&](absl::string_view key, absl::string_view value) {
    parsed = ParseKey(key, &decision.cause) && ParseLayout(value, &decision);
    ++away_;
    stored_ = away_upto_ = decision.cause;
    return parsed;
  });
  if (!parsed || !tier_->status().ok()) return false;
  return away_ == 0 || Load();
}

void PendingDecisions::Add(PendingDecision decision) {
  ++fresh_;
  (away_ == 0 ? front_ : back_).push_back(std::move(decision));
}

void PendingDecisions::Settle(Offset upto) {
  while (!front_.empty() && front_.front().cause <= upto) {
    if (IsStored(front_.front())) {
      gone_.push_back(front_.front().cause);
    } else {
      --fresh_;
    }
    front_.pop_front();
    if (front_.empty() && away_ > 0 && !Load()) return;
  }
}

const PendingDecision* PendingDecisions::FindNew(Offset cause) const {
  const List& newest = back_.empty() ? front_ : back_;
  if (newest.empty() || newest.back().cause != cause) return nullptr;
  return IsStored(newest.back()) ? nullptr : &newest.back();
}

void PendingDecisions::SetTrace(Offset cause, std::string headers) {
  if (FindNew(cause) != nullptr) (back_.empty() ? front_ : back_).back().trace = std::move(headers);
}

void PendingDecisions::Visit(Offset beyond, size_t most,
                             absl::FunctionRef<void(const PendingDecision&)> visit) {
  const auto first = [beyond](const List& list) {
    return static_cast<size_t>(Beyond(list, beyond) - list.begin());
  };
  // Whoever has come past those that are away needs none of them.
  while (away_ > 0 && beyond < away_upto_ && front_.size() - first(front_) < most) {
    if (!Load()) return;
  }
  const List& list = away_ > 0 && beyond >= away_upto_ ? back_ : front_;
  for (size_t at = first(list); at < list.size() && most > 0; ++at, --most) visit(list[at]);
}

bool PendingDecisions::Load() {
  size_t count = 0;
  tier_->ScanFrom(Prefix(), KeyOf(away_after_.Next()),
                  [&](absl::string_view key, absl::string_view value) {
                    PendingDecision decision;
                    INVARIANT(ParseKey(key, &decision.cause) && ParseLayout(value, &decision),
                              "a stored decision does not parse, though it did at opening");
                    away_after_ = decision.cause;
                    front_.push_back(std::move(decision));
                    --away_;
                    return ++count < limits_.load && away_ > 0;
                  });
  if (count == 0) {
    INVARIANT(!tier_->status().ok(), "a stored decision is gone");
    return false;
  }
  if (away_ == 0) {
    std::move(back_.begin(), back_.end(), std::back_inserter(front_));
    back_.clear();
  }
  return true;
}

void PendingDecisions::Collect(PairSink* sink) {
  for (const Offset cause : gone_) sink->Delete(KeyOf(cause));
  gone_.clear();
  std::string value;
  for (List* list : {&front_, &back_}) {
    for (auto at = Beyond(*list, stored_); at != list->end(); ++at) {
      value.clear();
      AppendLayout(*at, &value);
      sink->Put(KeyOf(at->cause), value);
    }
  }
  const List& newest = back_.empty() ? front_ : back_;
  if (!newest.empty()) stored_ = std::max(stored_, newest.back().cause);
  fresh_ = 0;
}

void PendingDecisions::EvictStored() {
  if (resident() <= limits_.keep + limits_.load) return;
  const auto stored = [&](List& list) { return Beyond(list, stored_) - list.begin(); };
  const auto keep = static_cast<ptrdiff_t>(std::max<size_t>(limits_.keep, 1));
  if (const ptrdiff_t end = stored(front_); end > keep) {
    if (away_ == 0) away_upto_ = front_[end - 1].cause;
    away_ += end - keep;
    away_after_ = front_[keep - 1].cause;
    back_.insert(back_.begin(), std::make_move_iterator(front_.begin() + end),
                 std::make_move_iterator(front_.end()));
    front_.erase(front_.begin() + keep, front_.end());
  }
  if (away_ == 0) return;
  const ptrdiff_t end = stored(back_);
  if (end == 0) return;
  away_ += end;
  away_upto_ = back_[end - 1].cause;
  back_.erase(back_.begin(), back_.begin() + end);
}

}  // namespace gridledger::engine
