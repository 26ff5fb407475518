// Which area does a point lie in? Polygons from a GeoJSON text, in memory, with an index.
//
//   - A point on a border belongs to the area; where areas touch or overlap, to the one whose
//     feature comes first in the file.
//   - A point within a hole is outside; one on a hole's border is not.
//   - A MultiPolygon is one area in several parts.
//   - A ring may touch itself in a point where that leaves a hole, as some tools write holes (3 of
//     Boston's 22 wards). One that crosses itself, or falls apart there, has no clear inside and is
//     refused; so are parts that overlap and holes that reach out. Nothing is mended.
//   - Lines between two positions are straight in degrees (RFC 7946 §3.1.1), and the antimeridian
//   is
//     an edge of the map: a polygon that crosses it is written in two parts (§3.1.9).
#pragma once

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace gridledger::geo {

// Used by one thread at a time: GEOS makes a part of its index when it is first asked.
class Polygons {
 public:
  // What ParseGeoJson says; and InvalidArgument "path: feature 3 is not valid: Self-intersection at
  // longitude …" for polygons that have no clear inside.
  static absl::StatusOr<std::unique_ptr<Polygons>> Parse(absl::string_view text,
                                                         absl::string_view path,
                                                         absl::string_view property);
  ~Polygons();
  Polygons(const Polygons&) = delete;
  Polygons& operator=(const Polygons&) = delete;

  // One a feature, in their order.
  const std::vector<std::string>& names() const { return names_; }
  // The feature that the point lies in, as an index of names(); nothing where it lies in none.
  // Degrees of WGS84 in units of 1e-7.
  std::optional<size_t> Find(int32_t latitude_e7, int32_t longitude_e7) const;

 private:
  class Geos;

  explicit Polygons(std::unique_ptr<Geos> geos);

  const std::unique_ptr<Geos> geos_;
  std::vector<std::string> names_;
};

}  // namespace gridledger::geo
