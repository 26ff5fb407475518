// The digests of every service and partition of a ledger, folded by this process.
#pragma once

#include <absl/container/btree_map.h>
#include <absl/status/statusor.h>
#include <nlohmann/json.hpp>

#include <string>
#include <vector>

#include "services/runtime/console/ledger_options.h"
#include "services/runtime/console/watched_view.h"
#include "services/runtime/host/view.h"

namespace gridledger::cli {

struct DigestRow {
  TaskId task;
  Offset offset;
  Digest digest;

  friend bool operator==(const DigestRow&, const DigestRow&) = default;
};

// By service, then partition. At the ledger's end, or at `ends`, by partition; with `missing` as
// FoldWatched has it.
absl::StatusOr<std::vector<DigestRow>> FoldDigests(const CommonOptions& options,
                                                   host::Folder* folder, host::Begin begin,
                                                   std::vector<Offset> ends = {},
                                                   std::vector<MissingPart>* missing = nullptr);
// Of each service, by its name: what tells its layouts from those of other builds.
absl::btree_map<ServiceName, uint64_t> LayoutsOf(const std::vector<engine::Service>& services);
// A line a row: service, partition, offset, digest.
std::string PrintDigestRows(const std::vector<DigestRow>& rows);
// An array of objects with the same four.
nlohmann::ordered_json DigestRowsJson(const std::vector<DigestRow>& rows);

}  // namespace gridledger::cli
