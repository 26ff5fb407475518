#include "services/history/files/bytes/input.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <archive.h>
#include <archive_entry.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "services/base/invariant.h"
#include "services/history/files/bytes/gzip_check.h"

namespace gridledger::files {
namespace {

constexpr size_t kBlockBytes = size_t{64} << 10;  // of a read; libarchive's own blocks are like it

// What people hand over in good faith, and what to do about it.
struct OtherFormat {
  absl::string_view magic;
  absl::string_view what;
};
constexpr OtherFormat kOtherFormats[] = {
    {"PK\x03\x04", "a zip archive or a workbook; unpack it, or save the sheet as CSV"},
    {"\xfd"
     "7zXZ",
     "packed with xz; unpack it first: xz -dc FILE | …"},
    {"7z\xbc\xaf", "a 7z archive; unpack it first"},
    {"\xd0\xcf\x11\xe0", "an old workbook; save the sheet as CSV"},
    {"%PDF", "a PDF document"},
};

absl::Status SystemError(absl::string_view act, const std::string& name, int error) {
  const std::string text = absl::StrCat("cannot ", act, " ", name, ": ", strerror(error));
  switch (error) {
    case ENOENT:
    case ENOTDIR: return absl::NotFoundError(text);
    case EACCES:
    case EPERM: return absl::PermissionDeniedError(text);
    case EISDIR: return absl::InvalidArgumentError(text);
    default: return absl::UnavailableError(text);
  }
}

class ArchiveInput final : public InputStream {
 public:
  ArchiveInput(int file, bool owned, std::string name, int64_t size)
      : file_(file),
        owned_(owned),
        name_(std::move(name)),
        size_(size),
        block_(kBlockBytes),
        archive_(archive_read_new()) {
    INVARIANT(archive_ != nullptr, "no memory for a reader");
  }
  ~ArchiveInput() override {
    archive_read_free(archive_);
    if (owned_) ::close(file_);
  }
  ArchiveInput(const ArchiveInput&) = delete;
  ArchiveInput& operator=(const ArchiveInput&) = delete;

  absl::Status Open() {
    archive_read_support_filter_gzip(archive_);
    archive_read_support_filter_bzip2(archive_);
    archive_read_support_filter_zstd(archive_);
    archive_read_support_format_raw(archive_);
    archive_read_support_format_empty(archive_);
    archive_read_set_read_callback(archive_, &ArchiveInput::ReadBlock);
    archive_read_set_callback_data(archive_, this);
    if (archive_read_open1(archive_) != ARCHIVE_OK) return Error();
    archive_entry* entry = nullptr;
    const int header = archive_read_next_header(archive_, &entry);
    ended_ = header == ARCHIVE_EOF;  // an empty file
    if (header != ARCHIVE_OK && !ended_) return Error();
    is_gzip_ = archive_filter_code(archive_, 0) == ARCHIVE_FILTER_GZIP;
    // The first piece is read here, so that what is not text is told at once.
    auto first = Take();
    if (!first.ok()) return first.status();
    first_ = *first;
    for (const OtherFormat& other : kOtherFormats) {
      if (absl::StartsWith(first_, other.magic)) {
        return absl::InvalidArgumentError(absl::StrCat(name_, " is ", other.what));
      }
    }
    return absl::OkStatus();
  }

  absl::StatusOr<absl::string_view> Read() override {
    if (!first_.empty()) return std::exchange(first_, {});
    return Take();
  }
  const std::string& name() const override { return name_; }
  int64_t position() const override { return position_; }
  int64_t size() const override { return size_; }

 private:
  static la_ssize_t ReadBlock(archive* a, void* self, const void** block) {
    return static_cast<ArchiveInput*>(self)->ReadBlock(a, block);
  }

