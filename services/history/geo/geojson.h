// GeoJSON (RFC 7946) as features: a name and the rings of its polygons. Strict: what is no polygon
// with a name is refused with the feature's number, and nothing is mended. Memory is bounded by the
// text, whatever stands in it.
#pragma once

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include <cstdint>
#include <string>
#include <vector>

namespace gridledger::geo {

// 32 MiB: a position takes some 40 B of it, and 60 B in memory with its part of the index:
// 0.8 million × 60 B = 50 MB. A city's wards take 0.2 MiB.
inline constexpr size_t kGeoJsonBytesMax = size_t{32} << 20;
inline constexpr int kDepthMax =
    64;  // a position of a MultiPolygon lies 8 deep; the rest is foreign

// Degrees.
struct Position {
  double longitude;
  double latitude;
  friend bool operator==(const Position&, const Position&) = default;
};

using Ring = std::vector<Position>;  // closed: the first is the last; 4 or more
using RingList = std::vector<Ring>;  // of a polygon: what it is within, then its holes

struct Feature {
  std::string name;
  std::vector<RingList> polygons;  // one or more
};

// The features of a FeatureCollection, one or more, in their order. `property` names them: a text,
// blanks at both ends stripped, or a whole number.
//
// InvalidArgument "path: feature 3 …", `path` being what errors name, counted from 1: no JSON, no
// FeatureCollection, another reference system than WGS84, a feature without the property or with
// another geometry than Polygon or MultiPolygon, a position that is none on the globe, a ring that
// is not closed, more than the limits above.
absl::StatusOr<std::vector<Feature>> ParseGeoJson(absl::string_view text, absl::string_view path,
                                                  absl::string_view property);

}  // namespace gridledger::geo
