// A row that is an incident's whole life becomes observations in ledger order: its report, then its
// steps. Pure.
#pragma once

#include <absl/status/status.h>

#include "services/history/mapping/lives/case_teller.h"
#include "services/history/mapping/lives/observation.h"

namespace gridledger::mapping {

absl::Status TellLife(const Life& life, CaseTeller::Sink sink);

}  // namespace gridledger::mapping
