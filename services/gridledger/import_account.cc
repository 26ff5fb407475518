#include "services/gridledger/import_account.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_replace.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>
#include <system_error>
#include <tuple>

#include "services/runtime/engine/entry_codec.h"
#include "services/runtime/engine/task.h"
#include "services/runtime/host/subjects.h"

namespace gridledger::cli {
namespace {

struct VoidFact {
  uint64_t row = 0;
  uint32_t kind = 0;
  incident::VoidReason reason = incident::VoidReason::kNone;
  friend bool operator<(const VoidFact& a, const VoidFact& b) {
    return std::tie(a.row, a.kind, a.reason) < std::tie(b.row, b.kind, b.reason);
  }
};
// By source, by row.
using VoidFacts = std::map<std::string, std::multiset<VoidFact>>;

// The void facts of a partition that came from one of the sources in `voids`.
absl::Status CollectVoids(host::Folder& folder, Partition partition, VoidFacts* voids) {
  const engine::Service* const audit = host::FindService("audit");
  INVARIANT(audit != nullptr, "there is an audit service");
  auto task = engine::Task::Open(*audit, partition, folder.store(), host::CodeId());
  if (!task.ok()) return task.status();
  const std::unique_ptr<LogReader> reader = folder.log().NewReader();
  RecordBatch batch;
  v1::Entry entry;
  absl::Status status;
  audit::EachVoid(host::AuditOf((*task)->subject()),
                  [&](const audit::VoidKey& key, const audit::Void& item) {
                    if (!status.ok()) return;
                    status = reader->Assign(partition, key.offset);
                    if (status.ok()) status = reader->Poll(absl::Seconds(30), 1, &batch);
                    if (status.ok() && batch.records().empty()) {
                      status = absl::DataLossError(absl::StrCat(
                          "partition ", partition.value, " ends before offset ", key.offset.value));
                    }
                    if (!status.ok()) return;
                    // What does not decode, or is no source's, was never a row.
                    if (!engine::DecodeEntry(batch.records()[0].value, &entry).ok()) return;
                    const auto found = voids->find(entry.source().source());
                    if (found == voids->end()) return;
                    found->second.insert({entry.source().row(), item.kind, item.reason});
                  });
  return status;
}

std::string KindName(uint32_t kind) {
  const auto* const field = v1::Fact::descriptor()->FindFieldByNumber(static_cast<int>(kind));
  return field == nullptr ? "unknown" : field->name();
}

absl::Status WriteList(const std::string& path, const std::multiset<VoidFact>& facts) {
  std::error_code error;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), error);
  std::ofstream file(path, std::ios::trunc);
  file << "row,fact,reason\n";
  for (const VoidFact& fact : facts) {
    file << fact.row << ',' << KindName(fact.kind) << ',' << incident::VoidReasonName(fact.reason)
         << '\n';
  }
  file.close();
  if (file) return absl::OkStatus();
  return absl::UnavailableError(
      absl::StrCat("cannot write the list of void rows, ", path, ": ", std::strerror(errno)));
}

}  // namespace

absl::StatusOr<RowAccount> AccountForRows(host::Folder& folder,
                                          const std::vector<ImportInput>& inputs,
                                          const RowsRead& read, int64_t left_out) {
  VoidFacts voids;
  for (const ImportInput& input : inputs) voids[input.source];
  int64_t in_ledger = 0;  // rows
  for (Partition p{0}; p.value < folder.log().partitions(); ++p.value) {
    auto task = engine::Task::Open(host::AllServices().front(), p, folder.store(), host::CodeId());
    if (!task.ok()) return task.status();
    for (const auto& [source, facts] : voids) {
      const engine::SourceMark* mark = (*task)->Mark(engine::SourceName(source));
      if (mark != nullptr) in_ledger += static_cast<int64_t>(mark->rows);
    }
    if (absl::Status status = CollectVoids(folder, p, &voids); !status.ok()) return status;
  }

  RowAccount account;
  account.reasons = read.reasons;
  for (const auto& [source, facts] : voids) {
    uint64_t row = 0;
    for (const VoidFact& fact : facts) {
      ++account.void_facts;
      if (fact.row == row) continue;  // a row counts once, by the first of its void facts
      row = fact.row;
      ++account.void_rows;
      ++account.reasons[absl::StrCat("void: ", KindName(fact.kind), ": ",
                                     incident::VoidReasonName(fact.reason))];
    }
    const std::string path = absl::StrCat(folder.path(), "/rejected/",
                                          absl::StrReplaceAll(source, {{"#", "-"}}), "-void.csv");
    if (facts.empty()) {
      std::error_code error;
      std::filesystem::remove(path, error);
      continue;
    }
    if (absl::Status status = WriteList(path, facts); !status.ok()) return status;
    account.lists.push_back(path);
  }
  account.applied = in_ledger - account.void_rows;
  account.ignored = read.rows - read.rejected - in_ledger - left_out;
  if (read.ignored_twice > 0) account.reasons["ignored: the same row twice"] = read.ignored_twice;
  if (const int64_t rest = account.ignored - read.ignored_twice; rest > 0) {
    account.reasons["ignored: nothing new"] = rest;
  }
  if (left_out > 0)
    account.reasons["left out: before what an earlier import had reached"] = left_out;
  return account;
}

}  // namespace gridledger::cli
