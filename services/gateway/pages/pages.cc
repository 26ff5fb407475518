#include "services/gateway/pages/pages.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <absl/strings/string_view.h>
#include <absl/strings/strip.h>
#include <boost/asio/awaitable.hpp>

#include <utility>

#include "services/gateway/pages/bundle.h"

namespace gridledger::gateway {
namespace {

namespace asio = boost::asio;

constexpr char kIndex[] = "index.html";
constexpr char kFavicon[] = "favicon.svg";
// A page's address is its own: all have the same frame, which asks for what the address says.
constexpr const char* kPaths[] = {"/",           "/incidents", "/incidents/{id}", "/indexes",
                                  "/duty",       "/desk",      "/report",         "/report/{id}",
                                  "/operations", "/bulletin",  "/about"};
// The name has a hash of the content.
constexpr char kForever[] = "public, max-age=31536000, immutable";
constexpr char kAskAgain[] = "no-cache";

// Whether the client has that version already.
bool Has(const Request& request, absl::string_view etag) {
  const std::string* header = request.Header("If-None-Match");
  if (header == nullptr) return false;
  for (absl::string_view one : absl::StrSplit(*header, ',')) {
    one = absl::StripAsciiWhitespace(one);
    absl::ConsumePrefix(&one, "W/");
    if (one == etag || one == "*") return true;
  }
  return false;
}

}  // namespace

Pages::Pages() {
  for (const BundledFile& file : Bundle()) {
    files_.push_back(File{.name = std::string(file.name),
                          .type = std::string(file.type),
                          .etag = absl::StrCat("\"", file.hash, "\""),
                          .plain = std::make_shared<const std::string>(file.plain),
                          .gzip = std::make_shared<const std::string>(file.gzip)});
  }
}

const Pages::File* Pages::Find(const std::string& name) const {
  for (const File& file : files_) {
    if (file.name == name) return &file;
  }
  return nullptr;
}

Reply Pages::ReplyOf(const File& file, const Request& request, const char* cache) {
  Reply reply;
  reply.type = file.type;
  reply.Set("ETag", file.etag);
  reply.Set("Cache-Control", cache);
  if (Has(request, file.etag)) {
    reply.status = 304;
    reply.Set("Vary", "Accept-Encoding");
    return reply;
  }
  if (TakesGzip(request)) {
    reply.Set("Vary", "Accept-Encoding");
    reply.Set("Content-Encoding", "gzip");
    reply.shared = file.gzip;
  } else {
    reply.shared = file.plain;
  }
  return reply;
}

void Pages::AddTo(Router* router) {
  const auto add = [&](std::string path, std::string name, const char* cache) {
    router->Add({.method = "GET",
                 .path = std::move(path),
                 .handler = [this, name = std::move(name),
                             cache](Request& request) -> asio::awaitable<Reply> {
                   const File* file = Find(name.empty() ? request.Capture("name") : name);
                   co_return file == nullptr ? Problem(404, "", "there is nothing at this path")
                                             : ReplyOf(*file, request, cache);
                 }});
  };
  for (const char* path : kPaths) add(path, kIndex, kAskAgain);
  add("/favicon.svg", kFavicon, kAskAgain);
  add("/assets/{name}", "", kForever);
}

}  // namespace gridledger::gateway
