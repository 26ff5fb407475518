#include "services/history/files/bytes/spool.h"

#include <unistd.h>

#include <absl/strings/str_cat.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "services/history/files/bytes/temp_folder.h"

namespace gridledger::files {
namespace {

class SpooledInput final : public InputStream {
 public:
  SpooledInput(std::unique_ptr<InputStream> input, int file)
      : input_(std::move(input)), file_(file) {}

  absl::StatusOr<absl::string_view> Read() override {
    auto piece = input_->Read();
    if (!piece.ok()) return piece;
    for (absl::string_view left = *piece; !left.empty();) {
      const ssize_t written = ::write(file_, left.data(), left.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) {
        return absl::UnavailableError(
            absl::StrCat("cannot keep what comes from ", name(), ": ", strerror(errno)));
      }
      left.remove_prefix(static_cast<size_t>(written));
    }
    return piece;
  }
  const std::string& name() const override { return input_->name(); }
  int64_t position() const override { return input_->position(); }
  int64_t size() const override { return input_->size(); }

 private:
  const std::unique_ptr<InputStream> input_;
  const int file_;  // left open, so that its path stays good
};

}  // namespace

absl::StatusOr<Spooled> SpoolInput(std::unique_ptr<InputStream> input, const std::string& folder) {
  std::error_code error;
  std::filesystem::path place = std::filesystem::absolute(folder, error);
  while (!std::filesystem::is_directory(place, error) && place.has_relative_path()) {
    place = place.parent_path();
  }
  const absl::StatusOr<int> file = OpenUnnamed(place.string());
  if (!file.ok()) {
    return absl::UnavailableError(
        absl::StrCat("cannot keep what comes from ", input->name(), ": ", file.status().message()));
  }
  Spooled spooled;
  spooled.path = absl::StrCat("/proc/self/fd/", *file);
  spooled.input = std::make_unique<SpooledInput>(std::move(input), *file);
  return spooled;
}

}  // namespace gridledger::files
