#include "services/gateway/gateway.h"

#include <absl/strings/match.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/synchronization/mutex.h>
#include <boost/asio/thread_pool.hpp>

#include <atomic>
#include <utility>
#include <variant>

#include "services/domain/intake/principal.h"
#include "services/gateway/access/access_file.h"
#include "services/gateway/access/sessions.h"
#include "services/gateway/api/api.h"
#include "services/gateway/api/contract.h"
#include "services/gateway/api/identity.h"
#include "services/gateway/bulk/bulk.h"
#include "services/gateway/city/city.h"
#include "services/gateway/city/city_watch.h"
#include "services/gateway/http/server.h"
#include "services/gateway/open311/open311.h"
#include "services/gateway/pages/pages.h"
#include "services/gateway/past.h"
#include "services/gateway/stream/hub.h"
#include "services/gateway/stream/stream.h"
#include "services/runtime/console/instant.h"
#include "services/runtime/host/system_clock.h"
#include "services/runtime/program/endpoints.h"

namespace gridledger::gateway {
namespace {

namespace asio = boost::asio;

constexpr int kFurtherPorts = 64;  // tried while the default one is taken
constexpr int kPoolThreads = 2;

class Gateway final : public host::Front {
 public:
  explicit Gateway(const GatewaySettings* settings) : settings_(*settings) {}
  ~Gateway() override { Close(); }

  engine::FoldWatch* Watch(int partitions) override {
    watch_ = std::make_unique<CityWatch>(partitions);
    hub_ = std::make_unique<Hub>(partitions, [] { return host::SystemClock().Now(); });
    watch_->SetSink(hub_.get());
    return watch_.get();
  }
  absl::StatusOr<std::string> Open(Ground ground) override;
  void Reload() override {
    if (!is_open_) return;
    if (const absl::Status status = server_->Reload(); !status.ok()) Say(status.message());
  }
  void Close() override {
    is_open_ = false;
    if (server_ != nullptr) server_->Stop();
    if (pool_ != nullptr) pool_->join();
  }

 private:
  void Say(absl::string_view text) {
    if (settings_.said != nullptr) settings_.said(text);
  }
  absl::StatusOr<ServerOptions> Where(const std::string& http) const;
  void AddHealth();
  policy::Zone Zone();

