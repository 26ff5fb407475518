// An input opened as a mapping says: its format, delimiter and encoding, and the columns that it
// uses.
#pragma once

#include <absl/status/statusor.h>

#include <memory>
#include <string>

#include "gridledger/v1/mapping.pb.h"
#include "services/history/files/rows/row_format.h"

namespace gridledger::cli {

// What the mapping leaves open is found out. InvalidArgument when its delimiter is none.
absl::StatusOr<files::RowOptions> RowOptionsOf(const v1::Mapping& mapping);
// "rows.csv is read as CSV with ';', GB18030 (detected)"; empty where nothing was found out that is
// worth a line: CSV with commas in UTF-8.
std::string TakenText(const std::string& name, const files::OpenedRows& opened);
// A file of rejected rows, corrected or not, by its name: ….rows.csv. It is CSV with a byte order
// mark, whatever the inputs are that its rows come from.
bool IsRowsFile(const std::string& path);
// For that path: as the mapping says, but for a file of rejected rows.
files::RowOptions RowOptionsFor(const std::string& path, const files::RowOptions& options);

// Says on standard error which of the columns that the mapping calls leaks `header` does not have:
// one that is spelled otherwise is not kept out. Of JSON lines and XES only used columns are known.
void SayUnknownLeaks(const v1::Mapping& mapping, const std::string& mapping_path,
                     const std::vector<std::string>& header);

struct MappedRows {
  std::unique_ptr<files::RowReader> reader;
  char delimiter = 0;  // of CSV
  bool is_utf8 = true;
  std::string again;  // where the rows can be read once more; `path`, unless that is a pipe
};
// `path` is a file, or "-" for standard input. Says on standard error what was found out, and which
// columns of the mapping the beginning of the input does not have. What comes through a pipe is
// kept, where the disk has room, in a file without a name in the folder `spool` or the nearest
// above it that is there. Not kept for an empty name.
absl::StatusOr<MappedRows> OpenMappedRows(const std::string& path, const files::RowOptions& options,
                                          const std::string& spool);

}  // namespace gridledger::cli
