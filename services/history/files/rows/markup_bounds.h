// XML in bounded memory: a parser keeps a tag until it is whole, however large. Here markup is
// handed on when it is whole, an attribute's value that is longer than a field may be is replaced
// by a mark, and of what is then still too large no more is kept. Knows only where tags, quotes and
// comments begin and end; what is not well-formed goes on as it is.
#pragma once

#include <absl/strings/string_view.h>

#include <cstdint>
#include <string>
#include <vector>

#include "services/history/files/rows/row_reader.h"

namespace gridledger::files {

// Stands for a value that is too long: U+FDD1, which Unicode keeps out of texts and XML allows.
inline constexpr absl::string_view kTooLongCharacter = "\xef\xb7\x91";
// Of a tag, a comment or the like; a tag of XES has some 100 B. A row's bytes, so that memory has
// one bound.
inline constexpr size_t kMarkupBytesMax = kRowBytesMax;

class MarkupBounds {
 public:
  // REQUIRES: not too_large().
  void Add(absl::string_view bytes);
  // What may be parsed, in place until the next call of Add or Taken.
  absl::string_view ready() const { return absl::string_view(bytes_).substr(0, ready_); }
  void Taken();
  // At the end: markup that is not whole, too.
  void Finish() { ready_ = bytes_.size(); }
  bool too_large() const { return too_large_; }
  // Line ends that were left out before that byte of all that was ready.
  int64_t LinesBefore(int64_t byte) const;

 private:
  enum class In : uint8_t {
    kText,
    kOpening,
    kTag,
    kValue,
    kComment,
    kInstruction,
    kVerbatim,
    kOther
  };
  struct LeftOut {
    int64_t byte;
    int64_t lines;  // up to here
  };

  // Takes a byte of markup.
  void TakeByte(char c);
  bool EndsWith(absl::string_view text) const;
  void EndMarkup();

  std::string bytes_;
  size_t ready_ = 0;
  int64_t taken_ = 0;  // bytes before bytes_
  In in_ = In::kText;
  size_t markup_begins_ = 0;  // in bytes_
  size_t value_begins_ = 0;
  char quote_ = 0;
  bool skipping_ = false;  // the rest of a value that is too long
  bool too_large_ = false;
  std::vector<LeftOut> left_out_;  // one a value of more than 1 MiB with line ends
  int64_t lines_left_out_ = 0;
};

}  // namespace gridledger::files
