// Where a copy comes from and where it goes: a data folder, a cluster or a file.
#pragma once

#include <absl/functional/function_ref.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <memory>
#include <string>
#include <vector>

#include "services/gridledger/digests/folded_digests.h"
#include "services/runtime/console/ledger_options.h"
#include "services/runtime/host/folder.h"

namespace gridledger::cli {

class CopySource {
 public:
  virtual ~CopySource() = default;
  virtual int partitions() const = 0;
  // Where each partition ends, as of the opening.
  virtual const std::vector<Offset>& ends() const = 0;
  // Visits the records of every partition from those offsets to the ends, each partition's in
  // order, until `visit` fails.
  virtual absl::Status Read(const std::vector<Offset>& from,
                            absl::FunctionRef<absl::Status(const Record&)> visit) = 0;
  // Null for a file, which nothing is folded from.
  virtual host::Folder* folder() = 0;
  // What its records are folded to, where somebody wrote that down, and in this build's layouts.
  virtual std::vector<DigestRow> kept_digests() const { return {}; }
};

class CopyTarget {
 public:
  virtual ~CopyTarget() = default;
  // Where each partition ends: what is there already is not written again.
  virtual const std::vector<Offset>& ends() const = 0;
  // The value of the newest record of a partition. REQUIRES: there is one.
  virtual absl::StatusOr<std::string> LastValue(Partition partition) = 0;
  // The next record of its partition. DataLoss when it did not get the offset that it has in the
  // source: somebody else writes there.
  virtual absl::Status Write(const Record& record) = 0;
  // Makes all of it durable.
  virtual absl::Status Finish() = 0;
  virtual host::Folder* folder() = 0;
  virtual std::vector<DigestRow> kept_digests() const { return {}; }
  // Writes down what all its records are folded to. REQUIRES: it has no folder.
  virtual absl::Status KeepDigests(const std::vector<DigestRow>&) { return absl::OkStatus(); }
};

absl::StatusOr<std::unique_ptr<CopySource>> OpenArchiveSource(const std::string& path);
absl::StatusOr<std::unique_ptr<CopyTarget>> OpenArchiveTarget(const std::string& path,
                                                              int partitions);

// `common` has the limits and the clients' properties; its own ledger is not looked at.
absl::StatusOr<std::unique_ptr<CopySource>> OpenSource(const std::string& log,
                                                       const CommonOptions& common);
// A folder or a file that is not there is made, with as many partitions; a cluster's topic is not.
absl::StatusOr<std::unique_ptr<CopyTarget>> OpenTarget(const std::string& log, int partitions,
                                                       const CommonOptions& common);

}  // namespace gridledger::cli
