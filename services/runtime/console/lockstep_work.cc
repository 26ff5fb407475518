#include "services/runtime/console/lockstep_work.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <cstdio>

#include "services/runtime/console/progress_line.h"
#include "services/runtime/host/keep_snapshot.h"
#include "services/runtime/host/lockstep_run.h"
#include "services/runtime/host/subjects.h"

namespace gridledger::cli {
namespace {

// Sums over the partitions, from the checkpoints that the run has just made.
absl::Status Sum(host::Folder& folder, const engine::Service& service, LockStepOutcome* outcome) {
  outcome->now = absl::FromUnixMillis(0);
  for (int p = 0; p < folder.log().partitions(); ++p) {
    auto task = engine::Task::Open(service, Partition{p}, folder.store(), host::CodeId());
    if (!task.ok()) return task.status();
    const incident::Counts& counts = (*task)->incidents().counts.Get();
    outcome->incidents += static_cast<int64_t>(counts.incidents);
    outcome->open += static_cast<int64_t>(counts.open);
    outcome->closed += static_cast<int64_t>(counts.closed);
    for (const uint64_t voids : counts.voids) outcome->voids += static_cast<int64_t>(voids);
    outcome->now = std::max(outcome->now, (*task)->now());
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<host::Folder>> OpenForWriting(const CommonOptions& options,
                                                             int partitions) {
  if (!options.log.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(options.log,
                     ": this command writes a data folder (--data); `gridledger copy` "
                     "brings its ledger to a cluster"));
  }
  absl::StatusOr<host::FolderOptions> where = options.Folder();
  if (!where.ok()) return where.status();
  where->partitions = partitions;
  where->read_only = false;
  where->bulk = true;
  auto folder = host::Folder::Open(*where);
  if (!folder.ok()) return folder.status();
  for (const std::string& said : (*folder)->said()) {
    std::fprintf(stderr, "gridledger: %s\n", said.c_str());
  }
  return folder;
}

absl::StatusOr<LockStepOutcome> RunLockStep(const LockStepWork& work) {
  const absl::StatusOr<size_t> memory = work.options->MemoryBytes();
  if (!memory.ok()) return memory.status();
  host::Folder& folder = *work.folder;
  LockStepOutcome before;
  const engine::Service& first = host::AllServices().front();
  if (absl::Status status = Sum(folder, first, &before); !status.ok()) return status;

  host::LockStepRun run;
  run.log = &folder.log();
  run.store = folder.store();
  run.services = host::AllServices();
  run.code_id = host::CodeId();
  run.new_bulk = [&folder] { return folder.NewBulk(); };
  run.new_source = work.new_source;
  run.until = work.until;
  run.threads = std::min(work.options->Threads(), folder.log().partitions());
  run.tables_bytes_max = host::ShareMemory(*memory).tables;
  run.stop = work.options->stop->Listen();
  host::LockStepTotals totals;
  absl::Status status;
  {
    const ProgressLine progress(work.verb, "entries",
                                [&] { return Reading{totals.steps, work.steps_expected}; });
    status = host::Run(run, &totals);
  }
  if (absl::IsCancelled(status)) {
    return absl::CancelledError("stopped; the same command goes on from here");
  }
  if (!status.ok()) return status;

  LockStepOutcome outcome;
  outcome.records = totals.appended;
  outcome.passed_over = totals.passed_over;
  outcome.late = totals.late;
  if (absl::Status summed = Sum(folder, first, &outcome); !summed.ok()) return summed;
  outcome.voids_before = before.voids;
  if (outcome.records > 0) {
    if (absl::Status kept = host::KeepSnapshot(folder.store()); !kept.ok()) return kept;
  }
  return outcome;
}

}  // namespace gridledger::cli
