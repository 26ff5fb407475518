#include "services/gridledger/digests/folded_digests.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <utility>

#include "services/runtime/console/watched_view.h"
#include "services/runtime/host/subjects.h"

namespace gridledger::cli {

absl::StatusOr<std::vector<DigestRow>> FoldDigests(const CommonOptions& options,
                                                   host::Folder* folder, host::Begin begin,
                                                   std::vector<Offset> ends,
                                                   std::vector<MissingPart>* missing) {
  host::View view;
  view.folder = folder;
  view.services = host::AllServices();
  view.begin = begin;
  view.ends = std::move(ends);
  std::vector<DigestRow> rows;
  const absl::Status looked = FoldWatched(
      options, "folding", std::move(view),
      [&](const host::Seen& seen) {
        for (const host::SeenTask& one : seen.tasks) {
          rows.push_back(DigestRow{one.task->id(), one.task->next(), one.task->digest()});
        }
        return absl::OkStatus();
      },
      nullptr, missing);
  if (!looked.ok()) return looked;
  std::sort(rows.begin(), rows.end(),
            [](const DigestRow& a, const DigestRow& b) { return a.task < b.task; });
  return rows;
}

absl::btree_map<ServiceName, uint64_t> LayoutsOf(const std::vector<engine::Service>& services) {
  absl::btree_map<ServiceName, uint64_t> layouts;
  for (const engine::Service& service : services) {
    layouts[service.name] = engine::SchemaOf(service);
  }
  return layouts;
}

std::string PrintDigestRows(const std::vector<DigestRow>& rows) {
  std::string out;
  for (const DigestRow& row : rows) {
    absl::StrAppend(&out, row.task.service.text(), " ", row.task.partition.value, " ",
                    row.offset.value, " ", row.digest.Hex(), "\n");
  }
  return out;
}

nlohmann::ordered_json DigestRowsJson(const std::vector<DigestRow>& rows) {
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  for (const DigestRow& row : rows) {
    json.push_back({{"service", row.task.service.text()},
                    {"partition", row.task.partition.value},
                    {"offset", row.offset.value},
                    {"digest", row.digest.Hex()}});
  }
  return json;
}

}  // namespace gridledger::cli
