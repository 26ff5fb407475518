// A key for what falls due: an instant and the incident that it is about, in this order. For queues
// of timers and deadlines, of which the first key is always the next.
#pragma once

#include <absl/strings/string_view.h>
#include <absl/time/time.h>

#include <compare>
#include <string>
#include <utility>

#include "services/base/ids.h"
#include "services/base/layout.h"

namespace gridledger::incident {

struct DueKey {
  absl::Time due_at;  // whole milliseconds
  IncidentId id;

  friend bool operator==(const DueKey&, const DueKey&) = default;
  friend std::strong_ordering operator<=>(const DueKey& a, const DueKey& b) {
    if (a.due_at < b.due_at) return std::strong_ordering::less;
    if (b.due_at < a.due_at) return std::strong_ordering::greater;
    return a.id <=> b.id;
  }
  template <class H>
  friend H AbslHashValue(H h, const DueKey& key) {
    return H::combine(std::move(h), key.due_at, key.id);
  }
  void AppendKey(std::string* out) const {
    AppendOrdered(out, ToMillis(due_at));
    out->append(id.text());
  }
  bool ParseKey(absl::string_view bytes) {
    int64_t due_ms = 0;
    if (!TakeOrdered(&bytes, &due_ms)) return false;
    *this = DueKey{FromMillis(due_ms), IncidentId(bytes)};
    return true;
  }
};

}  // namespace gridledger::incident
