// A body as lines, however it comes: in pieces, plain or gzip, of any length.
#pragma once

#include <absl/status/statusor.h>
#include <boost/asio/awaitable.hpp>

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "services/gateway/http/message.h"

namespace gridledger::gateway {

// Unpacks gzip, piece by piece. What comes after one member may be another.
class Unpacker {
 public:
  Unpacker();
  ~Unpacker();
  Unpacker(const Unpacker&) = delete;
  Unpacker& operator=(const Unpacker&) = delete;

  // Appends what the piece unpacks to, up to `most` bytes more; what is left of it stays to be
  // unpacked by a call with an empty piece. True when nothing is left. InvalidArgument for what is
  // no gzip.
  absl::StatusOr<bool> Unpack(std::string piece, size_t most, std::string* out);
  // Whether it stands between members: the body may end here.
  bool AtEnd() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

class LineReader {
 public:
  // `body` outlives it.
  LineReader(BodyReader* body, bool is_gzip);

  struct Line {
    int64_t number = 0;     // from 1; blank ones count, too
    std::string text;       // without its end; empty for one that was too long
    bool too_long = false;  // its rest is passed
  };
  // Up to `most` whole lines, as soon as there are some; blank ones are passed. None at the
  // end. InvalidArgument for what is no gzip.
  boost::asio::awaitable<absl::StatusOr<std::vector<Line>>> Next(size_t most);

  static constexpr size_t kLineBytesMax = size_t{64} << 10;  // a fact is far below

 private:
  void TakeLines(size_t most, bool at_end, std::vector<Line>* lines);

  BodyReader& body_;
  std::unique_ptr<Unpacker> unpacker_;  // null for a plain body
  bool all_unpacked_ = true;            // of the piece that was read last
  std::string text_;                    // not handed over yet, from `at_` on
  size_t at_ = 0;
  bool passing_ = false;  // the rest of a line that was too long
  bool ended_ = false;
  int64_t number_ = 0;
};

}  // namespace gridledger::gateway
