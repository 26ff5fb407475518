#include "services/simulation/trickle.h"

#include <algorithm>

#include "services/base/invariant.h"

namespace gridledger::simulation {
namespace {

// Reports beyond that many lives of one partition do not come: 4096 × ~400 B ≈ 1.6 MB.
constexpr size_t kLivesMax = 4096;
constexpr int64_t kStepMs = 250;        // nobody is faster
constexpr int64_t kLookAgainMs = 1000;  // when the view does not show yet what is waited for
constexpr uint8_t kLooksMax = 30;       // half a minute: dispatches and read-back take far less
constexpr int64_t kOverdueMs = 60'000;  // a report that late is not made any more
constexpr uint32_t kStaysOpenPerMille = 27;  // as published: 1418 of 52297

void AppendBase36(uint64_t number, int digits_min, std::string* out) {
  std::string reversed;
  for (; number > 0 || static_cast<int>(reversed.size()) < digits_min; number /= 36) {
    reversed.push_back("0123456789abcdefghijklmnopqrstuvwxyz"[number % 36]);
  }
  out->append(reversed.rbegin(), reversed.rend());
}

IncidentId LiveId(int64_t start_second, uint64_t number) {
  std::string text = "YT-L";
  AppendBase36(static_cast<uint64_t>(start_second), 6, &text);
  AppendBase36(number, 4, &text);
  return IncidentId(std::move(text));
}

Trickle::Options Checked(Trickle::Options options) {
  INVARIANT(options.reports_per_hour >= 1 && options.reports_per_hour <= kHourMs &&
                options.pace.speed >= 1,
            "a trickle has a rate and a pace");
  // Another start is another stream.
  options.seed = Draw(options.seed, Purpose::kArrival,
                      static_cast<uint64_t>(absl::ToUnixSeconds(options.start)));
  return options;
}

}  // namespace

Trickle::Trickle(const City& city, Partition partition, Options options)
    : city_(city),
      options_(Checked(options)),
      start_ms_(ToMillis(options.start)),
      gap_ms_(kHourMs / options.reports_per_hour) {
  const size_t communities = city.subdistrict().communities().size();
  bool any = false;
  for (size_t i = 0; i < communities; ++i) {
    is_ours_.push_back(city.PartitionOf(static_cast<int>(i)) == partition);
    any = any || is_ours_.back();
  }
  if (any) FindNextReport(1);
}

absl::Time Trickle::NextAt() const {
  if (report_number_ == 0) return absl::InfiniteFuture();
  int64_t at_ms = report_at_ms_;
  for (const LiveLife& life : lives_) at_ms = std::min(at_ms, life.at_ms);
  return FromMillis(at_ms);
}

void Trickle::Act(absl::Time now, const incident::State& view, Emit emit) {
  const int64_t now_ms = ToMillis(now);
  for (size_t i = 0; i < lives_.size();) {
    LiveLife& life = lives_[i];
    if (life.at_ms > now_ms || Live(now_ms, view, &life, emit) == Outlook::kGoesOn) {
      ++i;
      continue;
    }
    if (i + 1 < lives_.size()) life = std::move(lives_.back());
    lives_.pop_back();
  }
  while (report_number_ != 0 && report_at_ms_ <= now_ms) {
    if (report_at_ms_ + kOverdueMs < now_ms) {
      FindNextReport(static_cast<uint64_t>((now_ms - start_ms_) / gap_ms_) + 1);
      continue;
    }
    if (lives_.size() < kLivesMax) Report(now_ms, emit);
    FindNextReport(report_number_ + 1);
  }
}

void Trickle::FindNextReport(uint64_t from) {
  report_number_ = from;
  while (!is_ours_[city_.subdistrict().CommunityOf(options_.seed, report_number_)]) {
    ++report_number_;
  }
  report_at_ms_ = ArrivalMs(report_number_);
}

// Each report has its own place in its own gap.
int64_t Trickle::ArrivalMs(uint64_t number) const {
  return start_ms_ + static_cast<int64_t>(number - 1) * gap_ms_ +
         static_cast<int64_t>(Draw(options_.seed, Purpose::kArrival, number) %
                              static_cast<uint64_t>(gap_ms_));
}

void Trickle::Report(int64_t now_ms, Emit emit) {
  const int index = city_.subdistrict().CommunityOf(options_.seed, report_number_);
  const Community& community = city_.subdistrict().communities()[index];
  const int64_t start_second = absl::ToUnixSeconds(options_.start);
  LiveLife& life = lives_.emplace_back();
  life.number = report_number_;
  life.id = LiveId(start_second, report_number_);
  life.traits = DrawTraits(options_.seed, report_number_, static_cast<int>(community.grids.size()));
  life.community = static_cast<uint8_t>(index);
  const uint64_t draw = Draw(options_.seed, Purpose::kOutcome, report_number_);
  // There is no cut-off; a year is longer than any life.
  life.life = PlanLife(options_.seed, report_number_, life.traits,
                       Fate{.stays_open = draw % 1000 < kStaysOpenPerMille,
                            .time_ms = static_cast<uint64_t>(366 * kDayMs)});
  life.at_ms = now_ms + std::max(kStepMs, life.life.steps[0].after_ms / options_.pace.speed);
  WriteReport(
      Scene{.id = &life.id, .community = &community, .traits = life.traits, .at_ms = now_ms}, draw,
      entry_.mutable_fact());
  emit(community.code, entry_);
}

Trickle::Outlook Trickle::Live(int64_t now_ms, const incident::State& view, LiveLife* life,
                               Emit emit) {
  const incident::Incident* seen = view.incidents.Find(life->id);
  const bool patient = life->looks < kLooksMax;
  const auto look_again = [&] {
    ++life->looks;
    life->at_ms = now_ms + kLookAgainMs;
    return Outlook::kGoesOn;
  };
  // What one has said is not to be seen yet.
  if (seen == nullptr) return patient ? look_again() : Outlook::kEnded;
  if (patient && seen->stage.value <= life->named_stage) return look_again();
  const Step& step = life->life.steps[life->next];
  const v1::Fact::KindCase kind = Fitting(step.kind(), *seen);
  // The dispatch service will do it; only when it does not, a dispatcher does.
  if (patient && kind == v1::Fact::kDispatched) return look_again();
  if (kind == v1::Fact::KIND_NOT_SET) return GoOn(now_ms, life);
  const Scene scene{.id = &life->id,
                    .community = &city_.subdistrict().communities()[life->community],
                    .traits = life->traits,
                    .at_ms = now_ms};
  v1::Fact& fact = *entry_.mutable_fact();
  WriteDeed(scene, step, kind, *seen, view.policy.now(), options_.pace, &fact);
  fact.set_stage(seen->stage.value);
  if (kind != v1::Fact::kRated) life->named_stage = seen->stage.value;
  emit(scene.community->code, entry_);
  return GoOn(now_ms, life);
}

Trickle::Outlook Trickle::GoOn(int64_t now_ms, LiveLife* life) const {
  life->looks = 0;
  if (++life->next >= life->life.count) return Outlook::kEnded;
  const int64_t after_ms = life->life.steps[life->next].after_ms;
  life->at_ms = now_ms + std::max(kStepMs, after_ms / options_.pace.speed);
  return Outlook::kGoesOn;
}

}  // namespace gridledger::simulation
