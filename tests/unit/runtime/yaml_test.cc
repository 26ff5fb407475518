// YAML as messages: what is taken, and where what is refused stands.
#include "services/runtime/adapters/yaml/yaml.h"

#include <absl/strings/str_cat.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "gridledger/v1/mapping.pb.h"
#include "gridledger/v1/policy.pb.h"

namespace gridledger::yaml {
namespace {

std::string Error(absl::string_view text) {
  v1::Mapping mapping;
  const absl::Status status = ParseYaml(text, "m.yaml", &mapping);
  EXPECT_FALSE(status.ok()) << text;
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  return std::string(status.message());
}

TEST(Yaml, FillsAMessageByTheNamesOfItsFields) {
  v1::Mapping mapping;
  const absl::Status status = ParseYaml(R"(
# a comment
source: town
csv: {delimiter: ";"}
ambiguous_hour: later
skipped_hour: SKIPPED_HOUR_BEFORE
missing: ["?", N/A, 007]
time_formats: "%Y"          # a bare value for a list of one
incident:
  id: number                # a bare text for a message that begins with a text
  category:
    {column: type, trim: true, zero_pad: 3, replace: [{from: a, to: b}, {from: "c: d", to: '~'}]}
facts:
  - fact: reported
    at: opened
  - {fact: closed, at: {column: done, formats: ["%m", '%d']}}
)",
                                        "m.yaml", &mapping);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(mapping.source(), "town");
  EXPECT_EQ(mapping.csv().delimiter(), ";");
  EXPECT_EQ(mapping.ambiguous_hour(), v1::AMBIGUOUS_HOUR_LATER);
  EXPECT_EQ(mapping.skipped_hour(), v1::SKIPPED_HOUR_BEFORE);
  ASSERT_EQ(mapping.missing_size(), 3);
  EXPECT_EQ(mapping.missing(2), "007") << "texts are taken as they are written";
  EXPECT_EQ(mapping.time_formats(0), "%Y");
  EXPECT_EQ(mapping.incident().id().column(), "number");
  EXPECT_TRUE(mapping.incident().category().trim());
  EXPECT_EQ(mapping.incident().category().zero_pad(), 3u);
  EXPECT_EQ(mapping.incident().category().replace(1).from(), "c: d");
  EXPECT_EQ(mapping.incident().category().replace(1).to(), "~");
  EXPECT_EQ(mapping.facts(0).at().column(), "opened");
  EXPECT_EQ(mapping.facts(1).at().formats(1), "%d");
}

TEST(Yaml, WhatWasThereBeforeIsGone) {
  v1::Mapping mapping;
  mapping.set_zone("UTC");
  ASSERT_TRUE(ParseYaml("source: town", "m.yaml", &mapping).ok());
  EXPECT_EQ(mapping.zone(), "");
}

TEST(Yaml, NamesThePlaceAndWhatWasExpected) {
  struct Case {
    const char* text;
    const char* said;
  };
  for (const Case& c : {
           Case{"", "m.yaml: nothing is in it"},
           Case{"# nothing\n", "m.yaml: nothing is in it"},
           Case{"town", "m.yaml:1:1: found \"town\", expected a mapping"},
           Case{"- a\n", "m.yaml:1:1: found a list, expected a mapping"},
           Case{"\nsorce: town", "m.yaml:2:1: unknown field \"sorce\"; did you mean source?"},
           Case{"x: 1", "m.yaml:1:1: unknown field \"x\"; expected source, policy, csv,"},
           Case{"source: a\nsource: b", "m.yaml:2:1: the field source is there twice"},
           Case{"source: [a]", "m.yaml:1:9: source: found a list, expected a text"},
           Case{"source:", "nothing is given; leave the line out"},
           Case{"source: ~", "nothing is given"},
           Case{"incident: {category: {trim: yes}}",
                "m.yaml:1:29: trim: found \"yes\", expected true or false"},
           Case{"incident: {category: {trim: \"true\"}}",
                "found the text \"true\", expected true or"},
           Case{"incident: {area: {zero_pad: two}}",
                "m.yaml:1:29: zero_pad: found \"two\", expected a whole number from 0 to "
                "4294967295"},
           Case{"incident: {area: {zero_pad: -1}}", "expected a whole number"},
           Case{"incident: {area: {zero_pad: 4294967296}}", "expected a whole number"},
           Case{"incident: {area: {zero_pad: 1.5}}", "expected a whole number"},
           Case{"ambiguous_hour: LATR",
                "m.yaml:1:17: ambiguous_hour: found \"LATR\"; did you mean LATER?"},
           Case{"ambiguous_hour: UNSPECIFIED", "expected EARLIER, LATER, REJECT"},
           Case{"facts: {fact: reported}", "m.yaml:1:8: facts: found a mapping, expected a list"},
           Case{"facts: reported", "m.yaml:1:8: facts: found \"reported\", expected a list"},
           Case{"source: &a town", "found an anchor"},
           Case{"source: *a", "m.yaml:1:"},
           Case{"source: !!str town", "found a tag"},
           Case{"source: a\n---\nsource: b", "more than one document"},
           Case{"source: \"a", "m.yaml:"},
           Case{"source: a\n bad\n  : [", "m.yaml:"},
           Case{"{[a]: b}", "expected the name of a field"},
           Case{"source: \xff", "m.yaml:1:1: the line is not text in UTF-8"},
       }) {
    const std::string said = Error(c.text);
    EXPECT_NE(said.find(c.said), std::string::npos) << c.text << "\n  said " << said;
  }
  EXPECT_NE(Error(std::string("source: a\0b", 11)).find("m.yaml:1:10: found a byte 0"),
            std::string::npos);
}

TEST(Yaml, LongTextsAreCutInErrorsAndNoCharacterInTwo) {
  std::string text = "ambiguous_hour: ";
  for (int i = 0; i < 100; ++i) text += "\xe5\xb9\xb4";
  const std::string said = Error(text);
  EXPECT_LT(said.size(), 250u) << said;
  EXPECT_NE(said.find("…"), std::string::npos);
  EXPECT_EQ(said.find("\xe5\xb9\xe2"), std::string::npos) << said;
}

TEST(Yaml, EverythingHasABound) {
  EXPECT_NE(Error(std::string(kTextBytesMax + 1, ' ')).find("at most"), std::string::npos);
  EXPECT_NE(Error("source: " + std::string(40, '[')).find("nested deeper"), std::string::npos);
  std::string many = "missing: [";
  for (int i = 0; i < kNodesMax; ++i) many += "a,";
  EXPECT_NE(Error(many + "a]").find("more than 200000 values"), std::string::npos);
}

// The files that ship are what the schema says.
TEST(Yaml, PlacesOfFields) {
  constexpr absl::string_view kText =
      "source: town\nevents:\n  states:\n    - {names: [a]}\n    - names: [b]\n      fact: c\n";
  for (const auto& [field, place] : {std::pair("source", "m.yaml:1:1"),
                                     {"events.states[2].fact", "m.yaml:6:7"},
                                     {"events.states[1]", "m.yaml:4:7"},
                                     {"events.states[9]", "m.yaml:3:3"},
                                     {"events.at", "m.yaml:2:1"},
                                     {"policy", "m.yaml:1:1"}}) {
    EXPECT_EQ(PlaceOf(kText, "m.yaml", field), place) << field;
  }
  EXPECT_EQ(PlaceOf("a: [", "m.yaml", "a"), "m.yaml");
}

TEST(Yaml, ShippedFilesParse) {
  const char* const root = std::getenv("GRIDLEDGER_SOURCE_DIR");
  ASSERT_NE(root, nullptr) << "GRIDLEDGER_SOURCE_DIR names the top of the tree";
  const auto read = [&](const std::string& path, google::protobuf::Message* message) {
    std::ifstream file(absl::StrCat(root, "/", path));
    std::stringstream text;
    text << file.rdbuf();
    return ParseYaml(text.str(), path, message);
  };
  v1::Policy policy;
  for (const char* path : {"deploy/policies/yutang.yaml", "deploy/policies/boston311.yaml"}) {
    EXPECT_TRUE(read(path, &policy).ok()) << read(path, &policy);
  }
  v1::Mapping mapping;
  ASSERT_TRUE(read("deploy/mappings/boston311.yaml", &mapping).ok());
  EXPECT_EQ(mapping.policy(), "../policies/boston311.yaml");
}

}  // namespace
}  // namespace gridledger::yaml
