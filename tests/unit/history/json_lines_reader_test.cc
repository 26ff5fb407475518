// JSON lines as rows: paths, texts as they stand, and a reason for every line that is no row.
#include "services/history/files/rows/json_lines_reader.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/strings/str_split.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace gridledger::files {
namespace {

// "line:field|field" for a row, "line!reason" for a rejected one.
std::vector<std::string> ReadAll(std::string text, absl::string_view columns,
                                 size_t piece_bytes = 4096) {
  JsonLinesReader reader(InputFromText(std::move(text), "t.jsonl", piece_bytes),
                         PathColumns(absl::StrSplit(columns, ' ')));
  std::vector<std::string> out;
  InputRow row;
  for (int64_t number = 1;; ++number) {
    const absl::StatusOr<bool> more = reader.Next(&row);
    if (!more.ok()) {
      out.emplace_back(more.status().message());
      return out;
    }
    if (!*more) return out;
    EXPECT_EQ(row.number, number);
    EXPECT_TRUE(!row.rejected.empty() || row.fields.size() == reader.header().size());
    out.push_back(row.rejected.empty() ? absl::StrCat(row.line, ":", absl::StrJoin(row.fields, "|"))
                                       : absl::StrCat(row.line, "!", row.rejected));
  }
}

struct Case {
  const char* why;
  std::string text;
  std::string columns;
  std::vector<std::string> rows;
};

TEST(JsonLinesReader, ReadsPathsAndTextsAsTheyStand) {
  for (const Case& c : std::vector<Case>{
           {"columns in the header's order", R"({"b":"2","a":"1"})", "a b", {"1:1|2"}},
           {"a key that is not there", "{\"a\":\"1\"}\n{\"b\":\"2\"}\n", "a b", {"1:1|", "2:|2"}},
           {"objects and lists are paths",
            R"({"a":{"b":{"c":1}},"t":["x",["y","z"],{"k":"v"}]})",
            "a.b.c t.0 t.1.1 t.2.k",
            {"1:1|x|z|v"}},
           {"behind a list and an object the path goes on from above",
            R"({"a":{"b":[1,2],"c":3},"d":4})",
            "a.b.1 a.c d",
            {"1:2|3|4"}},
           {"numbers are their text",
            R"({"a":1.10,"b":1e5,"c":-7,"d":18446744073709551615,)"
            R"("e":123456789012345678901234567890})",
            "a b c d e",
            {"1:1.10|1e5|-7|18446744073709551615|123456789012345678901234567890"}},
           {"null, nothing and booleans",
            R"({"a":null,"b":{},"c":[],"d":true,"e":false})",
            "a b c d e",
            {"1:|||true|false"}},
           {"escapes", R"({"a":"x\u00e9\n\ud83d\ude00\"","b":"\\"})", "a b", {"1:xé\n😀\"|\\"}},
           {"line ends of both kinds, empty lines, and none at the end",
            "{\"a\":1}\r\n\n  \t\r\n{\"a\":2}",
            "a",
            {"1:1", "4:2"}},
           {"what is no column may be there twice", R"({"b":1,"b":2,"a":3})", "a", {"1:3"}},
           {"a key of dots is the path that it looks like", R"({"a.b":1})", "a.b", {"1:1"}},
       }) {
    for (size_t piece = 1; piece <= c.text.size() + 1; ++piece) {
      EXPECT_EQ(ReadAll(c.text, c.columns, piece), c.rows) << c.why << ", pieces of " << piece;
    }
  }
}

TEST(JsonLinesReader, RejectsALineAndGoesOn) {
  const std::string good = "\n{\"a\":\"good\"}\n";
  for (const auto& [line, reason] : std::vector<std::pair<std::string, std::string>>{
           {"{\"a\":1", "no JSON: a mistake at byte 7 of the line"},
           {"{\"a\":secret}", "no JSON: a mistake at byte 6 of the line"},
           {"{\"a\":\"\xff\"}", "no JSON: a mistake at byte 7 of the line"},
           {"{\"a\":\"\\ud83d\"}", "no JSON: a mistake at byte 13 of the line"},
           {"{\"a\":1} {\"a\":2}", "no JSON: a mistake at byte 9 of the line"},
           {"[{\"a\":1}]", "no JSON object"},
           {"\"a\"", "no JSON object"},
           {"7", "no JSON object"},
           {"{\"a\":1,\"a\":2}", "more than one value for a"},
           {"{\"a\":1e999}", "a number that is too large ends at byte 10 of the line"},
           {"{\"a\":" + std::string(64, '[') + std::string(64, ']') + "}",
            "more than 64 values within one another"},
       }) {
    EXPECT_EQ(ReadAll(line + good, "a"),
              (std::vector<std::string>{absl::StrCat("1!", reason), "2:good"}))
        << line;
  }
}

