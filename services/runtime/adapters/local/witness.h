// An independent witness of what was acknowledged: the ends of all partitions, in a small file
// beside the database, rewritten after each durable commit and before its acknowledgement.
//
// RocksDB drops the tail of its write-ahead log from the first bad record on and says nothing; the
// witness tells whether that tail was a torn write or acknowledged records.
//
//   file   two slots of 64 KiB; the write with sequence s goes to slot s mod 2
//   slot   "GLENDS01" | sequence u64 | partitions u64 | ends i64 … | XXH3-64 of all before   (LE)
//
// It is not synced: after a power cut it may be older than the log, never newer, and a torn slot
// leaves the other one. Never says what the records are.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/types/span.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace gridledger::local {

class Witness {
 public:
  // The file's name in the log's folder.
  static std::string PathIn(const std::string& folder) { return folder + "/ends"; }

  // Opens the file, making it when it is not there and `writable`; one that is only read may come
  // later. Unavailable when the disk says no.
  static absl::StatusOr<std::unique_ptr<Witness>> Open(const std::string& path, bool writable);
  ~Witness();
  Witness(const Witness&) = delete;
  Witness& operator=(const Witness&) = delete;

  // The ends of the newest whole slot; nothing when neither is whole.
  absl::StatusOr<std::optional<std::vector<int64_t>>> Read();
  absl::Status Write(absl::Span<const int64_t> ends);
  // Makes the last write survive a power cut.
  absl::Status Sync();

 private:
  Witness(int file, std::string path) : file_(file), path_(std::move(path)) {}

  int file_;  // -1: not there
  const std::string path_;
  uint64_t sequence_ = 0;  // of the newest slot known
  std::string slot_;       // scratch
};

}  // namespace gridledger::local
