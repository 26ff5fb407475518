// Scenarios: a day in a city as a shift leader would tell it, in a text file of one screen. Read,
// played in lock-step by the real engine and rules, and judged by the ledger that comes out. A
// ledger that another driver made of the same scenario is judged just so. Format:
// tests/scenarios/README.md.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <absl/time/time.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gridledger/v1/entry.pb.h"
#include "services/runtime/engine/lockstep.h"
#include "services/runtime/engine/task.h"

namespace gridledger::tests {

// name=value, as written.
using Field = std::pair<std::string, std::string>;

// One entry from outside.
struct Said {
  int line = 0;
  absl::Time at;
  v1::Entry entry;
  bool same_stage = false;  // names the stage that the fact before it was decided on: a race
};

// One fact in the life of an incident, as `then` expects it.
struct Lived {
  int line = 0;
  std::string at;
  std::string fact;
  std::vector<Field> fields;
};

// One line of `then`. What its words mean, Judge knows.
struct Expected {
  int line = 0;
  std::vector<std::string> words;
  std::vector<Field> fields;
  std::vector<Lived> life;  // below "ID lived"
};

struct Scenario {
  std::string file;
  std::string title;
  absl::TimeZone zone;
  std::vector<Said> said;  // in time order; what is given comes at the first instant of `when`
  absl::Time until;        // the clock runs on to here
  std::vector<Expected> then;
};

// InvalidArgument names file, line and what is wrong with it. `file` is only a name.
absl::StatusOr<Scenario> ParseScenario(absl::string_view file, absl::string_view text);
absl::StatusOr<Scenario> ReadScenario(const std::string& path);

// A record of a ledger, with its own texts.
struct LedgerRecord {
  absl::Time timestamp;
  std::string key;
  std::string headers;
  std::string value;
};
using Ledger = std::vector<LedgerRecord>;

// The tasks of all services over one partition, in rank order, and a ledger that they have folded.
struct City {
  std::vector<std::unique_ptr<engine::Task>> tasks;
  Ledger ledger;

  const engine::Task& Of(absl::string_view service) const;
};

struct PlayOptions {
  // Every entry from outside comes twice, the second time to the byte: a redelivery.
  bool repeat = false;
};
absl::StatusOr<City> Play(const Scenario& scenario, PlayOptions options = {});
// Folds a ledger from zero, by all services. Nothing is appended.
absl::StatusOr<City> Fold(Ledger ledger);
// The ledger with every decision in it twice, as if each service had had two owners.
Ledger WithDecisionsTwice(const Ledger& ledger);

struct JudgeOptions {
  // Whether facts that counted for nothing must be as told as well. Off for redeliveries, which
  // make more.
  bool voids = true;
};
// What is not as the scenario says, as "file:line: …"; empty when it holds.
std::vector<std::string> Judge(const Scenario& scenario, const Ledger& ledger,
                               JudgeOptions options = {});

// What must be equal in two cities after the same day, whatever was delivered twice: each incident,
// in order of first mention, and every figure of the metrics, as text.
std::string Outcome(const Scenario& scenario, const City& city);

}  // namespace gridledger::tests
