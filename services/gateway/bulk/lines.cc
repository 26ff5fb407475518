#include "services/gateway/bulk/lines.h"

#include <absl/strings/ascii.h>
#include <zlib.h>

#include <algorithm>
#include <utility>

namespace gridledger::gateway {

namespace asio = boost::asio;

struct Unpacker::State {
  z_stream stream = {};
  std::string piece;   // being unpacked
  bool begun = false;  // inside a member
  bool ready = false;
};

Unpacker::Unpacker() : state_(std::make_unique<State>()) {
  state_->ready = inflateInit2(&state_->stream, 15 + 16) == Z_OK;
}
Unpacker::~Unpacker() { inflateEnd(&state_->stream); }

bool Unpacker::AtEnd() const { return !state_->begun && state_->stream.avail_in == 0; }

absl::StatusOr<bool> Unpacker::Unpack(std::string piece, size_t most, std::string* out) {
  if (!state_->ready) return absl::ResourceExhaustedError("no memory to unpack a body");
  z_stream& stream = state_->stream;
  if (stream.avail_in == 0) {
    state_->piece = std::move(piece);
    stream.next_in = reinterpret_cast<Bytef*>(state_->piece.data());
    stream.avail_in = static_cast<uInt>(state_->piece.size());
  }
  const size_t until = out->size() + most;
  char buffer[16384];
  while (out->size() < until) {
    if (!state_->begun) {
      if (stream.avail_in == 0) return true;
      inflateReset(&stream);
      state_->begun = true;
    }
    stream.next_out = reinterpret_cast<Bytef*>(buffer);
    stream.avail_out = sizeof buffer;
    const int done = inflate(&stream, Z_NO_FLUSH);
    out->append(buffer, sizeof buffer - stream.avail_out);
    if (done == Z_STREAM_END) {
      state_->begun = false;
    } else if (done == Z_BUF_ERROR ||
               (done == Z_OK && stream.avail_in == 0 && stream.avail_out > 0)) {
      return true;
    } else if (done != Z_OK) {
      return absl::InvalidArgumentError("the body is no gzip");
    }
  }
  return false;
}

LineReader::LineReader(BodyReader* body, bool is_gzip)
    : body_(*body), unpacker_(is_gzip ? std::make_unique<Unpacker>() : nullptr) {}

void LineReader::TakeLines(size_t most, bool at_end, std::vector<Line>* lines) {
  while (lines->size() < most) {
    const size_t end = text_.find('\n', at_);
    if (end == std::string::npos && !at_end) {
      if (text_.size() - at_ <= kLineBytesMax) break;
      if (!passing_) lines->push_back(Line{number_ + 1, "", true});
      passing_ = true;
      at_ = text_.size();
      break;
    }
    const size_t stop = std::min(end, text_.size());
    if (end == std::string::npos && at_ == text_.size()) break;
    absl::string_view line(text_.data() + at_, stop - at_);
    at_ = std::min(stop + 1, text_.size());
    ++number_;
    if (std::exchange(passing_, false)) continue;
    if (line.size() > kLineBytesMax) {
      lines->push_back(Line{number_, "", true});
      continue;
    }
    line = absl::StripAsciiWhitespace(line);
    if (!line.empty()) lines->push_back(Line{number_, std::string(line), false});
  }
  if (at_ > (size_t{1} << 20) || at_ == text_.size()) {
    text_.erase(0, at_);
    at_ = 0;
  }
}

asio::awaitable<absl::StatusOr<std::vector<LineReader::Line>>> LineReader::Next(size_t most) {
  constexpr size_t kUnpackedAtOnce = size_t{256} << 10;
  constexpr size_t kMoreFollows = size_t{16} << 10;
  std::vector<Line> lines;
  bool more_follows = false;  // the last piece was as large as one that is cut
  while (true) {
    TakeLines(most, ended_, &lines);
    if ((!lines.empty() && (!more_follows || lines.size() >= most)) || ended_) co_return lines;
    std::string piece;
    if (all_unpacked_) {
      auto reading = body_.Next();
      std::optional<std::string> next = co_await std::move(reading);
      if (!next.has_value()) {
        if (unpacker_ != nullptr && !unpacker_->AtEnd()) {
          co_return absl::InvalidArgumentError("the body ends inside its gzip");
        }
        ended_ = true;
        continue;
      }
      piece = *std::move(next);
      more_follows = piece.size() >= kMoreFollows;
    }
    if (unpacker_ == nullptr) {
      text_ += piece;
      continue;
    }
    const absl::StatusOr<bool> unpacked =
        unpacker_->Unpack(std::move(piece), kUnpackedAtOnce, &text_);
    if (!unpacked.ok()) co_return unpacked.status();
    all_unpacked_ = *unpacked;
  }
}

}  // namespace gridledger::gateway
