// The live table of `gridledger up`: the city, its services, the newest decisions, and what to try
// next. Only on a terminal; elsewhere it shows nothing.
#pragma once

#include <absl/time/time.h>

#include <memory>
#include <string>
#include <vector>

#include "services/runtime/host/folder.h"
#include "services/runtime/host/live_city.h"

namespace gridledger::cli {

class CityScreen {
 public:
  // The folder outlives the screen.
  CityScreen(host::Folder* folder, std::string data);

  // Standard output is a terminal that can be redrawn.
  static bool IsScreen();
  // Draws the city as it looks now; `reported` counts what simulated people have said.
  void Show(const host::CityLook& look, int64_t reported);
  // Where the city answers; empty where it does not.
  void SetAddress(const std::string& address) { address_ = address; }
  // Leaves the last picture standing.
  void Leave();

 private:
  void ReadDecisions();
  std::string Picture(const host::CityLook& look, int64_t reported);

  host::Folder* const folder_;
  const std::string data_;
  std::string address_;
  policy::Zone zone_;                  // the ledger's
  std::unique_ptr<LogReader> reader_;  // follows the log from a little before its end
  RecordBatch batch_;
  struct Decision {
    absl::Time at;
    std::string incident;
    std::string words;
  };
  std::vector<Decision> decisions_;  // in order of time
  std::string example_;              // the first incident that was decided on, to be copied
  int64_t records_before_ = 0;
  absl::Time shown_at_ = absl::InfinitePast();
};

}  // namespace gridledger::cli
