// gridledger export: the ledger as JSON lines, one a record, in order, without ever holding more
// than a batch of them.
#include <absl/strings/escaping.h>
#include <absl/strings/str_cat.h>
#include <google/protobuf/util/json_util.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <optional>

#include "services/gridledger/command.h"
#include "services/gridledger/stop_flag.h"
#include "services/runtime/engine/entry_codec.h"

namespace gridledger::cli {
namespace {

constexpr int kReadBatch = 1024;
constexpr size_t kWriteBytes = size_t{64} << 10;  // as much as a pipe takes at once

struct ExportOptions {
  CommonOptions common;
  std::optional<int32_t> partition;
  int64_t from_offset = 0;
};

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
  absl::StrAppend(out, "{\"partition\":", record.partition.value,
                  ",\"offset\":", record.offset.value, ",\"timestamp\":\"",
                  absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", record.timestamp, absl::UTCTimeZone()),
                  "\",\"key\":", Quoted(record.key), ",\"headers\":", HeadersJson(record.headers));
  AppendEntry(record.value, entry, out);
  absl::StrAppend(out, "}\n");
}

absl::Status ExportPartition(EventLog& log, Partition partition, Offset from, Offset end,
                             const StopFlag& stop) {
  const std::unique_ptr<LogReader> reader = log.NewReader();
  if (absl::Status status = reader->Assign(partition, from); !status.ok()) return status;
  RecordBatch batch;
  v1::Entry entry;
  std::string out;
  for (Offset next = from; next < end;) {
    if (*stop.flag()) return absl::AbortedError("interrupted");
    absl::Status status = reader->Poll(absl::Seconds(30), kReadBatch, &batch);
    if (status.ok() && batch.records().empty()) {
      status = absl::UnavailableError(absl::StrCat("partition ", partition.value, " offset ",
                                                   next.value, ": the record does not come"));
    }
    for (const Record& record : batch.records()) {
      if (record.offset >= end) break;
      AppendLine(record, &entry, &out);
      next = record.offset.Next();
      if (out.size() < kWriteBytes) continue;
      if (absl::Status written = WriteOut(out); !written.ok()) return written;
      out.clear();
    }
    if (status.ok()) continue;
    // What was read before the damage goes out first.
    if (absl::Status written = WriteOut(out); !written.ok()) return written;
    return status;
  }
  return WriteOut(out);
}

absl::Status Export(const ExportOptions& options) {
  auto folder = OpenForReading(options.common);
  if (!folder.ok()) return folder.status();
  EventLog& log = (*folder)->log();
  const StopFlag stop;
  const Offset from{options.from_offset};
  bool any = false;
  for (int p = 0; p < log.partitions(); ++p) {
    if (options.partition && *options.partition != p) continue;
    const absl::StatusOr<Offset> end = log.End(Partition{p});
    if (!end.ok()) return end.status();
    if (from > *end) continue;
    any = true;
    if (absl::Status status = ExportPartition(log, Partition{p}, from, *end, stop); !status.ok()) {
      return status;
    }
  }
  if (any) return absl::OkStatus();
  if (options.partition && *options.partition >= log.partitions()) {
    return absl::InvalidArgumentError(absl::StrCat("--partition ", *options.partition,
                                                   ": the ledger has partitions 0 to ",
                                                   log.partitions() - 1));
  }
  return absl::InvalidArgumentError(
      absl::StrCat("--from-offset ", from.value, " is beyond the end of ",
                   options.partition ? "the partition" : "every partition",
                   ": `gridledger status` tells where they end"));
}

}  // namespace

void AddExport(CLI::App& app, Command* chosen) {
  auto options = std::make_shared<ExportOptions>();
  CLI::App* command = AddCommand(
      app,
      {.name = "export",
       .summary = "The ledger as JSON lines on standard output",
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
           "and its bytes in base64. Partition after partition, in the order of their offsets.\n"},
      &options->common, chosen, [options] { return Export(*options); });
  command->add_option("--partition", options->partition, "One partition instead of all")
      ->type_name("P")
      ->check(CLI::NonNegativeNumber);
  command->add_option("--from-offset", options->from_offset, "The first offset of each partition")
      ->type_name("N")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
}

}  // namespace gridledger::cli
