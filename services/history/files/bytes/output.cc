#include "services/history/files/bytes/output.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <archive.h>
#include <archive_entry.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "services/base/invariant.h"

namespace gridledger::files {
namespace {

constexpr size_t kBufferBytes = size_t{64} << 10;

absl::Status Failed(const std::string& path, int error) {
  const std::string text = absl::StrCat("cannot write ", path, ": ", std::strerror(error));
  if (error == ENOENT || error == ENOTDIR) return absl::NotFoundError(text);
  if (error == EACCES || error == EPERM || error == EROFS) return absl::PermissionDeniedError(text);
  if (error == EISDIR) return absl::InvalidArgumentError(text);
  return absl::UnavailableError(text);
}

// Bytes to a file descriptor, and the file to its place.
class PlainOutput final : public OutputFile {
 public:
  // Without a `part` the path itself is open.
  PlainOutput(std::string path, std::string part, int file)
      : path_(std::move(path)), part_(std::move(part)), file_(file) {
    buffer_.reserve(kBufferBytes);
  }
  ~PlainOutput() override {
    if (file_ >= 0) close(file_);
    if (!part_.empty()) unlink(part_.c_str());
  }

  absl::Status Write(absl::string_view bytes) override {
    if (buffer_.size() + bytes.size() <= kBufferBytes) {
      buffer_.append(bytes.data(), bytes.size());
      return absl::OkStatus();
    }
    if (absl::Status status = WriteThrough(buffer_); !status.ok()) return status;
    buffer_.clear();
    if (bytes.size() > kBufferBytes) return WriteThrough(bytes);
    buffer_.assign(bytes.data(), bytes.size());
    return absl::OkStatus();
  }

  absl::Status Finish() override {
    if (absl::Status status = WriteThrough(buffer_); !status.ok()) return status;
    buffer_.clear();
    // A pipe has no disk to reach.
    if (!part_.empty() && fsync(file_) != 0) return Failed(part_, errno);
    if (close(std::exchange(file_, -1)) != 0) return Failed(path_, errno);
    if (part_.empty()) return absl::OkStatus();
    if (std::rename(part_.c_str(), path_.c_str()) != 0) return Failed(path_, errno);
    part_.clear();
    return absl::OkStatus();
  }

 private:
  absl::Status WriteThrough(absl::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t written = write(file_, bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return Failed(part_.empty() ? path_ : part_, errno);
      bytes.remove_prefix(static_cast<size_t>(written));
    }
    return absl::OkStatus();
  }

  const std::string path_;
  std::string part_;
  int file_;
  std::string buffer_;
};

// Packs what goes to another output.
class GzipOutput final : public OutputFile {
 public:
  explicit GzipOutput(std::unique_ptr<OutputFile> to)
      : to_(std::move(to)), archive_(archive_write_new()), entry_(archive_entry_new()) {
    INVARIANT(archive_ != nullptr && entry_ != nullptr, "no memory for a writer");
  }
  ~GzipOutput() override {
    archive_write_fail(archive_);  // what it still holds goes nowhere
    archive_entry_free(entry_);
    archive_write_free(archive_);
  }

  absl::Status Open() {
    archive_write_add_filter_gzip(archive_);
    archive_write_set_filter_option(archive_, "gzip", "timestamp", nullptr);
    archive_write_set_format_raw(archive_);
    archive_write_set_bytes_per_block(archive_, static_cast<int>(kBufferBytes));
    archive_write_set_bytes_in_last_block(archive_, 1);  // no zeros behind the end
    archive_entry_set_filetype(entry_, AE_IFREG);
    if (archive_write_open(archive_, this, nullptr, &GzipOutput::WriteBlock, nullptr) !=
            ARCHIVE_OK ||
        archive_write_header(archive_, entry_) != ARCHIVE_OK) {
      return Error();
    }
    return absl::OkStatus();
  }

  absl::Status Write(absl::string_view bytes) override {
    while (!bytes.empty()) {
      const la_ssize_t taken = archive_write_data(archive_, bytes.data(), bytes.size());
      if (taken <= 0) return Error();
      bytes.remove_prefix(static_cast<size_t>(taken));
    }
    return absl::OkStatus();
  }

  absl::Status Finish() override {
    if (archive_write_close(archive_) != ARCHIVE_OK) return Error();
    return to_->Finish();
  }

 private:
  static la_ssize_t WriteBlock(archive* a, void* self, const void* bytes, size_t size) {
    auto* output = static_cast<GzipOutput*>(self);
    output->status_ = output->to_->Write({static_cast<const char*>(bytes), size});
    if (output->status_.ok()) return static_cast<la_ssize_t>(size);
    archive_set_error(a, EIO, "write failed");
    return -1;
  }
  absl::Status Error() const {
    if (!status_.ok()) return status_;
    const char* why = archive_error_string(archive_);
    return absl::InternalError(absl::StrCat("cannot pack: ", why == nullptr ? "" : why));
  }

  const std::unique_ptr<OutputFile> to_;
  archive* const archive_;
  archive_entry* const entry_;
  absl::Status status_;  // of the output below
};

}  // namespace

absl::StatusOr<std::unique_ptr<OutputFile>> CreateOutput(const std::string& path) {
  struct stat there;
  const bool is_there = stat(path.c_str(), &there) == 0;
  if (is_there && S_ISDIR(there.st_mode)) return Failed(path, EISDIR);
  const bool in_place = is_there && !S_ISREG(there.st_mode);
  const std::string part = in_place ? "" : absl::StrCat(path, ".part");
  const std::string& opened = in_place ? path : part;
  const int file = open(opened.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (file < 0) return Failed(opened, errno);
  std::unique_ptr<OutputFile> output = std::make_unique<PlainOutput>(path, part, file);
  if (!absl::EndsWith(path, ".gz")) return output;
  auto packed = std::make_unique<GzipOutput>(std::move(output));
  if (absl::Status status = packed->Open(); !status.ok()) return status;
  return packed;
}

}  // namespace gridledger::files
