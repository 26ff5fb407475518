// What an import keeps about each source in DIR/imports/SOURCE.json: its rounds, which inputs it
// has had, and the mapping that each came in by, with all that the mapping names. One input told in
// two ways would be two histories, so another mapping for the same input is refused. Which rows
// each round took: row_store.h.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include <cstddef>
#include <cstdint>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "gridledger/v1/mapping.pb.h"
#include "gridledger/v1/policy.pb.h"

namespace gridledger::cli {

// By what rows become facts.
struct ImportMeans {
  v1::Mapping mapping;
  v1::Policy policy;
  std::map<std::string, uint64_t> files;  // tables and polygons, by the name in the mapping
  // Of the lines of tables that may grow, in order; see read_annex.h.
  std::map<std::string, std::vector<uint64_t>> lines;
};

// What one import took. In the ledger its positions have a source of their own.
struct ImportRound {
  int number = 0;
  bool complete = false;        // it came to its end
  size_t means = 0;             // which of the record's
  std::vector<int> along = {};  // earlier ones, cut off, that the import which made it went on with
  uint64_t rows = 0;            // that it took
  uint64_t checksum = 0;        // of what row_store.h keeps of them
};

struct ImportRecord {
  std::vector<ImportRound> rounds;       // in the order of their numbers
  std::vector<ImportMeans> means;        // different ones
  std::map<std::string, size_t> inputs;  // the means of each, by "boston311#5f3a9c01"

  const ImportRound* Find(int round) const;
  // The place of `means` among the record's.
  size_t Remember(const ImportMeans& means);
};

// The source of a round's positions, "boston311#1".
std::string RoundName(const std::string& source, int round);
// The round of a source that has that name; 0 when it is none.
int RoundOf(absl::string_view name, absl::string_view source);

std::string ImportRecordPath(const std::string& folder, const std::string& source);
// Empty when there is no such file, DataLoss when it cannot be read, FailedPrecondition when an
// earlier build wrote it.
absl::StatusOr<ImportRecord> ReadImportRecord(const std::string& path);
// The record of `source`, as above, also where an earlier build kept it under another name.
absl::StatusOr<ImportRecord> FindImportRecord(const std::string& folder, const std::string& source);
// FailedPrecondition names the differences when `name`, an input or a round, came in by `before`. A
// table may have grown.
absl::Status CheckSameMeans(const std::string& name, const ImportMeans& before,
                            const ImportMeans& now);
// Likewise when `now` tells a row that `before` could take otherwise: it is the same but for
// states, and spellings of them, that came to it, and for what tables say.
absl::Status CheckGoesOn(const std::string& name, const ImportMeans& before,
                         const ImportMeans& now);
// Likewise for what is there in whole, when `now` may tell it again: it is the same, or the same
// but for states that came to it and by which a round of the record has come in since.
absl::Status CheckHasGoneOn(const std::string& name, const ImportRecord& record,
                            const ImportMeans& before, const ImportMeans& now);
// Durable on return. A record without a round is not kept.
absl::Status KeepImportRecord(const std::string& folder, const std::string& source,
                              const ImportRecord& record);

// The records of a data folder and the rows beside them as they are at one instant, for a copy of
// its ledger. What is taken before the ends of the ledger are read never says that a round is
// complete of which the copy lacks a row, whoever goes on importing meanwhile.
class TakenImports {
 public:
  // Unavailable when the disk fails.
  static absl::StatusOr<TakenImports> Of(const std::string& folder);
  // Once the ledger is there. Durable on return.
  absl::Status PutInto(const std::string& folder) const;

 private:
  struct File {
    std::string name;
    std::shared_ptr<std::ifstream> bytes;  // of what it was, though another one has its place now
  };
  std::vector<File> files_;  // in the order in which a folder has to get them
};

}  // namespace gridledger::cli
