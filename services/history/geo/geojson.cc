#include "services/history/geo/geojson.h"

#include <absl/status/status.h>
#include <absl/strings/ascii.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <utility>

#include "services/base/nearest.h"

namespace gridledger::geo {
namespace {

constexpr double kWholeMax = 9007199254740992;  // 2^53: below it every whole number is itself
constexpr size_t kKeysToldMax = 100;            // of a feature without the property
constexpr size_t kRingPositionsMin = 4;         // RFC 7946 §3.1.6
constexpr absl::string_view kOtherSystem =
    "its \"crs\" is not WGS84; convert it: ogr2ogr -f GeoJSON -t_srs EPSG:4326 NEW OLD";

// Longitude and latitude on WGS84, as GeoJSON of 2008 declared them:
// "urn:ogc:def:crs:OGC:1.3:CRS84", "urn:ogc:def:crs:EPSG::4326", "EPSG:4326".
bool IsWgs84(absl::string_view name) {
  return absl::EndsWithIgnoreCase(name, ":CRS84") || absl::EndsWithIgnoreCase(name, ":CRS84h") ||
         (absl::StartsWithIgnoreCase(name, "EPSG:") && absl::EndsWith(name, ":4326")) ||
         (absl::StartsWithIgnoreCase(name, "urn:ogc:def:crs:EPSG:") &&
          absl::EndsWith(name, ":4326"));
}

// Takes the parser's events. What is open is a stack of places in the document; what has no meaning
// here is foreign, and passed over with all that is in it.
class Reader final : public nlohmann::json_sax<nlohmann::json> {
 public:
  Reader(absl::string_view text, absl::string_view path, absl::string_view property)
      : text_(text), path_(path), property_(property) {}

  absl::StatusOr<std::vector<Feature>> Take() {
    if (!error_.ok()) return error_;
    if (!collection_) return Bad("it is no FeatureCollection of GeoJSON");
    if (features_.empty()) return Bad("it has no features");
    return std::move(features_);
  }

  bool null() override { return Scalar(); }
  bool boolean(bool) override { return Scalar(); }
  bool number_integer(number_integer_t value) override {
    return top() == Place::kProperties ? Name(absl::StrCat(value))
                                       : Number(static_cast<double>(value));
  }
  bool number_unsigned(number_unsigned_t value) override {
    return top() == Place::kProperties ? Name(absl::StrCat(value))
                                       : Number(static_cast<double>(value));
  }
  bool number_float(number_float_t value, const string_t&) override {
    if (top() != Place::kProperties) return Number(value);
    const bool whole = std::abs(value) < kWholeMax && std::trunc(value) == value;
    return whole ? Name(absl::StrCat(static_cast<int64_t>(value))) : Scalar();
  }
  bool string(string_t& value) override;
  bool binary(binary_t&) override { return Scalar(); }  // not in JSON

  bool start_object(std::size_t) override;
  bool end_object() override;
  bool key(string_t& key) override;
  bool start_array(std::size_t) override;
  bool end_array() override;

  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::json::exception&) override {
    const size_t end = std::min(position, text_.size());
    const auto lines = std::count(text_.begin(), text_.begin() + static_cast<ptrdiff_t>(end), '\n');
    return Fail(absl::StrCat("it is no JSON: line ", lines + 1, ", byte ", position));
  }

 private:
  enum class Place {
    kNone,
    kRoot,
    kCrs,
    kCrsProperties,
    kFeatures,
    kFeature,
    kProperties,
    kGeometry,
    kCoordinates,
    kForeign,
  };

  // How deep within coordinates a list of numbers stands: in rings of a polygon, or of several.
  static constexpr int kPolygonDepth = 3;
  static constexpr int kMultiPolygonDepth = 4;

  Place top() const { return open_.empty() ? Place::kNone : open_.back(); }
  bool Open(Place place) {
    if (open_.size() >= kDepthMax) {
      return Fail(absl::StrCat("it is nested deeper than ", kDepthMax, " levels"));
    }
    open_.push_back(place);
    return true;
  }

  absl::Status Bad(absl::string_view what) const {
    return absl::InvalidArgumentError(absl::StrCat(path_, ": ", what));
  }
  bool Fail(absl::string_view what) {
    error_ = Bad(what);
    return false;
  }
  bool FailFeature(absl::string_view what) {
    return Fail(absl::StrCat("feature ", features_.size() + 1, " ", what));
  }

