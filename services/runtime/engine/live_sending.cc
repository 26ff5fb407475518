// How the live driver sends: decisions handed to the log in the order of their causes, as many at
// once as it answers in time. Never decides what is sent: its tasks have.
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <utility>

#include "services/runtime/engine/live.h"

namespace gridledger::engine {
namespace {

// Appends of decisions under way in a partition: what is decided while one waits for its answer
// does not wait for it, too; and behind the last of them it gathers.
constexpr size_t kFlightsMax = 4;
// Decisions in one append. A backlog wants large ones; all partitions' together are what the
// options allow.
constexpr size_t kDecisionsAtOnceMin = 50;
constexpr size_t kDecisionsAtOnceMax = 8000;
constexpr size_t kDecisionsAtOnceWatched = 250;
// And so many bytes for each of them that may be under way; one at least, of up to 1 MiB.
constexpr size_t kDecisionBytes = 1024;
// What is under way is to be answered within this: more of a backlog than the log takes meanwhile
// would wait there, and with it everybody's records. It begins with so many decisions, grows by
// what is answered in time, and is halved by what is not.
constexpr absl::Duration kAnswerAim = absl::Milliseconds(250);

}  // namespace

// Unavailable passes. Anything else the log would say again and again, and nobody would hear of it.
bool Live::CameThrough(Group& group, Owned& owned, const Flight& flight, absl::string_view what) {
  if (flight.status.ok()) return true;
  const std::string text =
      absl::StrCat("the log does not take ", what, " of ",
                   Describe(owned.task->id(), owned.task->next()), ": ", flight.status.message());
  ++refusals_;
  last_refusal_ = Refusal{group.partition, owned.task->next(), text};
  if (absl::IsUnavailable(flight.status)) {
    owned.retry_at = clock_->Steady() + kRetryDelay;
    return false;
  }
  Stop(group, *owned.task,
       absl::IsDataLoss(flight.status) ? absl::DataLossError(text)
                                       : absl::FailedPreconditionError(text));
  return false;
}

void Live::Gauge(const Decided& decided) {
  const size_t least = std::min(options_.decisions_under_way_max, kUnderWayFirst);
  const absl::Time now = clock_->Steady();
  if (!decided.flight->status.ok()) {
    decisions_under_way_ = least;
  } else if (now - decided.at <= kAnswerAim) {
    decisions_under_way_ =
        std::min(options_.decisions_under_way_max, decisions_under_way_ + decided.filled);
  } else if (decided.at >= narrowed_at_) {  // others that were under way then say the same
    decisions_under_way_ = std::max(least, decisions_under_way_ / 2);
    narrowed_at_ = now;
  }
}

bool Live::LandDecisions(Group& group, Owned& owned) {
  const auto landed = [](const Decided& one) { return Flight::Landed(one.flight); };
  const auto failed = [&](const Decided& one) { return landed(one) && !one.flight->status.ok(); };
  if (std::none_of(owned.flights.begin(), owned.flights.end(), failed)) {
    while (!owned.flights.empty() && landed(owned.flights.front())) {
      Gauge(owned.flights.front());
      owned.flights.pop_front();
    }
    return true;
  }
  // What was handed over behind it fails as well. Some of them may be there, some not: what is not
  // settled by then is sent again, and what was there twice is void.
  if (!std::all_of(owned.flights.begin(), owned.flights.end(), landed)) return false;
  for (const Decided& one : std::exchange(owned.flights, {})) {
    Gauge(one);
    if (group.status.ok()) (void)CameThrough(group, owned, *one.flight, "decisions");
  }
  owned.rival.sent_again = std::max(owned.rival.sent_again, owned.sent);
  owned.sent = owned.task->Settled(owned.task->id().service);
  return group.status.ok();
}

void Live::Send(Group& group, Owned& owned) {
  if (!LandDecisions(group, owned)) return;
  if (owned.flights.size() >= kFlightsMax) return;
  const absl::Time now = clock_->Steady();
  if (now < owned.retry_at) return;
  const absl::Time at = clock_->Now();
  std::vector<NewRecord> records;
  const size_t most =
      std::clamp(decisions_under_way_ / groups_.size() / kFlightsMax, kDecisionsAtOnceMin,
                 group.took_over ? kDecisionsAtOnceWatched : kDecisionsAtOnceMax);
  Offset upto = owned.sent;
  owned.task->pending().Visit(
      owned.sent, most, most * kDecisionBytes, [&](const PendingDecision& pending) {
        records.push_back(owned.task->MakeDecision(pending, std::max(at, owned.task->now())));
        upto = pending.cause;
      });
  if (absl::Status read = owned.task->status(); !read.ok()) return Stop(group, *owned.task, read);
  if (records.empty()) return;
  const size_t count = records.size();
  decisions_sent_ += static_cast<int64_t>(count);
  owned.sent = upto;
  // One that was not full tells nothing of larger ones.
  const size_t filled = count == most ? count : 0;
  owned.flights.push_back({Append(group.partition, std::move(records)), now, filled});
}

std::shared_ptr<Live::Flight> Live::Append(Partition partition, std::vector<NewRecord> records) {
  auto flight = std::make_shared<Flight>();
  log_->Append(partition, std::move(records),
               // A success is seen by the record itself, an error when the next turn looks: the
               // callback may come when this driver is gone, and holds nothing of it.
               [flight](absl::StatusOr<Offset> first) { flight->Answer(first); });
  return flight;
}

}  // namespace gridledger::engine
