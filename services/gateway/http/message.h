// A request as handlers see it, and their reply. Nothing here knows how they travel.
#pragma once

#include <absl/strings/string_view.h>
#include <boost/asio/awaitable.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace gridledger::gateway {

// Reads a request's body piece by piece, as it comes.
class BodyReader {
 public:
  virtual ~BodyReader() = default;
  // The next piece, never empty; nothing at the end. Throws boost::system::system_error when the
  // connection fails or the client is too slow.
  virtual boost::asio::awaitable<std::optional<std::string>> Next() = 0;
};

struct Field {
  std::string name;
  std::string value;
};

struct Request {
  std::string method;
  std::string path;  // decoded, without the query
  std::vector<Field> query;
  std::vector<Field> headers;
  std::vector<Field> captures;   // what the route's {name} parts stand for
  std::string body;              // empty for a route that reads it piece by piece
  std::string peer;              // the client's address, without its port
  bool secure = false;           // came over TLS
  BodyReader* reader = nullptr;  // of a route that reads the body piece by piece

  // The first of that name; names of headers in any case. Null when there is none.
  const std::string* Header(absl::string_view name) const;
  const std::string* Query(absl::string_view name) const;
  // REQUIRES: the route has that part.
  const std::string& Capture(absl::string_view name) const;
};

// Writes a reply whose length is not known beforehand.
class BodyWriter {
 public:
  virtual ~BodyWriter() = default;
  // Returns once the connection has taken it. False when the client is gone or too slow: nothing
  // more is taken then.
  virtual boost::asio::awaitable<bool> Write(std::string piece) = 0;
  // Whether the server is ending.
  virtual bool Ending() const = 0;
};

struct Reply {
  int status = 200;
  std::string type = "application/json";
  std::vector<Field> headers;
  std::string body;
  // Instead of `body`: one that many replies share.
  std::shared_ptr<const std::string> shared = nullptr;
  // Instead of both: writes the body while it comes to be.
  std::function<boost::asio::awaitable<void>(BodyWriter&)> stream = nullptr;

  const std::string& Body() const { return shared != nullptr ? *shared : body; }
  void Set(absl::string_view name, std::string value) {
    headers.push_back(Field{std::string(name), std::move(value)});
  }
};

// "%41+b" → "A b" in a query; a path keeps its plus. Nothing for a bad escape.
std::optional<std::string> PercentDecoded(absl::string_view text, bool is_query);
std::string PercentEncoded(absl::string_view text);
// "a=1&b=2" → its fields, in their order; nothing for a bad escape.
std::optional<std::vector<Field>> ParseForm(absl::string_view text);

// Whether the client reads gzip. A reply whose Content-Encoding is set is sent as it is.
bool TakesGzip(const Request& request);

// RFC 9457: a problem as JSON. `fields` are pairs of further members, text each.
Reply Problem(int status, absl::string_view title, absl::string_view detail,
              const std::vector<Field>& fields = {});
// "Not Found"
absl::string_view ReasonPhrase(int status);

}  // namespace gridledger::gateway
