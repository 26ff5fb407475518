// Bulk appending to an embedded log: records go straight into sorted files, as their offsets
// ascend; a flush closes the files and has them ingested.
#pragma once

#include <absl/container/btree_map.h>
#include <rocksdb/options.h>
#include <rocksdb/sst_file_writer.h>

#include <memory>
#include <string>
#include <vector>

#include "services/base/ids.h"
#include "services/runtime/adapters/local/committer.h"
#include "services/runtime/ports/event_log.h"

namespace gridledger::local {

class Bulk final : public BulkAppender {
 public:
  // `prefix` is the path and beginning of the names of its files; no other appender has the same.
  Bulk(Committer& committer, rocksdb::Options options, std::string prefix);
  ~Bulk() override;

  absl::StatusOr<Offset> Append(Partition partition, absl::Time timestamp, absl::string_view key,
                                absl::string_view headers, absl::string_view value) override;
  absl::StatusOr<Offset> AppendNothing(Partition partition) override;
  absl::Status Flush() override;

 private:
  struct Growing {
    std::unique_ptr<rocksdb::SstFileWriter> writer;  // none between two files
    BulkFile file;
    Offset next;
  };

  // What `value_` holds.
  absl::StatusOr<Offset> Put(Partition partition);
  absl::StatusOr<Growing*> Find(Partition partition);
  absl::Status BeginFile(Growing& growing);
  absl::Status EndFile(Growing& growing);
  // Gives the partitions back and removes files that were not ingested.
  void Abandon();

  Committer& committer_;
  const rocksdb::Options options_;
  const std::string prefix_;
  absl::btree_map<Partition, Growing> growing_;
  Growing* last_ = nullptr;  // of the last append; most follow on the same partition
  std::vector<BulkFile> closed_;
  absl::Status broken_;  // a file could not be written; only Flush ends that
  int64_t files_ = 0;
  std::string value_;  // scratch
};

}  // namespace gridledger::local
