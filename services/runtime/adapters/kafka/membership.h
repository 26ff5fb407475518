// A process's place in a consumer group: which partitions are its own. A client of its own, which
// reads nothing: folding is not disturbed by a rebalance, and goes on through it. Between the two
// halves of an eager rebalance nobody is told to stop, for two owners are harmless (law L2, L4) and
// a gap is not.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "services/base/ids.h"

namespace gridledger {

struct KafkaMembershipOptions {
  std::string bootstrap;
  std::string topic;
  std::string group;
  // The member's own name, static: whoever is killed and back within the session's time-out moves
  // nothing. Two members of one name put each other out, until one of them ends; a member that a
  // failing coordinator put out joins anew.
  std::string instance;
  // Who ends in order leaves, so that the others take its partitions at once, unless it is the only
  // member, or this says that it will be back (decisions/0010).
  bool keeps_place = false;
  std::map<std::string, std::string> properties = {};
  std::function<void(int severity, absl::string_view text)> said = [](int, absl::string_view) {};
  // What the process owns from now on; returns when that is so. Called from the membership's own
  // thread, never twice at once.
  std::function<void(const std::vector<Partition>&)> owns = [](const auto&) {};
  // How far the state is, to be committed for tools that show lag. Nothing else reads it.
  std::function<std::map<Partition, Offset>()> positions = [] {
    return std::map<Partition, Offset>();
  };
};

class KafkaMembership {
 public:
  // InvalidArgument for a property. Joins in the background.
  static absl::StatusOr<std::unique_ptr<KafkaMembership>> Start(KafkaMembershipOptions options);
  // Leaves the group, or keeps its place there until its session times out. Takes some seconds at
  // most, but for a client that hangs as it closes (trap L21): a process has to bound it.
  virtual ~KafkaMembership() = default;
  // While set it is out of its group as long as others are in it, who have its partitions then: it
  // owns none. Alone it stays, for nobody would take them over.
  virtual void StandBack(bool stands_back) = 0;
  // What ended the membership: its name is another's too, rights are missing. OK while it lives.
  virtual absl::Status status() = 0;
  // Librdkafka's own JSON; empty before the first.
  virtual std::string Statistics() = 0;
};

}  // namespace gridledger
