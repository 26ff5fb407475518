// The last steps of a text's folding: a prefix taken off, digits filled up, a prefix put before.
// Values of columns and names of areas go through the same ones.
#pragma once

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include <string>
#include <vector>

#include "gridledger/v1/mapping.pb.h"

namespace gridledger::mapping {

class Folding {
 public:
  // InvalidArgument names `where`.
  static absl::StatusOr<Folding> Compile(absl::string_view where, const v1::Value& value);
  static absl::StatusOr<Folding> Compile(absl::string_view where, const v1::AreaByPoint& areas);

  // What lives as long as `text` and `made`, which takes what is not part of `text`. Empty where
  // nothing is left.
  absl::string_view Apply(absl::string_view text, std::string* made) const;

 private:
  template <typename Message>
  static absl::StatusOr<Folding> CompileAny(absl::string_view where, const Message& message);

  std::vector<std::string> strip_prefixes_;
  size_t zero_pad_ = 0;
  std::string add_prefix_;
};

}  // namespace gridledger::mapping
