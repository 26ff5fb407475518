// gridledger status: where the ledger and each service stand, also while `gridledger up` runs.
#include <absl/container/btree_map.h>
#include <absl/strings/str_cat.h>
#include <absl/time/clock.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "services/gridledger/commands/command.h"
#include "services/gridledger/doctor/ahead.h"
#include "services/gridledger/terminal/text_table.h"
#include "services/runtime/adapters/kafka/kafka_log.h"
#include "services/runtime/console/instant.h"
#include "services/runtime/console/json_text.h"
#include "services/runtime/console/printable.h"
#include "services/runtime/console/watched_view.h"
#include "services/runtime/host/subjects.h"

namespace gridledger::cli {
namespace {

constexpr absl::Duration kClockWait = absl::Seconds(2);  // a new client's first answer
constexpr absl::Duration kClockAgain = absl::Milliseconds(20);

struct Standing {
  Offset offset;
  Digest digest;
  std::string code_id;  // empty: no checkpoint yet
};

struct City {
  std::vector<Offset> ends;  // by partition
  std::vector<absl::Time> times;
  std::vector<uint32_t> schemas;  // that each is raised to
  absl::btree_map<TaskId, Standing> standings;
  int64_t records = 0;
  int64_t incidents = 0, open = 0, closed = 0, awaiting = 0;
  std::vector<int64_t> voids = std::vector<int64_t>(incident::kVoidReasons);
  int64_t dead_letters = 0;
  int64_t decisions_void = 0;
  absl::Time now = absl::FromUnixMillis(0);
  std::vector<Ahead> ahead;  // partitions whose time has not come yet
  int64_t places_without_record = 0;
  std::vector<MissingPart> missing;
  // Of a cluster: by how much this machine's clock is ahead of the brokers'; nothing when they do
  // not tell.
  std::optional<absl::Duration> clock_ahead = std::nullopt;
};

absl::Status ReadStandings(host::Folder& folder, City* city) {
  for (const engine::Service& service : host::AllServices()) {
    for (int p = 0; p < folder.log().partitions(); ++p) {
      const TaskId task{service.name, Partition{p}};
      Standing& standing = city->standings[task];
      if (folder.store() == nullptr) continue;
      const auto found = folder.store()->Find(task);
      if (!found.ok()) return found.status();
      if (!found->has_value()) continue;
      standing = Standing{(*found)->next, (*found)->digest, (*found)->code_id};
    }
  }
  return absl::OkStatus();
}

// Every service has the same incident fold: the one that is furthest needs the least reading.
engine::Service Furthest(const City& city) {
  absl::btree_map<std::string, int64_t> folded;
  for (const auto& [task, standing] : city.standings) {
    folded[task.service.text()] += standing.offset.value;
  }
  const auto& services = host::AllServices();
  return *std::max_element(services.begin(), services.end(), [&](const auto& a, const auto& b) {
    return folded[a.name.text()] < folded[b.name.text()];
  });
}

void Add(const host::Seen& seen, City* city) {
  const engine::Task& task = *seen.tasks.front().task;
  const incident::Counts& counts = task.incidents().counts.Get();
  city->ends[seen.partition.value] = seen.end;
  city->times[seen.partition.value] = seen.now;
  city->schemas[seen.partition.value] = task.schema();
  city->now = std::max(city->now, seen.now);
  city->records += seen.end.value;
  city->incidents += static_cast<int64_t>(counts.incidents);
  city->open += static_cast<int64_t>(counts.open);
  city->closed += static_cast<int64_t>(counts.closed);
  city->awaiting += static_cast<int64_t>(counts.awaiting);
  for (size_t i = 0; i < counts.voids.size() && i < city->voids.size(); ++i) {
    city->voids[i] += static_cast<int64_t>(counts.voids[i]);
  }
  city->dead_letters += static_cast<int64_t>(task.progress().undecodable);
  city->decisions_void += static_cast<int64_t>(task.progress().decisions_void);
  city->places_without_record += static_cast<int64_t>(task.place_counts().without_record);
}

// Nothing for a data folder.
KafkaLog* ClusterOf(host::Folder& folder) { return dynamic_cast<KafkaLog*>(&folder.log()); }

// The brokers are asked while the ledger is read; by then they have mostly told.
void ReadClock(host::Folder& folder, City* city) {
  KafkaLog* const log = ClusterOf(folder);
  if (log == nullptr) return;
  const absl::Time until = absl::Now() + kClockWait;
  std::optional<absl::Time> brokers = log->BrokersNow(absl::Now());
  while (!brokers.has_value() && absl::Now() < until) {
    absl::SleepFor(kClockAgain);
    brokers = log->BrokersNow(absl::Now());
  }
  if (brokers.has_value()) city->clock_ahead = absl::Now() - *brokers;
}

int64_t LagOf(const City& city, const TaskId& task, const Standing& standing) {
  return std::max<int64_t>(0, city.ends[task.partition.value].value - standing.offset.value);
}

std::string ReasonName(size_t reason) {
  return std::string(incident::VoidReasonName(static_cast<incident::VoidReason>(reason)));
}

std::string PrintJson(const City& city, const std::string& path, const policy::Zone& zone) {
  nlohmann::ordered_json json;
  json["data"] = path;
  json["partitions"] = city.ends.size();
  json["records"] = city.records;
  json["as_of"] = Rfc3339(city.now, zone);
  json["incidents"] = {{"total", city.incidents}, {"open", city.open}, {"closed", city.closed}};
  int64_t all = 0;
  nlohmann::ordered_json by_reason = nlohmann::ordered_json::object();
  for (size_t reason = 1; reason < city.voids.size(); ++reason) {
    by_reason[ReasonName(reason)] = city.voids[reason];
    all += city.voids[reason];
  }
  json["voids"] = {{"total", all}, {"by_reason", by_reason}};
  json["void_decisions"] = city.decisions_void;
  json["parked"] = city.awaiting;
  json["dead_letters"] = city.dead_letters;
  json["schemas"] = city.schemas;
  json["clock_ahead_seconds"] =
      city.clock_ahead.has_value()
          ? nlohmann::ordered_json(absl::ToDoubleSeconds(*city.clock_ahead))
          : nlohmann::ordered_json();
  json["ahead"] = nlohmann::ordered_json::array();
  for (const Ahead& one : city.ahead) {
    json["ahead"].push_back({{"partition", one.partition.value},
                             {"time", Rfc3339(city.times[one.partition.value], zone)},
                             {"seconds", absl::ToDoubleSeconds(one.by)}});
  }
  json["places_without_record"] = city.places_without_record;
  json["missing"] = JsonOf(city.missing);
  json["services"] = nlohmann::ordered_json::array();
  for (const auto& [task, standing] : city.standings) {
    json["services"].push_back({{"service", task.service.text()},
                                {"partition", task.partition.value},
                                {"offset", standing.offset.value},
                                {"digest", standing.digest.Hex()},
                                {"lag", LagOf(city, task, standing)},
                                {"code", standing.code_id}});
  }
  return JsonText(json);
}

std::string PrintVoids(const City& city) {
  std::string words;
  int64_t all = 0;
  for (size_t reason = 1; reason < city.voids.size(); ++reason) {
    if (city.voids[reason] == 0) continue;
    absl::StrAppend(&words, words.empty() ? "" : ", ", ReasonName(reason), " ",
                    Grouped(city.voids[reason]));
    all += city.voids[reason];
  }
  return words.empty() ? "0" : absl::StrCat(Grouped(all), " (", words, ")");
}

std::string PrintText(const City& city, const std::string& path, const policy::Zone& zone) {
  std::string out = absl::StrCat(Paint(Colour::kBold, path), "  ", Grouped(city.records),
                                 " records, the newest of ", ShownInstant(city.now, zone), "\n\n");
  absl::StrAppend(&out, "incidents     ", Grouped(city.incidents), ": ", Grouped(city.open),
                  " open, ", Grouped(city.closed), " closed\n");
  absl::StrAppend(&out, "void facts    ", PrintVoids(city), "\n");
  absl::StrAppend(&out, "parked        ", Grouped(city.awaiting), "\n");
  absl::StrAppend(&out, "dead letters  ", Grouped(city.dead_letters), "\n");
  if (city.places_without_record > 0) {
    absl::StrAppend(&out, "no records    ", Grouped(city.places_without_record),
                    " places: the marks of transactions\n");
  }
  for (const MissingPart& one : city.missing) {
    absl::StrAppend(&out, Paint(Colour::kRed, absl::StrCat("partition ", one.partition.value)),
                    " is known up to offset ", one.at.value, " only",
                    one.bad_place ? absl::StrCat(" (", DamageName(one.bad_place->damage), ")") : "",
                    ": ", Printable(std::string(one.why.message())), "\n");
  }
  if (city.clock_ahead.has_value()) {
    const absl::Duration off = absl::AbsDuration(*city.clock_ahead);
    absl::StrAppend(&out, "clock         this machine's is ", PrintDuration(off),
                    *city.clock_ahead < absl::ZeroDuration() ? " behind" : " ahead of",
                    " the brokers'\n");
  }
  if (!city.ahead.empty()) {
    absl::StrAppend(&out, "time          ", Paint(Colour::kRed, DescribeAhead(city.ahead)), "\n");
  }
  out += "\n";

  using Align = TextTable::Align;
  std::vector<TextTable::Column> columns = {{"partition", Align::kRight},
                                            {"records", Align::kRight},
                                            {"schema", Align::kRight},
                                            {"time", Align::kLeft}};
  for (const engine::Service& service : host::AllServices()) {
    columns.push_back({absl::StrCat(service.name.text(), " lag"), Align::kRight});
  }
  TextTable table(std::move(columns));
  for (size_t p = 0; p < city.ends.size(); ++p) {
    std::vector<TextTable::Cell> row = {absl::StrCat(p), Grouped(city.ends[p].value),
                                        absl::StrCat(city.schemas[p]),
                                        ShownInstant(city.times[p], zone)};
    for (const engine::Service& service : host::AllServices()) {
      const TaskId task{service.name, Partition{static_cast<int32_t>(p)}};
      const Standing& standing = city.standings.at(task);
      const int64_t lag = LagOf(city, task, standing);
      const Colour colour = lag == 0 ? Colour::kGreen : Colour::kYellow;
      row.emplace_back(standing.code_id.empty() && lag > 0 ? "no checkpoint" : Grouped(lag),
                       colour);
    }
    table.Add(std::move(row));
  }
  absl::StrAppend(&out, table.Print(),
                  "\nLag: records that a service's newest checkpoint does not hold yet.\n");
  return out;
}

absl::Status Status(const CommonOptions& options) {
  auto folder = OpenForReading(options);
  if (!folder.ok()) return folder.status();
  if (KafkaLog* const log = ClusterOf(**folder); log != nullptr) {
    const absl::StatusOr<host::FolderOptions> where = options.Folder();
    if (where.ok()) (void)log->AskForTime(absl::StrCat(where->log->prefix, ".clock.v1"));
  }
  City city;
  if (absl::Status status = ReadStandings(**folder, &city); !status.ok()) return status;
  city.ends.resize((*folder)->log().partitions());
  city.times.resize(city.ends.size(), absl::FromUnixMillis(0));
  city.schemas.resize(city.ends.size());
  host::View view;
  view.folder = folder->get();
  view.services = {Furthest(city)};
  const absl::Status looked = FoldWatched(
      options, "counting", std::move(view),
      [&](const host::Seen& seen) {
        Add(seen, &city);
        return absl::OkStatus();
      },
      nullptr, &city.missing);
  if (!looked.ok()) return looked;
  ReadClock(**folder, &city);
  const absl::Time present = absl::Now() - city.clock_ahead.value_or(absl::ZeroDuration());
  for (size_t p = 0; p < city.times.size(); ++p) {
    AddIfAhead(Partition{static_cast<int32_t>(p)}, city.times[p], present, &city.ahead);
  }
  const absl::StatusOr<policy::Zone> zone = ZoneOf(**folder);
  if (!zone.ok()) return zone.status();
  absl::Status written = WriteOut(options.json ? PrintJson(city, options.data, *zone)
                                               : PrintText(city, options.data, *zone));
  return written.ok() ? EndOf(city.missing) : written;
}

}  // namespace

void AddStatus(CLI::App& app, Command* chosen) {
  auto options = std::make_shared<CommonOptions>();
  AddCommand(app,
             {.name = "status",
              .summary = "Where the ledger and each service stand",
              .examples =
                  "  gridledger status --data city\n"
                  "  gridledger status --data city --json | jq .incidents\n"
                  "\n"
                  "Works beside a running `gridledger up`. Records and incidents are those at the\n"
                  "ledger's end; offset and digest are of each service's newest checkpoint.\n"},
             options.get(), chosen, [options] { return Status(*options); });
}

}  // namespace gridledger::cli
