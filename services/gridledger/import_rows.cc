#include "services/gridledger/import_rows.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>

#include <algorithm>
#include <atomic>
#include <utility>

#include "services/base/digest.h"
#include "services/base/layout.h"
#include "services/base/partitioning.h"
#include "services/gridledger/mapped_rows.h"
#include "services/gridledger/rejected_rows.h"
#include "services/gridledger/terminal.h"
#include "services/runtime/adapters/files/distinct.h"

namespace gridledger::cli {
namespace {

constexpr size_t kInputsMax = 256;  // each holds a file and ~256 KiB: 64 MiB
constexpr int64_t kRowsBetweenLooks = 1024;

// How an input begins: two files with the same header and the same first row are one source.
uint32_t Beginning(const files::RowReader& reader, const files::InputRow& row) {
  std::string bytes;
  const auto add = [&](absl::string_view text) {
    AppendVarint(&bytes, text.size());
    absl::StrAppend(&bytes, text);
  };
  for (const std::string& column : reader.header()) add(column);
  for (const absl::string_view field : row.fields) add(field);
  return static_cast<uint32_t>(Fingerprint(bytes));
}

absl::StatusOr<ImportInput> OpenOne(const std::string& path, const v1::Mapping& mapping,
                                    const std::string& mapping_path,
                                    const files::RowOptions& options) {
  auto reader = OpenMappedRows(path, options);
  if (!reader.ok()) return reader.status();
  ImportInput input;
  input.reader = *std::move(reader);
  input.name = input.reader->input().name();
  const absl::StatusOr<bool> found = input.reader->Next(&input.row);
  if (!found.ok()) return found.status();
  input.has_row = *found;
  input.source = absl::StrFormat("%s#%08x", mapping.source(), Beginning(*input.reader, input.row));
  auto mapper = mapping::Mapper::Compile(mapping, input.reader->header(), input.source);
  if (!mapper.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(mapping_path, ": ", mapper.status().message(),
                                                   " (with the columns of ", input.name, ")"));
  }
  input.mapper = *std::move(mapper);
  return input;
}

// What all inputs share while they are read.
struct AllRows {
  int partitions;
  const ReadRowsOptions& options;
  files::FactSorter* sorter;
  files::DistinctCounter incidents;
  RowsRead read;
  int told = 0;
  std::string bytes = {};  // of an entry
  std::atomic<int64_t> position{0};
  int64_t position_before = 0;  // of the inputs that are done
};

absl::Status TakeRow(ImportInput& input, uint32_t index, AllRows& all, RejectedRows& rejected) {
  ++all.read.rows;
  const files::InputRow& row = input.row;
  if (!row.rejected.empty()) return rejected.Add(row.line, row.number, "", row.rejected);
  const auto made = input.mapper->Apply(row.fields, static_cast<uint64_t>(row.number));
  if (made.empty()) {
    const mapping::Rejection& why = input.mapper->rejection();
    return rejected.Add(row.line, row.number, why.column, why.reason);
  }
  const std::string& community = input.mapper->community();
  const Partition partition = PartitionOf(community, all.partitions);
  for (const mapping::Mapper::Made& fact : made) {
    fact.entry->SerializeToString(&all.bytes);
    const v1::SourcePosition& at = fact.entry->source();
    absl::Status added = all.sorter->Add(
        partition, {.at = fact.at, .input = index, .row = at.row(), .ordinal = at.ordinal()},
        community, all.bytes);
    if (!added.ok()) return added;
  }
  input.facts += static_cast<int64_t>(made.size());
  all.read.first_at = std::min(all.read.first_at, made.front().at);
  all.read.last_at = std::max(all.read.last_at, made.back().at);
  return all.incidents.Add(Fingerprint(input.mapper->incident_id()));
}

absl::Status ReadOne(ImportInput& input, uint32_t index, AllRows& all) {
  std::string name = input.source;
  std::replace(name.begin(), name.end(), '#', '-');
  std::string path = absl::StrCat(all.options.folder, "/rejected/", name, ".csv");
  if (std::count(all.read.lists.begin(), all.read.lists.end(), path) > 0) {
    path = absl::StrCat(all.options.folder, "/rejected/", name, "-", index + 1, ".csv");
  }
  RejectedRows rejected(path, input.name, &all.told);
  for (bool more = input.has_row; more;) {
    if (absl::Status status = TakeRow(input, index, all, rejected); !status.ok()) return status;
    if (all.read.rows % kRowsBetweenLooks == 0) {
      all.position = all.position_before + input.reader->input().position();
    }
    const absl::StatusOr<bool> next = input.reader->Next(&input.row);
    if (!next.ok()) return next.status();
    more = *next;
  }
  all.position_before += input.reader->input().position();
  all.read.rejected += rejected.count();
  if (rejected.count() > 0) all.read.lists.push_back(rejected.path());
  return rejected.Finish();
}

}  // namespace

absl::StatusOr<std::vector<ImportInput>> OpenInputs(const std::vector<std::string>& paths,
                                                    const v1::Mapping& mapping,
                                                    const std::string& mapping_path) {
  if (paths.size() > kInputsMax) {
    return absl::InvalidArgumentError(
        absl::StrCat(paths.size(), " inputs; at most ", kInputsMax, " are read at once"));
  }
  const absl::StatusOr<files::RowOptions> options = RowOptionsOf(mapping);
  if (!options.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(mapping_path, ": ", options.status().message()));
  }
  std::vector<ImportInput> inputs;
  for (const std::string& path : paths) {
    absl::StatusOr<ImportInput> input = OpenOne(path, mapping, mapping_path, *options);
    if (!input.ok()) return input.status();
    inputs.push_back(*std::move(input));
  }
  return inputs;
}

absl::StatusOr<RowsRead> ReadRows(std::vector<ImportInput>& inputs, int partitions,
                                  const ReadRowsOptions& options, files::FactSorter* sorter) {
  AllRows all{partitions, options, sorter,
              files::DistinctCounter({options.memory_bytes, options.temp_folder}), RowsRead{}};
  int64_t size = 0;  // not known when one of them is a pipe
  for (const ImportInput& input : inputs) size += input.reader->input().size();
  for (const ImportInput& input : inputs) {
    if (input.reader->input().size() == 0) size = 0;
  }
  {
    const ProgressLine progress("reading", "bytes", [&] { return Reading{all.position, size}; });
    for (size_t i = 0; i < inputs.size(); ++i) {
      if (absl::Status status = ReadOne(inputs[i], static_cast<uint32_t>(i), all); !status.ok()) {
        return status;
      }
      // Only the source's name is still needed.
      inputs[i].reader.reset();
      inputs[i].mapper.reset();
    }
    if (absl::Status status = sorter->Finish(); !status.ok()) return status;
  }
  const absl::StatusOr<int64_t> incidents = all.incidents.Count();
  if (!incidents.ok()) return incidents.status();
  all.read.incidents = *incidents;
  return std::move(all.read);
}

}  // namespace gridledger::cli
