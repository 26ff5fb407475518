#include "services/runtime/console/instant.h"

#include <absl/strings/str_cat.h>
#include <absl/types/span.h>

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <optional>
#include <utility>

#include "services/domain/policy/policy.h"
#include "services/runtime/console/printable.h"
#include "services/runtime/engine/entry_codec.h"
#include "services/runtime/ports/record_at.h"

namespace gridledger::cli {
namespace {

// A ledger begins with its policy, in every partition; a live one may have a few records before it.
constexpr int64_t kRecordsBeforePolicyMax = 256;

absl::StatusOr<std::optional<v1::Policy>> FirstPolicy(EventLog& log, Partition partition) {
  const absl::StatusOr<Offset> end = log.End(partition);
  if (!end.ok()) return end.status();
  if (end->value == 0) return std::nullopt;
  const std::unique_ptr<LogReader> reader = log.NewReader();
  RecordBatch batch;
  std::optional<v1::Policy> found;
  const auto look = [&](absl::Span<const Record> records) {
    v1::Entry entry;
    for (const Record& record : records) {
      if (!engine::DecodeEntry(record.value, &entry).ok() || !entry.has_policy_activated())
        continue;
      const v1::Policy& policy = entry.policy_activated().policy();
      if (policy.zone().empty()) continue;
      found = policy;
      return false;
    }
    return true;
  };
  const Stretch beginning{.partition = partition,
                          .from = Offset{0},
                          .end = Offset{std::min(end->value, kRecordsBeforePolicyMax)},
                          .records_max = int{kRecordsBeforePolicyMax}};
  if (absl::Status status = ReadUntil(*reader, beginning, &batch, look); !status.ok()) {
    return status;
  }
  return found;
}

}  // namespace

absl::StatusOr<LedgerZone> FindLedgerZone(host::Folder& folder) {
  for (int p = 0; p < folder.log().partitions(); ++p) {
    const absl::StatusOr<std::optional<v1::Policy>> policy =
        FirstPolicy(folder.log(), Partition{p});
    // One that is damaged or away says nothing; any other names the same zone.
    if (absl::IsDataLoss(policy.status()) || absl::IsUnavailable(policy.status())) continue;
    if (!policy.ok()) return policy.status();
    if (!policy->has_value()) continue;
    std::optional<policy::Zone> zone = policy::FindZone(**policy);
    if (!zone) return LedgerZone{policy::Zone(), (*policy)->zone()};
    return LedgerZone{*std::move(zone), ""};
  }
  return LedgerZone();
}

absl::StatusOr<policy::Zone> ZoneOf(host::Folder& folder) {
  absl::StatusOr<LedgerZone> found = FindLedgerZone(folder);
  if (!found.ok()) return found.status();
  if (!found->unknown.empty()) {
    std::fprintf(stderr, "gridledger: the zone \"%s\" of the ledger's policy is unknown: UTC\n",
                 Printable(found->unknown).c_str());
  }
  return std::move(found->zone);
}

absl::StatusOr<absl::Time> ParseInstant(absl::string_view text, const policy::Zone& zone) {
  // %Ez is a zone of +08:00 or Z, and %E*S takes fractions of a second too.
  constexpr absl::string_view kWithZone[] = {"%Y-%m-%dT%H:%M:%E*S%Ez", "%Y-%m-%d %H:%M:%E*S%Ez",
                                             "%Y-%m-%dT%H:%M%Ez"};
  constexpr absl::string_view kLocal[] = {"%Y-%m-%dT%H:%M:%E*S", "%Y-%m-%d %H:%M:%E*S",
                                          "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M", "%Y-%m-%d"};
  absl::Time at;
  std::string why;
  const auto is_in = [&](absl::string_view format) {
    return absl::ParseTime(format, text, absl::UTCTimeZone(), &at, &why) &&
           at != absl::InfiniteFuture() && at != absl::InfinitePast();
  };
  if (std::any_of(std::begin(kWithZone), std::end(kWithZone), is_in)) {
    return absl::FromUnixMillis(absl::ToUnixMillis(at));
  }
  if (std::any_of(std::begin(kLocal), std::end(kLocal), is_in)) {
    // Read as of UTC: what the clocks there show.
    const absl::Time second = zone.InstantOf(absl::ToCivilSecond(at, absl::UTCTimeZone()));
    const int64_t ms = absl::ToUnixMillis(at) - absl::ToUnixSeconds(at) * 1000;
    return second + absl::Milliseconds(ms);
  }
  return absl::InvalidArgumentError(
      absl::StrCat("\"", text, "\" is no instant: write 2021-02-01, \"2021-02-01 08:30\" or ",
                   "2021-02-01T08:30:00+08:00"));
}

absl::StatusOr<absl::Time> ParseInstantOf(absl::string_view option, absl::string_view text,
                                          const policy::Zone& zone) {
  const absl::StatusOr<absl::Time> at = ParseInstant(text, zone);
  if (at.ok()) return at;
  return absl::Status(at.status().code(), absl::StrCat(option, ": ", at.status().message()));
}

std::string ShownInstant(absl::Time at, const policy::Zone& zone) {
  return FormatInstant("%Y-%m-%d %H:%M:%S", at, zone);
}

}  // namespace gridledger::cli
