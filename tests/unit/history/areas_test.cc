// Places beside a mapping: the area of a point and the meaning of a code, in rows; and how their
// files are read.
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "services/history/importing/read_annex.h"
#include "services/history/mapping/rows/mapper.h"
#include "services/runtime/adapters/yaml/yaml.h"
#include "tests/support/temporary_folder.h"

namespace gridledger::mapping {
namespace {

const std::vector<std::string> kHeader = {"id", "place", "ward", "open", "lat", "long"};

constexpr char kMapping[] = R"(
source: town
policy: town-policy.yaml
zone: UTC
time_formats: "%Y-%m-%d"
missing: ["?"]
incident:
  id: id
  category: {constant: light}
  community:
    column: place
    trim: true
    zero_pad: 3
    default: nowhere
    table: {file: places.csv, from: code, to: name}
  area: {column: ward, trim: true, add_prefix: ward-}
  latitude: lat
  longitude: long
  area_by_point:
    polygons: wards.geojson
    property: WARD
    strip_prefixes: [Ward]
    zero_pad: 2
    add_prefix: ward-
    outside: beyond
    unknown_points: ["1.5,0.5", " -0.0000001 , +2.50 "]
facts:
  - {fact: reported, at: open}
)";

// Wards side by side, each a degree wide, from the meridian to the east.
class Stripes final : public Areas {
 public:
  explicit Stripes(std::vector<std::string> names) : names_(std::move(names)) {}
  const std::vector<std::string>& names() const override { return names_; }
  std::optional<size_t> Find(PointE7 point) const override {
    ++asked;
    const int64_t stripe = point.longitude / 10'000'000;
    if (point.longitude < 0 || stripe >= static_cast<int64_t>(names_.size())) return std::nullopt;
    return static_cast<size_t>(stripe);
  }
  mutable int asked = 0;

 private:
  const std::vector<std::string> names_;
};

v1::Mapping Parsed(const std::string& text) {
  v1::Mapping mapping;
  const absl::Status status = yaml::ParseYaml(text, "mapping.yaml", &mapping);
  EXPECT_TRUE(status.ok()) << status;
  return mapping;
}

std::string Replaced(std::string text, absl::string_view from, absl::string_view to) {
  const size_t at = text.find(std::string(from));
  EXPECT_NE(at, std::string::npos) << from;
  if (at != std::string::npos) text.replace(at, from.size(), std::string(to));
  return text;
}

class AreasTest : public testing::Test {
 protected:
  AreasTest() {
    auto table = std::make_shared<Table>();
    EXPECT_TRUE(table->Add("001", "Elm").ok());
    EXPECT_TRUE(table->Add("002", "").ok());
    EXPECT_TRUE(table->Add("oak", "Oak").ok());
    annex_.areas = stripes_;
    annex_.tables.emplace(Annex::TableName{"places.csv", "code", "name"}, table);
  }

  absl::StatusOr<std::unique_ptr<Mapper>> Compile(const std::string& text) const {
    return Mapper::Compile(Parsed(text), kHeader, annex_);
  }
  // The report of a row, or "column: reason" as its category.
  static v1::IncidentReported Apply(Mapper& mapper, std::vector<absl::string_view> row) {
    const auto made = mapper.Apply(row);
    if (!made.empty()) return (*made[0].fact).reported();
    v1::IncidentReported rejected;
    rejected.set_category(absl::StrCat(mapper.rejection().column, ": ", mapper.rejection().reason));
    return rejected;
  }

