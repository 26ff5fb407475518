#include "services/simulation/city.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <utility>

#include "services/base/invariant.h"

namespace gridledger::simulation {
namespace {

constexpr absl::Duration kOpeningBefore = absl::Hours(1);
constexpr size_t kChildren = 4;  // of a node of the queue

absl::Time Midnight(absl::CivilDay day) {
  return absl::FromCivil(day, absl::FixedTimeZone(static_cast<int>(kUtcOffsetMinutes) * 60));
}

// "YT-00052297": at least eight digits, so that ids sort by number up to 10^8.
IncidentId IdOf(uint64_t number) {
  constexpr int kDigitsMin = 8;
  char text[] = "YT-00000000000000000000";
  char* end = text + sizeof(text) - 1;
  char* at = end;
  for (uint64_t left = number; left > 0 || end - at < kDigitsMin; left /= 10) {
    *--at = static_cast<char>('0' + left % 10);
  }
  *--at = '-';
  *--at = 'T';
  *--at = 'Y';
  return IncidentId(absl::string_view(at, static_cast<size_t>(end - at)));
}

std::string SourceOf(const City::Options& options) {
  std::string name = absl::StrCat("yutang#", options.seed, "-", options.incidents);
  if (options.first_day != City::Options().first_day) {
    absl::StrAppend(&name, "-", absl::FormatCivilTime(options.first_day));
  }
  return name;
}

}  // namespace

City::City(Options options, v1::Policy policy)
    : options_(options),
      policy_(std::move(policy)),
      subdistrict_(policy_),
      source_(SourceOf(options)),
      start_(Midnight(options.first_day)),
      cut_off_(start_ + absl::Hours(24) * kDays - absl::Seconds(1)),
      rhythm_(options.seed, start_, kDays, options.incidents),
      outcome_(options.seed, options.incidents) {
  INVARIANT(options.incidents <= kIncidentsMax, "more incidents than a city can count");
  for (const Community& community : subdistrict_.communities()) {
    partitions_.push_back(gridledger::PartitionOf(community.code, options.partitions));
  }
}

PartitionFeed::PartitionFeed(const City& city, Partition partition)
    : city_(city), partition_(partition) {
  openings_.emplace_back().entry.mutable_policy_activated()->mutable_policy()->CopyFrom(
      city.policy());
  bool first = true;
  const absl::Span<const Community> communities = city.subdistrict().communities();
  for (size_t i = 0; i < communities.size(); ++i) {
    is_ours_.push_back(city.PartitionOf(static_cast<int>(i)) == partition_);
    if (!is_ours_.back()) continue;
    city.subdistrict().AppendOpening(communities[i], first, &openings_);
    first = false;
  }
  if (!first) FindNextReport();
}

bool PartitionFeed::Next(const incident::State& view, absl::Time* at, std::string* key,
                         v1::Entry* entry) {
  for (Due due; Advance(&due);) {
    const bool needs_view = due.ordinal > 0 && due.row > 0;
    const incident::Incident* seen = needs_view ? view.incidents.Find(id_) : nullptr;
    if (!Write(seen, view.policy.now(), key, entry)) continue;
    *at = FromMillis(due.at_ms);
    return true;
  }
  return false;
}

bool PartitionFeed::Advance(Due* due) {
  if (!openings_.empty()) {
    AdvanceOpening();
  } else if (ReportIsNext()) {
    AdvanceReport();
  } else if (!queue_.empty()) {
    AdvanceLife();
  } else {
    return false;
  }
  FetchNextLives();
  *due = due_;
  return true;
}

bool PartitionFeed::Write(const incident::Incident* seen, const policy::Compiled& policy,
                          std::string* key, v1::Entry* entry) {
  if (due_.row == 0) {
    *key = opening_.key;
    *entry = opening_.entry;
  } else if (due_.ordinal == 0) {
    WriteReport(scene_, Draw(city_.options().seed, Purpose::kArrival, ~due_.row),
                entry->mutable_fact());
    *key = scene_.community->code;
  } else {
    const v1::Fact::KindCase kind =
        seen == nullptr ? v1::Fact::KIND_NOT_SET : Fitting(due_.step.kind(), *seen);
    if (kind == v1::Fact::KIND_NOT_SET) return false;
    WriteDeed(scene_, due_.step, kind, *seen, policy, Pace{}, entry->mutable_fact());
    *key = scene_.community->code;
  }
  v1::SourcePosition& source = *entry->mutable_source();
  source.set_source(city_.source());
  source.set_row(due_.row);
  source.set_ordinal(due_.ordinal);
  source.set_at_ms(due_.at_ms);
  return true;
}

bool PartitionFeed::ReportIsNext() const {
  if (report_number_ == 0 || queue_.empty()) return report_number_ != 0;
  return Waiting{report_at_ms_, static_cast<uint32_t>(report_number_), 0}.Before(queue_[0]);
}

void PartitionFeed::FindNextReport() {
  const uint64_t incidents = city_.options().incidents;
  // Other partitions' numbers cost a hash each.
  for (uint64_t number = report_number_ + 1; number <= incidents; ++number) {
    if (!is_ours_[city_.CommunityOf(number)]) continue;
    report_number_ = number;
    report_at_ms_ = city_.ReportedAtMs(number);
    return;
  }
  report_number_ = 0;
}

void PartitionFeed::AdvanceOpening() {
  due_ = Due{.at_ms = ToMillis(city_.start() - kOpeningBefore),
             .row = 0,
             .ordinal = next_opening_++,
             .step = {}};
  id_ = IncidentId();
  opening_ = std::move(openings_.front());
  openings_.pop_front();
}

void PartitionFeed::AdvanceReport() {
  const uint64_t seed = city_.options().seed;
  const uint64_t number = report_number_;
  const int index = city_.CommunityOf(number);
  const Community& community = city_.subdistrict().communities()[index];
  id_ = IdOf(number);
  due_ = Due{
      .at_ms = report_at_ms_, .row = number, .ordinal = 0, .step = Step{0, v1::Fact::kReported, 0}};
  scene_ = Scene{.id = &id_,
                 .community = &community,
                 .traits = DrawTraits(seed, number, static_cast<int>(community.grids.size())),
                 .at_ms = report_at_ms_};
  const Fate fate{.stays_open = city_.StaysOpen(number),
                  .time_ms = static_cast<uint64_t>(ToMillis(city_.cut_off()) - report_at_ms_)};
  const Life life = PlanLife(seed, number, scene_.traits, fate);
  if (life.count > 0) {
    const uint32_t slot = NewSlot();
    slots_[slot] = OpenLife{static_cast<uint8_t>(index), 0, scene_.traits, life};
    Push(Waiting{report_at_ms_ + life.steps[0].after_ms, static_cast<uint32_t>(number), slot});
  }
  FindNextReport();
}

void PartitionFeed::AdvanceLife() {
  Waiting waiting = queue_[0];
  OpenLife& open = slots_[waiting.slot];
  const Step& step = open.life.steps[open.next++];
  const Community& community = city_.subdistrict().communities()[open.community];
  id_ = IdOf(waiting.number);
  due_ = Due{.at_ms = waiting.at_ms, .row = waiting.number, .ordinal = open.next, .step = step};
  scene_ =
      Scene{.id = &id_, .community = &community, .traits = open.traits, .at_ms = waiting.at_ms};
  if (open.next < open.life.count) {
    waiting.at_ms += open.life.steps[open.next].after_ms;
    SiftDown(waiting);
    return;
  }
  free_slots_.push_back(waiting.slot);
  const Waiting last = queue_.back();
  queue_.pop_back();
  if (!queue_.empty()) SiftDown(last);
}

// Which lives come soon is known some entries ahead: their memory comes meanwhile.
void PartitionFeed::FetchNextLives() const {
  const size_t soon = std::min(queue_.size(), kChildren + 1);
  for (size_t i = 0; i < soon; ++i) {
    const char* life = reinterpret_cast<const char*>(&slots_[queue_[i].slot]);
    __builtin_prefetch(life);
    __builtin_prefetch(life + 64);  // the first 13 steps are in these two lines
  }
}

uint32_t PartitionFeed::NewSlot() {
  if (free_slots_.empty()) {
    slots_.emplace_back();
    return static_cast<uint32_t>(slots_.size()) - 1;
  }
  const uint32_t slot = free_slots_.back();
  free_slots_.pop_back();
  return slot;
}

void PartitionFeed::Push(const Waiting& waiting) {
  size_t at = queue_.size();
  queue_.push_back(waiting);
  while (at > 0 && waiting.Before(queue_[(at - 1) / kChildren])) {
    queue_[at] = queue_[(at - 1) / kChildren];
    at = (at - 1) / kChildren;
  }
  queue_[at] = waiting;
}

// Puts `waiting` in the place of the earliest.
void PartitionFeed::SiftDown(const Waiting& waiting) {
  size_t at = 0;
  while (true) {
    const size_t first = kChildren * at + 1;
    if (first >= queue_.size()) break;
    const size_t end = std::min(first + kChildren, queue_.size());
    size_t earliest = first;
    for (size_t child = first + 1; child < end; ++child) {
      if (queue_[child].Before(queue_[earliest])) earliest = child;
    }
    if (!queue_[earliest].Before(waiting)) break;
    queue_[at] = queue_[earliest];
    at = earliest;
  }
  queue_[at] = waiting;
}

}  // namespace gridledger::simulation
