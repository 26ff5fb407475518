#include "services/gateway/past.h"

#include <algorithm>
#include <memory>
#include <vector>

#include "services/runtime/host/subjects.h"
#include "services/runtime/host/view.h"

namespace gridledger::gateway {

absl::StatusOr<PastFigures> Past::Figures(absl::Time as_of) {
  const absl::MutexLock lock(&mutex_);
  for (auto at = kept_.begin(); at != kept_.end(); ++at) {
    if (at->sheet.as_of != as_of) continue;
    kept_.splice(kept_.begin(), kept_, at);
    return kept_.front();
  }
  auto folder = host::Folder::Open(where_);
  if (!folder.ok()) return folder.status();
  host::View view;
  view.folder = folder->get();
  view.services = {*host::FindService("metrics")};
  view.until = as_of;
  PastFigures figures;
  figures.sheet.as_of = as_of;
  host::ViewTotals totals;
  const absl::Status looked = host::FoldView(view, &totals, [&](const host::Seen& seen) {
    metrics::Merge(metrics::AsOf(host::MetricsOf(seen.tasks.front().task->subject()), as_of),
                   &figures.sheet);
    if (seen.end > Offset{}) {
      figures.present = std::max(figures.present.value_or(seen.now), seen.now);
    }
    return absl::OkStatus();
  });
  if (!looked.ok()) return looked;
  kept_.push_front(figures);
  if (kept_.size() > kKept) kept_.pop_back();
  return figures;
}

}  // namespace gridledger::gateway
