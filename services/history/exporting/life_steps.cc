#include "services/history/exporting/life_steps.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "services/base/digest.h"

namespace gridledger::cli {
namespace {

// Facts that wait for their incident's report, in ledger order: the fold keeps what they say, and
// this where they were said.
struct Waiting {
  struct Item {
    Offset offset;
    uint64_t fingerprint = 0;  // of the fact
    Saying saying;
    template <class A>
    void Fields(A& a) {
      a(offset, fingerprint, saying);
    }
  };
  std::vector<Item> items;
  template <class A>
  void Fields(A& a) {
    a(items);
  }
};

// The record that is being folded.
struct Present {
  Partition partition;
  const v1::Entry* entry = nullptr;
  uint32_t ordinal = 0;
  int said = 0;  // facts of its decision before the newest one
  Saying saying;
  absl::Status status;  // of the visits

  void Take(const Record& record, const v1::Entry* next) {
    partition = record.partition;
    entry = next;
    ordinal = 0;
    said = 0;
    saying = {};
    if (entry == nullptr) return;
    saying.source = entry->source().source();
    saying.source_row = entry->source().row();
    if (!entry->has_decision()) return;
    saying.cause = Offset{entry->decision().cause()};
    saying.rule = entry->decision().rule();
    saying.policy_version = entry->decision().policy_version();
  }

  // Whether it says the fact, and does not only release it.
  bool Says(const v1::Fact* fact) {
    if (fact == &entry->fact() || fact == &entry->dead_letter_retried().entry().fact()) return true;
    const auto& decided = entry->decision().facts();
    for (int i = said; i < decided.size(); ++i) {
      if (fact != &decided[i]) continue;
      said = i;
      return true;
    }
    return false;
  }
};

class HistorySubject final : public engine::Subject {
 public:
  using Visit = std::function<absl::Status(const LifeStep&)>;
  HistorySubject(TableSet& tables, Present* present, const Visit* visit)
      : waiting_(tables, 32), opened_(tables, 33), present_(*present), visit_(*visit) {}

  void EvolveChange(const incident::Change& change) override {
    const uint32_t ordinal = present_.ordinal++;
    const IncidentId id(change.fact->incident_id());
    const bool waited = !present_.Says(change.fact);
    if (change.verdict == incident::Verdict::kAwaiting) {
      waiting_.At(id).items.push_back(
          {change.moment.offset, Fingerprint(change.fact->SerializeAsString()), present_.saying});
      return;
    }
    const Waiting::Item was = waited ? Release(id, *change.fact) : Waiting::Item{};
    if (change.verdict != incident::Verdict::kApplied) return;
    LifeStep step{.partition = present_.partition,
                  .place = {change.moment.offset, ordinal},
                  .at = change.moment.at,
                  .fact = change.fact,
                  .now = change.now,
                  .saying = waited ? &was.saying : &present_.saying,
                  .said_at = waited ? std::optional(was.offset) : std::nullopt,
                  .opened = {}};
    if (change.fact->has_reported()) opened_.Insert(id) = step.place;
    step.opened = *opened_.Find(id);
    if (present_.status.ok()) present_.status = visit_(step);
  }
  void Decide(const incident::Moment&, absl::Span<const IncidentId>, v1::Decision*) const override {
  }

 private:
  Waiting::Item Release(const IncidentId& id, const v1::Fact& fact) {
    const Waiting* found = waiting_.Find(id);
    INVARIANT(found != nullptr, "a fact is released that did not wait");
    std::vector<Waiting::Item>& items = waiting_.Change(found).items;
    const uint64_t fingerprint = Fingerprint(fact.SerializeAsString());
    const auto at = std::find_if(items.begin(), items.end(), [&](const Waiting::Item& item) {
      return item.fingerprint == fingerprint;
    });
    INVARIANT(at != items.end(), "a fact is released that did not wait");
    Waiting::Item item = std::move(*at);
    items.erase(at);
    if (items.empty()) waiting_.Erase(id);
    return item;
  }

  Table<IncidentId, Waiting> waiting_;
  Table<IncidentId, StepPlace> opened_;
  Present& present_;
  const Visit& visit_;
};

}  // namespace

absl::Status VisitHistory(const HistoryOptions& options,
                          const std::function<absl::Status(const LifeStep&)>& visit) {
  Present present;
  host::View view;
  view.folder = options.folder;
  view.services = {{ServiceName("history"), 1, [&](TableSet& tables, incident::State&) {
                      return std::make_unique<HistorySubject>(tables, &present, &visit);
                    }}};
  view.begin = host::Begin::kZero;
  if (options.partition) view.partitions = {*options.partition};
  view.before_folding = [&](const Record& record, const v1::Entry* entry) {
    present.Take(record, entry);
    return present.status;
  };
  CommonOptions one_by_one = *options.common;
  one_by_one.threads = 1;  // partitions come in their order
  std::vector<MissingPart> missing;
  absl::Status looked = FoldWatched(
      one_by_one, "exporting", std::move(view), [&](const host::Seen&) { return present.status; },
      nullptr, &missing);
  return looked.ok() ? EndOf(missing) : looked;
}

}  // namespace gridledger::cli
