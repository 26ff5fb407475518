// What a mapping names beside itself, read by whoever has files: polygons that say which area a
// point lies in, and tables that say what a text stands for. Never reads anything.
#pragma once

#include <absl/container/flat_hash_map.h>
#include <absl/status/status.h>
#include <absl/strings/string_view.h>
#include <absl/time/time.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "gridledger/v1/mapping.pb.h"

namespace gridledger::mapping {

// A place in degrees of WGS84, in units of 1e-7.
struct PointE7 {
  int32_t latitude = 0;
  int32_t longitude = 0;
  friend auto operator<=>(const PointE7&, const PointE7&) = default;
};

class Areas {
 public:
  virtual ~Areas() = default;
  // What the features' property holds, one a feature, in their order.
  virtual const std::vector<std::string>& names() const = 0;
  // The feature that the point lies in, as an index of names(); nothing where it lies in none.
  virtual std::optional<size_t> Find(PointE7 point) const = 0;
};

class Table {
 public:
  // InvalidArgument when `from` is there already with another `to`, and when `to` is no code:
  // longer than 256 bytes, no UTF-8, or with a control character.
  absl::Status Add(absl::string_view from, absl::string_view to);
  // Null where the table does not have it; in place as long as nothing is added.
  const std::string* Find(absl::string_view from) const;
  size_t size() const { return rows_.size(); }

 private:
  absl::flat_hash_map<std::string, std::string> rows_;  // lookups only
};

// What was read; empty unless the mapping names any. And when.
struct Annex {
  using TableName = std::tuple<std::string, std::string, std::string>;  // file, from, to
  static TableName NameOf(const v1::Lookup& lookup) {
    return {lookup.file(), lookup.from(), lookup.to()};
  }

  std::shared_ptr<const Areas> areas;  // of incident.area_by_point
  std::map<TableName, std::shared_ptr<const Table>> tables;
  // Nothing has happened later; a deadline may lie ahead.
  absl::Time present = absl::InfiniteFuture();
};

}  // namespace gridledger::mapping
