// What a client of Open311 sends: the fields of the query and of a form's body, read once, and what
// is wrong with them as the standard's errors. Repeats nothing of what was sent.
#pragma once

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <absl/time/time.h>

#include <optional>
#include <string>
#include <vector>

#include "services/domain/policy/zone.h"
#include "services/gateway/http/message.h"
#include "services/gateway/open311/document.h"

namespace gridledger::gateway::open311 {

// The fields of a body: application/x-www-form-urlencoded, or multipart/form-data. A file that was
// sent along is not kept. InvalidArgument for a body of another kind, or a damaged one.
struct Form {
  std::vector<Field> fields;
  bool has_file = false;
};
absl::StatusOr<Form> ParseBody(const std::string& content_type, absl::string_view body);

class Arguments {
 public:
  // `fields`: an empty one counts as absent; of two of a name the first counts.
  Arguments(std::vector<Field> fields, const policy::Zone& zone)
      : fields_(std::move(fields)), zone_(zone) {}

  // Empty when it is absent.
  std::string Text(absl::string_view name) const;
  bool Has(absl::string_view name) const { return !Text(name).empty(); }
  // "attribute[code]", or the first "attribute[code][]".
  std::string Attribute(absl::string_view code) const;
  // Each value of each field of that name, with commas between.
  std::vector<std::string> List(absl::string_view name) const;
  std::optional<absl::Time> Instant(absl::string_view name);
  std::optional<double> Degrees(absl::string_view name, double most);
  int Whole(absl::string_view name, int least, int most, int otherwise);
  bool Flag(absl::string_view name);  // false when it is absent
  void Refuse(absl::string_view why) { wrong_.push_back(Error{400, std::string(why)}); }

  // In the order in which they were found.
  const std::vector<Error>& wrong() const { return wrong_; }

 private:
  std::vector<Field> fields_;
  const policy::Zone& zone_;
  std::vector<Error> wrong_;
};

}  // namespace gridledger::gateway::open311
