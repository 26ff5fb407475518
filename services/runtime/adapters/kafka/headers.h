// Headers as the port has them, one text, and as Kafka has them, a list. Both ways and back gives
// the same bytes; what is no list of headers travels as one header of a name of our own.
#pragma once

#include <absl/strings/string_view.h>

#include <string>

#include "services/runtime/adapters/kafka/handles.h"

namespace gridledger::kafka {

// A place without a record that a copy made: a message of this key and no value. What has a value,
// or another key, is a record.
inline constexpr absl::string_view kNothingKey = "gridledger.nothing";

// Null for none.
Headers ToKafka(absl::string_view headers);
// Appends to `text`.
void FromKafka(const rd_kafka_headers_t* headers, std::string* text);

}  // namespace gridledger::kafka
