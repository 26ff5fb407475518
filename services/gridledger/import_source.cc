#include "services/gridledger/import_source.h"

#include <utility>

#include "services/base/layout.h"

namespace gridledger::cli {
namespace {

class ImportSource final : public engine::OutsideSource {
 public:
  ImportSource(const ImportOpening& opening, std::unique_ptr<files::SortedFacts> facts)
      : opening_(opening), facts_(std::move(facts)) {}

  absl::StatusOr<bool> Next(const incident::State& view, engine::Outside* next) override {
    const bool opens = !std::exchange(opened_, true) && opening_.at != absl::InfiniteFuture();
    if (opens && !view.policy.IsInForce(opening_.policy)) {
      Open(next);
      return true;
    }
    files::SortedFact fact;
    absl::StatusOr<bool> more = facts_->Next(&fact);
    if (!more.ok() || !*more) return more;
    if (!next->entry.ParseFromArray(fact.entry.data(), static_cast<int>(fact.entry.size()))) {
      return absl::DataLossError("a sorted fact does not parse");
    }
    next->at = fact.place.at;
    next->key.assign(fact.key.data(), fact.key.size());
    return true;
  }

 private:
  void Open(engine::Outside* next) {
    next->at = opening_.at;
    next->key.clear();
    next->entry.Clear();
    *next->entry.mutable_policy_activated()->mutable_policy() = opening_.policy;
    v1::SourcePosition& position = *next->entry.mutable_source();
    position.set_source(opening_.source);
    position.set_at_ms(ToMillis(opening_.at));
  }

  const ImportOpening& opening_;
  const std::unique_ptr<files::SortedFacts> facts_;
  bool opened_ = false;
};

}  // namespace

std::unique_ptr<engine::OutsideSource> NewImportSource(const ImportOpening& opening,
                                                       std::unique_ptr<files::SortedFacts> facts) {
  return std::make_unique<ImportSource>(opening, std::move(facts));
}

}  // namespace gridledger::cli
