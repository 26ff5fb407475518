// Reads one partition in order, checking that no record is missing or unreadable.
#pragma once

#include <absl/functional/function_ref.h>
#include <absl/status/status.h>

#include <memory>

#include "services/base/ids.h"
#include "services/runtime/adapters/local/record_layout.h"
#include "services/runtime/adapters/local/source.h"

namespace gridledger::local {

class Cursor {
 public:
  Cursor(Partition partition, Offset at) : partition_(partition), at_(at) {}

  Partition partition() const { return partition_; }
  Offset at() const { return at_; }
  BadPlace::Damage damage() const { return damage_; }

  // Visits records below `end` until `visit` returns false (that record counts as read). DataLoss
  // names the partition and the offset that cannot be read, and the cursor stays before it;
  // `damage` says of what kind it is then.
  absl::Status Read(Source& source, Offset end,
                    absl::FunctionRef<bool(Offset, const RecordValue&)> visit);

 private:
  absl::Status Open(Source& source, Offset end);
  absl::Status Bad(BadPlace::Damage damage, absl::string_view what);

  Partition partition_;
  Offset at_;
  BadPlace::Damage damage_ = BadPlace::Damage::kUnreadable;
  // There while there is more to read than was asked for.
  std::shared_ptr<Source::Scan> scan_;
  Offset opened_to_;
};

}  // namespace gridledger::local
