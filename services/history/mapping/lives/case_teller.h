// The rows of one incident, in the order of its events, become observations in ledger order: only
// what is new in each. Pure; one incident at a time.
#pragma once

#include <absl/container/flat_hash_set.h>
#include <absl/functional/function_ref.h>
#include <absl/status/status.h>

#include <cstdint>
#include <string>

#include "services/history/mapping/lives/observation.h"

namespace gridledger::mapping {

class CaseTeller {
 public:
  // Where an observation stands in the ledger, and which of its row it is.
  struct Place {
    int64_t at_ms = 0;
    int64_t version = 0;
    uint32_t ordinal = 0;  // of its first fact; an observation makes fewer than kFactsMax
  };
  static constexpr uint32_t kFactsMax = 32;
  using Sink = absl::FunctionRef<absl::Status(const Place&, const Observation&)>;

  // `first_fact` is the target of the first fact of an incident as a whole.
  explicit CaseTeller(uint32_t first_fact) : first_fact_(first_fact) {}

  enum class Answer { kTold, kNothingNew, kTwice };
  // The next row of the incident. The first one also tells the report and the facts as a whole.
  // InvalidArgument when more than a million different ones are of one instant and version.
  absl::Status Tell(const Event& event, Answer* answer, Sink sink);
  // That all of an incident lies in one partition: that of its first row.
  const std::string& community() const { return community_; }

 private:
  absl::Status Open(const Event& event, Sink sink);

  const uint32_t first_fact_;
  bool open_ = false;
  std::string community_;
  int64_t place_ms_ = 0;  // nothing of the incident stands before what came before it
  uint32_t state_ = 0;
  std::string unit_;
  int64_t due_at_ms_ = 0;
  int64_t at_ms_ = 0;  // of the last row
  int64_t version_ = 0;
  // Of the rows at that instant and version; look-ups only.
  absl::flat_hash_set<uint64_t> contents_;
};

}  // namespace gridledger::mapping
