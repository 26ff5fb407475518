// What came of a ledger: the facts of incidents' lives that counted, one at a time, each with the
// incident as it stood then and with where it was said. Void facts, ticks and registries are no
// part of a life.
#pragma once

#include <absl/status/status.h>
#include <absl/time/time.h>

#include <functional>
#include <optional>
#include <string>

#include "services/runtime/console/ledger_options.h"
#include "services/runtime/console/watched_view.h"

namespace gridledger::cli {

// What a record says of a fact beside the fact itself.
struct Saying {
  std::string source;  // of an imported or simulated one; else empty
  uint64_t source_row = 0;
  Offset cause{-1};            // of a decision; else -1
  std::string rule;            // likewise
  std::string policy_version;  // likewise
  template <class A>
  void Fields(A& a) {
    a(source, source_row, cause, rule, policy_version);
  }
};

// A place in a partition: two facts may count from one record on.
struct StepPlace {
  Offset offset;
  uint32_t ordinal = 0;  // among what the record says and releases, void facts counted
  template <class A>
  void Fields(A& a) {
    a(offset, ordinal);
  }
};

// One fact that counted. The pointers are good during the visit.
struct LifeStep {
  Partition partition;
  StepPlace place;
  absl::Time at;  // the ledger's time
  const v1::Fact* fact = nullptr;
  const incident::Incident* now = nullptr;  // after it
  const Saying* saying = nullptr;
  // Of the record that said it, where it waited for its incident's report first.
  std::optional<Offset> said_at;
  StepPlace opened;  // where its incident was reported
};

struct HistoryOptions {
  const CommonOptions* common = nullptr;
  host::Folder* folder = nullptr;
  std::optional<Partition> partition;  // all
};

// Folds from offset 0 on and visits each step, partition after partition, in the order of (offset,
// ordinal). The visit's first error ends it. As host::FoldView otherwise: memory, signals, damage.
absl::Status VisitHistory(const HistoryOptions& options,
                          const std::function<absl::Status(const LifeStep&)>& visit);

}  // namespace gridledger::cli
