#include "services/gridledger/copying/reunion.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include "services/base/partitioning.h"
#include "services/gridledger/copying/whereabouts.h"
#include "services/runtime/engine/entry_codec.h"

namespace gridledger::cli {
namespace {

constexpr size_t kStraysPart = 4;  // of the process's memory

class First final : public CopySource {
 public:
  First(CopySource& all, int partitions)
      : all_(all), ends_(all.ends().begin(), all.ends().begin() + partitions) {}
  int partitions() const override { return static_cast<int>(ends_.size()); }
  const std::vector<Offset>& ends() const override { return ends_; }
  absl::Status Read(const std::vector<Offset>& from, const LostPlaces& lost,
                    absl::FunctionRef<absl::Status(const Record&)> visit) override {
    std::vector<Offset> of_all = all_.ends();  // nothing of the others
    std::copy(from.begin(), from.end(), of_all.begin());
    return all_.Read(of_all, lost, visit);
  }
  std::vector<MissingPart> missing() const override { return all_.missing(); }
  std::vector<BadPlace> replaced() const override { return all_.replaced(); }
  host::Folder* folder() override { return all_.folder(); }

 private:
  CopySource& all_;
  const std::vector<Offset> ends_;
};

// Whether a record of a partition that is given up is told again. What cannot be read is, too:
// somebody may know what it was meant to be.
bool IsToldAgain(const v1::Entry* entry) {
  if (entry == nullptr) return true;
  switch (entry->content_case()) {
    case v1::Entry::kFact:
    case v1::Entry::kAreaDefined:
    case v1::Entry::kGridDefined:
    case v1::Entry::kMemberRegistered:
    case v1::Entry::kRosterPublished: return true;
    case v1::Entry::kPlaceLost: return true;  // somebody may know what it said
    case v1::Entry::kDecision:
    case v1::Entry::kTick:
    case v1::Entry::kPolicyActivated:
    case v1::Entry::kDeadLetterRetried:
    case v1::Entry::kDeadLetterDiscarded:
    case v1::Entry::kSchemaRaised:
    case v1::Entry::CONTENT_NOT_SET: return false;
  }
  return false;
}

Stray StrayOf(const Record& record) {
  return Stray{record.partition,
               record.offset,
               record.timestamp,
               std::string(record.key),
               std::string(record.headers),
               std::string(record.value)};
}

}  // namespace

std::unique_ptr<CopySource> FirstPartitions(CopySource& source, int partitions) {
  return std::make_unique<First>(source, partitions);
}

absl::StatusOr<Reunion> FindStrays(const CommonOptions& options, CopySource& source,
                                   const LostPlaces& lost, int partitions) {
  const absl::StatusOr<size_t> memory = options.MemoryBytes();
  if (!memory.ok()) return memory.status();
  Reunion reunion;
  std::vector<Stray> strays;
  size_t bytes = 0;
  const auto add = [&](const Record& record) -> absl::Status {
    strays.push_back(StrayOf(record));
    bytes += sizeof(Stray) + record.key.size() + record.headers.size() + record.value.size();
    if (bytes <= *memory / kStraysPart) return absl::OkStatus();
    return absl::ResourceExhaustedError(
        "more lies in the wrong partitions than a quarter of --memory holds: give it more");
  };

  // Of the partitions that are given up, all that anybody outside said.
  absl::btree_set<std::string> incidents;
  std::vector<Offset> from = source.ends();
  std::fill(from.begin() + partitions, from.end(), Offset{0});
  v1::Entry entry;
  absl::Status status = source.Read(from, lost, [&](const Record& record) -> absl::Status {
    if (record.kind == PlaceKind::kNothing) {
      ++reunion.left_behind;
      return absl::OkStatus();
    }
    const bool readable = engine::DecodeEntry(record.value, &entry).ok();
    if (!IsToldAgain(readable ? &entry : nullptr)) {
      ++reunion.left_behind;
      return absl::OkStatus();
    }
    if (readable && entry.has_fact()) incidents.insert(entry.fact().incident_id());
    return add(record);
  });
  if (!status.ok()) return status;

  // Of the others, what waits for an incident that is elsewhere, or will be.
  const auto found = FindWhereabouts(options, source.folder(), incidents, source.ends());
  if (!found.ok()) return found.status();
  for (const absl::Status& stopped : found->stopped) {
    if (!stopped.ok()) return stopped;
  }
  std::set<std::pair<Partition, Offset>> awaiting;
  for (const AwaitingFact& fact : found->awaiting) {
    if (fact.partition.value < partitions && found->IsApart(fact)) {
      awaiting.emplace(fact.partition, fact.offset);
    }
  }
  from = source.ends();
  for (const auto& [partition, offset] : awaiting) {
    Offset& first = from[static_cast<size_t>(partition.value)];
    first = std::min(first, offset);
  }
  status = source.Read(from, lost, [&](const Record& record) {
    return awaiting.contains({record.partition, record.offset}) ? add(record) : absl::OkStatus();
  });
  if (!status.ok()) return status;

  std::sort(strays.begin(), strays.end(), [](const Stray& a, const Stray& b) {
    return std::tie(a.timestamp, a.from, a.at) < std::tie(b.timestamp, b.from, b.at);
  });
  // Where its incident is; where its key says, when that is nowhere or in a partition given up.
  reunion.strays.resize(static_cast<size_t>(partitions));
  absl::btree_map<std::string, Partition> reported;  // among the strays
  for (Stray& stray : strays) {
    Partition home = PartitionOf(stray.key, partitions);
    if (engine::DecodeEntry(stray.value, &entry).ok() && entry.has_fact()) {
      const std::string& id = entry.fact().incident_id();
      const auto there = found->incidents.find(id);
      if (there != found->incidents.end() && there->second.value < partitions) {
        home = there->second;
      } else if (entry.fact().has_reported()) {
        home = reported.emplace(id, home).first->second;
      } else if (const auto by_report = reported.find(id); by_report != reported.end()) {
        home = by_report->second;
      }
    }
    reunion.strays[static_cast<size_t>(home.value)].push_back(std::move(stray));
    ++reunion.told_again;
  }
  return reunion;
}

}  // namespace gridledger::cli
