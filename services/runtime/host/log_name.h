// One way to name a log in every program:
//
//   local:DIR                              the embedded log of a data folder
//   kafka:HOST:PORT[,HOST:PORT]/PREFIX     the topic PREFIX.ledger.v1 of a cluster
//   file:PATH                              records in a file, for `gridledger copy`
#pragma once

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include <map>
#include <string>
#include <vector>

namespace gridledger::host {

struct LogName {
  enum class Kind { kLocal, kKafka, kFile };
  Kind kind = Kind::kLocal;
  std::string path;       // of the folder or the file
  std::string bootstrap;  // of the cluster
  std::string prefix;     // of its topics

  std::string Topic() const { return prefix + ".ledger.v1"; }
  // As it is written.
  std::string Text() const;
};

// InvalidArgument says which form was expected.
absl::StatusOr<LogName> ParseLogName(absl::string_view text);

// Properties of librdkafka from a file (may be "": none), a line NAME=VALUE each, `#` opens a
// comment, and then from `pairs`, each NAME=VALUE, which win. Errors name the line or the pair's
// name and never the value: it may be a password. InvalidArgument when the file
// cannot be read.
absl::StatusOr<std::map<std::string, std::string>> ReadKafkaProperties(
    const std::string& file, const std::vector<std::string>& pairs);

}  // namespace gridledger::host
