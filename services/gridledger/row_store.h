// What an import has taken of a source, row by row, so that of a file that has grown, or changed,
// it is known what is new: imports/SOURCE.rows holds 8 bytes a row, its content's fingerprint and
// the round that took it. A round is what one import took; see decision note 0011.
//
//   auto store = *RowStore::Open(folder, source, rounds, {});
//   store->Begin();
//   for each row: store->Look(content); store->Write(…);
//   store->End(); store->Commit();
#pragma once

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "services/gridledger/row_bits.h"

namespace gridledger::cli {

inline constexpr int kRoundsMax = 65'535;  // 16 bits of a row's 64

class RowStore {
 public:
  struct Options {
    std::string path;          // of the file
    std::vector<int> rounds;   // that the import record knows; a row of another one was not taken
    std::vector<int> cut_off;  // those of them that have not come to their end
    int64_t rows_before = 0;   // that an import without such a file had read, in round 1
    // Rows are known wherever they stand: for a file that is corrected, and rows taken out of it.
    bool by_content = false;
  };
  enum class Kind { kNew, kKnown, kChanged };
  struct Answer {
    Kind kind = Kind::kNew;
    int round = 0;  // that took it
  };

  // DataLoss when the file cannot be read.
  static absl::StatusOr<std::unique_ptr<RowStore>> Open(Options options);
  // What was not committed is gone.
  ~RowStore();
  RowStore(const RowStore&) = delete;
  RowStore& operator=(const RowStore&) = delete;

  // Begins a pass over the rows of an input. Several inputs of one source come one after the other,
  // and each finds what the one before it took.
  absl::Status Begin();
  // The next row. Followed by one of the next three.
  Answer Look(uint64_t content);
  absl::Status Take(int round);  // by that round
  absl::Status Leave();          // as it was before
  // At the end of the rows; those that the input does not have any more are kept.
  absl::Status End();
  // FailedPrecondition when a row that a round took which was cut off was in none of the passes, or
  // not as it was: how far each partition got is known by time alone, so that the round can go on
  // with all of its rows, and with nothing less. Call it after the last pass.
  absl::Status CheckCutOff();
  // A row that was taken in this pass, and is not.
  absl::Status GiveBack(int64_t row, int round);
  // Durable on return.
  absl::Status Commit();

 private:
  explicit RowStore(Options options) : options_(std::move(options)) {}
  absl::StatusOr<uint64_t> ReadWord();
  absl::Status WriteWord(uint64_t word);
  bool IsKnown(uint64_t word) const;
  bool IsCutOff(uint64_t word) const;
  absl::Status Failed(const char* act, const std::string& path) const;

  const Options options_;
  std::string now_;   // the file to be read; empty for none
  std::string part_;  // being written
  int passes_ = 0;
  std::FILE* from_ = nullptr;
  std::FILE* to_ = nullptr;
  int64_t row_ = 0;
  uint64_t old_ = 0;                                    // of the row
  int taking_ = 0;                                      // the round of this import
  uint64_t content_ = 0;                                // of the row, as a word without a round
  absl::flat_hash_map<uint64_t, uint64_t> by_content_;  // look-ups only
  // Rows of rounds that were cut off, as they were: by place, and by content.
  RowBits again_;
  absl::flat_hash_set<uint64_t> again_by_content_;
  absl::Status failed_;
};

}  // namespace gridledger::cli
