// The city's pages: what services/gateway/web was bundled to, which travels inside the program.
// Knows nothing of a city; the pages ask the API.
#pragma once

#include <memory>
#include <string>

#include "services/gateway/http/router.h"

namespace gridledger::gateway {

class Pages {
 public:
  Pages();
  // "/", each page's own path, and "/assets/{name}". The routes live as long as this does.
  void AddTo(Router* router);

 private:
  struct File {
    std::string name;
    std::string type;
    std::string etag;
    std::shared_ptr<const std::string> plain;
    std::shared_ptr<const std::string> gzip;
  };
  // Null when there is none of that name.
  const File* Find(const std::string& name) const;
  static Reply ReplyOf(const File& file, const Request& request, const char* cache);

  std::vector<File> files_;
};

}  // namespace gridledger::gateway
