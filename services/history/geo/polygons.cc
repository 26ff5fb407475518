#include "services/history/geo/polygons.h"

#include <absl/status/status.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <geos_c.h>

#include <algorithm>
#include <utility>

#include "services/base/invariant.h"
#include "services/history/geo/geojson.h"

namespace gridledger::geo {
namespace {

constexpr double kUnit = 1e7;         // of a degree
constexpr size_t kNodeCapacity = 10;  // of the tree, GEOS's own default
constexpr char kPredicateFailed = 2;  // what GEOS's predicates answer beside 0 and 1

void Ignore(const char*, void*) {}

}  // namespace

// A context of GEOS and what was made in it.
class Polygons::Geos {
 public:
  Geos() : context_(GEOS_init_r()) {
    INVARIANT(context_ != nullptr, "no memory for GEOS");
    GEOSContext_setNoticeMessageHandler_r(context_, &Ignore, nullptr);
    GEOSContext_setErrorMessageHandler_r(context_, &Ignore, nullptr);
    tree_ = GEOSSTRtree_create_r(context_, kNodeCapacity);
    INVARIANT(tree_ != nullptr, "no memory for an index");
  }
  ~Geos() {
    GEOSSTRtree_destroy_r(context_, tree_);
    for (const Shape& shape : shapes_) {
      GEOSPreparedGeom_destroy_r(context_, shape.prepared);
      GEOSGeom_destroy_r(context_, shape.geometry);
    }
    GEOS_finish_r(context_);
  }
  Geos(const Geos&) = delete;
  Geos& operator=(const Geos&) = delete;

  // Empty, or why the feature has no clear inside.
  std::string Add(const Feature& feature);
  // Makes the index; nothing is added afterwards.
  void Index();
  std::optional<size_t> Find(double longitude, double latitude) const;

 private:
  struct Shape {
    GEOSGeometry* geometry;
    const GEOSPreparedGeometry* prepared;
  };
  // What a question of the tree gathers. Only features before the first that was found are asked.
  struct Search {
    const Geos& geos;
    const GEOSGeometry* point;
    size_t found;
  };

  GEOSGeometry* NewRing(const Ring& ring) const;
  GEOSGeometry* NewPolygon(const RingList& rings) const;
  GEOSGeometry* NewShape(const Feature& feature) const;
  // Empty for what has a clear inside.
  std::string WhyInvalid(const GEOSGeometry* shape) const;
  static void Ask(void* item, void* search);

