// A stream whose beginning was looked at, and that begins with it all the same.
#pragma once

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include <deque>
#include <memory>
#include <string>

#include "services/history/files/bytes/input.h"

namespace gridledger::files {

class PeekedInput final : public InputStream {
 public:
  explicit PeekedInput(std::unique_ptr<InputStream> input) : input_(std::move(input)) {}

  // At least so many bytes of what is to come, or all; keeps them. An error is left to Read.
  std::string Peek(size_t bytes);
  // Whether the last Peek saw the end.
  bool saw_all() const { return ended_; }

  absl::StatusOr<absl::string_view> Read() override;
  const std::string& name() const override { return input_->name(); }
  int64_t position() const override { return input_->position(); }
  int64_t size() const override { return input_->size(); }

 private:
  const std::unique_ptr<InputStream> input_;
  std::deque<std::string> pieces_;  // freed as they are read
  std::string piece_;               // the one that was read
  absl::Status failed_;
  bool ended_ = false;
};

}  // namespace gridledger::files