TEST(JsonLinesReader, HoldsItsBoundsWhateverComes) {
  const std::string good = "\n{\"a\":\"good\"}\n";
  EXPECT_EQ(ReadAll(std::string(size_t{64} << 20, 'x') + good, "a", size_t{64} << 10),
            (std::vector<std::string>{"1!more than 8388608 bytes", "2:good"}));
  EXPECT_EQ(ReadAll("{\"a\":\"" + std::string(kFieldBytesMax + 1, 'x') + "\"}" + good, "a"),
            (std::vector<std::string>{"1!a text of more than 1048576 bytes", "2:good"}));
  EXPECT_EQ(ReadAll("{\"b\":\"" + std::string(kFieldBytesMax + 1, 'x') + "\",\"a\":1}" + good, "a"),
            (std::vector<std::string>{"1:1", "2:good"}))
      << "what is no column is read over";
  EXPECT_EQ(ReadAll(std::string(100'000, '[') + good, "a"),
            (std::vector<std::string>{"1!no JSON object", "2:good"}));
  std::string deep;
  for (int i = 0; i < 100'000; ++i) deep += "{\"a\":";
  EXPECT_EQ(ReadAll(deep + good, "a"),
            (std::vector<std::string>{"1!more than 64 values within one another", "2:good"}));
  // A long key above many values: the time is that of the line, not of all their paths.
  std::string wide = "{\"" + std::string(size_t{1} << 20, 'k') + "\":[0";
  for (int i = 0; i < 1'000'000; ++i) wide += ",1";
  EXPECT_EQ(ReadAll(wide + "],\"a\":1}" + good, "a"), (std::vector<std::string>{"1:1", "2:good"}));
}

TEST(JsonLinesReader, CollectsTheColumnsThatThereAre) {
  JsonLinesReader reader(
      InputFromText("{\"b\":1,\"a\":{\"x\":null}}\nno row\n{\"c\":[1,2],\"b\":2}\n{\"z", "t"),
      PathColumns());
  InputRow row;
  while (*reader.Next(&row)) {
  }
  EXPECT_EQ(reader.header(), (std::vector<std::string>{"b", "a.x", "c.0", "c.1"}));

  std::string many = "{";
  for (size_t i = 0; i < kColumnsMax + 10; ++i)
    absl::StrAppend(&many, i == 0 ? "" : ",", "\"", i, "\":1");
  JsonLinesReader wide(InputFromText(many + "}\n", "t"), PathColumns());
  ASSERT_TRUE(*wide.Next(&row));
  EXPECT_EQ(wide.header().size(), kColumnsMax);
}

TEST(JsonLinesReader, TruncatedOrFlippedItIsRowsOrReasons) {
  const std::string text = "{\"a\":\"1\",\"b\":[1,{\"c\":\"x\\u00e9\"}]}\n{\"a\":\"good\"}\n";
  for (size_t at = 0; at < text.size(); ++at) {
    ReadAll(text.substr(0, at), "a b.1.c");
    for (int bit = 0; bit < 8; ++bit) {
      std::string flipped = text;
      flipped[at] = static_cast<char>(flipped[at] ^ (1 << bit));
      const std::vector<std::string> rows = ReadAll(flipped, "a b.1.c");
      if (at < text.find('\n')) {
        ASSERT_FALSE(rows.empty());
        EXPECT_EQ(rows.back().substr(1), ":good|") << "byte " << at << ", bit " << bit;
      }
    }
  }
}

}  // namespace
}  // namespace gridledger::files
