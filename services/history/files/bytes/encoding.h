// Text in any character encoding as UTF-8, piece by piece; and which encoding a beginning is in.
// What does not convert leaves a mark behind, so that no row with it is taken for what it is not.
#pragma once

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include <memory>
#include <string>

#include "services/history/files/bytes/input.h"

namespace gridledger::files {

// What is left of bytes that are no text in their encoding.
//
// A byte that no UTF-8 has: whoever takes the text for UTF-8 refuses it.
inline constexpr absl::string_view kNoTextByte = "\xff";
// U+FDD0, which Unicode keeps out of texts and XML allows: where one bad byte would end the
// document.
inline constexpr absl::string_view kNoTextCharacter = "\xef\xb7\x90";

// The bytes of `input`, in `encoding` (a name that iconv knows), as UTF-8 without a mark of byte
// order. Each byte that does not convert, or two of UTF-16, becomes `no_text`. Name, position and
// size are those of `input`. InvalidArgument when the name is not known.
absl::StatusOr<std::unique_ptr<InputStream>> DecodeInput(std::unique_ptr<InputStream> input,
                                                         const std::string& encoding,
                                                         absl::string_view no_text);

// Whether `beginning` is UTF-8; where it is not the whole, its last character may be cut.
bool BeginsAsUtf8(absl::string_view beginning, bool is_whole);

// By the mark of byte order that `beginning` has; empty without one.
std::string MarkedEncoding(absl::string_view beginning);

// The encoding of `beginning`, by its mark of byte order, by its XML declaration, as UTF-8 where it
// is, by the zeros of UTF-16, or else by what libuchardet takes it for. What is not UTF-8 is never
// called so: it is GB18030 where all of it is and reads as Chinese. Empty when nothing tells.
std::string DetectEncoding(absl::string_view beginning, bool is_whole);

}  // namespace gridledger::files
