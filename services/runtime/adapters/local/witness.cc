#include "services/runtime/adapters/local/witness.h"

#include <fcntl.h>
#include <unistd.h>

#include <absl/strings/str_cat.h>

#include <cerrno>
#include <cstring>

#include "services/base/digest.h"
#include "services/runtime/adapters/local/record_layout.h"

namespace gridledger::local {
namespace {

constexpr size_t kSlotBytes = size_t{64} << 10;
constexpr char kMagic[] = "GLENDS01";
constexpr int kToRead = O_RDONLY | O_CLOEXEC;
constexpr int kToWrite = O_RDWR | O_CREAT | O_CLOEXEC;
constexpr size_t kHeadBytes = 24;  // magic, sequence, partitions

absl::Status FileError(const std::string& path, absl::string_view act) {
  return absl::UnavailableError(absl::StrCat("cannot ", act, " ", path, ": ", strerror(errno)));
}

void AppendU64(uint64_t value, std::string* out) {
  for (int shift = 0; shift < 64; shift += 8) out->push_back(static_cast<char>(value >> shift));
}

uint64_t U64At(absl::string_view bytes, size_t at) {
  uint64_t value = 0;
  for (int i = 7; i >= 0; --i) value = (value << 8) | static_cast<uint8_t>(bytes[at + i]);
  return value;
}

struct Slot {
  uint64_t sequence = 0;
  std::vector<int64_t> ends;
};

std::optional<Slot> ParseSlot(absl::string_view bytes) {
  if (bytes.size() < kHeadBytes || bytes.substr(0, 8) != absl::string_view(kMagic, 8)) return {};
  const uint64_t partitions = U64At(bytes, 16);
  if (partitions > kPartitionsMax) return {};
  const size_t summed = kHeadBytes + partitions * 8;
  if (bytes.size() < summed + 8) return {};
  if (Fingerprint(bytes.substr(0, summed)) != U64At(bytes, summed)) return {};
  Slot slot{U64At(bytes, 8), {}};
  slot.ends.reserve(partitions);
  for (uint64_t p = 0; p < partitions; ++p) {
    slot.ends.push_back(static_cast<int64_t>(U64At(bytes, kHeadBytes + p * 8)));
  }
  return slot;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Witness>> Witness::Open(const std::string& path, bool writable) {
  const int file = ::open(path.c_str(), writable ? kToWrite : kToRead, 0644);
  if (file < 0 && (writable || errno != ENOENT)) return FileError(path, "open");
  std::unique_ptr<Witness> witness(new Witness(file, path));
  // The room is taken now, so that no later write can fail for want of it.
  if (writable) {
    errno = ::posix_fallocate(file, 0, 2 * kSlotBytes);
    if (errno != 0) return FileError(path, "make room for");
  }
  return witness;
}

Witness::~Witness() {
  if (file_ >= 0) ::close(file_);
}

absl::StatusOr<std::optional<std::vector<int64_t>>> Witness::Read() {
  if (file_ < 0) file_ = ::open(path_.c_str(), kToRead);
  if (file_ < 0) return std::nullopt;
  std::optional<Slot> newest;
  for (const off_t at : {off_t{0}, off_t{kSlotBytes}}) {
    slot_.resize(kSlotBytes);
    const ssize_t got = ::pread(file_, slot_.data(), kSlotBytes, at);
    if (got < 0) return FileError(path_, "read");
    slot_.resize(static_cast<size_t>(got));
    std::optional<Slot> slot = ParseSlot(slot_);
    if (slot && (!newest || slot->sequence > newest->sequence)) newest = std::move(slot);
  }
  if (!newest) return std::nullopt;
  sequence_ = newest->sequence;
  return std::move(newest->ends);
}

absl::Status Witness::Write(absl::Span<const int64_t> ends) {
  ++sequence_;
  slot_.assign(kMagic, 8);
  AppendU64(sequence_, &slot_);
  AppendU64(ends.size(), &slot_);
  for (const int64_t end : ends) AppendU64(static_cast<uint64_t>(end), &slot_);
  AppendU64(Fingerprint(slot_), &slot_);
  const off_t at = static_cast<off_t>((sequence_ % 2) * kSlotBytes);
  const ssize_t wrote = ::pwrite(file_, slot_.data(), slot_.size(), at);
  if (wrote != static_cast<ssize_t>(slot_.size())) return FileError(path_, "write");
  return absl::OkStatus();
}

absl::Status Witness::Sync() {
  if (::fdatasync(file_) != 0) return FileError(path_, "sync");
  return absl::OkStatus();
}

}  // namespace gridledger::local