  const GEOSContextHandle_t context_;
  GEOSSTRtree* tree_ = nullptr;
  std::vector<Shape> shapes_;    // by feature
  std::vector<size_t> indices_;  // what the tree's items point at
};

GEOSGeometry* Polygons::Geos::NewRing(const Ring& ring) const {
  GEOSCoordSequence* const positions =
      GEOSCoordSeq_create_r(context_, static_cast<unsigned>(ring.size()), 2);
  INVARIANT(positions != nullptr, "no memory for a ring");
  for (size_t i = 0; i < ring.size(); ++i) {
    GEOSCoordSeq_setXY_r(context_, positions, static_cast<unsigned>(i), ring[i].longitude,
                         ring[i].latitude);
  }
  GEOSGeometry* const made = GEOSGeom_createLinearRing_r(context_, positions);
  INVARIANT(made != nullptr, "a closed list of four positions is a ring");
  return made;
}

GEOSGeometry* Polygons::Geos::NewPolygon(const RingList& rings) const {
  GEOSGeometry* const shell = NewRing(rings.front());
  std::vector<GEOSGeometry*> holes;
  for (size_t i = 1; i < rings.size(); ++i) holes.push_back(NewRing(rings[i]));
  GEOSGeometry* const made =
      GEOSGeom_createPolygon_r(context_, shell, holes.data(), static_cast<unsigned>(holes.size()));
  INVARIANT(made != nullptr, "rings make a polygon");
  return made;
}

GEOSGeometry* Polygons::Geos::NewShape(const Feature& feature) const {
  if (feature.polygons.size() == 1) return NewPolygon(feature.polygons.front());
  std::vector<GEOSGeometry*> parts;
  parts.reserve(feature.polygons.size());
  for (const RingList& rings : feature.polygons) parts.push_back(NewPolygon(rings));
  GEOSGeometry* const made = GEOSGeom_createCollection_r(context_, GEOS_MULTIPOLYGON, parts.data(),
                                                         static_cast<unsigned>(parts.size()));
  INVARIANT(made != nullptr, "polygons make one of several parts");
  return made;
}

std::string Polygons::Geos::WhyInvalid(const GEOSGeometry* shape) const {
  char* reason = nullptr;
  GEOSGeometry* place = nullptr;
  const char valid = GEOSisValidDetail_r(
      context_, shape, GEOSVALID_ALLOW_SELFTOUCHING_RING_FORMING_HOLE, &reason, &place);
  if (valid == 1) return "";
  std::string why = reason == nullptr ? "GEOS cannot say why" : reason;
  double x = 0;
  double y = 0;
  if (place != nullptr && GEOSGeomGetX_r(context_, place, &x) == 1 &&
      GEOSGeomGetY_r(context_, place, &y) == 1) {
    absl::StrAppendFormat(&why, " at longitude %.7f, latitude %.7f", x, y);
  }
  GEOSFree_r(context_, reason);
  GEOSGeom_destroy_r(context_, place);
  return why;
}

std::string Polygons::Geos::Add(const Feature& feature) {
  GEOSGeometry* const shape = NewShape(feature);
  if (std::string why = WhyInvalid(shape); !why.empty()) {
    GEOSGeom_destroy_r(context_, shape);
    return why;
  }
  const GEOSPreparedGeometry* const prepared = GEOSPrepare_r(context_, shape);
  INVARIANT(prepared != nullptr, "a valid polygon can be prepared");
  shapes_.push_back(Shape{shape, prepared});
  return "";
}

void Polygons::Geos::Index() {
  for (size_t i = 0; i < shapes_.size(); ++i) indices_.push_back(i);
  for (size_t i = 0; i < shapes_.size(); ++i) {
    GEOSSTRtree_insert_r(context_, tree_, shapes_[i].geometry, &indices_[i]);
  }
}

// Intersects, not contains: a point on the border counts.
void Polygons::Geos::Ask(void* item, void* search) {
  Search& all = *static_cast<Search*>(search);
  const size_t index = *static_cast<const size_t*>(item);
  if (index >= all.found) return;
  const char answer =
      GEOSPreparedIntersects_r(all.geos.context_, all.geos.shapes_[index].prepared, all.point);
  INVARIANT(answer != kPredicateFailed, "a point lies in a valid polygon or does not");
  if (answer == 1) all.found = index;
}

std::optional<size_t> Polygons::Geos::Find(double longitude, double latitude) const {
  GEOSGeometry* const point = GEOSGeom_createPointFromXY_r(context_, longitude, latitude);
  INVARIANT(point != nullptr, "no memory for a point");
  Search search{*this, point, shapes_.size()};
  GEOSSTRtree_query_r(context_, tree_, point, &Ask, &search);
  GEOSGeom_destroy_r(context_, point);
  if (search.found == shapes_.size()) return std::nullopt;
  return search.found;
}

Polygons::Polygons(std::unique_ptr<Geos> geos) : geos_(std::move(geos)) {}
Polygons::~Polygons() = default;

absl::StatusOr<std::unique_ptr<Polygons>> Polygons::Parse(absl::string_view text,
                                                          absl::string_view path,
                                                          absl::string_view property) {
  absl::StatusOr<std::vector<Feature>> features = ParseGeoJson(text, path, property);
  if (!features.ok()) return features.status();
  std::unique_ptr<Polygons> polygons(new Polygons(std::make_unique<Geos>()));
  for (Feature& feature : *features) {
    if (const std::string why = polygons->geos_->Add(feature); !why.empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat(path, ": feature ", polygons->names_.size() + 1, " is not valid: ", why,
                       "; mend it: ogr2ogr -f GeoJSON -makevalid NEW OLD"));
    }
    polygons->names_.push_back(std::move(feature.name));
    feature = Feature();
  }
  polygons->geos_->Index();
  return polygons;
}

std::optional<size_t> Polygons::Find(int32_t latitude_e7, int32_t longitude_e7) const {
  // Division rounds to the nearest double, as reading the decimal does: a corner is its own point.
  return geos_->Find(longitude_e7 / kUnit, latitude_e7 / kUnit);
}

}  // namespace gridledger::geo
