#include "tests/support/placed_records.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <cstring>
#include <random>

namespace gridledger {

std::string ValueAt(Partition partition, Offset offset) {
  std::mt19937_64 random(static_cast<uint64_t>(partition.value) << 48 ^
                         static_cast<uint64_t>(offset.value));
  std::string value(random() % 3001, '\0');
  for (size_t at = 0; at < value.size(); at += 8) {
    const uint64_t word = random();
    std::memcpy(value.data() + at, &word, std::min<size_t>(8, value.size() - at));
  }
  return value;
}

NewRecord RecordAt(Partition partition, Offset offset) {
  return NewRecord{absl::FromUnixMillis(offset.value), absl::StrCat(offset.value), "",
                   ValueAt(partition, offset)};
}

std::vector<NewRecord> RecordsAt(Partition partition, Offset offset, int count) {
  std::vector<NewRecord> records;
  for (int i = 0; i < count; ++i, offset = offset.Next()) {
    records.push_back(RecordAt(partition, offset));
  }
  return records;
}

bool IsRight(const Record& record) {
  const NewRecord right = RecordAt(record.partition, record.offset);
  return record.timestamp == right.timestamp && record.key == right.key &&
         record.headers == right.headers && record.value == right.value;
}

absl::Status AppendInBulk(BulkAppender& bulk, Partition partition, Offset offset, int count) {
  for (const NewRecord& record : RecordsAt(partition, offset, count)) {
    const absl::StatusOr<Offset> appended =
        bulk.Append(partition, record.timestamp, record.key, record.headers, record.value);
    if (!appended.ok()) return appended.status();
  }
  return absl::OkStatus();
}

std::vector<int64_t> EndsOf(EventLog& log) {
  std::vector<int64_t> ends;
  for (Partition p{0}; p.value < log.partitions(); p = p.Next()) ends.push_back(log.End(p)->value);
  return ends;
}

std::string ReadUpTo(LogReader& reader, const std::vector<int64_t>& ends) {
  std::vector<int64_t> next(ends.size(), 0);
  int64_t left = 0;
  for (Partition p{0}; p.value < static_cast<int>(ends.size()); p = p.Next()) {
    const absl::Status status = reader.Assign(p, Offset{0});
    if (!status.ok()) return status.ToString();
    left += ends[p.value];
  }
  RecordBatch batch;
  while (left > 0) {
    const absl::Status status = reader.Poll(absl::Minutes(1), 1000, &batch);
    if (!status.ok()) return status.ToString();
    if (batch.records().empty()) return "nothing came in a minute";
    for (const Record& record : batch.records()) {
      const std::string place =
          absl::StrCat("partition ", record.partition.value, " offset ", record.offset.value);
      int64_t& due = next[record.partition.value];
      if (record.offset.value != due) return place + " is out of order";
      if (!IsRight(record)) return place + " reads otherwise than it was written";
      if (due++ < ends[record.partition.value]) --left;
    }
  }
  return "";
}

}  // namespace gridledger
