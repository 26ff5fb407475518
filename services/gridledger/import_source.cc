#include "services/gridledger/import_source.h"

#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "services/base/layout.h"
#include "services/domain/mapping/case_teller.h"

namespace gridledger::cli {
namespace {

// The policy, before the first of what was sorted.
class OpenedSource : public engine::OutsideSource {
 public:
  explicit OpenedSource(const ImportOpening& opening) : opening_(opening) {}

  absl::StatusOr<bool> Next(const incident::State& view, engine::Outside* next) final {
    const bool opens = !std::exchange(opened_, true) && opening_.at != absl::InfiniteFuture();
    if (!opens || view.policy.IsInForce(opening_.policy)) return NextSorted(view, next);
    next->at = opening_.at;
    next->key.clear();
    next->entry.Clear();
    *next->entry.mutable_policy_activated()->mutable_policy() = opening_.policy;
    v1::SourcePosition& position = *next->entry.mutable_source();
    position.set_source(opening_.source);
    position.set_at_ms(ToMillis(opening_.at));
    return true;
  }

 private:
  virtual absl::StatusOr<bool> NextSorted(const incident::State& view, engine::Outside* next) = 0;

  const ImportOpening& opening_;
  bool opened_ = false;
};

class ImportSource final : public OpenedSource {
 public:
  ImportSource(const ImportOpening& opening, const std::vector<ImportInput>& inputs,
               std::unique_ptr<files::SortedFacts> facts)
      : OpenedSource(opening), inputs_(inputs), facts_(std::move(facts)) {}

 private:
  absl::StatusOr<bool> NextSorted(const incident::State&, engine::Outside* next) override {
    files::SortedFact fact;
    do {
      absl::StatusOr<bool> more = facts_->Next(&fact);
      if (!more.ok() || !*more) return more;
    } while (inputs_[fact.place.input].twice.Has(fact.place.row));
    if (!next->entry.ParseFromArray(fact.entry.data(), static_cast<int>(fact.entry.size()))) {
      return absl::DataLossError("a sorted fact does not parse");
    }
    const auto round = static_cast<int>(fact.place.group);
    if (round != 1) {
      next->entry.mutable_source()->set_source(inputs_[fact.place.input].SourceOf(round));
    }
    next->at = fact.place.at;
    next->key.assign(fact.key.data(), fact.key.size());
    return true;
  }

  const std::vector<ImportInput>& inputs_;
  const std::unique_ptr<files::SortedFacts> facts_;
};

class WalkSource final : public OpenedSource {
 public:
  WalkSource(const ImportOpening& opening, const mapping::LifeWalk::Setting& setting,
             std::vector<ImportInput>& inputs, std::unique_ptr<files::SortedFacts> facts)
      : OpenedSource(opening), inputs_(inputs), facts_(std::move(facts)), walk_(&setting) {}

  void Begin(const engine::Task& task) override {
    for (const ImportInput& input : inputs_) {
      std::vector<Stream>& streams = streams_.emplace_back();
      for (const ImportRound& round : input.record.rounds) {
        Stream& stream = streams.emplace_back();
        stream.source = input.SourceOf(round.number);
        stream.round = round.number;
        stream.complete = round.complete;
        const engine::SourceMark* mark = task.Mark(engine::SourceName(stream.source));
        if (mark != nullptr) stream.mark = *mark;
        if (mark == nullptr || round.complete) continue;
        // Of the same place the later input comes later; one that is given twice is the first of
        // both.
        const auto place = std::make_tuple(round.number, mark->at_ms, mark->version);
        if (place > newest_place_ || (place == newest_place_ && stream.source != newest_)) {
          newest_place_ = place;
          newest_ = stream.source;
        }
      }
    }
  }

 private:
  // A round of an input: its positions rise.
  struct Stream {
    std::string source;
    int round = 0;
    bool complete = false;
    std::optional<engine::SourceMark> mark;  // as the run begins
  };

