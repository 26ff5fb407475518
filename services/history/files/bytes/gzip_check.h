// Checks that what was unpacked from gzip members is what was packed. libarchive reads over their
// checksums (3.6 and 3.7 do), so one flipped bit would change or drop rows without a word.
//
// It is told the packed bytes as they are read and the unpacked ones as they come out. A member
// ends with its checksum and its length (RFC 1952 §2.3.1); the next one begins right behind. A
// place in the packed bytes that looks like a beginning is one if the checksum before it agrees
// with what came out; so no knowledge of deflate is needed.
#pragma once

#include <absl/strings/string_view.h>

#include <cstdint>
#include <deque>
#include <string>

namespace gridledger::files {

// CRC-32 of RFC 1952 §8, going on from `crc`; 0 to begin with.
uint32_t Crc32(uint32_t crc, absl::string_view bytes);

class GzipCheck {
 public:
  // REQUIRES: called with a piece of packed bytes before anything unpacked from it.
  void Packed(absl::string_view bytes);
  void Unpacked(absl::string_view bytes);
  // At the end: whether all of it agrees. True, too, for a file of thousands of members within some
  // KiB, which nobody makes by packing and which is not checked.
  bool Agrees();

 private:
  // A place that looks like the beginning of the next member.
  struct Candidate {
    uint64_t packed_at;
    uint32_t crc;     // before it, of the member that would end there
    uint32_t length;  // of that member, modulo 2^32
    uint64_t ends;    // unpacked bytes up to there, if the member begins at member_begins_
    bool passed = false;
  };

  void SetEnd(Candidate* candidate) const;

  std::string recent_;  // the last packed bytes, as many as may belong to a boundary not seen whole
  std::deque<Candidate> candidates_;  // by packed_at
  bool gave_up_ = false;
  uint64_t packed_ = 0;
  uint64_t unpacked_ = 0;
  uint64_t member_begins_ = 0;  // in unpacked bytes
  uint32_t crc_ = 0;            // of the member so far
};

}  // namespace gridledger::files
