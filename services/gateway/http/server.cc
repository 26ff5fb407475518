#include "services/gateway/http/server.h"

#include <absl/base/thread_annotations.h>
#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>
#include <absl/strings/match.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/strings/str_split.h>
#include <absl/strings/strip.h>
#include <absl/synchronization/mutex.h>
#include <absl/time/clock.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <openssl/ssl.h>
#include <zlib.h>

#include <atomic>
#include <thread>
#include <utility>
#include <vector>

namespace gridledger::gateway {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;
using boost::system::error_code;

constexpr size_t kPieceBytes = size_t{64} << 10;
constexpr absl::Duration kLinger = absl::Seconds(2);
constexpr size_t kLingerBytes = size_t{1} << 20;
constexpr size_t kCompressFrom = 1024;  // less fits one packet anyhow

std::chrono::nanoseconds Chrono(absl::Duration duration) {
  return absl::ToChronoNanoseconds(duration);
}

// gzip at a level that costs less than it saves on a local network.
std::string Gzipped(const std::string& text) {
  z_stream stream = {};
  if (deflateInit2(&stream, 4, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) return "";
  std::string out(deflateBound(&stream, text.size()) + 32, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const int done = deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return done == Z_STREAM_END ? out : "";
}

bool IsText(absl::string_view type) {
  return absl::StartsWith(type, "text/") || absl::StrContains(type, "json") ||
         absl::StrContains(type, "xml") || absl::StrContains(type, "javascript") ||
         absl::StrContains(type, "yaml") || absl::StrContains(type, "svg");
}

// "http://city:8311/live" → "/live": what a proxy sends names the host, too.
absl::string_view WithoutHost(absl::string_view target) {
  absl::string_view rest = target;
  if (!absl::ConsumePrefix(&rest, "http://") && !absl::ConsumePrefix(&rest, "https://")) {
    return target;
  }
  const size_t slash = rest.find_first_of("/?");
  return slash == absl::string_view::npos || rest[slash] != '/' ? "/" : rest.substr(slash);
}

Reply Empty(int status) {
  Reply reply;
  reply.status = status;
  reply.type.clear();
  return reply;
}

class Host;

// One connection, plain or in TLS.
template <class Stream>
class Connection final : public std::enable_shared_from_this<Connection<Stream>> {
 public:
  Connection(Host* host, Stream stream, std::string peer)
      : host_(host), stream_(std::move(stream)), peer_(std::move(peer)) {}
  asio::awaitable<void> Run();
  void Cut() {
    error_code ignored;
    Socket().close(ignored);
  }
  // Ends it unless a request is being answered; then after that.
  void CutIdle() {
    if (!answering_) Cut();
  }
  auto executor() { return stream_.get_executor(); }

 private:
  using Parser = http::request_parser<http::buffer_body>;

  tcp::socket& Socket() { return beast::get_lowest_layer(stream_).socket(); }
  void Expire(absl::Duration after) {
    beast::get_lowest_layer(stream_).expires_after(Chrono(after));
  }
  asio::awaitable<bool> ReadHeader(Parser& parser);
  asio::awaitable<bool> ServeOne(Parser& parser);
  asio::awaitable<std::optional<std::string>> NextPiece(Parser& parser);
  asio::awaitable<bool> Send(const Request& request, Reply reply, bool keep);
  asio::awaitable<void> SayBad(int status);
  asio::awaitable<void> Linger();

  class Reader;
  class Writer;

  Host* const host_;
  Stream stream_;
  const std::string peer_;
  beast::flat_buffer buffer_;
  std::atomic<bool> answering_{false};
};

class Host final : public Server {
 public:
  Host(ServerOptions options, const Router* router)
      : options_(std::move(options)),
        router_(*router),
        context_(std::max(1, options_.threads)),
        acceptor_(asio::make_strand(context_)) {}
  ~Host() override { Stop(); }

  absl::Status Open();
  const std::string& address() const override { return address_; }
  ServerCounts counts() const override;
  absl::Status Reload() override;
  void Stop() override;

  const ServerOptions& options() const { return options_; }
  const Router& router() const { return router_; }
  bool ending() const { return ending_; }
  asio::awaitable<Reply> Answer(Request& request, const Router::Match& match);

  std::atomic<int64_t> requests_{0}, overload_{0}, answering_{0};
  std::atomic<int64_t> by_class_[6] = {};

 private:
  asio::awaitable<void> Accept();
  template <class Stream>
  void Serve(Stream stream, const std::string& peer);
  bool Admit(const std::string& peer);
  void Leave(const std::string& peer);

  const ServerOptions options_;
  const Router& router_;
  asio::io_context context_;
  tcp::acceptor acceptor_;
  std::string address_;
  std::vector<std::thread> threads_;
  std::atomic<bool> ending_{false};
  std::atomic<bool> stopped_{false};
  std::atomic<int64_t> accepted_{0}, refused_{0};
  mutable absl::Mutex mutex_;
  int64_t connections_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::flat_hash_map<std::string, size_t> of_peer_ ABSL_GUARDED_BY(mutex_);
  // How each connection is ended, by its own number.
  struct Ends {
    std::function<void()> idle, now;
  };
  absl::flat_hash_map<int64_t, Ends> ends_ ABSL_GUARDED_BY(mutex_);
  int64_t next_connection_ ABSL_GUARDED_BY(mutex_) = 0;
  std::shared_ptr<asio::ssl::context> tls_ ABSL_GUARDED_BY(mutex_);
};

// ---- a connection

template <class Stream>
class Connection<Stream>::Reader final : public BodyReader {
 public:
  Reader(Connection* connection, Parser* parser) : connection_(connection), parser_(parser) {}
  asio::awaitable<std::optional<std::string>> Next() override {
    return connection_->NextPiece(*parser_);
  }

 private:
  Connection* const connection_;
  Parser* const parser_;
};

template <class Stream>
class Connection<Stream>::Writer final : public BodyWriter {
 public:
  explicit Writer(Connection* connection) : connection_(connection) {}
  asio::awaitable<bool> Write(std::string piece) override {
    if (failed_ || piece.empty()) co_return !failed_;
    connection_->Expire(connection_->host_->options().write);
    error_code error;
    co_await asio::async_write(connection_->stream_, http::make_chunk(asio::buffer(piece)),
                               asio::redirect_error(asio::use_awaitable, error));
    failed_ = static_cast<bool>(error);
    co_return !failed_;
  }
  bool Ending() const override { return connection_->host_->ending(); }
  bool failed() const { return failed_; }

 private:
  Connection* const connection_;
  bool failed_ = false;
};

template <class Stream>
asio::awaitable<void> Connection<Stream>::SayBad(int status) {
  Request none;
  none.peer = peer_;
  co_await Send(none, Problem(status, "", ""), false);
}

// False when there is nothing more to be read, or what came is no request.
template <class Stream>
asio::awaitable<bool> Connection<Stream>::ReadHeader(Parser& parser) {
  error_code error;
  if (buffer_.size() == 0) {
    Expire(host_->options().idle);
    const size_t got = co_await stream_.async_read_some(
        buffer_.prepare(4096), asio::redirect_error(asio::use_awaitable, error));
    if (error) co_return false;
    buffer_.commit(got);
  }
  Expire(host_->options().header);
  co_await http::async_read_header(stream_, buffer_, parser,
                                   asio::redirect_error(asio::use_awaitable, error));
  if (!error) co_return true;
  if (error == http::error::header_limit) {
    co_await SayBad(431);
  } else if (error == beast::error::timeout) {
    co_await SayBad(408);
  } else if (error.category() == make_error_code(http::error::bad_method).category() &&
             error != http::error::end_of_stream && error != http::error::partial_message) {
    co_await SayBad(400);
  }
  co_return false;
}

template <class Stream>
asio::awaitable<std::optional<std::string>> Connection<Stream>::NextPiece(Parser& parser) {
  std::string piece;
  while (!parser.is_done()) {
    piece.resize(kPieceBytes);
    parser.get().body().data = piece.data();
    parser.get().body().size = piece.size();
    Expire(host_->options().body);
    error_code error;
    co_await http::async_read_some(stream_, buffer_, parser,
                                   asio::redirect_error(asio::use_awaitable, error));
    if (error && error != http::error::need_buffer) throw boost::system::system_error(error);
    piece.resize(kPieceBytes - parser.get().body().size);
    if (!piece.empty()) co_return std::optional<std::string>(std::move(piece));
  }
  co_return std::optional<std::string>();
}

// Whether another request may follow.
template <class Stream>
asio::awaitable<bool> Connection<Stream>::ServeOne(Parser& parser) {
  const auto& head = parser.get();
  Request request;
  request.peer = peer_;
  request.secure = !std::is_same_v<Stream, beast::tcp_stream>;
  request.method = std::string(head.method_string().data(), head.method_string().size());
  const absl::string_view target = WithoutHost({head.target().data(), head.target().size()});
  const size_t mark = std::min(target.find('?'), target.size());
  std::optional<std::string> path = PercentDecoded(target.substr(0, mark), false);
  std::optional<std::vector<Field>> query =
      ParseForm(mark < target.size() ? target.substr(mark + 1) : absl::string_view());
  if (!path || !query || path->empty() || path->front() != '/' ||
      path->find('\0') != std::string::npos) {
    co_await SayBad(400);
    co_return false;
  }
  request.path = *std::move(path);
  request.query = *std::move(query);
  for (const auto& field : head) {
    request.headers.push_back(
        Field{std::string(field.name_string().data(), field.name_string().size()),
              std::string(field.value().data(), field.value().size())});
  }
  const bool keep = head.keep_alive() && !host_->ending();
  Router::Match match = host_->router().Find(request.method, target.substr(0, mark));
  const size_t body_max = match.route == nullptr ? size_t{64} << 10 : match.route->body_bytes_max;
  const bool reads = match.route != nullptr && match.route->reads_body;
  if (!reads && parser.content_length() && *parser.content_length() > body_max) {
    co_await Send(request,
                  Problem(413, "", absl::StrCat("a body here has at most ", body_max, " bytes")),
                  false);
    co_return false;
  }
  if (const std::string* expect = request.Header("Expect");
      expect != nullptr && absl::EqualsIgnoreCase(*expect, "100-continue") && !parser.is_done()) {
    Expire(host_->options().write);
    http::response<http::empty_body> go_on(http::status::continue_, 11);
    error_code error;
    co_await http::async_write(stream_, go_on, asio::redirect_error(asio::use_awaitable, error));
    if (error) co_return false;
  }
  Reader reader(this, &parser);
  request.reader = &reader;
  if (reads) buffer_.reserve(kPieceBytes);  // else it is read by a few hundred bytes at a time
  if (!reads) {
    bool too_large = false;
    int failed = 0;
    try {
      while (std::optional<std::string> piece = co_await reader.Next()) {
        request.body += *piece;
        too_large = request.body.size() > body_max;
        if (too_large) break;
      }
    } catch (const boost::system::system_error& error) {
      failed = error.code() == beast::error::timeout ? 408 : 400;
    }
    if (too_large || failed != 0) {
      co_await SayBad(too_large ? 413 : failed);
      co_return false;
    }
  }
  beast::get_lowest_layer(stream_).expires_never();
  request.captures = std::move(match.captures);
  Reply reply = co_await host_->Answer(request, match);
  // What was not read of a body cannot be told from the next request.
  const bool again = keep && (reads || parser.is_done()) && !host_->ending();
  const bool sent = co_await Send(request, std::move(reply), again);
  co_return sent&& parser.is_done();
}

template <class Stream>
asio::awaitable<bool> Connection<Stream>::Send(const Request& request, Reply reply, bool keep) {
  if (host_->options().after != nullptr) host_->options().after(request, reply);
  ++host_->requests_;
  ++host_->by_class_[std::clamp(reply.status / 100, 0, 5)];
  const bool is_head = request.method == "HEAD";
  const std::string* body = &reply.Body();
  std::string packed;
  const bool is_packed =
      std::any_of(reply.headers.begin(), reply.headers.end(),
                  [](const Field& one) { return one.name == "Content-Encoding"; });
  if (reply.stream == nullptr && !is_packed && body->size() >= kCompressFrom &&
      IsText(reply.type)) {
    reply.Set("Vary", "Accept-Encoding");
    if (TakesGzip(request)) {
      packed = Gzipped(*body);
      if (!packed.empty()) {
        reply.Set("Content-Encoding", "gzip");
        body = &packed;
      }
    }
  }
  const auto fill = [&](auto& response) {
    response.result(static_cast<unsigned>(reply.status));
    response.version(11);
    response.keep_alive(keep);
    if (!reply.type.empty()) response.set(http::field::content_type, reply.type);
    for (const Field& field : reply.headers) response.insert(field.name, field.value);
  };
  error_code error;
  if (reply.stream != nullptr && !is_head) {
    http::response<http::empty_body> response;
    fill(response);
    response.chunked(true);
    http::response_serializer<http::empty_body> head(response);
    Expire(host_->options().write);
    co_await http::async_write_header(stream_, head,
                                      asio::redirect_error(asio::use_awaitable, error));
    if (error) co_return false;
    Writer writer(this);
    co_await reply.stream(writer);
    if (writer.failed()) co_return false;
    Expire(host_->options().write);
    co_await asio::async_write(stream_, http::make_chunk_last(),
                               asio::redirect_error(asio::use_awaitable, error));
    co_return !error && keep;
  }
  Expire(host_->options().write);
  if (is_head || reply.status == 204 || reply.status == 304) {
    http::response<http::empty_body> response;
    fill(response);
    if (is_head && reply.stream == nullptr) response.content_length(body->size());
    if (reply.status == 204 || reply.status == 304) response.erase(http::field::content_type);
    http::response_serializer<http::empty_body> head(response);
    co_await http::async_write_header(stream_, head,
                                      asio::redirect_error(asio::use_awaitable, error));
  } else {
    http::response<http::span_body<const char>> response;
    fill(response);
    response.body() = beast::span<const char>(body->data(), body->size());
    response.content_length(body->size());
    co_await http::async_write(stream_, response, asio::redirect_error(asio::use_awaitable, error));
  }
  co_return !error && keep;
}

// What is closed while the client still sends is reset, and the client may never read its answer.
template <class Stream>
asio::awaitable<void> Connection<Stream>::Linger() {
  Expire(kLinger);
  error_code error;
  for (size_t left = kLingerBytes; left > 0 && !error && !host_->ending();) {
    buffer_.clear();
    left -= std::min(
        left, co_await stream_.async_read_some(buffer_.prepare(kPieceBytes),
                                               asio::redirect_error(asio::use_awaitable, error)));
  }
}

template <class Stream>
asio::awaitable<void> Connection<Stream>::Run() {
  if constexpr (!std::is_same_v<Stream, beast::tcp_stream>) {
    Expire(host_->options().header);
    error_code error;
    co_await stream_.async_handshake(asio::ssl::stream_base::server,
                                     asio::redirect_error(asio::use_awaitable, error));
    if (error) co_return;
  }
  while (!host_->ending()) {
    Parser parser;
    parser.header_limit(static_cast<std::uint32_t>(host_->options().header_bytes_max));
    parser.body_limit(boost::none);
    const bool has = co_await ReadHeader(parser);
    if (!has) break;
    answering_ = true;
    const bool again = co_await ServeOne(parser);
    answering_ = false;
    if (!again) break;
  }
  error_code ignored;
  if constexpr (std::is_same_v<Stream, beast::tcp_stream>) {
    Socket().shutdown(tcp::socket::shutdown_send, ignored);
    co_await Linger();
  } else {
    Expire(absl::Seconds(2));
    co_await stream_.async_shutdown(asio::redirect_error(asio::use_awaitable, ignored));
  }
  Socket().close(ignored);
}

// ---- the server

asio::awaitable<Reply> Host::Answer(Request& request, const Router::Match& match) {
  if (match.route == nullptr) {
    if (match.allowed.empty()) {
      co_return Problem(404, "", "there is nothing at this path");
    }
    Reply reply = request.method == "OPTIONS"
                      ? Empty(204)
                      : Problem(405, "", "this path does not take that method");
    reply.Set("Allow", absl::StrJoin(match.allowed, ", "));
    co_return reply;
  }
  if (answering_ >= static_cast<int64_t>(options_.requests_max)) {
    ++overload_;
    co_return Problem(503, "", "too many requests are being answered: try again");
  }
  ++answering_;
  Reply reply;
  try {
    std::optional<Reply> early =
        options_.before == nullptr ? std::nullopt : options_.before(request);
    if (early.has_value()) {
      reply = *std::move(early);
    } else {
      reply = co_await match.route->handler(request);
    }
  } catch (const std::exception&) {
    // What it says may hold what a client sent.
    if (options_.said != nullptr) {
      options_.said(absl::StrCat("a request to ", match.route->path, " failed"));
    }
    reply = Problem(500, "", "the request failed inside; it can be tried again");
  }
  --answering_;
  co_return reply;
}

bool Host::Admit(const std::string& peer) {
  const bool local = absl::StartsWith(peer, "127.") || peer == "::1";
  const absl::MutexLock lock(&mutex_);
  if (connections_ >= static_cast<int64_t>(options_.connections_max)) return false;
  size_t& of_peer = of_peer_[peer];
  if (!local && of_peer >= options_.connections_of_peer_max) return false;
  ++of_peer;
  ++connections_;
  return true;
}

void Host::Leave(const std::string& peer) {
  const absl::MutexLock lock(&mutex_);
  --connections_;
  const auto at = of_peer_.find(peer);
  if (at != of_peer_.end() && --at->second == 0) of_peer_.erase(at);
}

template <class Stream>
void Host::Serve(Stream stream, const std::string& peer) {
  auto connection = std::make_shared<Connection<Stream>>(this, std::move(stream), peer);
  int64_t number = 0;
  {
    const auto end_by = [&](void (Connection<Stream>::*how)()) {
      return [weak = std::weak_ptr<Connection<Stream>>(connection), how] {
        if (auto self = weak.lock()) asio::post(self->executor(), [self, how] { (*self.*how)(); });
      };
    };
    const absl::MutexLock lock(&mutex_);
    number = next_connection_++;
    ends_.emplace(number,
                  Ends{end_by(&Connection<Stream>::CutIdle), end_by(&Connection<Stream>::Cut)});
  }
  asio::co_spawn(
      connection->executor(), [connection] { return connection->Run(); },
      [this, connection, peer, number](const std::exception_ptr&) {
        {
          const absl::MutexLock lock(&mutex_);
          ends_.erase(number);
        }
        Leave(peer);
      });
}

asio::awaitable<void> Host::Accept() {
  while (!ending_) {
    error_code error;
    tcp::socket socket = co_await acceptor_.async_accept(
        asio::make_strand(context_), asio::redirect_error(asio::use_awaitable, error));
    if (error == asio::error::operation_aborted) co_return;
    if (error) {
      // Too many open files: those that are there come to an end first.
      asio::steady_timer pause(co_await asio::this_coro::executor, std::chrono::milliseconds(100));
      co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, error));
      continue;
    }
    ++accepted_;
    const auto remote = socket.remote_endpoint(error);
    if (error) continue;
    const std::string peer = remote.address().to_string();
    if (!Admit(peer)) {
      ++refused_;
      static constexpr char kFull[] =
          "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\n"
          "Connection: close\r\n\r\n";
      socket.non_blocking(true, error);
      socket.write_some(asio::buffer(kFull, sizeof kFull - 1), error);
      socket.close(error);
      continue;
    }
    socket.set_option(tcp::no_delay(true), error);
    std::shared_ptr<asio::ssl::context> tls;
    {
      const absl::MutexLock lock(&mutex_);
      tls = tls_;
    }
    if (tls == nullptr) {
      Serve(beast::tcp_stream(std::move(socket)), peer);
    } else {
      Serve(beast::ssl_stream<beast::tcp_stream>(beast::tcp_stream(std::move(socket)), *tls), peer);
    }
  }
}

absl::Status Host::Reload() {
  if (options_.certificate_file.empty()) return absl::OkStatus();
  auto tls = std::make_shared<asio::ssl::context>(asio::ssl::context::tls_server);
  error_code error;
  tls->set_options(asio::ssl::context::default_workarounds | asio::ssl::context::no_tlsv1 |
                       asio::ssl::context::no_tlsv1_1 | asio::ssl::context::single_dh_use,
                   error);
  if (!error) tls->use_certificate_chain_file(options_.certificate_file, error);
  if (error) {
    return absl::InvalidArgumentError(
        absl::StrCat(options_.certificate_file, " is no certificate chain in PEM"));
  }
  tls->use_private_key_file(options_.key_file, asio::ssl::context::pem, error);
  if (error || SSL_CTX_check_private_key(tls->native_handle()) != 1) {
    return absl::InvalidArgumentError(
        absl::StrCat(options_.key_file, " is no private key in PEM of that certificate"));
  }
  const absl::MutexLock lock(&mutex_);
  // Connections keep the context that they began with.
  tls_ = std::move(tls);
  return absl::OkStatus();
}

absl::Status Host::Open() {
  if (options_.certificate_file.empty() != options_.key_file.empty()) {
    return absl::InvalidArgumentError("TLS wants a certificate file and a key file");
  }
  if (absl::Status status = Reload(); !status.ok()) return status;
  error_code error;
  const asio::ip::address ip = asio::ip::make_address(
      options_.host == "localhost" ? std::string("127.0.0.1") : options_.host, error);
  if (error) {
    return absl::InvalidArgumentError(absl::StrCat("'", options_.host, "' is no address"));
  }
  const int last = options_.port == 0 ? 0 : std::min(options_.port + options_.further_ports, 65535);
  for (int port = options_.port; port <= last; ++port) {
    const tcp::endpoint at(ip, static_cast<unsigned short>(port));
    acceptor_.open(at.protocol(), error);
    if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor_.bind(at, error);
    if (!error) acceptor_.listen(1024, error);
    if (!error) break;
    error_code ignored;
    acceptor_.close(ignored);
  }
  if (error) {
    return absl::UnavailableError(absl::StrCat("cannot listen on ", options_.host, ":",
                                               options_.port, ": ", error.message()));
  }
  const auto bound = acceptor_.local_endpoint();
  const std::string shown = bound.address().is_v6()
                                ? absl::StrCat("[", bound.address().to_string(), "]")
                                : bound.address().to_string();
  address_ = absl::StrCat(options_.certificate_file.empty() ? "http://" : "https://", shown, ":",
                          bound.port());
  if (!bound.address().is_loopback() && options_.said != nullptr) {
    options_.said(absl::StrCat("listens on ", shown, ", which other machines can reach"));
  }
  asio::co_spawn(acceptor_.get_executor(), [this] { return Accept(); }, asio::detached);
  for (int i = 0; i < std::max(1, options_.threads); ++i) {
    threads_.emplace_back([this] { context_.run(); });
  }
  return absl::OkStatus();
}

ServerCounts Host::counts() const {
  ServerCounts counts;
  {
    const absl::MutexLock lock(&mutex_);
    counts.connections = connections_;
  }
  counts.accepted = accepted_;
  counts.refused = refused_;
  counts.requests = requests_;
  counts.overload = overload_;
  for (int i = 0; i < 6; ++i) counts.by_class[i] = by_class_[i];
  return counts;
}

void Host::Stop() {
  if (stopped_.exchange(true)) return;
  ending_ = true;
  asio::post(acceptor_.get_executor(), [this] {
    error_code ignored;
    acceptor_.close(ignored);
  });
  const auto end_all = [this](bool idle) {
    std::vector<std::function<void()>> ends;
    {
      const absl::MutexLock lock(&mutex_);
      for (const auto& [number, how] : ends_) ends.push_back(idle ? how.idle : how.now);
    }
    for (const auto& end : ends) end();
    return ends.size();
  };
  const absl::Time until = absl::Now() + options_.drain;
  while (end_all(true) > 0 && absl::Now() < until) absl::SleepFor(absl::Milliseconds(20));
  const absl::Time hard = absl::Now() + absl::Seconds(2);
  while (end_all(false) > 0 && absl::Now() < hard) absl::SleepFor(absl::Milliseconds(20));
  context_.stop();
  for (std::thread& thread : threads_) thread.join();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Server>> Server::Start(ServerOptions options, const Router* router) {
  auto host = std::make_unique<Host>(std::move(options), router);
  if (absl::Status status = host->Open(); !status.ok()) return status;
  return host;
}

}  // namespace gridledger::gateway
