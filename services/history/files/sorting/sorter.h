// Puts what many rows made into ledger order, in bounded memory: by group, time, version, input,
// row and ordinal, each partition by itself. What does not fit in memory lies in sorted runs of a
// temporary RocksDB database, whose merging iterator reads them as one. Bytes in, the same bytes
// out: it knows nothing of entries.
//
//   auto sorter = *FactSorter::Open({.temp_folder = folder, .partitions = 8});
//   sorter->Add(partition, {.at = at, .input = 0, .row = 1, .ordinal = 0}, key, entry);
//   sorter->Finish();
//   for each partition, from whatever thread:
//     auto facts = *sorter->NewReader(partition);
//     SortedFact fact;
//     while (*facts->Next(&fact)) …
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <absl/time/time.h>

#include <cstdint>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "services/base/ids.h"

namespace rocksdb {
class DB;
}

namespace gridledger::files {

class TempFolder;

// Where a fact stands in the order of its partition; no two have the same place.
struct FactPlace {
  // Whole milliseconds.
  absl::Time at;
  int64_t version = 0;   // before the row, among those of one instant
  uint32_t input = 0;    // which of the files
  uint64_t row = 0;      // in that file
  uint32_t ordinal = 0;  // among those made from the same row
  uint64_t group = 0;    // lies together, before all else; 0 throughout for the ledger's own order
};

// The views live until the next one is read.
struct SortedFact {
  FactPlace place;
  absl::string_view key;
  absl::string_view entry;
};

class SortedFacts {
 public:
  virtual ~SortedFacts() = default;
  // False at the end. DataLoss when what was put away cannot be read.
  virtual absl::StatusOr<bool> Next(SortedFact* fact) = 0;
};

struct FactSorterOptions {
  // Of what waits in memory, about; a run is as large. Below 4 MiB counts as 4 MiB.
  size_t memory_bytes = size_t{128} << 20;
  // Made when something has to be put away; what killed sorters left in it is removed at opening.
  std::string temp_folder;
  int partitions = 1;
};

class FactSorter {
 public:
  using Options = FactSorterOptions;

  static absl::StatusOr<std::unique_ptr<FactSorter>> Open(Options options);
  // Removes what was put away. Readers must be gone.
  ~FactSorter();
  FactSorter(const FactSorter&) = delete;
  FactSorter& operator=(const FactSorter&) = delete;

  // Takes a copy. Unavailable when the disk fails or is full. REQUIRES: not finished.
  absl::Status Add(Partition partition, const FactPlace& place, absl::string_view key,
                   absl::string_view entry);
  // Call once, before the readers.
  absl::Status Finish();
  // Any number of readers, each used by one thread at a time. REQUIRES: finished.
  absl::StatusOr<std::unique_ptr<SortedFacts>> NewReader(Partition partition) const;

  int64_t count(Partition partition) const { return counts_[partition.value]; }
  int64_t count() const;
  // Sorted runs on disk; 0 while all is in memory.
  int runs() const { return runs_; }

 private:
  friend class MemoryFacts;
  struct Item {
    FactPlace place;
    Partition partition;
    uint32_t key_bytes;
    uint32_t entry_bytes;
    const char* bytes;  // the key, then the entry
    friend bool operator<(const Item& a, const Item& b) {
      return std::tie(a.partition, a.place.group, a.place.at, a.place.version, a.place.input,
                      a.place.row, a.place.ordinal) <
             std::tie(b.partition, b.place.group, b.place.at, b.place.version, b.place.input,
                      b.place.row, b.place.ordinal);
    }
  };
  struct Block {
    std::unique_ptr<char[]> memory;
    size_t size;
  };

  explicit FactSorter(Options options);
  char* Reserve(size_t bytes);
  void SortItems();
  absl::Status PutAway();
  absl::Status OpenDatabase();

  const Options options_;
  std::vector<int64_t> counts_;  // by partition
  std::vector<Item> items_;
  std::vector<Block> blocks_;  // that the items' bytes lie in
  size_t blocks_bytes_ = 0;
  size_t block_ = 0;  // being filled
  size_t block_used_ = 0;
  bool finished_ = false;
  int runs_ = 0;
  std::unique_ptr<TempFolder> temp_;
  std::unique_ptr<rocksdb::DB> database_;
};

}  // namespace gridledger::files
