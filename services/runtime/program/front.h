// What a program shows of the city beside its services' fold, where it is more than the endpoints
// of a service: it folds every service, sends nothing of theirs, and answers on its own address.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include <functional>
#include <string>

#include "services/runtime/engine/fold_watch.h"
#include "services/runtime/host/folder.h"
#include "services/runtime/host/live_city.h"
#include "services/runtime/ports/clock.h"

namespace gridledger::host {

class Front {
 public:
  virtual ~Front() = default;

  struct Ground {
    LiveCity* city = nullptr;
    Folder* folder = nullptr;  // its log is appended to
    Clock* clock = nullptr;
    FolderOptions where;                 // to open the ledger once more, for reading
    std::string http;                    // as given; empty: none was
    std::function<std::string()> unfit;  // why it is better to ask another one; empty unless it is
  };
  // Before the city starts: who is told what it folds. Null: nobody.
  virtual engine::FoldWatch* Watch(int partitions) = 0;
  // Once the city runs; all of the ground outlives Close. Answers the address.
  virtual absl::StatusOr<std::string> Open(Ground ground) = 0;
  // Certificates and the like are read again.
  virtual void Reload() = 0;
  // Takes no more requests, and waits a little for those under way. The city runs still.
  virtual void Close() = 0;
};

}  // namespace gridledger::host
