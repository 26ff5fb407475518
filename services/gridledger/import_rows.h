// The first half of an import: reads the rows of all inputs, makes their facts and puts them into
// ledger order, in bounded memory. Writes nothing to the ledger; rows that cannot be taken go to a
// list.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "gridledger/v1/mapping.pb.h"
#include "services/domain/mapping/mapper.h"
#include "services/runtime/adapters/files/row_reader.h"
#include "services/runtime/adapters/files/sorter.h"

namespace gridledger::cli {

// An input that is open, its header understood and its first row at hand.
struct ImportInput {
  std::string name;    // the path, or "standard input"
  std::string source;  // "boston311#5f3a9c01": the mapping's source and how the input begins
  std::unique_ptr<files::RowReader> reader;
  files::InputRow row;  // the first, not yet mapped
  bool has_row = false;
  std::unique_ptr<mapping::Mapper> mapper;
  int64_t facts = 0;  // made of it
};

// Opens each path ("-" is standard input). InvalidArgument names the mapping's or the input's
// fault; then nothing has been written.
absl::StatusOr<std::vector<ImportInput>> OpenInputs(const std::vector<std::string>& paths,
                                                    const v1::Mapping& mapping,
                                                    const std::string& mapping_path);

struct RowsRead {
  int64_t rows = 0;
  int64_t rejected = 0;
  int64_t incidents = 0;  // different ones, named by the rows that were taken
  absl::Time first_at = absl::InfiniteFuture();  // of all facts, in ledger order
  absl::Time last_at = absl::InfinitePast();
  std::vector<std::string> lists;  // of rejected rows, one an input that has any
};

struct ReadRowsOptions {
  std::string folder;       // the data folder: lists of rejected rows go to FOLDER/rejected
  std::string temp_folder;  // for what does not fit in memory
  size_t memory_bytes = size_t{16} << 20;  // beside the sorter's
};

// Reads all rows of `inputs` into `sorter` and finishes it. The first rejected rows are told on
// standard error, all of them in FOLDER/rejected/SOURCE.csv, with line, column and reason; never
// with what stands in the row.
absl::StatusOr<RowsRead> ReadRows(std::vector<ImportInput>& inputs, int partitions,
                                  const ReadRowsOptions& options, files::FactSorter* sorter);

}  // namespace gridledger::cli