  bool Scalar();
  bool Number(double value);
  bool Name(std::string name);
  bool EndPosition();
  bool EndCoordinates();
  bool EndFeature();

  const absl::string_view text_;
  const absl::string_view path_;
  const absl::string_view property_;
  absl::Status error_ = absl::OkStatus();
  std::vector<Place> open_;
  std::string key_;  // the last one; of the object that is on top when a value comes
  bool collection_ = false;
  bool has_features_ = false;
  std::vector<Feature> features_;

  // The feature that is open.
  Feature feature_;
  bool is_feature_ = false;
  bool has_geometry_ = false;
  std::string geometry_type_;
  std::vector<std::string> keys_;
  int depth_ = 0;           // within coordinates
  int position_depth_ = 0;  // where the first position stands; 0 before it
  bool has_coordinates_ = false;
  bool empty_list_ = false;  // the list that is open has nothing in it
  std::vector<double> numbers_;
  Ring ring_;
  RingList rings_;
};

bool Reader::key(string_t& key) {
  key_ = std::move(key);
  if (top() == Place::kProperties && keys_.size() < kKeysToldMax) keys_.push_back(key_);
  return true;
}

bool Reader::start_object(std::size_t) {
  switch (top()) {
    case Place::kNone: return Open(Place::kRoot);
    case Place::kRoot: return Open(key_ == "crs" ? Place::kCrs : Place::kForeign);
    case Place::kCrs: return Open(key_ == "properties" ? Place::kCrsProperties : Place::kForeign);
    case Place::kFeatures:
      feature_ = Feature();
      is_feature_ = has_geometry_ = has_coordinates_ = false;
      geometry_type_.clear();
      keys_.clear();
      position_depth_ = 0;
      return Open(Place::kFeature);
    case Place::kFeature:
      if (key_ == "properties") return Open(Place::kProperties);
      if (key_ != "geometry") return Open(Place::kForeign);
      if (std::exchange(has_geometry_, true)) return FailFeature("has two geometries");
      return Open(Place::kGeometry);
    case Place::kCoordinates: return FailFeature("has coordinates that are no numbers");
    case Place::kCrsProperties:
    case Place::kProperties:
    case Place::kGeometry:
    case Place::kForeign: return Open(Place::kForeign);
  }
  return false;
}

bool Reader::end_object() {
  const Place place = top();
  open_.pop_back();
  return place != Place::kFeature || EndFeature();
}

bool Reader::start_array(std::size_t) {
  switch (top()) {
    case Place::kRoot:
      if (key_ != "features") return Open(Place::kForeign);
      if (std::exchange(has_features_, true)) return Fail("it has two lists of features");
      return Open(Place::kFeatures);
    case Place::kFeatures: return FailFeature("is no Feature of GeoJSON");
    case Place::kGeometry:
      if (key_ != "coordinates") return Open(Place::kForeign);
      if (std::exchange(has_coordinates_, true)) return FailFeature("has coordinates twice");
      depth_ = 1;
      empty_list_ = true;
      return Open(Place::kCoordinates);
    case Place::kCoordinates:
      if (!numbers_.empty()) return FailFeature("has coordinates that are nested unevenly");
      ++depth_;
      empty_list_ = true;
      return Open(Place::kCoordinates);
    case Place::kNone:
    case Place::kCrs:
    case Place::kCrsProperties:
    case Place::kFeature:
    case Place::kProperties:
    case Place::kForeign: return Open(Place::kForeign);
  }
  return false;
}

bool Reader::end_array() {
  const Place place = top();
  open_.pop_back();
  return place != Place::kCoordinates || EndCoordinates();
}

bool Reader::string(string_t& value) {
  switch (top()) {
    case Place::kRoot:
      if (key_ == "type") collection_ = value == "FeatureCollection";
      return key_ != "crs" || Fail(kOtherSystem);
    case Place::kCrs: return key_ != "type" || value == "name" || Fail(kOtherSystem);
    case Place::kCrsProperties: return key_ != "name" || IsWgs84(value) || Fail(kOtherSystem);
    case Place::kFeature:
      if (key_ == "type") is_feature_ = value == "Feature";
      return true;
    case Place::kGeometry:
      if (key_ == "type") geometry_type_ = std::move(value);
      return true;
    case Place::kProperties: return Name(std::move(value));
    case Place::kNone:
    case Place::kFeatures:
    case Place::kCoordinates:
    case Place::kForeign: return Scalar();
  }
  return false;
}

// A value that cannot be what is looked for.
bool Reader::Scalar() {
  if (top() == Place::kFeatures) return FailFeature("is no Feature of GeoJSON");
  if (top() == Place::kCoordinates) return FailFeature("has coordinates that are no numbers");
  return true;
}

bool Reader::Name(std::string name) {
  if (key_ != property_) return true;
  absl::StripAsciiWhitespace(&name);
  feature_.name = std::move(name);
  return true;
}

bool Reader::Number(double value) {
  if (top() != Place::kCoordinates) return Scalar();
  if (numbers_.empty() && !empty_list_) {
    return FailFeature("has coordinates that are nested unevenly");
  }
  empty_list_ = false;
  if (numbers_.size() < 3) numbers_.push_back(value);  // height, and what follows it, says nothing
  return true;
}

bool Reader::EndPosition() {
  if (position_depth_ == 0) position_depth_ = depth_;
  if (depth_ != position_depth_) return FailFeature("has coordinates that are nested unevenly");
  if (numbers_.size() < 2) return FailFeature("has a position of one number");
  const Position position{numbers_[0], numbers_[1]};
  numbers_.clear();
  if (std::abs(position.longitude) > 180 || std::abs(position.latitude) > 90) {
    return FailFeature(
        "has a position that is no longitude and latitude in degrees; if it is in another "
        "reference system, convert it: ogr2ogr -f GeoJSON -t_srs EPSG:4326 NEW OLD");
  }
  if (depth_ >= kPolygonDepth) ring_.push_back(position);  // else it is no polygon, as will be said
  return true;
}

// The end of a list within coordinates, or of themselves.
bool Reader::EndCoordinates() {
  if (std::exchange(empty_list_, false)) return FailFeature("has an empty list of coordinates");
  if (!numbers_.empty()) {
    if (!EndPosition()) return false;
  } else if (depth_ == position_depth_ - 1 && position_depth_ >= kPolygonDepth) {
    if (ring_.size() < kRingPositionsMin) {
      return FailFeature("has a ring of less than four positions");
    }
    if (ring_.front() != ring_.back()) {
      return FailFeature("has a ring that does not end where it begins");
    }
    rings_.push_back(std::exchange(ring_, {}));
  } else if (depth_ == position_depth_ - 2 && position_depth_ >= kPolygonDepth) {
    feature_.polygons.push_back(std::exchange(rings_, {}));
  }
  --depth_;
  return true;
}

bool Reader::EndFeature() {
  if (!is_feature_) return FailFeature("is no Feature of GeoJSON");
  if (!has_geometry_) return FailFeature("has no geometry");
  const int depth = geometry_type_ == "Polygon"        ? kPolygonDepth
                    : geometry_type_ == "MultiPolygon" ? kMultiPolygonDepth
                                                       : 0;
  if (depth == 0) {
    return FailFeature("is no Polygon or MultiPolygon; nothing else has an inside");
  }
  if (!has_coordinates_) return FailFeature("has no coordinates");
  if (position_depth_ != depth) {
    return FailFeature(absl::StrCat("has coordinates that are not those of a ", geometry_type_));
  }
  if (feature_.name.empty()) {
    const bool there = std::find(keys_.begin(), keys_.end(), property_) != keys_.end();
    if (there) {
      return FailFeature(
          absl::StrCat("has a ", property_, " that is empty, or no text or whole number"));
    }
    return FailFeature(
        absl::StrCat("has no property \"", property_, "\"", Instead(property_, keys_)));
  }
  features_.push_back(std::move(feature_));
  return true;
}

}  // namespace

absl::StatusOr<std::vector<Feature>> ParseGeoJson(absl::string_view text, absl::string_view path,
                                                  absl::string_view property) {
  if (text.size() > kGeoJsonBytesMax) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": it is larger than ", kGeoJsonBytesMax >> 20,
                     " MiB; simplify its borders: ogr2ogr -f GeoJSON -simplify 0.00001 NEW OLD"));
  }
  Reader reader(text, path, property);
  nlohmann::json::sax_parse(text.begin(), text.end(), &reader);
  return reader.Take();
}

}  // namespace gridledger::geo
