// Figures that were copied from a partition say, as of any instant up to their horizon, what the
// partition itself says. A failure prints the smallest history that it found, and what to put into
// RC_PARAMS to see it again.
#include <absl/time/time.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "services/domain/metrics/metrics.h"
#include "services/runtime/engine/task.h"
#include "services/runtime/host/subjects.h"
#include "tests/support/ledger.h"
#include "tests/support/story.h"

namespace gridledger {
namespace {

TEST(SnapshotsTest, ACopySaysWhatThePartitionSays) {
  int64_t to_come = 0;
  rc::detail::checkGTest([&] {
    Deeds deeds = *rc::gen::scale(1.5, AnyDeeds());
    // With a case that is reported and filed before all else.
    deeds.insert(deeds.begin(), {Deed{0, 1, 0, 0, 5}, Deed{0, 13, 1, 1, 9}});
    const Ledger ledger = PlayLockStep(host::AllServices(), deeds, absl::Hours(24));
    const auto task = NewTask(*host::FindService("metrics"), Partition{0});
    const auto records = *rc::gen::inRange<size_t>(0, ledger.size() + 1);
    RC_ASSERT(FoldUpTo(*task, ledger, records).ok());
    const metrics::State& state = host::MetricsOf(task->subject());
    // Limits are hours and days.
    const auto some = [] { return absl::Minutes(*rc::gen::inRange(0, 24 * 60 * 20)); };
    const absl::Time now = task->now() + *rc::gen::element(absl::ZeroDuration(), some());
    const absl::Time horizon = now + some();
    const metrics::Snapshot snapshot = metrics::Take(state, now, horizon);
    to_come += static_cast<int64_t>(snapshot.to_come.size());
    std::vector<absl::Time> instants = {now, horizon};
    for (int i = 0; i < 4; ++i) instants.push_back(std::min(horizon, now + some()));
    // The very instants at which something changes, and right before.
    for (const metrics::Snapshot::Coming& coming : snapshot.to_come) {
      instants.push_back(coming.due_at);
      instants.push_back(std::max(now, coming.due_at - absl::Milliseconds(1)));
    }
    for (const absl::Time at : instants) {
      const metrics::Sheet own = metrics::AsOf(state, at);
      const metrics::Sheet copied = metrics::AsOf(snapshot, at);
      RC_ASSERT(copied.as_of == own.as_of);
      RC_ASSERT(copied.rows == own.rows);
    }
  });
  EXPECT_GT(to_come, 0) << "not one history with a deadline to come";
}

}  // namespace
}  // namespace gridledger
