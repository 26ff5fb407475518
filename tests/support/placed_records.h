// Records whose content follows from their place, so that whoever reads one knows whether it is
// right.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "services/base/ids.h"
#include "services/runtime/ports/event_log.h"

namespace gridledger {

// 0 to 3000 random bytes.
std::string ValueAt(Partition partition, Offset offset);
NewRecord RecordAt(Partition partition, Offset offset);
std::vector<NewRecord> RecordsAt(Partition partition, Offset offset, int count);
bool IsRight(const Record& record);

// Hands the records of that place and behind it to a bulk appender, without a flush.
absl::Status AppendInBulk(BulkAppender& bulk, Partition partition, Offset offset, int count);

// Where each partition ends.
std::vector<int64_t> EndsOf(EventLog& log);

// Reads every partition from the beginning up to the ends. Says what is wrong, or nothing.
std::string ReadUpTo(LogReader& reader, const std::vector<int64_t>& ends);

}  // namespace gridledger
