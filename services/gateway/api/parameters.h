// Query parameters of the API: what each is, read once, and told to the client when it is none.
#pragma once

#include <absl/strings/string_view.h>
#include <absl/time/time.h>

#include <initializer_list>
#include <optional>
#include <string>

#include "services/answers/incident_row.h"
#include "services/domain/policy/zone.h"
#include "services/gateway/http/message.h"

namespace gridledger::gateway {

// Reads parameters of one request; the first that is wrong stays, and is the answer.
class Parameters {
 public:
  // A parameter that is none of `names` is refused: a slip of the pen must not widen a list.
  Parameters(const Request& request, const policy::Zone& zone,
             std::initializer_list<absl::string_view> names);

  // Empty when it is not there.
  std::string Text(absl::string_view name);
  std::optional<absl::Time> Instant(absl::string_view name);
  std::optional<bool> Flag(absl::string_view name);  // true or false
  int Whole(absl::string_view name, int least, int most, int otherwise);
  // What a list and a stream are filtered by alike: category, area, community, unit, member, id,
  // light, missed, level_min.
  void ReadFilter(answers::IncidentFilter* filter);
  void Refuse(absl::string_view name, absl::string_view why);

  // The answer when something was wrong.
  const std::optional<Reply>& wrong() const { return wrong_; }

 private:
  const Request& request_;
  const policy::Zone& zone_;
  std::optional<Reply> wrong_;
};

}  // namespace gridledger::gateway
