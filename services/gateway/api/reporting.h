// A report on its way into the ledger: through the door, to its community's partition, and back
// with what the fold made of it. The steps that every way in has in common.
#pragma once

#include <absl/status/statusor.h>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/thread_pool.hpp>

#include <optional>
#include <string>

#include "gridledger/v1/fact.pb.h"
#include "services/domain/intake/admission.h"
#include "services/domain/intake/principal.h"
#include "services/gateway/city/city.h"

namespace gridledger::gateway {

struct SubmittedReport {
  std::string id;                          // of the incident, also when it is not sure to be there
  bool sent = false;                       // the record may be in the ledger
  std::optional<intake::Refusal> refusal;  // then `judged` is nothing
  bool key_is_taken = false;  // the repeat key was sent with another report; `judged` is nothing
  absl::StatusOr<Judged> judged = absl::UnknownError("");
};
// `asked` is a report; it gets an id and an instant when it has none. With a `repeat_key` the same
// sender's second one names the same incident, on whichever gateway, and its answer is the first
// one's: the report that counted. REQUIRES: the city outlives it.
// `pool` reads what the first one said.
boost::asio::awaitable<SubmittedReport> SubmitReport(City& city, boost::asio::thread_pool& pool,
                                                     intake::Principal principal, v1::Fact asked,
                                                     std::optional<std::string> repeat_key);

}  // namespace gridledger::gateway
