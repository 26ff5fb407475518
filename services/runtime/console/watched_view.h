// A look at the ledger as commands take it: with a progress line, within the process's limits, and
// ended tidily by SIGINT and SIGTERM.
#pragma once

#include <absl/functional/function_ref.h>
#include <absl/status/status.h>
#include <absl/time/time.h>

#include <cstdint>

#include "services/runtime/console/ledger_options.h"
#include "services/runtime/host/view.h"

namespace gridledger::cli {

struct LookOutcome {
  int64_t records = 0;
  absl::Duration took;
};

// host::Look with the memory, threads and stop flag of the command; `verb` is for the progress
// line.
absl::Status LookAt(const CommonOptions& options, const char* verb, host::View view,
                    absl::FunctionRef<absl::Status(const host::Seen&)> visit,
                    LookOutcome* outcome = nullptr);

}  // namespace gridledger::cli
