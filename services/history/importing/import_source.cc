#include "services/history/importing/import_source.h"

#include <algorithm>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "services/base/layout.h"
#include "services/history/mapping/lives/case_teller.h"

namespace gridledger::cli {
namespace {

class ImportSource final : public engine::OutsideSource {
 public:
  ImportSource(const ImportTelling& telling, std::unique_ptr<files::SortedFacts> facts)
      : telling_(telling), facts_(std::move(facts)), walk_(&telling.walk) {}

  void Begin(const engine::Task& task) override {
    const std::vector<ImportRound>& rounds = telling_.record->rounds;
    for (const int number : telling_.read->rounds) {
      Stream& stream = streams_.emplace_back();
      stream.source = RoundName(telling_.source, number);
      stream.round = number;
      const engine::SourceMark* mark = task.Mark(engine::SourceName(stream.source));
      if (mark == nullptr) continue;
      stream.mark = *mark;
      // A later import that went on with it has come past its end here, if it has told anything.
      stream.whole = std::any_of(rounds.begin(), rounds.end(), [&](const ImportRound& later) {
        return std::count(later.along.begin(), later.along.end(), number) > 0 &&
               task.Mark(engine::SourceName(RoundName(telling_.source, later.number))) != nullptr;
      });
    }
  }

  // The policy, before the first of what was sorted.
  absl::StatusOr<bool> Next(const incident::State& view, engine::Outside* next) override {
    const ImportOpening& opening = telling_.opening;
    const bool opens = !std::exchange(opened_, true) && opening.at != absl::InfiniteFuture();
    if (!opens || view.policy.IsInForce(opening.policy)) return NextSorted(view, next);
    next->at = opening.at;
    next->key.clear();
    next->entry.Clear();
    *next->entry.mutable_policy_activated()->mutable_policy() = opening.policy;
    v1::SourcePosition& position = *next->entry.mutable_source();
    position.set_source(opening.source);
    position.set_at_ms(ToMillis(opening.at));
    return true;
  }

 private:
  // A round: its positions rise.
  struct Stream {
    std::string source;
    int round = 0;
    std::optional<engine::SourceMark> mark;  // as the run begins
    bool whole = false;                      // what stands at the mark was told to its end
  };

  absl::StatusOr<bool> NextSorted(const incident::State& view, engine::Outside* next) {
    next->entry.Clear();
    v1::Fact& fact = *next->entry.mutable_fact();
    while (!walk_.Next(view.incidents.Find(IncidentId(told_.observation.incident_id)), &fact)) {
      absl::StatusOr<bool> more = NextObservation();
      if (!more.ok() || !*more) return more;
    }
    next->at = place_.at;
    next->key = key_;
    MarkInLedger();
    v1::SourcePosition& position = *next->entry.mutable_source();
    position.set_source(stream_->source);
    position.set_row(place_.row);
    position.set_ordinal(place_.ordinal + facts_told_++);
    position.set_at_ms(ToMillis(place_.at));
    position.set_version(place_.version);
    position.set_last(walk_.last_word());
    return true;
  }

  void MarkInLedger() {
    const RowOf row = RowOfPresent(*telling_.inputs, told_.present);
    (*telling_.inputs)[row.input].in_ledger.Set(row.row);
  }

  // The next observation that the ledger does not hold, or not all of.
  absl::StatusOr<bool> NextObservation() {
    while (true) {
      files::SortedFact sorted;
      absl::StatusOr<bool> more = facts_->Next(&sorted);
      if (!more.ok() || !*more) return more;
      place_ = sorted.place;
      stream_ = StreamOf(static_cast<int>(place_.group));
      if (stream_ == nullptr || !ParseLayout(sorted.entry, &told_)) {
        return absl::DataLossError("a sorted observation does not parse");
      }
      facts_told_ = ToldBefore(*stream_);
      if (facts_told_ == kAll) continue;
      key_.assign(sorted.key.data(), sorted.key.size());
      walk_.Begin(&told_.observation);
      return true;
    }
  }

  const Stream* StreamOf(int round) const {
    for (const Stream& stream : streams_) {
      if (stream.round == round) return &stream;
    }
    return nullptr;
  }

  static constexpr uint32_t kAll = mapping::CaseTeller::kFactsMax;

  // How many facts of the present observation an earlier run has told; kAll when it was done.
  uint32_t ToldBefore(const Stream& stream) const {
    if (!stream.mark) return 0;
    const engine::SourceMark& mark = *stream.mark;
    const auto here = std::make_tuple(ToMillis(place_.at), place_.version, place_.row);
    const auto there = std::make_tuple(mark.at_ms, mark.version, mark.row);
    if (here != there) return here < there ? kAll : 0;
    if (mark.ordinal < place_.ordinal) return 0;
    // Only the last of all that was told can have been cut off.
    if (stream.whole) return kAll;
    const uint32_t told = mark.ordinal - place_.ordinal + 1;
    return told >= kAll || mark.last ? kAll : told;
  }

  const ImportTelling& telling_;
  const std::unique_ptr<files::SortedFacts> facts_;
  std::vector<Stream> streams_;
  bool opened_ = false;
  mapping::LifeWalk walk_;
  ToldRow told_;                    // its observation is being walked
  files::FactPlace place_;          // of it
  const Stream* stream_ = nullptr;  // of it
  std::string key_;
  uint32_t facts_told_ = 0;  // of it
};

}  // namespace

std::unique_ptr<engine::OutsideSource> NewImportSource(const ImportTelling& telling,
                                                       std::unique_ptr<files::SortedFacts> facts) {
  return std::make_unique<ImportSource>(telling, std::move(facts));
}

}  // namespace gridledger::cli