  la_ssize_t ReadBlock(archive* a, const void** block) {
    ssize_t count = 0;
    do {
      count = ::read(file_, block_.data(), block_.size());
    } while (count < 0 && errno == EINTR);
    if (count < 0) {
      failed_ = SystemError("read", name_, errno);
      archive_set_error(a, errno, "read failed");
      return ARCHIVE_FATAL;
    }
    position_ += count;
    // Before the header is read nobody knows yet whether it is gzip; the check costs little.
    if (is_gzip_ || unpacked_ == 0) {
      check_.Packed(absl::string_view(block_.data(), static_cast<size_t>(count)));
    }
    *block = block_.data();
    return count;
  }

  absl::StatusOr<absl::string_view> Take() {
    while (!ended_) {
      const void* piece = nullptr;
      size_t size = 0;
      la_int64_t offset = 0;
      const int result = archive_read_data_block(archive_, &piece, &size, &offset);
      if (result == ARCHIVE_EOF) {
        ended_ = true;
        if (is_gzip_ && !check_.Agrees()) {
          return absl::DataLossError(
              absl::StrFormat("%s: the packed bytes are damaged, or others stand behind them: what "
                              "ends at byte %d is not the checksum of what came out (%d bytes)",
                              name_, position_, unpacked_));
        }
        break;
      }
      if (result != ARCHIVE_OK) return Error();
      const absl::string_view text(static_cast<const char*>(piece), size);
      if (is_gzip_) check_.Unpacked(text);
      unpacked_ += static_cast<int64_t>(size);
      if (!text.empty()) return text;
    }
    return absl::string_view();
  }

  absl::Status Error() const {
    if (!failed_.ok()) return failed_;
    const char* why = archive_error_string(archive_);
    return absl::DataLossError(
        absl::StrFormat("%s: cannot be unpacked beyond byte %d (%d came out): %s", name_, position_,
                        unpacked_, why == nullptr ? "it ends too early" : why));
  }

  const int file_;
  const bool owned_;
  const std::string name_;
  const int64_t size_;
  std::vector<char> block_;
  archive* const archive_;
  absl::Status failed_;  // of reading the file itself
  absl::string_view first_;
  GzipCheck check_;
  bool is_gzip_ = false;
  bool ended_ = false;
  int64_t position_ = 0;
  int64_t unpacked_ = 0;
};

class TextInput final : public InputStream {
 public:
  TextInput(std::string text, std::string name, size_t piece_bytes_max)
      : text_(std::move(text)), name_(std::move(name)), piece_bytes_max_(piece_bytes_max) {
    INVARIANT(piece_bytes_max_ > 0, "pieces have bytes");
  }

  absl::StatusOr<absl::string_view> Read() override {
    const absl::string_view piece = absl::string_view(text_).substr(at_, piece_bytes_max_);
    at_ += piece.size();
    return piece;
  }
  const std::string& name() const override { return name_; }
  int64_t position() const override { return static_cast<int64_t>(at_); }
  int64_t size() const override { return static_cast<int64_t>(text_.size()); }

 private:
  const std::string text_;
  const std::string name_;
  const size_t piece_bytes_max_;
  size_t at_ = 0;
};

}  // namespace

absl::StatusOr<std::unique_ptr<InputStream>> OpenInput(const std::string& path) {
  const bool standard = path == "-";
  const std::string name = standard ? "standard input" : path;
  const int file = standard ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return SystemError("open", name, errno);
  struct stat about{};
  const bool known = ::fstat(file, &about) == 0;
  if (known && S_ISDIR(about.st_mode)) {
    if (!standard) ::close(file);
    return absl::InvalidArgumentError(absl::StrCat(name, " is a folder; name a file in it"));
  }
  const int64_t size = known && S_ISREG(about.st_mode) ? about.st_size : 0;
  auto input = std::make_unique<ArchiveInput>(file, !standard, name, size);
  if (absl::Status opened = input->Open(); !opened.ok()) return opened;
  return input;
}

std::unique_ptr<InputStream> InputFromText(std::string text, std::string name,
                                           size_t piece_bytes_max) {
  return std::make_unique<TextInput>(std::move(text), std::move(name), piece_bytes_max);
}

}  // namespace gridledger::files