  absl::StatusOr<bool> NextSorted(const incident::State& view, engine::Outside* next) override {
    next->entry.Clear();
    v1::Fact& fact = *next->entry.mutable_fact();
    while (!walk_.Next(view.incidents.Find(IncidentId(observation_.incident_id)), &fact)) {
      absl::StatusOr<bool> more = NextObservation();
      if (!more.ok() || !*more) return more;
    }
    next->at = place_.at;
    next->key = key_;
    inputs_[place_.input].in_ledger.Set(place_.row);
    v1::SourcePosition& position = *next->entry.mutable_source();
    position.set_source(stream_->source);
    position.set_row(place_.row);
    position.set_ordinal(place_.ordinal + told_++);
    position.set_at_ms(ToMillis(place_.at));
    position.set_version(place_.version);
    position.set_last(walk_.last_word());
    return true;
  }

  // The next observation that the ledger does not hold, or not all of.
  absl::StatusOr<bool> NextObservation() {
    while (true) {
      files::SortedFact sorted;
      absl::StatusOr<bool> more = facts_->Next(&sorted);
      if (!more.ok() || !*more) return more;
      place_ = sorted.place;
      stream_ = StreamOf(place_);
      if (stream_ == nullptr || !ParseLayout(sorted.entry, &observation_)) {
        return absl::DataLossError("a sorted observation does not parse");
      }
      told_ = ToldBefore(*stream_);
      if (told_ == kAll) continue;
      key_.assign(sorted.key.data(), sorted.key.size());
      walk_.Begin(&observation_);
      return true;
    }
  }

  const Stream* StreamOf(const files::FactPlace& place) const {
    if (place.input >= streams_.size()) return nullptr;
    for (const Stream& stream : streams_[place.input]) {
      if (stream.round == static_cast<int>(place.group)) return &stream;
    }
    return nullptr;
  }

  static constexpr uint32_t kAll = mapping::CaseTeller::kFactsMax;

  // How many facts of the present observation an earlier run has told; kAll when it was done.
  uint32_t ToldBefore(const Stream& stream) const {
    if (stream.complete) return kAll;
    if (!stream.mark) return 0;
    const engine::SourceMark& mark = *stream.mark;
    const auto here = std::make_tuple(ToMillis(place_.at), place_.version, place_.row);
    const auto there = std::make_tuple(mark.at_ms, mark.version, mark.row);
    if (here != there) return here < there ? kAll : 0;
    if (mark.ordinal < place_.ordinal) return 0;
    // Only the last of all that was told can have been cut off.
    if (stream.source != newest_) return kAll;
    const uint32_t told = mark.ordinal - place_.ordinal + 1;
    return told >= kAll || mark.last ? kAll : told;
  }

  std::vector<ImportInput>& inputs_;
  const std::unique_ptr<files::SortedFacts> facts_;
  std::vector<std::vector<Stream>> streams_;  // by input, in the order of rounds
  // Where an earlier run was cut off, maybe in the middle of an observation.
  std::string newest_;
  std::tuple<int, int64_t, int64_t> newest_place_ = {0, 0, 0};
  mapping::LifeWalk walk_;
  mapping::Observation observation_;  // being walked
  files::FactPlace place_;            // of it
  const Stream* stream_ = nullptr;    // of it
  std::string key_;
  uint32_t told_ = 0;  // facts of it
};

}  // namespace

std::unique_ptr<engine::OutsideSource> NewImportSource(const ImportOpening& opening,
                                                       const std::vector<ImportInput>& inputs,
                                                       std::unique_ptr<files::SortedFacts> facts) {
  return std::make_unique<ImportSource>(opening, inputs, std::move(facts));
}

std::unique_ptr<engine::OutsideSource> NewWalkSource(const ImportOpening& opening,
                                                     const mapping::LifeWalk::Setting& walk,
                                                     std::vector<ImportInput>& inputs,
                                                     std::unique_ptr<files::SortedFacts> facts) {
  return std::make_unique<WalkSource>(opening, walk, inputs, std::move(facts));
}

}  // namespace gridledger::cli
