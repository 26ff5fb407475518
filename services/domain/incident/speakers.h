// Who may say what: for each kind of fact the roles that may say it, whether a person needs a name
// for it, and the service whose decisions say it. The fold reads this table, and README.md shows
// it.
//
//   - Anybody reports; a sensor does nothing else, and a citizen rates and asks for more.
//   - What takes a report on needs no name: systems that know no names do it, too.
//   - What ends an incident, moves its clock, hands it on or works on it needs one, for somebody
//     answers for it, and the later rules compare names.
//   - A source's word carries no names, and is taken as it is: it is history.
//   - A service says what is its own, in decisions and nowhere else.
#pragma once

#include <absl/strings/string_view.h>

#include <cstdint>
#include <vector>

#include "gridledger/v1/fact.pb.h"

namespace gridledger::incident {

struct Speakers {
  v1::Fact::KindCase fact;
  absl::string_view name;     // as in Fact.kind
  uint32_t roles;             // bits 1 << v1::Role, without ROLE_SERVICE
  bool named;                 // whoever is neither a citizen nor a sensor nor a source
  absl::string_view service;  // whose decisions say it; empty: no service does
};
const std::vector<Speakers>& AllSpeakers();

// Whether the fact's actor may say it. In a decision it is the service that speaks, `decided_by`;
// empty for an entry of its own.
bool MaySay(const v1::Fact& fact, absl::string_view decided_by);

}  // namespace gridledger::incident
