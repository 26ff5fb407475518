// The first half of an import: reads the rows of all inputs, makes their facts and puts them into
// ledger order, in bounded memory. Writes nothing to the ledger; rows that cannot be taken go to a
// list.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "gridledger/v1/mapping.pb.h"
#include "services/history/files/rows/row_reader.h"
#include "services/history/files/sorting/sorter.h"
#include "services/history/importing/import_record.h"
#include "services/history/importing/known_incidents.h"
#include "services/history/importing/row_bits.h"
#include "services/history/importing/row_store.h"
#include "services/history/mapping/lives/observation.h"
#include "services/history/mapping/rows/event_mapper.h"
#include "services/history/mapping/rows/life_mapper.h"

namespace gridledger::cli {

// An input whose header is understood. One that can be opened again is not held open while it waits
// for its turn.
struct ImportInput {
  std::string path;    // "-" for standard input; what came through a pipe, once more
  std::string name;    // the path, or "standard input"
  std::string source;  // "boston311#5f3a9c01": the mapping's source and how the input begins
  std::unique_ptr<files::RowReader> reader;  // null while it is not open
  int64_t bytes = 0;                         // its size; 0 where nobody knows
  bool corrects = false;                     // rows that an import could not take, to be corrected
  char delimiter = 0;                        // of CSV
  bool is_utf8 = true;
  files::InputRow row;  // the first, not yet mapped
  bool has_row = false;
  std::unique_ptr<mapping::LifeMapper> lives;    // of rows with an incident each
  std::unique_ptr<mapping::EventMapper> events;  // of rows with an event each
  uint64_t rows_before = 0;                      // of the inputs before it
  int64_t rows = 0;                              // read
  // That it had when its rows were compared: one that grows meanwhile is taken up to there.
  int64_t rows_max = std::numeric_limits<int64_t>::max();
  uint64_t compared = 0;  // a sum of its rows then
  uint64_t taken = 0;     // and when they were taken
  std::string list_base;  // of its lists, "DIR/rejected/boston311-5f3a9c01"
  bool is_taken = false;  // a row of it is in the ledger, or goes there
  // What became of its rows, by number.
  RowBits rejected;
  RowBits twice;      // of no account beside a row before it
  RowBits in_ledger;  // set while they are told
};

// Opens each path ("-" is standard input). InvalidArgument names the mapping's or the input's
// fault; then nothing has been written. What comes through a pipe, and may have to be read once
// more, is kept beside `spool` in a file without a name; with `again`, all of it. Rows that tell of
// what comes after `present` are rejected.
absl::StatusOr<std::vector<ImportInput>> OpenInputs(const std::vector<std::string>& paths,
                                                    const v1::Mapping& mapping,
                                                    const std::string& mapping_path,
                                                    const std::string& spool, bool again,
                                                    absl::Time present);

// Which of the inputs a row belongs to that is numbered through all of them, and its number there.
struct RowOf {
  size_t input = 0;
  uint64_t row = 0;
};
RowOf RowOfPresent(const std::vector<ImportInput>& inputs, uint64_t present);

struct RowsRead {
  int64_t rows = 0;
  int64_t rejected = 0;
  int64_t incidents = 0;                   // different ones, named by the rows that were taken
  int64_t changed = 0;                     // rows that are new, of incidents that the ledger has
  std::map<std::string, int64_t> reasons;  // of rejected rows
  absl::Time first_at = absl::InfiniteFuture();  // of all facts, in ledger order
  absl::Time last_at = absl::InfinitePast();
  std::vector<std::string> lists;  // of rejected rows, one an input that has any
  std::vector<std::string> kept;   // the rows themselves
  int round = 0;                   // of what is new
  std::vector<int> rounds;         // that are told: that one, and those that were cut off
  std::unique_ptr<RowStore> store;
};

// What the sorter has of each: a step of an incident's life, and the row that it came from.
struct ToldRow {
  uint64_t present = 0;  // the row's number through all inputs
  mapping::Observation observation;
  template <class A>
  void Fields(A& a) {
    a(present);
    observation.Fields(a);
  }
};

struct ReadRowsOptions {
  std::string folder;       // the data folder: lists of rejected rows go to FOLDER/rejected
  std::string temp_folder;  // for what does not fit in memory
  size_t memory_bytes = size_t{16} << 20;                    // beside the sorter's
  int64_t errors_max = std::numeric_limits<int64_t>::max();  // rejected rows
  std::string id_column;                                     // where rows of the same id differ
  // What the ledger has, so that what is said of an incident that is there goes where it is; null
  // for a ledger that is new.
  KnownIncidents* known = nullptr;
};

// Reads all rows of `inputs` into `sorter` and finishes it: its entries are ToldRow, the group of a
// place is the row's round, its row the row's number there. Rows that no import has taken make a
// round of their own, which is then in `record` and must be kept before anything goes to the
// ledger; rows that one has taken stay in theirs. What each round took is durable on return.
//
// The first rejected rows are told on standard error, all of them in FOLDER/rejected/SOURCE.csv,
// with line, column and reason, and as they are in SOURCE.rows.csv. DataLoss when they are more
// than `errors_max`.
absl::StatusOr<RowsRead> ReadRows(const ImportMeans& means, std::vector<ImportInput>& inputs,
                                  int partitions, const ReadRowsOptions& options,
                                  ImportRecord* record, files::FactSorter* sorter);

// imports/SOURCE.rows, whether it is there or not.
std::string RowStorePath(const std::string& folder, const std::string& source);

}  // namespace gridledger::cli