  const std::shared_ptr<Stripes> stripes_ =
      std::make_shared<Stripes>(std::vector<std::string>{"1", "Ward 2", "003", "Harbour"});
  Annex annex_;
};

TEST_F(AreasTest, TheColumnFirstThenThePolygonThenOutside) {
  const auto mapper = *Compile(kMapping);
  struct Case {
    const char* ward;
    const char* latitude;
    const char* longitude;
    const char* area;
    bool point;
    const char* why;
  };
  for (const Case& c : {
           Case{"7", "1", "0.5", "ward-7", true, "the column has a value"},
           Case{"", "1", "0.5", "ward-01", true, "folded: digits filled up"},
           Case{" ", "1", "1.5", "ward-02", true, "folded: the prefix taken off"},
           Case{"?", "1", "2.5", "ward-03", true, "a spelling of no value"},
           Case{"", "1", "3.5", "ward-Harbour", true, "a text"},
           Case{"", "1", "4", "beyond", true, "in none of them, and not folded"},
           Case{"", "", "", "", false, "no point"},
           Case{"7", "", "", "ward-7", false, "no point, but a ward"},
           Case{"", "1.5", "0.5", "", false, "somewhere"},
           Case{"", "1.50000000", "+0.5", "", false, "somewhere, in another spelling"},
           Case{"", "1.5000001", "0.5", "ward-01", true, "1e-7 degree beside somewhere"},
           Case{"", "-0.0000001", "2.5", "", false, "the other somewhere"},
           Case{"7", "1.5", "0.5", "ward-7", false, "somewhere, but the column says the ward"},
           Case{"", "1", "0.5", "ward-01", true, "a point again"},
       }) {
    const v1::IncidentReported reported =
        Apply(*mapper, {"1", "oak", c.ward, "2011-07-01", c.latitude, c.longitude});
    EXPECT_EQ(reported.category(), "light") << c.why;
    EXPECT_EQ(reported.area(), c.area) << c.why;
    EXPECT_EQ(reported.has_point(), c.point) << c.why;
  }
}

TEST_F(AreasTest, ThePolygonsAreAskedOnlyWhereTheColumnIsSilent) {
  const auto mapper = *Compile(kMapping);
  Apply(*mapper, {"1", "oak", "7", "2011-07-01", "1", "0.5"});
  Apply(*mapper, {"2", "oak", "", "2011-07-01", "1.5", "0.5"});
  EXPECT_EQ(stripes_->asked, 0);
  const auto without =
      *Compile(Replaced(Replaced(kMapping, "    outside: beyond\n", ""),
                        "  area: {column: ward, trim: true, add_prefix: ward-}\n", ""));
  EXPECT_EQ(Apply(*without, {"3", "oak", "7", "2011-07-01", "1", "0.5"}).area(), "ward-01");
  EXPECT_EQ(Apply(*without, {"4", "oak", "7", "2011-07-01", "1", "-0.5"}).area(), "");
  EXPECT_EQ(stripes_->asked, 2);
}

TEST_F(AreasTest, ATableSaysWhatATextStandsFor) {
  const auto mapper = *Compile(kMapping);
  const auto otherwise = *Compile(Replaced(kMapping, "to: name}", "to: name, otherwise: other}"));
  const std::string refused =
      "place: not in its table; add it there, or tell the table's \"otherwise\"";
  struct Case {
    const char* place;
    std::string community;
    std::string with_otherwise;
    const char* why;
  };
  for (const Case& c : {
           Case{"001", "Elm", "Elm", "a code"},
           Case{" 1 ", "Elm", "Elm", "after all folding"},
           Case{"oak", "Oak", "Oak", "a text"},
           Case{"Oak", refused, "other", "not another case"},
           Case{"secret", refused, "other", "not in the table, and not repeated"},
           Case{"2", "place: without a value", "place: without a value", "known, but has no value"},
           Case{"?", "nowhere", "nowhere", "the default, as it is"},
           Case{"", "nowhere", "nowhere", "the default, as it is"},
       }) {
    const auto told = [&](Mapper& one) {
      const v1::IncidentReported reported = Apply(one, {"1", c.place, "", "2011-07-01", "", ""});
      return reported.community().empty() ? reported.category() : reported.community();
    };
    EXPECT_EQ(told(*mapper), c.community) << c.why;
    EXPECT_EQ(told(*otherwise), c.with_otherwise) << c.why;
  }
}

TEST_F(AreasTest, ATableIsConsistent) {
  Table table;
  EXPECT_TRUE(table.Add("1", "a").ok());
  EXPECT_TRUE(table.Add("1", "a").ok()) << "the same twice says nothing new";
  EXPECT_FALSE(table.Add("1", "b").ok());
  EXPECT_EQ(*table.Find("1"), "a");
  EXPECT_EQ(table.Find("2"), nullptr);
  EXPECT_FALSE(table.Add("2", std::string(257, 'x')).ok());
  EXPECT_FALSE(table.Add("2", "a\tb").ok());
  EXPECT_FALSE(table.Add("2", "\xc3(").ok());
  EXPECT_EQ(table.size(), 1u);
}

TEST_F(AreasTest, MistakesInAMappingAreNamed) {
  struct Case {
    const char* from;
    const char* to;
    const char* said;
  };
  const std::string far(257, 'x');
  for (const Case& c : {
           Case{"polygons: wards.geojson", "outside: x",
                "area_by_point: it names no file of polygons"},
           Case{"    property: WARD\n", "", "incident.area_by_point: it names no property"},
           Case{"  latitude: lat\n  longitude: long\n", "",
                "incident.area_by_point: it needs latitude and longitude"},
           Case{"trim: true, add_prefix: ward-}", "default: ward-0}",
                "incident.area_by_point: no polygon is ever asked"},
           Case{"{column: ward, trim: true, add_prefix: ward-}", "{constant: x}",
                "incident.area_by_point: no polygon is ever asked"},
           Case{"strip_prefixes: [Ward]", "strip_prefixes: [Harbour]",
                "wards.geojson: the WARD of feature 4 is without a value when its prefix"},
           Case{"strip_prefixes: [Ward]", "strip_prefixes: [\"\"]",
                "incident.area_by_point: an empty prefix"},
           Case{"zero_pad: 2\n", "zero_pad: 21\n",
                "incident.area_by_point: zero_pad is at most 20"},
           Case{"outside: beyond", "outside: \"a\\tb\"",
                "incident.area_by_point: \"outside\" is with a control character"},
           Case{"\"1.5,0.5\"", "\"1.5\"", "incident.area_by_point: \"1.5\" is no point"},
           Case{"\"1.5,0.5\"", "\"91,0.5\"", "incident.area_by_point: \"91,0.5\" is no point"},
           Case{"\"1.5,0.5\"", "\"1.5,0.5,1\"", "\"1.5,0.5,1\" is no point"},
           Case{"file: places.csv, ", "", "incident.community.table: it names no file"},
           Case{", to: name", "", "incident.community.table: it names two columns"},
           Case{"from: code", "from: other", "incident.community.table: places.csv was not loaded"},
           Case{"to: name}", "to: name, otherwise: \"a\\tb\"}",
                "incident.community.table: \"otherwise\" is with a control character"},
       }) {
    std::string text = kMapping;
    if (absl::string_view(c.from) == "polygons: wards.geojson") {
      text = Replaced(text, "    outside: beyond\n", "");
    }
    const auto mapper = Compile(Replaced(text, c.from, c.to));
    EXPECT_EQ(mapper.status().code(), absl::StatusCode::kInvalidArgument) << c.said;
    EXPECT_TRUE(absl::StrContains(mapper.status().message(), c.said)) << mapper.status();
  }
  EXPECT_TRUE(absl::StrContains(Mapper::Compile(Parsed(kMapping), kHeader).status().message(),
                                "incident.community.table: places.csv was not loaded"));
  annex_.areas = nullptr;
  EXPECT_TRUE(absl::StrContains(Compile(kMapping).status().message(),
                                "incident.area_by_point: wards.geojson was not loaded"));
  annex_.areas = std::make_shared<Stripes>(std::vector<std::string>{"1", far});
  EXPECT_TRUE(absl::StrContains(Compile(kMapping).status().message(),
                                "the WARD of feature 2 is longer than 256 bytes"));
}

constexpr char kWards[] = R"({"type":"FeatureCollection","features":[
{"type":"Feature","properties":{"WARD":1},"geometry":{"type":"Polygon","coordinates":
[[[0,0],[1,0],[1,1],[0,1],[0,0]]]}}]})";

