// Polygons: which area a point lies in, and what is no file of areas.
#include "services/history/geo/polygons.h"

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "services/history/geo/geojson.h"

namespace gridledger::geo {
namespace {

// A square ring, "[[x,y],…]", from one corner to the opposite one.
std::string Square(double west, double south, double east, double north) {
  const auto at = [](double x, double y) { return absl::StrCat("[", x, ",", y, "]"); };
  return absl::StrCat("[",
                      absl::StrJoin({at(west, south), at(east, south), at(east, north),
                                     at(west, north), at(west, south)},
                                    ","),
                      "]");
}

std::string FeatureOf(const std::string& properties, const std::string& geometry) {
  return absl::StrCat(R"({"type":"Feature","properties":)", properties, R"(,"geometry":)", geometry,
                      "}");
}

std::string Polygon(const std::string& name, const std::vector<std::string>& rings) {
  return FeatureOf(
      absl::StrCat(R"({"name":")", name, R"("})"),
      absl::StrCat(R"({"type":"Polygon","coordinates":[)", absl::StrJoin(rings, ","), "]}"));
}

std::string Collection(const std::vector<std::string>& features, const std::string& more = "") {
  return absl::StrCat(R"({"type":"FeatureCollection",)", more, R"("features":[)",
                      absl::StrJoin(features, ","), "]}");
}

std::unique_ptr<Polygons> Parsed(const std::string& text) {
  auto polygons = Polygons::Parse(text, "t.geojson", "name");
  EXPECT_TRUE(polygons.ok()) << polygons.status();
  return polygons.ok() ? *std::move(polygons) : nullptr;
}

std::string AreaOf(const Polygons& polygons, double latitude, double longitude) {
  const std::optional<size_t> found =
      polygons.Find(static_cast<int32_t>(std::lround(latitude * 1e7)),
                    static_cast<int32_t>(std::lround(longitude * 1e7)));
  return found ? polygons.names()[*found] : "";
}

struct PointCase {
  double latitude;
  double longitude;
  const char* area;
  const char* why;
};

TEST(Polygons, BordersHolesPartsAndOverlaps) {
  const auto polygons = Parsed(Collection({
      Polygon("west", {Square(0, 0, 1, 1)}),
      Polygon("east", {Square(1, 0, 2, 1)}),
      Polygon("ring", {Square(3, 0, 6, 3), Square(4, 1, 5, 2)}),
      FeatureOf(R"({"name":"parts"})",
                absl::StrCat(R"({"type":"MultiPolygon","coordinates":[[)", Square(10, 10, 11, 11),
                             "],[", Square(12, 10, 15, 13), ",", Square(13, 11, 14, 12), "]]}")),
      Polygon("small", {Square(-0.5, 0.4, 0.5, 0.6)}),
      Polygon("island", {Square(4.25, 1.25, 4.75, 1.75)}),
  }));
  ASSERT_NE(polygons, nullptr);
  for (const PointCase& c : {
           PointCase{0.5, 0.5, "west", "inside"},
           PointCase{0.5, 1.5, "east", "inside"},
           PointCase{0.5, 1, "west", "a border of two areas is the first one's"},
           PointCase{1, 1, "west", "a corner of two areas is the first one's"},
           PointCase{0, 0, "west", "a corner"},
           PointCase{0, 0.3, "west", "the southern border"},
           PointCase{1, 2, "east", "the border of one area"},
           PointCase{0.5, -0.25, "small", "where the second does not overlap the first"},
           PointCase{0.5, 0.25, "west", "where they overlap, the first in the file"},
           PointCase{0.5, 3.5, "ring", "inside, beside the hole"},
           PointCase{1.1, 4.1, "", "in the hole"},
           PointCase{1.5, 4, "ring", "on the hole's border"},
           PointCase{1.5, 4.5, "island", "another area in the hole"},
           PointCase{1.25, 4.5, "island", "on its border"},
           PointCase{10.5, 10.5, "parts", "the first part"},
           PointCase{10.5, 12.5, "parts", "the second part"},
           PointCase{10.5, 11.5, "", "between the parts"},
           PointCase{11.5, 13.5, "", "in the hole of the second part"},
           PointCase{13, 15, "parts", "a corner of the second part"},
           PointCase{1.0000001, 0.5, "", "1e-7 degree beyond the border"},
           PointCase{0.9999999, 0.5, "west", "1e-7 degree before it"},
           PointCase{-45, -90, "", "nowhere near"},
           PointCase{90, 180, "", "the end of the map"},
       }) {
    EXPECT_EQ(AreaOf(*polygons, c.latitude, c.longitude), c.area) << c.why;
  }
}

TEST(Polygons, ARingMayTouchItselfWhereItLeavesAHole) {
  // One ring: around the square, and from its corner around the hole.
  const auto polygons = Parsed(
      Collection({Polygon("a", {"[[0,0],[3,0],[3,3],[0,3],[0,0],[1,2],[2,2],[2,1],[0,0]]"})}));
  ASSERT_NE(polygons, nullptr);
  for (const PointCase& c : {
           PointCase{0.1, 2.5, "a", "inside"},
           PointCase{1.5, 1.5, "", "in the hole"},
           PointCase{0, 0, "a", "where it touches itself"},
           PointCase{2, 1.5, "a", "on the hole's border"},
       }) {
    EXPECT_EQ(AreaOf(*polygons, c.latitude, c.longitude), c.area) << c.why;
  }
  // Two squares that hang together by a corner have two insides.
  const std::string apart = "[[0,0],[1,0],[1,1],[2,1],[2,2],[1,2],[1,1],[0,1],[0,0]]";
  const std::string refused(
      Polygons::Parse(Collection({Polygon("a", {apart})}), "t.geojson", "name").status().message());
  EXPECT_TRUE(absl::StartsWith(refused, "t.geojson: feature 1 is not valid: ")) << refused;
  EXPECT_TRUE(absl::StrContains(refused, " at longitude 1.0000000, latitude 1.0000000; mend it: "))
      << refused;
}

TEST(Polygons, TheOrderOfTheFileDecidesNotThatOfTheIndex) {
  std::vector<std::string> features;
  for (int i = 0; i < 100; ++i) {
    features.push_back(Polygon(absl::StrCat(i), {Square(-100 + i, 0, 1 + i, 10)}));
  }
  const auto polygons = Parsed(Collection(features));
  ASSERT_NE(polygons, nullptr);
  EXPECT_EQ(AreaOf(*polygons, 5, 0.5), "0") << "in all of them";
  EXPECT_EQ(AreaOf(*polygons, 5, 50.5), "50") << "in the last 50";
  EXPECT_EQ(AreaOf(*polygons, 10, 50), "49") << "on the border of one of them";
}

TEST(Polygons, CornersWrittenAsDecimalsAreOnTheBorder) {
  const auto polygons = Parsed(Collection({Polygon(
      "a",
      {"[[-71.0587,42.3594],[-71.0123457,42.3594],[-71.03,42.4000001],[-71.0587,42.3594]]"})}));
  ASSERT_NE(polygons, nullptr);
  EXPECT_TRUE(polygons->Find(423'594'000, -710'587'000));
  EXPECT_TRUE(polygons->Find(423'594'000, -710'123'457));
  EXPECT_TRUE(polygons->Find(424'000'001, -710'300'000));
  EXPECT_FALSE(polygons->Find(424'000'002, -710'300'000));
  EXPECT_FALSE(polygons->Find(423'594'000, -710'123'456));
  EXPECT_FALSE(polygons->Find(423'593'999, -710'300'000));
}

TEST(Polygons, WhatStandsInAFile) {
  const std::string square = absl::StrCat("[", Square(0, 0, 1, 1), "]");
  struct Case {
    std::string text;
    const char* name;
    const char* why;
  };
  const auto with_name = [&](const std::string& name) {
    return Collection(
        {FeatureOf(absl::StrCat(R"({"a":{"name":"x"},"b":["name"],"name":)", name, R"(,"c":null})"),
                   absl::StrCat(R"({"type":"Polygon","coordinates":)", square, "}"))});
  };
  const auto with_crs = [&](const std::string& name) {
    return Collection(
        {Polygon("a", {Square(0, 0, 1, 1)})},
        absl::StrCat(R"("crs":{"type":"name","properties":{"name":")", name, R"("}},)"));
  };
  for (const Case& c : {
           Case{with_name(R"("  Elm Hill ")"), "Elm Hill", "a text, blanks stripped"},
           Case{with_name("7"), "7", "a whole number"},
           Case{with_name("-7"), "-7", "a whole number"},
           Case{with_name("7.0"), "7", "a whole number as some tools write it"},
           Case{with_name(R"("07")"), "07", "a text of digits keeps its zeros"},
           Case{with_name(R"("\u5149\u660e")"), "\xe5\x85\x89\xe6\x98\x8e", "escaped text"},
           Case{with_crs("urn:ogc:def:crs:OGC:1.3:CRS84"), "a", "as ogr2ogr writes it"},
           Case{with_crs("urn:ogc:def:crs:EPSG::4326"), "a", "the same"},
           Case{with_crs("EPSG:4326"), "a", "the same"},
           Case{Collection({Polygon("a", {Square(0, 0, 1, 1)})}, R"("crs":null,)"), "a", "no crs"},
           Case{absl::StrCat("\xef\xbb\xbf", with_name("7")), "7", "a mark of byte order"},
           Case{Collection(
                    {R"({"geometry":{"coordinates":[[[0,0,9],[1,0,9],[1,1,9],[0,1,9],[0,0,9]]],)"
                     R"("type":"Polygon"},"bbox":[0,0,1,1],"id":3,"properties":{"name":"a"},)"
                     R"("type":"Feature"})"}),
                "a", "any order of members, heights, foreign members"},
       }) {
    const auto polygons = Parsed(c.text);
    ASSERT_NE(polygons, nullptr) << c.why;
    EXPECT_EQ(polygons->names(), std::vector<std::string>{c.name}) << c.why;
    EXPECT_EQ(AreaOf(*polygons, 0.5, 0.5), c.name) << c.why;
  }
}

TEST(Polygons, WhatIsWrongIsSaidWithTheFeature) {
  const std::string good = Polygon("good", {Square(0, 0, 1, 1)});
  const auto shaped = [&](const std::string& type, const std::string& coordinates) {
    return Collection({good, FeatureOf(R"({"name":"b"})",
                                       absl::StrCat(R"({"type":")", type, R"(","coordinates":)",
                                                    coordinates, "}"))});
  };
  const auto named = [&](const std::string& properties) {
    return Collection(
        {good, FeatureOf(properties, absl::StrCat(R"({"type":"Polygon","coordinates":[)",
                                                  Square(0, 0, 1, 1), "]}"))});
  };
  const auto crs = [&](const std::string& value) {
    return Collection({good}, absl::StrCat(R"("crs":)", value, ","));
  };
  struct Case {
    std::string text;
    const char* said;
  };
  for (const Case& c : {
           Case{"", "it is no JSON: line 1, byte"},
           Case{"id,name\n1,a\n", "it is no JSON: line 1, byte"},
           Case{Collection({good}).substr(0, 80), "it is no JSON: line 1, byte"},
           Case{"{\n\"type\":\n!}", "it is no JSON: line 3, byte"},
           Case{absl::StrCat(Collection({good}), "{}"), "it is no JSON"},
           Case{"[1,2]", "it is no FeatureCollection"},
           Case{"7", "it is no FeatureCollection"},
           Case{good, "it is no FeatureCollection"},
           Case{R"({"features":[]})", "it is no FeatureCollection"},
           Case{Collection({}), "it has no features"},
           Case{R"({"type":"FeatureCollection"})", "it has no features"},
           Case{R"({"type":"FeatureCollection","features":[],"features":[]})",
                "it has two lists of features"},
           Case{Collection({good, "7"}), "feature 2 is no Feature"},
           Case{Collection({good, "[]"}), "feature 2 is no Feature"},
           Case{Collection({good, "{}"}), "feature 2 is no Feature"},
           Case{Collection({good, R"({"type":"Polygon","coordinates":[]})"}),
                "feature 2 is no Feature"},
           Case{Collection({good, R"({"type":"Feature","properties":{"name":"b"}})"}),
                "feature 2 has no geometry"},
           Case{Collection({good, FeatureOf(R"({"name":"b"})", "null")}),
                "feature 2 has no geometry"},
           Case{shaped("Point", "[0,0]"), "feature 2 is no Polygon or MultiPolygon"},
           Case{shaped("LineString", "[[0,0],[1,1]]"), "feature 2 is no Polygon or MultiPolygon"},
           Case{shaped("Polygone", "[[[0,0],[1,0],[1,1],[0,0]]]"),
                "feature 2 is no Polygon or MultiPolygon"},
           Case{Collection({good, FeatureOf(R"({"name":"b"})",
                                            R"({"type":"GeometryCollection","geometries":[]})")}),
                "feature 2 is no Polygon or MultiPolygon"},
           Case{Collection({good, FeatureOf(R"({"name":"b"})", R"({"type":"Polygon"})")}),
                "feature 2 has no coordinates"},
           Case{shaped("Polygon", "[]"), "feature 2 has an empty list of coordinates"},
           Case{shaped("Polygon", "[[[0,0],[1,0],[1,1],[0,0]],[]]"),
                "feature 2 has an empty list of coordinates"},
           Case{shaped("Polygon", "[[0,0],[1,0],[1,1],[0,0]]"),
                "feature 2 has coordinates that are not those of a Polygon"},
           Case{shaped("Polygon", "[[[[0,0],[1,0],[1,1],[0,0]]]]"),
                "feature 2 has coordinates that are not those of a Polygon"},
           Case{shaped("MultiPolygon", "[[[0,0],[1,0],[1,1],[0,0]]]"),
                "feature 2 has coordinates that are not those of a MultiPolygon"},
           Case{shaped("Polygon", "[[[0,0],[1,0],[1,1],[[0,0]]]]"), "are nested unevenly"},
           Case{shaped("Polygon", "[[[0,0],[1,0],[1,1],[0,0]],[0,0]]"), "are nested unevenly"},
           Case{shaped("Polygon", "[[[0,0],[1,0],[1,1],7]]"), "are nested unevenly"},
           Case{shaped("Polygon", "[[[0,0],[1,0],[1],[0,0]]]"), "a position of one number"},
           Case{shaped("Polygon", "[[[0,0],[1,0],[1,\"1\"],[0,0]]]"), "that are no numbers"},
           Case{shaped("Polygon", "[[[0,0],[1,0],[1,null],[0,0]]]"), "that are no numbers"},
           Case{shaped("Polygon", "[[[0,0],[1,0],{},[0,0]]]"), "that are no numbers"},
           Case{shaped("Polygon", "[[[0,0],[1,0],[0,0]]]"), "a ring of less than four positions"},
           Case{shaped("Polygon", "[[[0,0],[1,0],[1,1],[0,1]]]"),
                "feature 2 has a ring that does not end where it begins"},
           Case{shaped("Polygon", "[[[0,0],[1e999,0],[1,1],[0,0]]]"), "it is no JSON"},
           Case{shaped("Polygon",
                       "[[[775000,2956000],[775001,2956000],[775001,2956001],"
                       "[775000,2956000]]]"),
                "feature 2 has a position that is no longitude and latitude in degrees"},
           Case{shaped("Polygon", "[[[0,0],[1,0],[1,90.1],[0,0]]]"), "no longitude and latitude"},
           Case{shaped("Polygon", "[[[0,0],[1,1],[0,1],[1,0],[0,0]]]"),
                "feature 2 is not valid: Self-intersection at longitude 0.5000000, latitude "
                "0.5000000"},
           Case{shaped("Polygon", "[[[0,0],[0,0],[0,0],[0,0]]]"), "feature 2 is not valid: "},
           Case{shaped("Polygon", "[[[0,0],[1,0],[1,1],[0,0]],[[5,5],[6,5],[6,6],[5,5]]]"),
                "feature 2 is not valid: Hole lies outside shell"},
           Case{shaped("MultiPolygon",
                       "[[[[0,0],[2,0],[2,2],[0,2],[0,0]]],"
                       "[[[1,1],[3,1],[3,3],[1,3],[1,1]]]]"),
                "feature 2 is not valid: Self-intersection"},
           Case{named("null"), "feature 2 has no property \"name\""},
           Case{named("{}"), "feature 2 has no property \"name\""},
           Case{named(R"({"Name":"b"})"), "feature 2 has no property \"name\"; did you mean Name?"},
           Case{named(R"({"other":{"name":"b"}})"), "feature 2 has no property \"name\""},
           Case{named(R"({"name":null})"), "feature 2 has a name that is empty, or no text"},
           Case{named(R"({"name":" "})"), "feature 2 has a name that is empty, or no text"},
           Case{named(R"({"name":7.5})"), "feature 2 has a name that is empty, or no text"},
           Case{named(R"({"name":["b"]})"), "feature 2 has a name that is empty, or no text"},
           Case{named("{\"name\":\"\xc3(\"}"), "it is no JSON"},
           Case{crs(R"({"type":"name","properties":{"name":"urn:ogc:def:crs:EPSG::2249"}})"),
                "its \"crs\" is not WGS84; convert it: ogr2ogr"},
           Case{crs(R"({"type":"name","properties":{"name":"EPSG:14326"}})"), "is not WGS84"},
           Case{crs(R"({"type":"link","properties":{"href":"http://a/b"}})"), "is not WGS84"},
           Case{crs(R"("EPSG:2249")"), "is not WGS84"},
       }) {
    const auto polygons = Polygons::Parse(c.text, "t.geojson", "name");
    EXPECT_EQ(polygons.status().code(), absl::StatusCode::kInvalidArgument) << c.text;
    EXPECT_TRUE(absl::StartsWith(polygons.status().message(), "t.geojson: ")) << polygons.status();
    EXPECT_TRUE(absl::StrContains(polygons.status().message(), c.said))
        << polygons.status() << " for " << c.text;
  }
}

TEST(Polygons, DepthAndSizeAreBounded) {
  const auto said = [](const std::string& text) {
    return std::string(Polygons::Parse(text, "t.geojson", "name").status().message());
  };
  const std::string deep(10'000'000, '[');
  EXPECT_EQ(said(deep), "t.geojson: it is nested deeper than 64 levels");
  EXPECT_EQ(said(absl::StrCat(R"({"type":"FeatureCollection","features":[{"geometry":)"
                              R"({"coordinates":)",
                              deep)),
            "t.geojson: it is nested deeper than 64 levels");
  std::string objects;
  for (int i = 0; i < 100; ++i) objects += "{\"a\":";
  EXPECT_EQ(said(objects), "t.geojson: it is nested deeper than 64 levels");
  std::string foreign(59, '[');  // within the collection, its features, one of them, its properties
  foreign.append(59, ']');
  const auto with = [&](const std::string& value) {
    return Collection({FeatureOf(
        absl::StrCat(R"({"name":"a","x":)", value, "}"),
        absl::StrCat(R"({"type":"Polygon","coordinates":[)", Square(0, 0, 1, 1), "]}"))});
  };
  EXPECT_EQ(said(with(foreign)), "");
  EXPECT_EQ(said(with(absl::StrCat("[[", foreign, "]]"))),
            "t.geojson: it is nested deeper than 64 levels");

  std::string large = Collection({Polygon("a", {Square(0, 0, 1, 1)})});
  large.resize(kGeoJsonBytesMax, ' ');
  EXPECT_EQ(said(large), "");
  large.push_back(' ');
  EXPECT_TRUE(absl::StartsWith(said(large), "t.geojson: it is larger than 32 MiB")) << said(large);
}

}  // namespace
}  // namespace gridledger::geo
