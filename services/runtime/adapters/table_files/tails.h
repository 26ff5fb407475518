// What RocksDB believes of a sorted file before it has checked it.
#pragma once

#include <absl/status/status.h>
#include <rocksdb/env.h>
#include <rocksdb/table.h>

#include <string>

namespace gridledger::table_files {

// What every sorted file of ours is written with.
inline constexpr char kFormatVersion = 5;
inline constexpr auto kChecksum = rocksdb::ChecksumType::kXXH3;

// Looks at a sorted file's tail: its properties, the list of such blocks, and the footer that says
// where that is and how blocks are checked. RocksDB 7.8 takes the footer at its word, and parses
// the properties before it compares their checksum; a flipped bit there ends the program by an
// assertion. DataLoss with the file's path. OkStatus for a file that is gone, unfinished, or of no
// such format: opening says so.
absl::Status CheckTail(rocksdb::Env& env, const std::string& path);
// The same for all sorted files of a folder.
absl::Status CheckTails(rocksdb::Env& env, const std::string& folder);

}  // namespace gridledger::table_files
