// The first half of an import: reads the rows of all inputs, makes their facts and puts them into
// ledger order, in bounded memory. Writes nothing to the ledger; rows that cannot be taken go to a
// list.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gridledger/v1/mapping.pb.h"
#include "services/base/ids.h"
#include "services/domain/mapping/event_mapper.h"
#include "services/domain/mapping/mapper.h"
#include "services/gridledger/import_record.h"
#include "services/gridledger/row_bits.h"
#include "services/runtime/adapters/files/row_reader.h"
#include "services/runtime/adapters/files/sorter.h"

namespace gridledger::cli {

// An input that is open, its header understood and its first row at hand.
struct ImportInput {
  std::string path;    // "-" for standard input; what came through a pipe, once more
  std::string name;    // the path, or "standard input"
  std::string source;  // "boston311#5f3a9c01": the mapping's source and how the input begins
  std::unique_ptr<files::RowReader> reader;
  char delimiter = 0;  // of CSV
  bool is_utf8 = true;
  files::InputRow row;  // the first, not yet mapped
  bool has_row = false;
  std::unique_ptr<mapping::Mapper> mapper;       // of rows with an incident each
  std::unique_ptr<mapping::EventMapper> events;  // of rows with an event each
  ImportRecord record;                           // of its source
  bool of_events = false;
  size_t rounds_before = 0;
  bool was_there = false;  // an earlier import had begun it
  int64_t rows = 0;        // read
  // What became of them, by number.
  RowBits rejected;
  RowBits twice;      // of no account beside a row before it
  RowBits in_ledger;  // set here where an incident has one row, and while events are walked

  // The source of positions of that round, "boston311#5f3a9c01.2" from the second on.
  std::string SourceOf(int round) const;
};

// Opens each path ("-" is standard input). InvalidArgument names the mapping's or the input's
// fault; then nothing has been written. What comes through a pipe, and may have to be read once
// more, is kept beside `spool` in a file without a name.
absl::StatusOr<std::vector<ImportInput>> OpenInputs(const std::vector<std::string>& paths,
                                                    const v1::Mapping& mapping,
                                                    const std::string& mapping_path,
                                                    const std::string& spool);

struct RowsRead {
  int64_t rows = 0;
  int64_t rejected = 0;
  int64_t incidents = 0;                   // different ones, named by the rows that were taken
  int64_t changed = 0;                     // of the rejected: not what they were when they came in
  std::map<std::string, int64_t> reasons;  // of rejected rows
  absl::Time first_at = absl::InfiniteFuture();  // of all facts, in ledger order
  absl::Time last_at = absl::InfinitePast();
  std::vector<std::string> lists;  // of rejected rows, one an input that has any
  std::vector<std::string> kept;   // the rows themselves
};

// What the ledger has of an incident already.
struct KnownIncident {
  Partition partition;
  std::string community;
  // Of what a source or a person said of it, by their own word; asked for with one row an event.
  int64_t last_at_ms = 0;
};

struct ReadRowsOptions {
  std::string folder;       // the data folder: lists of rejected rows go to FOLDER/rejected
  std::string temp_folder;  // for what does not fit in memory
  size_t memory_bytes = size_t{16} << 20;                    // beside the sorter's
  int64_t errors_max = std::numeric_limits<int64_t>::max();  // rejected rows
  std::string id_column;                                     // where rows of the same id differ
  // Asked of each incident, so that what is said of one that is there goes where it is; nothing for
  // a ledger that is new.
  std::function<absl::StatusOr<std::optional<KnownIncident>>(const std::string& id, Partition)>
      find_known;
};

// Reads all rows of `inputs` into `sorter` and finishes it: facts of rows with an incident each as
// v1.Entry, of rows with an event each as mapping::Observation; the group of a place is its round.
// Rows that no import has taken make a round of their own, which is then in the input's record and
// must be kept before anything goes to the ledger; rows that one has taken stay in theirs. What
// each round took is durable on return.
//
// The first rejected rows are told on standard error, all of them in FOLDER/rejected/SOURCE.csv,
// with line, column and reason, and as they are in SOURCE.rows.csv. DataLoss when they are more
// than `errors_max`.
absl::StatusOr<RowsRead> ReadRows(const v1::Mapping& mapping, std::vector<ImportInput>& inputs,
                                  int partitions, const ReadRowsOptions& options,
                                  files::FactSorter* sorter);

}  // namespace gridledger::cli
