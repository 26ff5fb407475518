// gridledger export: the ledger as JSON lines, one a record, in order, without ever holding more
// than a batch of them; or the lives of its incidents, for other people's tools.
#include <unistd.h>

#include <absl/cleanup/cleanup.h>
#include <absl/strings/escaping.h>
#include <absl/strings/str_cat.h>
#include <absl/types/span.h>
#include <google/protobuf/util/json_util.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <system_error>

#include "services/gridledger/commands/command.h"
#include "services/gridledger/commands/option_checks.h"
#include "services/history/exporting/step_row.h"
#include "services/history/exporting/xes_log.h"
#include "services/history/files/bytes/output.h"
#include "services/history/files/bytes/temp_folder.h"
#include "services/runtime/console/printable.h"
#include "services/runtime/console/progress_line.h"
#include "services/runtime/console/stop_flag.h"
#include "services/runtime/engine/entry_codec.h"
#include "services/runtime/ports/record_at.h"

namespace gridledger::cli {
namespace {

constexpr int kReadBatch = 1024;
constexpr size_t kWriteBytes = size_t{64} << 10;  // as much as a pipe takes at once

struct ExportOptions {
  CommonOptions common;
  std::optional<int32_t> partition;
  int64_t from_offset = 0;
  std::string as;      // empty: the records
  std::string output;  // empty: standard output
};

using Out = absl::FunctionRef<absl::Status(absl::string_view)>;

std::string Quoted(absl::string_view text) {
  return nlohmann::json(std::string(text))
      .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

// An object; a name that repeats, as Kafka lets it, has a list of its values.
std::string HeadersJson(absl::string_view headers) {
  nlohmann::ordered_json json = nlohmann::ordered_json::object();
  absl::string_view name, value;
  while (TakeHeader(&headers, &name, &value)) {
    nlohmann::ordered_json& slot = json[std::string(name)];
    if (slot.is_null()) {
      slot = std::string(value);
    } else if (slot.is_array()) {
      slot.push_back(std::string(value));
    } else {
      slot = {slot, std::string(value)};
    }
  }
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

// The entry in protobuf's canonical JSON. What does not decode is there in base64, with the reason.
void AppendEntry(absl::string_view value, v1::Entry* entry, std::string* out) {
  absl::Status status = engine::DecodeEntry(value, entry);
  if (status.ok()) {
    std::string json;
    const auto printed = google::protobuf::util::MessageToJsonString(*entry, &json);
    if (printed.ok()) {
      absl::StrAppend(out, ",\"entry\":", json);
      return;
    }
    status = absl::InternalError(printed.ToString());
  }
  absl::StrAppend(out, ",\"entry\":null,\"unreadable\":", Quoted(status.message()),
                  ",\"value_base64\":\"", absl::Base64Escape(value), "\"");
}

void AppendLine(const Record& record, v1::Entry* entry, std::string* out) {
  if (record.kind == PlaceKind::kNothing) {
    absl::StrAppend(out, "{\"partition\":", record.partition.value,
                    ",\"offset\":", record.offset.value,
                    ",\"timestamp\":null,\"key\":\"\",\"headers\":[],\"entry\":null,"
                    "\"nothing\":true}\n");
    return;
  }
  absl::StrAppend(out, "{\"partition\":", record.partition.value,
                  ",\"offset\":", record.offset.value, ",\"timestamp\":\"",
                  absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", record.timestamp, absl::UTCTimeZone()),
                  "\",\"key\":", Quoted(record.key), ",\"headers\":", HeadersJson(record.headers));
  AppendEntry(record.value, entry, out);
  absl::StrAppend(out, "}\n");
}

absl::Status ExportPartition(EventLog& log, Partition partition, Offset from, Offset end,
                             const std::atomic<bool>& stop, Out write) {
  const std::unique_ptr<LogReader> reader = log.NewReader();
  RecordBatch batch;
  v1::Entry entry;
  std::string out;
  absl::Status unwritten;
  const auto append = [&](absl::Span<const Record> records) -> absl::StatusOr<bool> {
    for (const Record& record : records) {
      AppendLine(record, &entry, &out);
      if (out.size() < kWriteBytes) continue;
      unwritten = write(out);
      if (!unwritten.ok()) return unwritten;
      out.clear();
    }
    return true;
  };
  absl::Status status = ReadUntil(
      *reader, Stretch{.partition = partition, .from = from, .end = end, .records_max = kReadBatch},
      &batch, append, [&] { return stop ? absl::AbortedError("interrupted") : absl::OkStatus(); });
  if (!unwritten.ok() || absl::IsAborted(status)) return status;
  // What was read before damage goes out first.
  if (absl::Status written = write(out); !written.ok()) return written;
  return status;
}

absl::Status NoSuchPartition(const ExportOptions& options, EventLog& log) {
  return absl::InvalidArgumentError(absl::StrCat("--partition ", *options.partition,
                                                 ": the ledger has partitions 0 to ",
                                                 log.partitions() - 1));
}

absl::Status ExportRecords(const ExportOptions& options, EventLog& log, Out write) {
  const std::atomic<bool>& stop = *options.common.stop->Listen();
  const Offset from{options.from_offset};
  bool any = false;
  absl::Status first_bad;  // the others go out all the same
  for (int p = 0; p < log.partitions(); ++p) {
    if (options.partition && *options.partition != p) continue;
    const absl::StatusOr<Offset> end = log.End(Partition{p});
    if (!end.ok()) {
      first_bad.Update(end.status());
      any = true;
      continue;
    }
    if (from > *end) continue;
    any = true;
    absl::Status status = ExportPartition(log, Partition{p}, from, *end, stop, write);
    if (absl::IsDataLoss(status)) {
      first_bad.Update(status);
      continue;
    }
    if (!status.ok()) return status;
  }
  if (any) return first_bad;
  if (options.partition && *options.partition >= log.partitions()) {
    return NoSuchPartition(options, log);
  }
  return absl::InvalidArgumentError(
      absl::StrCat("--from-offset ", from.value, " is beyond the end of ",
                   options.partition ? "the partition" : "every partition",
                   ": `gridledger status` tells where they end"));
}

// A row a step, as soon as it is there.
absl::Status ExportRows(const ExportOptions& options, const HistoryOptions& history, Out write) {
  const bool csv = options.as == "csv";
  StepRow row;
  std::string out;
  if (csv) AppendCsvHeader(&out);
  absl::Status status = VisitHistory(history, [&](const LifeStep& step) {
    row.Fill(step);
    csv ? AppendCsvRow(row, &out) : AppendJsonRow(row, &out);
    if (out.size() < kWriteBytes) return absl::OkStatus();
    absl::Status written = write(out);
    out.clear();
    return written;
  });
  // What was read before damage goes out first.
  if (!status.ok() && !absl::IsDataLoss(status)) return status;
  if (absl::Status written = write(out); !written.ok()) return written;
  return status;
}

// Beside the ledger, where there is room for what is as large as it; else where all programs go.
absl::StatusOr<std::string> SortingFolder(const CommonOptions& options) {
  if (!options.data.empty() && options.log.empty() && access(options.data.c_str(), W_OK) == 0) {
    return absl::StrCat(options.data, "/tmp");
  }
  return files::OwnTempPlace();
}

// Events lie by incident only when all of them are known.
absl::Status ExportXes(const ExportOptions& options, const HistoryOptions& history, Out write) {
  const absl::StatusOr<size_t> memory = options.common.MemoryBytes();
  if (!memory.ok()) return memory.status();
  const absl::StatusOr<std::string> folder = SortingFolder(options.common);
  if (!folder.ok()) return folder.status();
  const absl::Cleanup leave_nothing = [&folder] {
    std::error_code not_there;
    std::filesystem::remove(*folder, not_there);  // only if nobody else's work is in it
  };
  auto xes = XesLog::Open({.memory_bytes = host::ShareMemory(*memory).batches * 5 / 8,
                           .temp_folder = *folder,
                           .partitions = history.folder->log().partitions()});
  if (!xes.ok()) return xes.status();
  StepRow row;
  absl::Status status = VisitHistory(history, [&](const LifeStep& step) {
    row.Fill(step);
    return (*xes)->Add(step, row);
  });
  // A damaged partition is told of when the others are written.
  const absl::Status missing = absl::IsDataLoss(status) ? status : absl::OkStatus();
  if (!status.ok() && missing.ok()) return status;
  {
    const ProgressLine progress("writing", "events",
                                [&] { return Reading{(*xes)->written(), (*xes)->events()}; });
    status = (*xes)->Write(*options.common.stop->Listen(), write);
  }
  if (status.ok() && (*xes)->replaced() > 0) {
    std::fprintf(stderr, "gridledger: %s characters that XML cannot hold stand as U+FFFD\n",
                 Grouped((*xes)->replaced()).c_str());
  }
  status.Update(missing);
  return status;
}

absl::Status ExportLives(const ExportOptions& options, host::Folder& folder, Out write) {
  if (options.from_offset != 0) {
    return absl::InvalidArgumentError(
        "--from-offset goes with records only: a life is known from its beginning");
  }
  HistoryOptions history{.common = &options.common, .folder = &folder, .partition = {}};
  if (options.partition) {
    if (*options.partition >= folder.log().partitions()) {
      return NoSuchPartition(options, folder.log());
    }
    history.partition = Partition{*options.partition};
  }
  return options.as == "xes" ? ExportXes(options, history, write)
                             : ExportRows(options, history, write);
}

absl::Status Export(const ExportOptions& options) {
  auto folder = OpenForReading(options.common);
  if (!folder.ok()) return folder.status();
  const auto to = [&](Out write) {
    return options.as.empty() ? ExportRecords(options, (*folder)->log(), write)
                              : ExportLives(options, **folder, write);
  };
  if (options.output.empty() || options.output == "-") return to(WriteOut);
  auto file = files::CreateOutput(options.output);
  if (!file.ok()) return file.status();
  absl::Status status = to([&](absl::string_view bytes) { return (*file)->Write(bytes); });
  return status.ok() ? (*file)->Finish() : status;
}

}  // namespace

void AddExport(CLI::App& app, Command* chosen) {
  auto options = std::make_shared<ExportOptions>();
  CLI::App* command = AddCommand(
      app,
      {.name = "export",
       .summary = "The ledger as JSON lines, or its incidents' lives as CSV, JSON lines or XES",
       .examples =
           "  gridledger export --data city | head\n"
           "  gridledger export --data city --partition 3 --from-offset 1200 | gzip "
           ">tail.jsonl.gz\n"
           "  gridledger export --data city | jq -r 'select(.entry.decision) | "
           ".entry.decision.rule'\n"
           "\n"
           "A line a record: partition, offset, timestamp, key, headers, entry (protobuf's "
           "canonical\n"
           "JSON of gridledger.v1.Entry). A record that is no entry has \"unreadable\" with the "
           "reason\n"
           "and its bytes in base64. Partition after partition, in the order of their offsets.\n"
           "\n"
           "  gridledger export --data city --as csv --output lives.csv.gz    pandas, "
           "spreadsheets\n"
           "  gridledger export --data city --as jsonl | jq 'select(.fact == \"closed\")'\n"
           "  gridledger export --data city --as xes --output lives.xes       pm4py, ProM\n"
           "\n"
           "With --as: the facts that counted, each with the incident as it stood afterwards; "
           "void\n"
           "facts, ticks and registries are left out. Columns are the same in all three, empty "
           "ones\n"
           "are left out of JSON and XES. Lines come by partition, offset and ordinal; XES has a\n"
           "trace an incident, in the order of reports. Twice the same ledger, twice the same "
           "bytes.\n"
           "deploy/mappings/gridledger-csv.yaml and -xes.yaml bring them back in.\n"
           "\n"
           "Columns of a life:\n"
           "  time, happened_at              when it counts by the ledger; when it was by its "
           "source\n"
           "  fact, phase, state, stage      what came, and where it brought the incident; no "
           "state\n"
           "                                 where it changes neither phase nor clock\n"
           "  community, category, area, channel, unit, member, due_at\n"
           "                                 the incident after it; on the report due_at is its "
           "own\n"
           "  actor_role, actor_code, inferred, latitude, longitude, named_unit, disposition,\n"
           "  reason, pause, confirmed, level, post, light, stars, merged_into, candidates\n"
           "                                 what the fact itself says\n"
           "  rule, policy_version, cause    of a service's decision\n"
           "  source, source_row             of what was imported or simulated\n"
           "  partition, offset, ordinal     where it counts from; said_at where it was said, if "
           "it\n"
           "                                 waited for its incident's report\n"
           "In XES unit is org:group, the actor org:resource and org:role.\n"},
      &options->common, chosen, [options] { return Export(*options); });
  command->add_option("--as", options->as, "Lives instead of records, as csv, jsonl or xes")
      ->type_name("FORM")
      ->check(CLI::IsMember({"csv", "jsonl", "xes"}));
  command
      ->add_option(
          "--output", options->output,
          "A file instead of standard output, whole or not at all; packed if it ends in .gz")
      ->type_name("FILE");
  command->add_option("--partition", options->partition, "One partition instead of all")
      ->type_name("P")
      ->check(WholeNumber(INT32_MAX));
  command->add_option("--from-offset", options->from_offset, "The first offset of each partition")
      ->type_name("N")
      ->check(WholeNumber(kOffsetMax))
      ->capture_default_str();
}

}  // namespace gridledger::cli
