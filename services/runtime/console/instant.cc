#include "services/runtime/console/instant.h"

#include <absl/strings/str_cat.h>

#include "services/runtime/engine/entry_codec.h"

namespace gridledger::cli {
namespace {

// A ledger begins with its policy, in every partition; a live one may have a few records before it.
constexpr int kRecordsBeforePolicyMax = 256;

absl::StatusOr<std::string> FirstZone(EventLog& log, Partition partition) {
  const absl::StatusOr<Offset> end = log.End(partition);
  if (!end.ok()) return end.status();
  if (end->value == 0) return std::string();
  const std::unique_ptr<LogReader> reader = log.NewReader();
  if (absl::Status status = reader->Assign(partition, Offset{0}); !status.ok()) return status;
  RecordBatch batch;
  if (absl::Status status = reader->Poll(absl::Seconds(10), kRecordsBeforePolicyMax, &batch);
      !status.ok()) {
    return status;
  }
  v1::Entry entry;
  for (const Record& record : batch.records()) {
    if (!engine::DecodeEntry(record.value, &entry).ok() || !entry.has_policy_activated()) continue;
    const std::string& zone = entry.policy_activated().policy().zone();
    if (!zone.empty()) return zone;
  }
  return std::string();
}

}  // namespace

absl::StatusOr<absl::TimeZone> ZoneOf(host::Folder& folder) {
  for (int p = 0; p < folder.log().partitions(); ++p) {
    const absl::StatusOr<std::string> name = FirstZone(folder.log(), Partition{p});
    if (!name.ok()) return name.status();
    if (name->empty()) continue;
    absl::TimeZone zone;
    if (absl::LoadTimeZone(*name, &zone)) return zone;
    return absl::FailedPreconditionError(
        absl::StrCat("the ledger's policy names the zone \"", *name,
                     "\", which this machine does not know: install tzdata, or mend the policy"));
  }
  return absl::UTCTimeZone();
}

absl::StatusOr<absl::Time> ParseInstant(absl::string_view text, absl::TimeZone zone) {
  // %Ez is a zone of +08:00 or Z, and %E*S takes fractions of a second too.
  for (const char* format : {"%Y-%m-%dT%H:%M:%E*S%Ez", "%Y-%m-%d %H:%M:%E*S%Ez",
                             "%Y-%m-%dT%H:%M%Ez", "%Y-%m-%dT%H:%M:%E*S", "%Y-%m-%d %H:%M:%E*S",
                             "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M", "%Y-%m-%d"}) {
    absl::Time at;
    std::string why;
    if (!absl::ParseTime(format, text, zone, &at, &why)) continue;
    if (at == absl::InfiniteFuture() || at == absl::InfinitePast()) break;
    return absl::FromUnixMillis(absl::ToUnixMillis(at));
  }
  return absl::InvalidArgumentError(
      absl::StrCat("\"", text, "\" is no instant: write 2021-02-01, \"2021-02-01 08:30\" or ",
                   "2021-02-01T08:30:00+08:00"));
}

absl::StatusOr<absl::Time> ParseInstantOf(absl::string_view option, absl::string_view text,
                                          absl::TimeZone zone) {
  const absl::StatusOr<absl::Time> at = ParseInstant(text, zone);
  if (at.ok()) return at;
  return absl::Status(at.status().code(), absl::StrCat(option, ": ", at.status().message()));
}

std::string Rfc3339(absl::Time at, absl::TimeZone zone) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E*S%Ez", at, zone);
}

std::string ShownInstant(absl::Time at, absl::TimeZone zone) {
  return absl::FormatTime("%Y-%m-%d %H:%M:%S", at, zone);
}

}  // namespace gridledger::cli
