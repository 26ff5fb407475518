#include "services/history/files/bytes/gzip_check.h"

#include <array>
#include <cstring>

namespace gridledger::files {
namespace {

constexpr size_t kTrailerBytes = 8;  // checksum 4 + length 4
constexpr size_t kHeaderBytes = 10;  // magic 2, method 1, flags 1, time 4, extra flags 1, system 1
// A member takes 20 bytes and more, so that a block of 64 KiB has at most 3,277; × 32 B = 128 KiB.
constexpr size_t kCandidatesMax = 4096;
// libarchive holds one block of 64 KiB that it has not unpacked; what lies further back is past.
constexpr uint64_t kBehindMax = uint64_t{1} << 20;

using Tables = std::array<std::array<uint32_t, 256>, 8>;

// Eight tables, so that eight bytes are taken at once.
constexpr Tables MakeTables() {
  Tables tables{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0xEDB88320u : 0);
    tables[0][i] = crc;
  }
  for (uint32_t i = 0; i < 256; ++i) {
    for (size_t t = 1; t < tables.size(); ++t) {
      tables[t][i] = (tables[t - 1][i] >> 8) ^ tables[0][tables[t - 1][i] & 0xff];
    }
  }
  return tables;
}
constexpr Tables kTables = MakeTables();

uint8_t ByteAt(absl::string_view bytes, size_t at) { return static_cast<uint8_t>(bytes[at]); }

uint32_t Little32(absl::string_view bytes, size_t at) {
  return ByteAt(bytes, at) | ByteAt(bytes, at + 1) << 8 | ByteAt(bytes, at + 2) << 16 |
         static_cast<uint32_t>(ByteAt(bytes, at + 3)) << 24;
}

// Whether a member may begin here: magic, deflate, no reserved flag.
bool LooksLikeHeader(absl::string_view bytes, size_t at) {
  return ByteAt(bytes, at) == 0x1f && ByteAt(bytes, at + 1) == 0x8b && ByteAt(bytes, at + 2) == 8 &&
         (ByteAt(bytes, at + 3) & 0xe0) == 0;
}

}  // namespace

uint32_t Crc32(uint32_t crc, absl::string_view bytes) {
  crc = ~crc;
  size_t at = 0;
  for (; at + 8 <= bytes.size(); at += 8) {
    const uint32_t low = crc ^ Little32(bytes, at);
    const uint32_t high = Little32(bytes, at + 4);
    crc = kTables[7][low & 0xff] ^ kTables[6][low >> 8 & 0xff] ^ kTables[5][low >> 16 & 0xff] ^
          kTables[4][low >> 24] ^ kTables[3][high & 0xff] ^ kTables[2][high >> 8 & 0xff] ^
          kTables[1][high >> 16 & 0xff] ^ kTables[0][high >> 24];
  }
  for (; at < bytes.size(); ++at) crc = (crc >> 8) ^ kTables[0][(crc ^ ByteAt(bytes, at)) & 0xff];
  return ~crc;
}

void GzipCheck::Packed(absl::string_view bytes) {
  if (gave_up_) return;
  while (!candidates_.empty() && candidates_.front().packed_at + kBehindMax < packed_) {
    candidates_.pop_front();
  }
  packed_ += bytes.size();
  recent_.append(bytes.data(), bytes.size());
  const absl::string_view all(recent_);
  for (size_t at = kTrailerBytes; at + kHeaderBytes <= all.size(); ++at) {
    const void* found = memchr(all.data() + at, 0x1f, all.size() - kHeaderBytes + 1 - at);
    if (found == nullptr) break;
    at = static_cast<const char*>(found) - all.data();
    if (!LooksLikeHeader(all, at)) continue;
    Candidate candidate{packed_ - all.size() + at, Little32(all, at - 8), Little32(all, at - 4), 0};
    SetEnd(&candidate);
    candidates_.push_back(candidate);
  }
  gave_up_ = candidates_.size() > kCandidatesMax;
  const size_t kept = kTrailerBytes + kHeaderBytes - 1;
  if (recent_.size() > kept) recent_.erase(0, recent_.size() - kept);
}

void GzipCheck::SetEnd(Candidate* candidate) const {
  // What has come out already never reaches beyond the end, so the nearest one that fits is it.
  const uint32_t so_far = static_cast<uint32_t>(unpacked_ - member_begins_);
  candidate->ends = unpacked_ + static_cast<uint32_t>(candidate->length - so_far);
  candidate->passed = false;
}

void GzipCheck::Unpacked(absl::string_view bytes) {
  if (gave_up_) return;
  while (true) {
    Candidate* next = nullptr;  // the earliest end within these bytes
    for (Candidate& candidate : candidates_) {
      if (candidate.passed || candidate.ends > unpacked_ + bytes.size()) continue;
      if (next == nullptr || candidate.ends < next->ends) next = &candidate;
    }
    const size_t part = next == nullptr ? bytes.size() : next->ends - unpacked_;
    crc_ = Crc32(crc_, bytes.substr(0, part));
    unpacked_ += part;
    bytes.remove_prefix(part);
    if (next == nullptr) return;
    next->passed = true;
    if (next->crc != crc_) continue;
    const uint64_t boundary = next->packed_at;
    while (!candidates_.empty() && candidates_.front().packed_at <= boundary) {
      candidates_.pop_front();
    }
    crc_ = 0;
    member_begins_ = unpacked_;
    for (Candidate& candidate : candidates_) SetEnd(&candidate);
  }
}

bool GzipCheck::Agrees() {
  Unpacked({});  // ends that nothing follows
  if (gave_up_) return true;
  if (recent_.size() < kTrailerBytes) return false;
  const size_t at = recent_.size() - kTrailerBytes;
  return Little32(recent_, at) == crc_ &&
         Little32(recent_, at + 4) == static_cast<uint32_t>(unpacked_ - member_begins_);
}

}  // namespace gridledger::files
