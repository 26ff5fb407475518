#include "services/gridledger/digests/stored_digests.h"

#include <absl/container/btree_map.h>
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <tuple>

#include "services/gridledger/digests/folded_digests.h"
#include "services/runtime/adapters/rocksdb/rocks_state_store.h"

namespace gridledger::cli {
namespace {

constexpr absl::string_view kCheckpoint = "checkpoint";

std::vector<SnapshotSummary> SnapshotsOf(const host::Folder& folder) {
  return state::ListSnapshots(absl::StrCat(folder.path(), "/snapshots"));
}

absl::StatusOr<std::optional<std::string>> DamageOf(StateStore& store,
                                                    const StoredDigest& recorded) {
  const std::unique_ptr<TaskTier> tier = store.Tier(recorded.task);
  const Digest sum = SumOfPairs(*tier);
  const absl::Status status = tier->status();
  if (absl::IsDataLoss(status)) return std::optional(std::string(status.message()));
  if (!status.ok()) return status;
  if (sum == recorded.digest) return std::optional<std::string>();
  return std::optional(absl::StrCat("the stored pairs add up to ", sum.Hex(),
                                    ", the checkpoint says ", recorded.digest.Hex()));
}

}  // namespace

absl::StatusOr<std::vector<StoredDigest>> ReadStoredDigests(
    host::Folder& folder, const std::vector<engine::Service>& services) {
  const auto layouts = LayoutsOf(services);
  std::vector<StoredDigest> recorded;
  const auto add = [&](const TaskId& task, const Checkpoint& checkpoint, std::string where) {
    const auto of_service = layouts.find(task.service);
    if (of_service == layouts.end() || of_service->second != checkpoint.schema) return;
    if (task.partition.value >= folder.log().partitions()) return;
    recorded.push_back(StoredDigest{task, checkpoint.next, checkpoint.digest, std::move(where)});
  };
  if (folder.store() != nullptr) {
    for (const TaskId& task : folder.store()->Tasks()) {
      const auto found = folder.store()->Find(task);
      if (!found.ok()) return found.status();
      if (found->has_value()) add(task, **found, std::string(kCheckpoint));
    }
  }
  for (const SnapshotSummary& snapshot : SnapshotsOf(folder)) {
    for (const SnapshotTask& one : snapshot.tasks) {
      add(one.task, one.checkpoint, absl::StrCat("snapshot ", snapshot.name));
    }
  }
  std::stable_sort(recorded.begin(), recorded.end(),
                   [](const StoredDigest& a, const StoredDigest& b) {
                     return std::tie(a.task, a.at) < std::tie(b.task, b.at);
                   });
  return recorded;
}

std::vector<host::Probe> ProbesFor(const std::vector<StoredDigest>& recorded) {
  std::vector<host::Probe> probes;
  for (const StoredDigest& one : recorded) {
    probes.push_back(host::Probe{.task = one.task, .at = one.at, .digest = {}});
  }
  return probes;
}

absl::StatusOr<std::vector<Damage>> CheckStoredPairs(host::Folder& folder,
                                                     const std::vector<StoredDigest>& recorded) {
  absl::btree_map<std::string, std::unique_ptr<RocksStateStore>>
      snapshots;  // by StoredDigest.where
  std::vector<Damage> damages;
  for (const SnapshotSummary& snapshot : SnapshotsOf(folder)) {
    RocksStateStoreOptions options;
    options.folder = snapshot.folder;
    options.read_only = true;
    auto store = RocksStateStore::Open(options);
    const std::string where = absl::StrCat("snapshot ", snapshot.name);
    if (store.ok()) {
      snapshots[where] = *std::move(store);
      continue;
    }
    // A writer drops its oldest snapshot whenever it keeps a new one.
    if (absl::IsNotFound(store.status())) continue;
    if (!absl::IsDataLoss(store.status())) return store.status();
    damages.push_back(Damage{.of = {.task = {}, .at = {}, .digest = {}, .where = where},
                             .what = std::string(store.status().message())});
  }
  for (const StoredDigest& one : recorded) {
    StateStore* store = folder.store();
    if (one.where != kCheckpoint) {
      const auto found = snapshots.find(one.where);
      if (found == snapshots.end()) continue;
      store = found->second.get();
    }
    const auto damage = DamageOf(*store, one);
    if (!damage.ok()) return damage.status();
    if (damage->has_value()) damages.push_back(Damage{one, **damage});
  }
  return damages;
}

}  // namespace gridledger::cli
