#include "services/runtime/adapters/kafka/headers.h"

#include <absl/strings/match.h>

#include "services/runtime/ports/event_log.h"

namespace gridledger::kafka {
namespace {

constexpr absl::string_view kRaw = "gridledger.headers";

// Whether the list says all that the text says: no end that is cut off, no length written in more
// bytes than it needs, no name that C would cut short.
bool IsAList(absl::string_view headers) {
  std::string again;
  absl::string_view rest = headers, name, value;
  while (!rest.empty()) {
    if (!TakeHeader(&rest, &name, &value)) return false;
    if (name == kRaw || absl::StrContains(name, '\0')) return false;
    AppendHeader(name, value, &again);
  }
  return again == headers;
}

void Add(rd_kafka_headers_t* to, absl::string_view name, absl::string_view value) {
  rd_kafka_header_add(to, name.data(), static_cast<ssize_t>(name.size()), value.data(),
                      static_cast<ssize_t>(value.size()));
}

}  // namespace

Headers ToKafka(absl::string_view headers) {
  if (headers.empty()) return nullptr;
  Headers result(rd_kafka_headers_new(8));
  if (!IsAList(headers)) {
    Add(result.get(), kRaw, headers);
    return result;
  }
  absl::string_view name, value;
  while (TakeHeader(&headers, &name, &value)) Add(result.get(), name, value);
  return result;
}

void FromKafka(const rd_kafka_headers_t* headers, std::string* text) {
  const char* name = nullptr;
  const void* value = nullptr;
  size_t size = 0;
  for (size_t i = 0;
       rd_kafka_header_get_all(headers, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR;
       ++i) {
    const absl::string_view bytes(static_cast<const char*>(value), value == nullptr ? 0 : size);
    if (name == kRaw) {
      text->append(bytes.data(), bytes.size());
    } else {
      AppendHeader(name, bytes, text);
    }
  }
}

}  // namespace gridledger::kafka
