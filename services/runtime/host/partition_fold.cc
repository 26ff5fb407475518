#include "services/runtime/host/partition_fold.h"

#include <algorithm>
#include <utility>

#include "services/runtime/ports/record_at.h"

namespace gridledger::host {

absl::Status PartitionFold::Open(Offset estimate) {
  next_ = bound_;
  for (const engine::Service& service : view_.services) {
    auto begun = beginnings_.Open(service, partition_, bound_);
    if (absl::IsDataLoss(begun.status()) && view_.through_damage) {
      // What can be read is folded anew: the state is of another log, or its last record is gone.
      if (opened_.ok()) opened_ = begun.status();
      begun = beginnings_.FromZero(service, partition_, bound_);
    }
    if (!begun.ok()) return begun.status();
    tasks_.push_back(std::make_unique<FoldingTask>(*std::move(begun), beginnings_));
    next_ = std::min(next_, tasks_.back()->task().next());
  }
  totals_.expected += estimate.value - next_.value;
  if (view_.probes == nullptr) return absl::OkStatus();
  for (Probe& probe : *view_.probes) {
    for (auto& folding : tasks_) {
      if (folding->task().id() == probe.task) probes_.push_back({&probe, &folding->task()});
    }
  }
  std::sort(probes_.begin(), probes_.end(),
            [](const auto& a, const auto& b) { return a.probe->at < b.probe->at; });
  return absl::OkStatus();
}

absl::Status PartitionFold::LeaveOut(absl::Status why) {
  tasks_.clear();
  probes_.clear();
  bound_ = next_ = Offset{0};
  opened_ = std::move(why);
  for (const engine::Service& service : view_.services) {
    auto begun = Beginnings::Unbegun(service, partition_);
    if (!begun.ok()) return begun.status();
    tasks_.push_back(std::make_unique<FoldingTask>(*std::move(begun), beginnings_));
  }
  return absl::OkStatus();
}

void PartitionFold::Fold() {
  for (auto& folding : tasks_) {
    if (status_.ok()) status_ = folding->task().CheckKnown();
  }
  if (status_.ok() && next_ < bound_) status_ = FoldRecords();
  if (status_.ok()) status_ = opened_;
  TakeProbes(next_);
  for (auto& folding : tasks_) {
    const absl::Status stored = folding->Finish(view_.together);
    if (status_.ok()) status_ = stored;
  }
}

Seen PartitionFold::AsSeen() {
  Seen seen{partition_, next_, tasks_.front()->task().now(), {}, status_, bad_place_};
  for (auto& folding : tasks_) {
    seen.now = std::max(seen.now, folding->task().now());
    seen.tasks.push_back(folding->AsSeen());
  }
  return seen;
}

absl::Status PartitionFold::FoldRecords() {
  const std::unique_ptr<LogReader> reader = view_.folder->log().NewReaderOfValues();
  RecordBatch batch;
  const auto fold = [&](absl::Span<const Record> records) -> absl::StatusOr<bool> {
    const Offset before = next_;
    bool reached = false;
    absl::Status status = FoldBatch(records, &reached);
    totals_.records += next_.value - before.value;
    for (auto& folding : tasks_) {
      if (status.ok()) status = folding->MaybeCheckpoint();
    }
    if (!status.ok()) return status;
    return !reached;
  };
  const auto may_go_on = [&] {
    return view_.stop != nullptr && *view_.stop
               ? absl::AbortedError("interrupted: nothing was changed")
               : absl::OkStatus();
  };
  absl::Status status =
      ReadUntil(*reader,
                Stretch{.partition = partition_,
                        .from = next_,
                        .end = bound_,
                        .patience = view_.through_damage ? kPartPatience : kReadPatience},
                &batch, fold, may_go_on);
  bad_place_ = batch.bad_place();
  return status;
}

absl::Status PartitionFold::FoldBatch(absl::Span<const Record> records, bool* reached) {
  absl::Status status;
  const auto expect = [this](const Record&, const v1::Entry& entry, engine::Ahead ahead) {
    for (auto& folding : tasks_) folding->task().Expect(entry, ahead);
  };
  window_.Walk(records, expect, [&](const Record& record, const v1::Entry* entry) {
    *reached = view_.until && record.kind == PlaceKind::kRecord && record.timestamp > *view_.until;
    if (*reached) return false;
    if (probe_ < probes_.size()) TakeProbes(record.offset);
    if (view_.before_folding) {
      status = view_.before_folding(record, entry);
      if (!status.ok()) return false;
    }
    for (auto& folding : tasks_) {
      engine::Task& task = folding->task();
      if (task.next() != record.offset) continue;  // it stands further on
      status = entry != nullptr
                   ? task.FoldEntry(record.offset, record.timestamp, *entry, record.value)
                   : task.Fold(record);
      if (!status.ok()) return false;
    }
    next_ = record.offset.Next();
    return true;
  });
  return status;
}

void PartitionFold::TakeProbes(Offset next) {
  for (; probe_ < probes_.size() && probes_[probe_].probe->at <= next; ++probe_) {
    const DueProbe& due = probes_[probe_];
    if (due.task->next() == due.probe->at) due.probe->digest = due.task->digest();
  }
}

}  // namespace gridledger::host
