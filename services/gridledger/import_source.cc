#include "services/gridledger/import_source.h"

#include <tuple>
#include <utility>

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
  ImportSource(const ImportOpening& opening, const DroppedRows& dropped,
               std::unique_ptr<files::SortedFacts> facts)
      : OpenedSource(opening), dropped_(dropped), facts_(std::move(facts)) {}

 private:
  absl::StatusOr<bool> NextSorted(const incident::State&, engine::Outside* next) override {
    files::SortedFact fact;
    do {
      absl::StatusOr<bool> more = facts_->Next(&fact);
      if (!more.ok() || !*more) return more;
    } while (!dropped_.empty() && dropped_.contains({fact.place.input, fact.place.row}));
    if (!next->entry.ParseFromArray(fact.entry.data(), static_cast<int>(fact.entry.size()))) {
      return absl::DataLossError("a sorted fact does not parse");
    }
    next->at = fact.place.at;
    next->key.assign(fact.key.data(), fact.key.size());
    return true;
  }

  const DroppedRows& dropped_;
  const std::unique_ptr<files::SortedFacts> facts_;
};

class WalkSource final : public OpenedSource {
 public:
  WalkSource(const ImportOpening& opening, ImportWalk* walk,
             std::unique_ptr<files::SortedFacts> facts)
      : OpenedSource(opening), import_(*walk), facts_(std::move(facts)), walk_(&walk->setting) {}

  void Begin(const engine::Task& task) override {
    for (const ImportWalk::Input& input : import_.inputs) {
      const engine::SourceMark* mark = task.Mark(engine::SourceName(input.source));
      begun_at_.push_back(mark == nullptr ? engine::SourceMark() : *mark);
      const ImportWalk::Input& last = import_.inputs[newest_];
      const auto place = [](const engine::SourceMark& at) {
        return std::make_tuple(at.at_ms, at.version);
      };
      const auto here = place(begun_at_.back());
      const auto newest = place(begun_at_[newest_]);
      // Of the same place the later input comes later; one that is given twice is the first of
      // both.
      if (here > newest || (here == newest && input.source != last.source)) {
        newest_ = begun_at_.size() - 1;
      }
    }
  }

 private:
  absl::StatusOr<bool> NextSorted(const incident::State& view, engine::Outside* next) override {
    next->entry.Clear();
    v1::Fact& fact = *next->entry.mutable_fact();
    while (!walk_.Next(view.incidents.Find(IncidentId(observation_.incident_id)), &fact)) {
      absl::StatusOr<bool> more = NextObservation();
      if (!more.ok() || !*more) return more;
    }
    next->at = place_.at;
    next->key = key_;
    v1::SourcePosition& position = *next->entry.mutable_source();
    position.set_source(import_.inputs[place_.input].source);
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
      if (place_.input >= begun_at_.size() || !ParseLayout(sorted.entry, &observation_)) {
        return absl::DataLossError("a sorted observation does not parse");
      }
      told_ = ToldBefore(begun_at_[place_.input]);
      if (told_ == kAll) {
        const bool new_row =
            static_cast<int64_t>(place_.row) > import_.inputs[place_.input].rows_before;
        if (new_row) ++import_.left_out;
        continue;
      }
      key_.assign(sorted.key.data(), sorted.key.size());
      walk_.Begin(&observation_);
      return true;
    }
  }

  static constexpr uint32_t kAll = mapping::CaseTeller::kFactsMax;

  // How many facts of the present observation an earlier run has told; kAll when it was done.
  uint32_t ToldBefore(const engine::SourceMark& mark) const {
    const auto here = std::make_tuple(ToMillis(place_.at), place_.version, place_.row);
    const auto there = std::make_tuple(mark.at_ms, mark.version, mark.row);
    if (here != there) return here < there ? kAll : 0;
    if (mark.ordinal < place_.ordinal) return 0;
    // Only the last of all that was told can have been cut off.
    if (!import_.goes_on || place_.input != newest_) return kAll;
    const uint32_t told = mark.ordinal - place_.ordinal + 1;
    return told >= kAll || mark.last ? kAll : told;
  }

  ImportWalk& import_;
  const std::unique_ptr<files::SortedFacts> facts_;
  std::vector<engine::SourceMark> begun_at_;  // by input
  size_t newest_ = 0;                         // of them
  mapping::LifeWalk walk_;
  mapping::Observation observation_;  // being walked
  files::FactPlace place_;            // of it
  std::string key_;
  uint32_t told_ = 0;  // facts of it
};

}  // namespace

std::unique_ptr<engine::OutsideSource> NewImportSource(const ImportOpening& opening,
                                                       const DroppedRows& dropped,
                                                       std::unique_ptr<files::SortedFacts> facts) {
  return std::make_unique<ImportSource>(opening, dropped, std::move(facts));
}

std::unique_ptr<engine::OutsideSource> NewWalkSource(const ImportOpening& opening, ImportWalk* walk,
                                                     std::unique_ptr<files::SortedFacts> facts) {
  return std::make_unique<WalkSource>(opening, walk, std::move(facts));
}

}  // namespace gridledger::cli
