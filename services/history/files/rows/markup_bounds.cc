#include "services/history/files/rows/markup_bounds.h"

#include <absl/strings/match.h>

#include <algorithm>
#include <cstring>

namespace gridledger::files {

void MarkupBounds::Add(absl::string_view bytes) {
  while (!bytes.empty() && !too_large_) {
    if (in_ == In::kText || in_ == In::kValue) {
      // To the next byte that means something.
      const void* const found = memchr(bytes.data(), in_ == In::kText ? '<' : quote_, bytes.size());
      const size_t size =
          found == nullptr ? bytes.size() : static_cast<const char*>(found) - bytes.data();
      const absl::string_view plain = bytes.substr(0, size);
      bytes.remove_prefix(size);
      if (in_ == In::kText) {
        bytes_.append(plain.data(), plain.size());
        ready_ = bytes_.size();
      } else {
        if (!skipping_ && bytes_.size() - value_begins_ + plain.size() > kFieldBytesMax) {
          skipping_ = true;
          lines_left_out_ += std::count(bytes_.begin() + static_cast<std::ptrdiff_t>(value_begins_),
                                        bytes_.end(), '\n');
          bytes_.resize(value_begins_);
          bytes_.append(kTooLongCharacter.data(), kTooLongCharacter.size());
        }
        if (skipping_) {
          lines_left_out_ += std::count(plain.begin(), plain.end(), '\n');
        } else {
          bytes_.append(plain.data(), plain.size());
        }
      }
      if (bytes.empty()) break;
    }
    TakeByte(bytes.front());
    bytes.remove_prefix(1);
  }
}

void MarkupBounds::TakeByte(char c) {
  if (in_ == In::kText) markup_begins_ = bytes_.size();
  bytes_.push_back(c);
  if (bytes_.size() - markup_begins_ > kMarkupBytesMax) too_large_ = true;
  switch (in_) {
    case In::kText: in_ = In::kOpening; return;
    case In::kOpening: {
      if (EndsWith("<!") || EndsWith("<!-")) return;
      if (EndsWith("<!--")) {
        in_ = In::kComment;
        markup_begins_ = bytes_.size();  // "<!-->" does not end it
        return;
      }
      const char second = bytes_[markup_begins_ + 1];
      in_ = second == '!' ? In::kOther : second == '?' ? In::kInstruction : In::kTag;
      if (c == '>') EndMarkup();
      return;
    }
    case In::kTag:
      if (c == '>') EndMarkup();
      if (c != '"' && c != '\'') return;
      in_ = In::kValue;
      quote_ = c;
      value_begins_ = bytes_.size();
      return;
    case In::kValue:  // its end
      in_ = In::kTag;
      if (skipping_) {
        left_out_.push_back(LeftOut{taken_ + static_cast<int64_t>(value_begins_), lines_left_out_});
      }
      skipping_ = false;
      return;
    case In::kComment:
      if (c == '>' && EndsWith("-->")) EndMarkup();
      return;
    case In::kInstruction:
      if (c == '>' && EndsWith("?>")) EndMarkup();
      return;
    case In::kVerbatim:
      if (c == '>' && EndsWith("]]>")) EndMarkup();
      return;
    case In::kOther:
      if (c == '>') EndMarkup();
      if (c == '[' && EndsWith("<![CDATA[")) in_ = In::kVerbatim;
      return;
  }
}

bool MarkupBounds::EndsWith(absl::string_view text) const {
  return absl::EndsWith(absl::string_view(bytes_).substr(markup_begins_), text);
}

void MarkupBounds::EndMarkup() {
  in_ = In::kText;
  ready_ = bytes_.size();
}

void MarkupBounds::Taken() {
  bytes_.erase(0, ready_);
  taken_ += static_cast<int64_t>(ready_);
  markup_begins_ -= std::min(markup_begins_, ready_);
  value_begins_ -= std::min(value_begins_, ready_);
  ready_ = 0;
}

int64_t MarkupBounds::LinesBefore(int64_t byte) const {
  int64_t lines = 0;
  for (const LeftOut& value : left_out_) {
    if (value.byte <= byte) lines = value.lines;
  }
  return lines;
}

}  // namespace gridledger::files
