// Figures as JSON: every count by its name, rates as two numbers, and rows of the dimension asked
// for.
#include "services/answers/figures.h"

#include <absl/strings/string_view.h>
#include <gtest/gtest.h>

#include <string>

namespace gridledger::answers {
namespace {

using metrics::Count;
using metrics::Dimension;
using metrics::RowKey;

const absl::Time kNine = absl::FromUnixSeconds(1'609'750'800);  // 2021-01-04 09:00 UTC

metrics::Row RowWith(int64_t reported, int64_t filed) {
  metrics::Row row;
  row[Count::kReported] = reported;
  row[Count::kFiled] = filed;
  return row;
}

metrics::Sheet SmallSheet() {
  return {.as_of = kNine,
          .rows = {{RowKey{Dimension::kTotal, ""}, RowWith(4, 3)},
                   {RowKey{Dimension::kUnit, ""}, RowWith(1, 0)},
                   {RowKey{Dimension::kUnit, "sanitation"}, RowWith(2, 2)},
                   {RowKey{Dimension::kUnit, std::string(metrics::kOtherNames)}, RowWith(1, 1)},
                   {RowKey{Dimension::kCategory, "waste"}, RowWith(4, 3)}}};
}

TEST(FiguresTest, ARowHasEveryCountAndEveryRate) {
  const nlohmann::ordered_json json = RowJson(RowWith(4, 3));
  EXPECT_EQ(json.size(), metrics::NamedCounts().size() + 1);
  EXPECT_EQ(json["reported"], 4);
  EXPECT_EQ(json["closed"], 0);
  EXPECT_EQ(json["rates"].size(), metrics::Formulas().size());
  EXPECT_EQ(json["rates"]["filing"].dump(), R"({"numerator":3,"denominator":4,"text":"75.00 %"})");
  EXPECT_EQ(json["rates"]["on_time"]["text"], "—") << "nothing of nothing";
}

TEST(FiguresTest, RowsAreOfTheDimensionAskedFor) {
  const nlohmann::ordered_json json =
      FiguresJson(SmallSheet(), kNine + absl::Milliseconds(5), "unit", policy::Zone());
  std::string fields;
  for (const auto& [name, value] : json.items()) fields += name + " ";
  EXPECT_EQ(fields, "as_of present formulas_version by total rows ");
  EXPECT_EQ(json["as_of"], "2021-01-04T09:00:00+00:00");
  EXPECT_EQ(json["present"], "2021-01-04T09:00:00.005+00:00");
  EXPECT_EQ(json["formulas_version"], metrics::kFormulasVersion);
  EXPECT_EQ(json["by"], "unit");
  EXPECT_EQ(json["total"]["reported"], 4);
  ASSERT_EQ(json["rows"].size(), 3u);
  EXPECT_EQ(json["rows"][0]["key"], "") << "before the dispatch";
  EXPECT_EQ(json["rows"][1]["key"], "sanitation");
  EXPECT_EQ(json["rows"][1]["filed"], 2);
  EXPECT_EQ(json["rows"][2]["key"], "(other names)");
}

TEST(FiguresTest, WithoutADimensionThereIsTheTotalAlone) {
  const nlohmann::ordered_json json = FiguresJson({.as_of = kNine, .rows = {}}, std::nullopt, "",
                                                  *policy::Zone::Named("Asia/Shanghai"));
  EXPECT_EQ(json["as_of"], "2021-01-04T17:00:00+08:00");
  EXPECT_TRUE(json["present"].is_null());
  EXPECT_TRUE(json["by"].is_null());
  EXPECT_EQ(json["total"]["reported"], 0);
  EXPECT_EQ(json["rows"].dump(), "[]");
}

TEST(FiguresTest, DimensionsAreCalledByTheirNames) {
  const struct {
    const char* name;
    std::optional<Dimension> dimension;
    const char* why;
  } rows[] = {{"category", Dimension::kCategory, ""}, {"unit", Dimension::kUnit, ""},
              {"area", Dimension::kArea, ""},         {"community", Dimension::kCommunity, ""},
              {"hour", Dimension::kHour, ""},         {"total", std::nullopt, "always told"},
              {"mood", std::nullopt, "none of them"}, {"", std::nullopt, "not asked for"}};
  for (const auto& row : rows) EXPECT_EQ(DimensionCalled(row.name), row.dimension) << row.why;
}

}  // namespace
}  // namespace gridledger::answers
