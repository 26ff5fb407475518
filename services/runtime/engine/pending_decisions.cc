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
  fresh_bytes_ += BytesOf(decision);
  resident_bytes_ += BytesOf(decision);
  (away_ == 0 ? front_ : back_).push_back(std::move(decision));
}

void PendingDecisions::Settle(Offset upto) {
  while (!front_.empty() && front_.front().cause <= upto) {
    const size_t bytes = BytesOf(front_.front());
    resident_bytes_ -= bytes;
    if (IsStored(front_.front())) {
      gone_.push_back(front_.front().cause);
    } else {
      --fresh_;
      fresh_bytes_ -= bytes;
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
  if (FindNew(cause) == nullptr) return;
  PendingDecision& decision = (back_.empty() ? front_ : back_).back();
  const size_t before = BytesOf(decision);
  decision.trace = std::move(headers);
  const size_t more = BytesOf(decision) - before;
  fresh_bytes_ += more;
  resident_bytes_ += more;
}

void PendingDecisions::Visit(Offset beyond, size_t most, size_t bytes_most,
                             absl::FunctionRef<void(const PendingDecision&)> visit) {
  const auto first = [&beyond](const List& list) {
    return static_cast<size_t>(Beyond(list, beyond) - list.begin());
  };
  size_t bytes = 0;
  const auto visit_some = [&](const List& list) {
    for (size_t at = first(list); at < list.size() && most > 0 && bytes < bytes_most;
         ++at, --most) {
      bytes += list[at].value.size();
      beyond = list[at].cause;
      visit(list[at]);
    }
  };
  // Whoever has come past those that are away needs none of them.
  while (away_ > 0 && beyond < away_upto_) {
    visit_some(front_);
    if (most == 0 || bytes >= bytes_most) return;
    if (!Load()) return;
  }
  visit_some(away_ > 0 ? back_ : front_);
}

bool PendingDecisions::Load() {
  size_t count = 0, bytes = 0;
  tier_->ScanFrom(Prefix(), KeyOf(away_after_.Next()),
                  [&](absl::string_view key, absl::string_view value) {
                    PendingDecision decision;
                    INVARIANT(ParseKey(key, &decision.cause) && ParseLayout(value, &decision),
                              "a stored decision does not parse, though it did at opening");
                    away_after_ = decision.cause;
                    resident_bytes_ += BytesOf(decision);
                    bytes += BytesOf(decision);
                    front_.push_back(std::move(decision));
                    --away_;
                    return ++count < limits_.load && bytes < limits_.bytes && away_ > 0;
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
  fresh_bytes_ = 0;
}

void PendingDecisions::EvictStored() {
  if (resident() <= limits_.keep + limits_.load && resident_bytes_ <= 2 * limits_.bytes) return;
  const auto stored = [&](List& list) { return Beyond(list, stored_) - list.begin(); };
  ptrdiff_t keep = 0;
  for (size_t bytes = 0; keep < static_cast<ptrdiff_t>(front_.size()); ++keep) {
    if (keep > 0 && (keep >= static_cast<ptrdiff_t>(limits_.keep) || bytes >= limits_.bytes)) break;
    bytes += BytesOf(front_[static_cast<size_t>(keep)]);
  }
  const auto leave = [&](List::const_iterator begin, List::const_iterator end) {
    for (auto at = begin; at != end; ++at) resident_bytes_ -= BytesOf(*at);
  };
  if (const ptrdiff_t end = stored(front_); end > keep) {
    if (away_ == 0) away_upto_ = front_[end - 1].cause;
    away_ += end - keep;
    away_after_ = front_[keep - 1].cause;
    leave(front_.begin() + keep, front_.begin() + end);
    back_.insert(back_.begin(), std::make_move_iterator(front_.begin() + end),
                 std::make_move_iterator(front_.end()));
    front_.erase(front_.begin() + keep, front_.end());
  }
  if (away_ == 0) return;
  const ptrdiff_t end = stored(back_);
  if (end == 0) return;
  away_ += end;
  away_upto_ = back_[end - 1].cause;
  leave(back_.begin(), back_.begin() + end);
  back_.erase(back_.begin(), back_.begin() + end);
}

}  // namespace gridledger::engine
