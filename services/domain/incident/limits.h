// How long each text of a record may be, and which instants one may name: what is beyond is void,
// or the whole record a dead letter, so that no record takes more memory than its kind may, and so
// that every instant in a state is one that its bytes can hold.
#pragma once

#include <absl/strings/string_view.h>
#include <absl/time/time.h>
#include <google/protobuf/descriptor.h>

#include <cstdint>
#include <string>

#include "gridledger/v1/entry.pb.h"
#include "services/base/layout.h"

namespace gridledger::incident {

// ---- texts, in bytes ----------------------------------------------------------------------------

// Ids and codes of whatever kind, posts, channels, versions, names of services and sources: 256 B
// are 85 Chinese characters, and an import takes no longer ones from its rows. The largest table
// that is always in memory has 16,384 members of two codes each: 16,384 × 2 × 256 B = 8 MiB.
inline constexpr size_t kCodeBytesMax = 256;
// What is written for people to read: names of categories and areas, rules, reasons. 1 KiB are 340
// Chinese characters, a paragraph; of these only the policy's are kept.
inline constexpr size_t kWordsBytesMax = 1024;
// Who could have been chosen: dispatch names 8 of them.
inline constexpr int kCandidatesMax = 64;  // 64 × ~260 B ≈ 16 KB of a fact
// A fact that waits for its report is kept whole, with whatever fields a later build put into it:
// its own texts are at most 12 × 256 B = 3 KB.
inline constexpr size_t kAwaitingBytesMax = 4096;

// The limit of a text field of v1.Entry, at whatever depth.
size_t BytesMax(const google::protobuf::FieldDescriptor& field);

// Whether every text of the fact is within its limit. One that is not is void.
bool TextsFit(const v1::Fact& fact);

// What is too long in an entry, in words for a dead letter: "category.name is longer than 1024
// bytes". Empty when nothing is. The texts of facts are left to the fold, which voids them.
std::string TooLongIn(const v1::Entry& entry);

// ---- instants -----------------------------------------------------------------------------------

// The last millisecond of the year 9999, in milliseconds since 1970.
inline constexpr int64_t kLatestMs = 253'402'300'799'999;

// Whether the fact's word for when it happened, and the deadline that it names, are instants of the
// years 1970 to 9999, as an import takes them, too. Zero stands for none.
bool InstantsFit(const v1::Fact& fact);

// A deadline that pauses or a limit would move beyond the year 9999 stands at its end.
inline absl::Time NotBeyond(absl::Time at) {
  return at < FromMillis(kLatestMs) ? at : FromMillis(kLatestMs);
}

}  // namespace gridledger::incident
