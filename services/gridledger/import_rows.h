// The first half of an import: reads the rows of all inputs, makes their facts and puts them into
// ledger order, in bounded memory. Writes nothing to the ledger; rows that cannot be taken go to a
// list.
#pragma once

#include <absl/container/flat_hash_set.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gridledger/v1/mapping.pb.h"
#include "services/domain/mapping/event_mapper.h"
#include "services/domain/mapping/mapper.h"
#include "services/runtime/adapters/files/row_reader.h"
#include "services/runtime/adapters/files/sorter.h"

namespace gridledger::cli {

// An input that is open, its header understood and its first row at hand.
struct ImportInput {
  std::string path;    // "-" for standard input
  std::string name;    // the path, or "standard input"
  std::string source;  // "boston311#5f3a9c01": the mapping's source and how the input begins
  std::unique_ptr<files::RowReader> reader;
  files::InputRow row;  // the first, not yet mapped
  bool has_row = false;
  std::unique_ptr<mapping::Mapper> mapper;       // of rows with an incident each
  std::unique_ptr<mapping::EventMapper> events;  // of rows with an event each
  int64_t rows = 0;                              // read
  int64_t facts = 0;  // made of rows with an incident each; events make theirs later
};

// Opens each path ("-" is standard input). InvalidArgument names the mapping's or the input's
// fault; then nothing has been written.
absl::StatusOr<std::vector<ImportInput>> OpenInputs(const std::vector<std::string>& paths,
                                                    const v1::Mapping& mapping,
                                                    const std::string& mapping_path);

struct RowsRead {
  int64_t rows = 0;
  int64_t rejected = 0;
  int64_t incidents = 0;                   // different ones, named by the rows that were taken
  int64_t ignored_twice = 0;               // rows that were there before, word for word
  std::map<std::string, int64_t> reasons;  // of rejected rows
  // (input, row) of rows with the id of one before them: their facts do not count.
  absl::flat_hash_set<std::pair<uint32_t, uint64_t>> twice;
  absl::Time first_at = absl::InfiniteFuture();  // of all facts, in ledger order
  absl::Time last_at = absl::InfinitePast();
  std::vector<std::string> lists;  // of rejected rows, one an input that has any
  std::vector<std::string> kept;   // the rows themselves
};

struct ReadRowsOptions {
  std::string folder;       // the data folder: lists of rejected rows go to FOLDER/rejected
  std::string temp_folder;  // for what does not fit in memory
  size_t memory_bytes = size_t{16} << 20;                    // beside the sorter's
  int64_t errors_max = std::numeric_limits<int64_t>::max();  // rejected rows
  std::string id_column;                                     // where rows of the same id differ
};

// Reads all rows of `inputs` into `sorter` and finishes it: facts of rows with an incident each as
// v1.Entry, of rows with an event each as mapping::Observation. The first rejected rows are told on
// standard error, all of them in FOLDER/rejected/SOURCE.csv, with line, column and reason, and as
// they are in SOURCE.rows.csv. DataLoss when they are more than `errors_max`.
absl::StatusOr<RowsRead> ReadRows(const v1::Mapping& mapping, std::vector<ImportInput>& inputs,
                                  int partitions, const ReadRowsOptions& options,
                                  files::FactSorter* sorter);

}  // namespace gridledger::cli
