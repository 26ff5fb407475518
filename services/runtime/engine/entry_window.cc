#include "services/runtime/engine/entry_window.h"

namespace gridledger::engine {

void EntryWindow::Walk(absl::Span<const Record> records,
                       absl::FunctionRef<void(const Record&, const v1::Entry&, Ahead)> expect,
                       absl::FunctionRef<bool(const Record&, const v1::Entry*)> fold) {
  const size_t count = records.size();
  for (size_t i = 0; i < count + kFarBy; ++i) {
    if (i < count) {
      Decoded& far = ring_[i % ring_.size()];
      far.readable =
          records[i].kind == PlaceKind::kRecord && far.decoder.Decode(records[i].value).ok();
      if (far.readable) expect(records[i], far.decoder.entry(), Ahead::kFar);
    }
    constexpr size_t kNearAfter = kFarBy - kNearBy;
    if (i >= kNearAfter && i - kNearAfter < count) {
      const Decoded& near = ring_[(i - kNearAfter) % ring_.size()];
      if (near.readable) expect(records[i - kNearAfter], near.decoder.entry(), Ahead::kNear);
    }
    if (i < kFarBy) continue;
    const Decoded& now = ring_[(i - kFarBy) % ring_.size()];
    if (!fold(records[i - kFarBy], now.readable ? &now.decoder.entry() : nullptr)) return;
  }
}

}  // namespace gridledger::engine
