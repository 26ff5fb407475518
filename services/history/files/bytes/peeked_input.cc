#include "services/history/files/bytes/peeked_input.h"

#include <absl/strings/str_cat.h>

#include <utility>

namespace gridledger::files {

std::string PeekedInput::Peek(size_t bytes) {
  size_t size = 0;
  for (const std::string& piece : pieces_) size += piece.size();
  while (size < bytes && !ended_ && failed_.ok()) {
    auto piece = input_->Read();
    if (!piece.ok()) {
      failed_ = piece.status();
      break;
    }
    ended_ = piece->empty();
    if (ended_) break;
    pieces_.emplace_back(*piece);
    size += piece->size();
  }
  std::string out;
  out.reserve(size);
  for (const std::string& piece : pieces_) out += piece;
  return out;
}

absl::StatusOr<absl::string_view> PeekedInput::Read() {
  if (!pieces_.empty()) {
    piece_ = std::move(pieces_.front());
    pieces_.pop_front();
    return absl::string_view(piece_);
  }
  piece_ = std::string();
  if (!failed_.ok()) return failed_;
  if (ended_) return absl::string_view();
  return input_->Read();
}

}  // namespace gridledger::files