class LoadAnnexTest : public testing::Test {
 protected:
  std::string Write(const std::string& name, const std::string& text) const {
    const std::string path = folder_ / name;
    std::ofstream(path, std::ios::binary) << text;
    return path;
  }
  absl::StatusOr<Annex> Load(const std::string& mapping = kMapping) const {
    return cli::LoadAnnex(Parsed(mapping), folder_ / "town.yaml");
  }
  std::string Said() const { return std::string(Load().status().message()); }

  const TemporaryFolder folder_;
};

TEST_F(LoadAnnexTest, ReadsWhatTheMappingNamesBesideIt) {
  Write("wards.geojson", kWards);
  Write("places.csv", "\xef\xbb\xbfname,code,x\nElm,001,\n\" Oak \", oak ,\n,002,\nElm,001,\n,,\n");
  const absl::StatusOr<Annex> annex = Load();
  ASSERT_TRUE(annex.ok()) << annex.status();
  EXPECT_EQ(annex->areas->names(), std::vector<std::string>{"1"});
  EXPECT_EQ(annex->areas->Find({5'000'000, 5'000'000}), 0u);
  EXPECT_EQ(annex->areas->Find({5'000'000, 15'000'000}), std::nullopt);
  ASSERT_EQ(annex->tables.size(), 1u);
  const Table& table = *annex->tables.begin()->second;
  EXPECT_EQ(table.size(), 3u);
  EXPECT_EQ(*table.Find("001"), "Elm");
  EXPECT_EQ(*table.Find("oak"), "Oak") << "blanks at both ends are stripped";
  EXPECT_EQ(*table.Find("002"), "");
  EXPECT_TRUE(Mapper::Compile(Parsed(kMapping), kHeader, *annex).ok());
}

