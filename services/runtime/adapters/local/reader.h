// A reader of an embedded log. Keeps one cursor a partition; a call of Poll gives each of them its
// share, so that a long partition does not starve a short one.
#pragma once

#include <memory>
#include <vector>

#include "services/runtime/adapters/local/cursor.h"
#include "services/runtime/adapters/local/source.h"
#include "services/runtime/ports/event_log.h"

namespace gridledger::local {

class Reader final : public LogReader {
 public:
  enum class Headers { kKept, kLeftOut };

  Reader(std::shared_ptr<Source> source, Headers headers);

  absl::Status Assign(Partition partition, Offset from) override;
  void Unassign(Partition partition) override;
  absl::Status Poll(absl::Duration wait, int records_max, RecordBatch* batch) override;
  void ReadHeaders(bool reads) override { headers_ = reads ? Headers::kKept : Headers::kLeftOut; }
  void Wake() override;

 private:
  absl::Status ReadWhatIsThere(int records_max, RecordBatch* batch);
  bool AnythingThere() const;

  const std::shared_ptr<Source> source_;
  Headers headers_;
  Tail::Waiter waiter_;
  std::vector<Cursor> cursors_;
  size_t turn_ = 0;  // the cursor that is served first
};

}  // namespace gridledger::local