  const GatewaySettings& settings_;
  Ground ground_;
  std::unique_ptr<CityWatch> watch_;
  std::unique_ptr<Hub> hub_;
  std::unique_ptr<City> city_;
  std::unique_ptr<Past> past_;
  std::unique_ptr<asio::thread_pool> pool_;
  std::unique_ptr<access::AccessFile> access_file_;
  std::unique_ptr<access::Sessions> sessions_;
  std::unique_ptr<Identity> identity_;
  std::unique_ptr<Api> api_;
  std::unique_ptr<Stream> stream_;
  std::unique_ptr<Bulk> bulk_;
  std::unique_ptr<open311::Open311> open311_;
  Pages pages_;
  Router router_;
  absl::Mutex mutex_;
  std::optional<policy::Zone> zone_ ABSL_GUARDED_BY(mutex_);
  std::atomic<bool> is_open_{false};  // the server is there
  std::unique_ptr<Server> server_;    // ends first
};

// "127.0.0.1:8311", "[::1]:8311", ":8311"; without one the default port, or the next that is free.
absl::StatusOr<ServerOptions> Gateway::Where(const std::string& http) const {
  ServerOptions options;
  options.port = kDefaultPort;
  options.threads = settings_.threads;
  options.certificate_file = settings_.certificate_file;
  options.key_file = settings_.key_file;
  options.said = settings_.said;
  if (http.empty()) {
    options.further_ports = kFurtherPorts;
    return options;
  }
  const size_t colon = http.rfind(':');
  std::string host = http.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  if (colon == std::string::npos || !absl::SimpleAtoi(http.substr(colon + 1), &options.port) ||
      options.port < 0 || options.port > 65535) {
    return absl::InvalidArgumentError("--http is HOST:PORT, e.g. 127.0.0.1:8311; port 0 takes one");
  }
  if (!host.empty()) options.host = host;
  return options;
}

policy::Zone Gateway::Zone() {
  {
    const absl::MutexLock lock(&mutex_);
    if (zone_.has_value()) return *zone_;
  }
  // A ledger without a record has no zone yet, and gets one with its first policy.
  bool empty = true;
  for (const host::TaskLook& task : ground_.city->LookHere().tasks) {
    empty = empty && task.next == Offset{};
  }
  if (empty) return policy::Zone();
  const absl::StatusOr<cli::LedgerZone> found = cli::FindLedgerZone(*ground_.folder);
  if (!found.ok()) return policy::Zone();
  const absl::MutexLock lock(&mutex_);
  zone_ = found->zone;
  return *zone_;
}

void Gateway::AddHealth() {
  const auto say = [](int status, std::string text) {
    Reply reply;
    reply.status = status;
    reply.type = "text/plain; charset=utf-8";
    reply.body = std::move(text);
    reply.Set("Cache-Control", "no-store");
    return reply;
  };
  router_.Add({.method = "GET",
               .path = "/live",
               .handler = [this, say](Request&) -> asio::awaitable<Reply> {
                 const bool failed = ground_.city->Failed();
                 co_return say(failed ? 503 : 200, failed ? "nothing can go on\n" : "live\n");
               }});
  router_.Add({.method = "GET",
               .path = "/ready",
               .handler = [this, say](Request&) -> asio::awaitable<Reply> {
                 const std::string unfit = ground_.unfit == nullptr ? "" : ground_.unfit();
                 const host::CityLook look = ground_.city->LookHere();
                 const bool ready = look.live && unfit.empty() && !ground_.city->Failed();
                 co_return say(
                     ready ? 200 : 503,
                     ready ? "ready\n"
                           : (unfit.empty() ? "folding to the ledger's end\n" : unfit + "\n"));
               }});
}

absl::StatusOr<std::string> Gateway::Open(Ground ground) {
  ground_ = std::move(ground);
  absl::StatusOr<ServerOptions> options = Where(ground_.http);
  if (!options.ok()) return options.status();
  City::Options city;
  city.live = ground_.city;
  city.log = &ground_.folder->log();
  city.watch = watch_.get();
  city.clock = ground_.clock;
  city_ = std::make_unique<City>(city);
  past_ = std::make_unique<Past>(ground_.where);
  pool_ = std::make_unique<asio::thread_pool>(kPoolThreads);
  auto access_file = access::AccessFile::Open(
      settings_.access_folder.empty() ? ground_.where.path : settings_.access_folder);
  if (!access_file.ok()) return access_file.status();
  access_file_ = *std::move(access_file);
  sessions_ = std::make_unique<access::Sessions>(access_file_.get());
  identity_ =
      std::make_unique<Identity>(IdentityOptions{.file = access_file_.get(),
                                                 .sessions = sessions_.get(),
                                                 .clock = ground_.clock,
                                                 .pool = pool_.get(),
                                                 .public_reads = settings_.public_reads,
                                                 .public_reports = settings_.public_reports});
  ApiOptions api;
  api.city = city_.get();
  api.pool = pool_.get();
  api.zone = [this] { return Zone(); };
  api.identify = [this](const Request& request) { return identity_->Identify(request); };
  api.past_figures = [this](absl::Time as_of) { return past_->Figures(as_of); };
  api.program_figures = [this] {
    return host::PrometheusText("gateway", ground_.city->LookHere(), {});
  };
  open311::Options open311;
  open311.city = api.city;
  open311.pool = api.pool;
  open311.identify = api.identify;
  open311.zone = api.zone;
  open311.jurisdictions = settings_.jurisdictions;
  api_ = std::make_unique<Api>(std::move(api));
  open311_ = std::make_unique<open311::Open311>(std::move(open311));
  AddContract(&router_);
  AddHealth();
  api_->AddTo(&router_);
  open311_->AddTo(&router_);
  identity_->AddTo(&router_);
  stream_ = std::make_unique<Stream>(
      StreamOptions{.city = city_.get(), .hub = hub_.get(), .zone = [this] { return Zone(); }});
  stream_->AddTo(&router_);
  bulk_ = std::make_unique<Bulk>(BulkOptions{
      .city = city_.get(),
      .identify = [this](const Request& request) { return identity_->Identify(request); },
      .zone = [this] { return Zone(); }});
  bulk_->AddTo(&router_);
  pages_.AddTo(&router_);
  if (!settings_.public_reads) {
    options->before = [this](Request& request) -> std::optional<Reply> {
      const bool open = !absl::StartsWith(request.path, "/api/v1/") ||
                        request.path == "/api/v1/session" ||
                        (request.method != "GET" && request.method != "HEAD");
      return open ? std::nullopt : identity_->MayRead(request);
    };
  }
  options->after = [](const Request&, Reply& reply) {
    reply.Set("X-Content-Type-Options", "nosniff");
    reply.Set("Referrer-Policy", "no-referrer");
    reply.Set(
        "Content-Security-Policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
        "connect-src 'self'; font-src 'self'; worker-src 'self'; manifest-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'");
  };
  auto server = Server::Start(*std::move(options), &router_);
  if (!server.ok()) return server.status();
  server_ = *std::move(server);
  is_open_ = true;
  return server_->address();
}

}  // namespace

std::unique_ptr<host::Front> MakeGateway(const GatewaySettings* settings) {
  return std::make_unique<Gateway>(settings);
}

}  // namespace gridledger::gateway