TEST_F(LoadAnnexTest, EveryLookupOfAMappingIsLoadedAndEachTableOnce) {
  Write("wards.geojson", kWards);
  Write("places.csv", "name,code,unit\nElm,001,parks\n");
  std::string text = Replaced(kMapping, "  area: {column: ward, trim: true, add_prefix: ward-}\n",
                              "  unit: {column: place, table: {file: places.csv, from: code, "
                              "to: unit}}\n"
                              "  area: {column: place, table: {file: places.csv, from: code, "
                              "to: name, otherwise: other}}\n");
  absl::StrAppend(&text,
                  "events:\n  at: open\n"
                  "  state: {column: ward, table: {file: places.csv, from: name, to: code}}\n");
  const absl::StatusOr<Annex> annex = Load(text);
  ASSERT_TRUE(annex.ok()) << annex.status();
  EXPECT_EQ(annex->tables.size(), 3u);
}

TEST_F(LoadAnnexTest, NothingIsReadWhereNothingIsNamed) {
  v1::Mapping mapping;
  const absl::StatusOr<Annex> annex = cli::LoadAnnex(mapping, "/nowhere/town.yaml");
  ASSERT_TRUE(annex.ok());
  EXPECT_EQ(annex->areas, nullptr);
  EXPECT_TRUE(annex->tables.empty());
}

TEST_F(LoadAnnexTest, WhatIsWrongIsSaidWithTheFileAndItsLine) {
  EXPECT_TRUE(absl::StrContains(Said(), "/wards.geojson: No such file or directory; ")) << Said();
  EXPECT_EQ(Load().status().code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(absl::EndsWith(Said(), "/town.yaml names it")) << Said();
  Write("wards.geojson", "{}");
  EXPECT_TRUE(absl::EndsWith(Said(), "/wards.geojson: it is no FeatureCollection of GeoJSON"));
  Write("wards.geojson", kWards);
  EXPECT_TRUE(absl::StrContains(Said(), "/places.csv: No such file or directory; "));
  struct Case {
    std::string text;
    const char* said;
  };
  for (const Case& c : {
           Case{"", "/places.csv is empty: no header"},
           Case{"code,nam\n", "/places.csv: there is no column \"name\"; did you mean nam?"},
           Case{"cod,name\n", "/places.csv: there is no column \"code\"; did you mean cod?"},
           Case{"code,name\n1,a\n2\n", "/places.csv:3: 1 fields where the header has 2"},
           Case{"code,name\n\"1\n\",a\n ,b\n", "/places.csv:4: the column \"code\" has no value"},
           Case{"code,name\n1,a\n2,b\n1,secret\n",
                "/places.csv:4: the table has it already, and says something else of it"},
           Case{absl::StrCat("code,name\n1,", std::string(257, 'x'), "\n"),
                "/places.csv:2: what is told of it is longer than 256 bytes"},
       }) {
    Write("places.csv", c.text);
    EXPECT_TRUE(absl::EndsWith(Said(), c.said)) << Said();
    EXPECT_EQ(Load().status().code(), absl::StatusCode::kInvalidArgument) << Said();
  }
}

TEST_F(LoadAnnexTest, AFileOfPolygonsIsReadUpToItsLimit) {
  Write("places.csv", "code,name\n");
  // Sparse: nobody writes 200 MiB.
  std::filesystem::resize_file(Write("wards.geojson", kWards), size_t{200} << 20);
  EXPECT_TRUE(absl::StrContains(Said(), "/wards.geojson: it is larger than 32 MiB")) << Said();
}

}  // namespace
}  // namespace gridledger::mapping
