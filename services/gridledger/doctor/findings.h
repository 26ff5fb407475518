// What `gridledger doctor` asks, one question at a time. Each looks and says, and none mends
// anything. None reads more than a few records but for one, which folds what the state does not
// hold yet: where facts wait for an incident that is in another partition.
#pragma once

#include <absl/status/status.h>

#include <string>
#include <vector>

#include "services/runtime/console/ledger_options.h"

namespace gridledger::cli {

enum class Health { kOk, kWarn, kBad };

struct Finding {
  std::string about;  // "disk", "ledger", …
  Health health = Health::kOk;
  std::string said;    // what was found
  std::string advice;  // what to do; empty when all is well, or when `said` says it
  // Becomes the exit code when it is bad.
  absl::StatusCode code = absl::StatusCode::kFailedPrecondition;
};
using Findings = std::vector<Finding>;

// What `status` says, as a finding that is bad.
Finding BadFinding(std::string about, const absl::Status& status, std::string advice);

// This machine: time zones, texts, clock, disk, open files, memory. `folder` is where the ledger
// lies or would lie; empty when nobody says.
void ExamineMachine(const CommonOptions& options, const std::string& folder, Findings* findings);
// What lies in a data folder: each subfolder is one, and what is remembered of imports can be read.
// False when the ledger in it cannot be opened as it is. Says nothing of one that is not there.
bool ExamineFolder(const std::string& data, Findings* findings);
// The ledger that the options name, its newest records, its state, and who runs over it.
void ExamineLedger(const CommonOptions& options, Findings* findings);

}  // namespace gridledger::cli
