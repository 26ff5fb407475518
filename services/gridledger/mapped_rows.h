// An input opened as a mapping says: its format, delimiter and encoding, and the columns that it
// uses.
#pragma once

#include <absl/status/statusor.h>

#include <memory>
#include <string>

#include "gridledger/v1/mapping.pb.h"
#include "services/runtime/adapters/files/row_format.h"

namespace gridledger::cli {

// What the mapping leaves open is found out. InvalidArgument when its delimiter is none.
absl::StatusOr<files::RowOptions> RowOptionsOf(const v1::Mapping& mapping);
// "rows.csv is read as CSV with ';', GB18030 (detected)"; empty where nothing was found out that is
// worth a line: CSV with commas in UTF-8.
std::string TakenText(const std::string& name, const files::OpenedRows& opened);
// `path` is a file, or "-" for standard input. Says on standard error what was found out, and which
// columns of the mapping the beginning of the input does not have.
absl::StatusOr<std::unique_ptr<files::RowReader>> OpenMappedRows(const std::string& path,
                                                                 const files::RowOptions& options);

}  // namespace gridledger::cli
