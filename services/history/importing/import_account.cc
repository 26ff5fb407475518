#include "services/history/importing/import_account.h"

#include <absl/strings/str_cat.h>
#include <absl/types/span.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <system_error>
#include <utility>

#include "services/runtime/engine/entry_codec.h"
#include "services/runtime/engine/task.h"
#include "services/runtime/host/subjects.h"
#include "services/runtime/ports/record_at.h"

namespace gridledger::cli {
namespace {

// The rounds by the sources of their positions in the ledger.
using Rounds = std::map<std::string, int>;

// Where a row of a round stands in the import; nothing where it is not there.
absl::StatusOr<std::optional<RowOf>> Locate(const RowsRead& read,
                                            const std::vector<ImportInput>& inputs, int round,
                                            uint64_t row) {
  uint64_t present = row;
  if (round != read.round) {
    const absl::StatusOr<uint64_t> found = read.store->PresentOf(round, row);
    if (!found.ok()) return found.status();
    present = *found;
  }
  if (present == 0) return std::nullopt;
  return RowOfPresent(inputs, present);
}

// Of rows that an earlier run told: whether they made an entry is in the ledger alone.
absl::Status FindTold(host::Folder& folder, const Rounds& rounds, const RowsRead& read,
                      std::vector<ImportInput>& inputs) {
  v1::Entry entry;
  RecordBatch batch;
  for (Partition p{0}; p.value < folder.log().partitions(); ++p.value) {
    const absl::StatusOr<Offset> end = folder.log().End(p);
    if (!end.ok()) return end.status();
    const std::unique_ptr<LogReader> reader = folder.log().NewReader();
    const auto find = [&](absl::Span<const Record> records) -> absl::StatusOr<bool> {
      for (const Record& record : records) {
        if (!engine::DecodeEntry(record.value, &entry).ok() || !entry.has_source()) continue;
        const auto found = rounds.find(entry.source().source());
        if (found == rounds.end() || found->second == read.round) continue;
        const auto row = Locate(read, inputs, found->second, entry.source().row());
        if (!row.ok()) return row.status();
        if (*row) inputs[(*row)->input].in_ledger.Set((*row)->row);
      }
      return true;
    };
    absl::Status status =
        ReadUntil(*reader, Stretch{.partition = p, .from = Offset{0}, .end = *end}, &batch, find);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

std::string KindName(uint32_t kind) {
  const auto* const field = v1::Fact::descriptor()->FindFieldByNumber(static_cast<int>(kind));
  return field == nullptr ? "unknown" : field->name();
}

// The void facts of the inputs' rows, as they come.
class Voids {
 public:
  Voids(host::Folder& folder, const Rounds& rounds, const RowsRead& read,
        const std::vector<ImportInput>& inputs, RowAccount* account)
      : folder_(folder), rounds_(rounds), read_(read), inputs_(inputs), account_(*account) {
    rows_.resize(inputs.size());
    for (size_t i = 0; i < inputs.size(); ++i) rows_[i].Grow(inputs[i].rows);
  }

  absl::Status Collect(Partition partition) {
    const engine::Service* const audit = host::FindService("audit");
    INVARIANT(audit != nullptr, "there is an audit service");
    auto task = engine::Task::Open(*audit, partition, folder_.store(), host::CodeId());
    if (!task.ok()) return task.status();
    const std::unique_ptr<LogReader> reader = folder_.log().NewReader();
    RecordBatch batch;
    v1::Entry entry;
    absl::Status status;
    audit::EachVoid(
        host::AuditOf((*task)->subject()), [&](const audit::VoidKey& key, const audit::Void& item) {
          if (!status.ok()) return;
          const auto record = ReadRecordAt(*reader, partition, key.offset, &batch);
          status = record.status();
          if (status.ok() && !record->has_value()) {
            status = absl::DataLossError(absl::StrCat("partition ", partition.value,
                                                      " ends before offset ", key.offset.value));
          }
          if (!status.ok()) return;
          // What does not decode, or is no source's, was never a row.
          if (!engine::DecodeEntry((*record)->value, &entry).ok()) return;
          const auto found = rounds_.find(entry.source().source());
          if (found == rounds_.end()) return;
          const auto row = Locate(read_, inputs_, found->second, entry.source().row());
          status = row.status();
          if (status.ok() && *row) status = Take((*row)->input, (*row)->row, item);
        });
    return status;
  }

  // Those of inputs without any go.
  absl::Status Finish() {
    for (size_t i = 0; i < inputs_.size(); ++i) {
      const std::string path = PathOf(i);
      const auto list = lists_.find(path);
      if (list == lists_.end()) {
        std::error_code error;
        std::filesystem::remove(path, error);
        continue;
      }
      if (absl::Status status = Write(path, &list->second); !status.ok()) return status;
      account_.lists.push_back(path);
    }
    return absl::OkStatus();
  }

  bool Has(size_t input, uint64_t row) const { return rows_[input].Has(row); }

 private:
  // Open only while something is written: an import may have more inputs than a process files.
  struct List {
    bool begun = false;
    std::string waiting;
  };
  static constexpr size_t kWaitingMax = size_t{16} << 10;  // × 1000 inputs = 16 MiB

  // A row counts once, by the first of its void facts.
  absl::Status Take(size_t index, uint64_t row, const audit::Void& item) {
    const ImportInput& input = inputs_[index];
    const bool counts = static_cast<int64_t>(row) <= input.rows && !input.rejected.Has(row) &&
                        !input.twice.Has(row);
    if (!counts) return absl::OkStatus();
    ++account_.void_facts;
    const std::string kind = KindName(item.kind);
    const std::string reason(incident::VoidReasonName(item.reason));
    if (rows_[index].Set(row)) ++account_.reasons[absl::StrCat("void: ", kind, ": ", reason)];
    const std::string path = PathOf(index);
    List& list = lists_[path];
    absl::StrAppend(&list.waiting, row, ",", kind, ",", reason, "\n");
    return list.waiting.size() < kWaitingMax ? absl::OkStatus() : Write(path, &list);
  }

  static absl::Status Write(const std::string& path, List* list) {
    const bool first = !std::exchange(list->begun, true);
    std::error_code error;
    if (first)
      std::filesystem::create_directories(std::filesystem::path(path).parent_path(), error);
    std::ofstream file(path, first ? std::ios::trunc : std::ios::app);
    if (first) file << "row,fact,reason\n";
    file << list->waiting;
    file.close();
    list->waiting.clear();
    return file ? absl::OkStatus() : Failed(path);
  }

  std::string PathOf(size_t input) const {
    return absl::StrCat(inputs_[input].list_base, "-void.csv");
  }
  static absl::Status Failed(const std::string& path) {
    return absl::UnavailableError(
        absl::StrCat("cannot write the list of void rows, ", path, ": ", std::strerror(errno)));
  }

  host::Folder& folder_;
  const Rounds& rounds_;
  const RowsRead& read_;
  const std::vector<ImportInput>& inputs_;
  RowAccount& account_;
  std::vector<RowBits> rows_;          // by input
  std::map<std::string, List> lists_;  // by path
};

}  // namespace

absl::StatusOr<RowAccount> AccountForRows(host::Folder& folder, const std::string& source,
                                          const RowsRead& read, std::vector<ImportInput>& inputs) {
  RowAccount account;
  account.reasons = read.reasons;
  Rounds rounds = {{RoundName(source, read.round), read.round}};
  for (const int round : read.store->rounds_here()) rounds[RoundName(source, round)] = round;
  if (rounds.size() > 1) {
    if (absl::Status status = FindTold(folder, rounds, read, inputs); !status.ok()) return status;
  }
  Voids voids(folder, rounds, read, inputs, &account);
  for (Partition p{0}; p.value < folder.log().partitions(); ++p.value) {
    if (absl::Status status = voids.Collect(p); !status.ok()) return status;
  }
  if (absl::Status status = voids.Finish(); !status.ok()) return status;

  int64_t rejected = 0;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const ImportInput& input = inputs[i];
    for (uint64_t row = 1; row <= static_cast<uint64_t>(input.rows); ++row) {
      if (input.rejected.Has(row)) {
        ++rejected;
      } else if (input.twice.Has(row)) {
        ++account.ignored;
        ++account.reasons["ignored: the same row twice"];
      } else if (voids.Has(i, row)) {
        ++account.void_rows;
      } else if (input.in_ledger.Has(row)) {
        ++account.applied;
      } else {
        ++account.ignored;
        ++account.reasons["ignored: nothing new"];
      }
    }
  }
  if (rejected != read.rejected ||
      read.rows != account.applied + account.void_rows + account.ignored + rejected) {
    return absl::DataLossError(absl::StrCat("of ", read.rows, " rows ", read.rejected,
                                            " were rejected, and ", rejected, " are marked so"));
  }
  return account;
}

}  // namespace gridledger::cli
