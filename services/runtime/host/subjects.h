// The four services as the engine knows them: each binds its subject of services/domain to a task.
// The rules are there; here is only which of them is called when.
#pragma once

#include <absl/strings/string_view.h>

#include <vector>

#include "services/domain/audit/audit.h"
#include "services/domain/dispatch/dispatch.h"
#include "services/domain/escalation/escalation.h"
#include "services/domain/metrics/metrics.h"
#include "services/runtime/engine/subject.h"
#include "services/runtime/ports/state_store.h"

namespace gridledger::host {

// In rank order: dispatch, escalation, metrics, audit. Decisions on one record go out in this
// order.
const std::vector<engine::Service>& AllServices();
// Null for a name that is none of them.
const engine::Service* FindService(absl::string_view name);

// Of all of them, for a store of their tasks' states.
const std::vector<ScannedTable>& ScannedTables();

// A task's own state, for queries. REQUIRES: the subject is of that service.
const dispatch::State& DispatchOf(const engine::Subject& subject);
const escalation::State& EscalationOf(const engine::Subject& subject);
const metrics::State& MetricsOf(const engine::Subject& subject);
const audit::State& AuditOf(const engine::Subject& subject);

}  // namespace gridledger::host
