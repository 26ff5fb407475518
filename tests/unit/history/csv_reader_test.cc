// The CSV reader: RFC 4180 and what files in the wild do to it. Each row is read in pieces of every
// size, so that nothing hangs on where a piece ends.
#include "services/history/files/rows/csv_reader.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace gridledger::files {
namespace {

// "line:field|field" for a row, "line!reason" for a rejected one.
std::vector<std::string> ReadAll(std::string text, size_t piece_bytes, char delimiter = ',') {
  auto reader = CsvReader::Open(InputFromText(std::move(text), "t.csv", piece_bytes),
                                {.delimiter = delimiter});
  if (!reader.ok()) return {std::string(reader.status().message())};
  std::vector<std::string> out;
  InputRow row;
  for (int64_t number = 1;; ++number) {
    const absl::StatusOr<bool> more = (*reader)->Next(&row);
    if (!more.ok()) {
      out.emplace_back(more.status().message());
      return out;
    }
    if (!*more) return out;
    EXPECT_EQ(row.number, number);
    out.push_back(row.rejected.empty() ? absl::StrCat(row.line, ":", absl::StrJoin(row.fields, "|"))
                                       : absl::StrCat(row.line, "!", row.rejected));
  }
}

struct Case {
  const char* why;
  std::string text;
  std::vector<std::string> rows;
};

TEST(CsvReader, ReadsWhatRfc4180Allows) {
  for (const Case& c : std::vector<Case>{
           {"plain rows", "a,b\n1,2\n3,4\n", {"2:1|2", "3:3|4"}},
           {"no line end at the end", "a,b\n1,2", {"2:1|2"}},
           {"CRLF", "a,b\r\n1,2\r\n3,4\r\n", {"2:1|2", "3:3|4"}},
           {"CR alone", "a,b\r1,2\r3,4", {"2:1|2", "3:3|4"}},
           {"all three kinds of line ends",
            "a,b\r\n1,2\r3,4\n5,6\r\n\r\n7,8",
            {"2:1|2", "3:3|4", "4:5|6", "6:7|8"}},
           {"a mark of byte order",
            "\xef\xbb\xbf"
            "a,b\n1,2\n",
            {"2:1|2"}},
           {"a quoted delimiter", "a,b\n\"1,5\",2\n", {"2:1,5|2"}},
           {"doubled quotes", "a,b\n\"say \"\"so\"\"\",2\n", {"2:say \"so\"|2"}},
           {"a quoted line end; the next row's line counts it",
            "a,b\n\"1\n1\",2\n3,4\n",
            {"2:1\n1|2", "4:3|4"}},
           {"quoted CRLF is kept", "a,b\n\"1\r\n1\",2\r\n3,4\r\n", {"2:1\r\n1|2", "4:3|4"}},
           {"empty texts, quoted or not", "a,b,c\n,\"\",\n", {"2:||"}},
           {"empty lines are no rows", "a,b\n\n1,2\n\n\n3,4\n", {"3:1|2", "6:3|4"}},
           {"blanks are kept", "a,b\n 1 , 2\n", {"2: 1 | 2"}},
           {"one column: a quoted empty text is a row", "a\n\"\"\n1\n", {"2:", "3:1"}},
           {"bytes that are no text are left to whoever maps them", "a,b\n\xff,2\n", {"2:\xff|2"}},
           {"a header alone", "a,b\n", {}},
       }) {
    for (size_t piece = 1; piece <= c.text.size() + 1; ++piece) {
      EXPECT_EQ(ReadAll(c.text, piece), c.rows) << c.why << ", pieces of " << piece;
    }
  }
}

TEST(CsvReader, RejectsARowAndGoesOn) {
  const char* const quote = "a quote that neither opens nor closes a text";
  for (const Case& c : std::vector<Case>{
           {"too few fields", "a,b\n1\n3,4\n", {"2!1 fields where the header has 2", "3:3|4"}},
           {"too many fields", "a,b\n1,2,3\n3,4\n", {"2!3 fields where the header has 2", "3:3|4"}},
           {"a quote inside a text", "a,b\n1\"5,2\n3,4\n", {absl::StrCat("2!", quote), "3:3|4"}},
           {"text behind a closing quote",
            "a,b\n\"1\"5,2\n3,4\n",
            {absl::StrCat("2!", quote), "3:3|4"}},
           {"a quote that takes rows along",
            "a,b\n\"1,2\n3,4\n5,\"6\"\n7,8\n",
            {absl::StrCat("2!", quote, ", up to line 4; is a quote not closed?"), "5:7|8"}},
           {"a quote that never closes",
            "a,b\n1,2\n\"3,4\n5,6\n",
            {"2:1|2", "3!a quote that is not closed before the end, line 5"}},
       }) {
    for (size_t piece = 1; piece <= c.text.size() + 1; ++piece) {
      EXPECT_EQ(ReadAll(c.text, piece), c.rows) << c.why << ", pieces of " << piece;
    }
  }
}

TEST(CsvReader, NoReasonRepeatsTheRow) {
  for (const char* text : {"a,b\nsecret\n", "a,b\nsec\"ret,1\n", "a,b\n\"secret,1\n"}) {
    for (const std::string& row : ReadAll(text, 64)) {
      EXPECT_NE(row.find('!'), std::string::npos) << row;
      EXPECT_EQ(row.find("sec"), std::string::npos) << row;
    }
  }
}

TEST(CsvReader, OtherDelimiters) {
  EXPECT_EQ(ReadAll("a;b\n1,5;2\n", 64, ';'), (std::vector<std::string>{"2:1,5|2"}));
  EXPECT_EQ(ReadAll("a\tb\n1\t\"2\t3\"\n", 64, '\t'), (std::vector<std::string>{"2:1|2\t3"}));
  EXPECT_FALSE(CsvReader::Open(InputFromText("a\n", "t.csv"), {.delimiter = '"'}).ok());
}

TEST(CsvReader, BoundsWhatARowTakes) {
  const std::string field(kFieldBytesMax + 1, 'x');
  const std::vector<std::string> too_long =
      ReadAll(absl::StrCat("a,b\n", field, ",2\n3,4\n"), size_t{64} << 10);
  ASSERT_EQ(too_long.size(), 2u);
  EXPECT_NE(too_long[0].find("a text of more than 1048576 bytes"), std::string::npos)
      << too_long[0];
  EXPECT_EQ(too_long[1], "3:3|4");

  const std::string longest(kFieldBytesMax, 'x');
  EXPECT_EQ(ReadAll(absl::StrCat("a,b\n", longest, ",2\n"), size_t{64} << 10),
            (std::vector<std::string>{absl::StrCat("2:", longest, "|2")}));

  // A quote that is never closed takes what follows it for one text, but no more of it than a
  // field.
  std::string open = "a,b\n\"";
  while (open.size() < 3 * kFieldBytesMax) open += "1,2\n";
  const std::vector<std::string> rows = ReadAll(open, size_t{64} << 10);
  ASSERT_FALSE(rows.empty());
  EXPECT_NE(rows[0].find("is a quote not closed?"), std::string::npos) << rows[0].substr(0, 200);

  std::string many = "a,b\n1";
  for (size_t i = 0; i < kColumnsMax; ++i) many += ",1";
  EXPECT_EQ(ReadAll(many + "\n3,4\n", 4096),
            (std::vector<std::string>{"2!more than 4096 fields", "3:3|4"}));

  std::string heavy = "a,b\n" + std::string(kFieldBytesMax, 'x');
  for (int i = 0; i < 8; ++i) heavy += "," + std::string(kFieldBytesMax, 'x');
  EXPECT_EQ(ReadAll(heavy + "\n3,4\n", size_t{64} << 10),
            (std::vector<std::string>{"2!more than 8388608 bytes", "3:3|4"}));
}

TEST(CsvReader, TheHeaderHasToBeOne) {
  const auto error = [](std::string text) {
    auto reader = CsvReader::Open(InputFromText(std::move(text), "t.csv"), {});
    EXPECT_FALSE(reader.ok());
    return std::string(reader.status().message());
  };
  EXPECT_EQ(error(""), "t.csv is empty: no header");
  EXPECT_EQ(error("\n\n"), "t.csv is empty: no header");
  EXPECT_EQ(error("a,\xff\n"), "t.csv:1: the header is not text in UTF-8 (its column 2 is not)");
  EXPECT_EQ(error("a,b\x01\n"),
            "t.csv:1: the header has a control character (its column 2 has one)");
  EXPECT_NE(error("a,\"b\n").find("t.csv:1: the header is not CSV: "), std::string::npos);
  auto reader = CsvReader::Open(InputFromText("\n a , b\n1,2\n", "t.csv"), {});
  ASSERT_TRUE(reader.ok()) << reader.status();
  EXPECT_EQ((*reader)->header(), (std::vector<std::string>{"a", "b"}));
}

TEST(CsvReader, ColumnsOfOneNameAreNumbered) {
  const auto header = [](std::string text) {
    auto reader = CsvReader::Open(InputFromText(std::move(text), "t.csv"), {});
    EXPECT_TRUE(reader.ok()) << reader.status();
    return absl::StrJoin((*reader)->header(), "|");
  };
  EXPECT_EQ(header("a,b,a,b,a\n"), "a|b|a (2)|b (2)|a (3)");
  EXPECT_EQ(header("a,a (2),a\n"), "a|a (2)|a (3)");
  EXPECT_EQ(header("a (2),a,a,a\n"), "a (2)|a|a (3)|a (4)");
  EXPECT_EQ(header("a,a,a (2)\n"), "a|a (2)|a (2) (2)");
  EXPECT_EQ(header("id,\"reported\nat\",\" closed \r\n at\t\"\n"), "id|reported at|closed at");
  EXPECT_EQ(header("\u00A0id\u00A0,\u3000区\n"), "id|区");
  EXPECT_EQ(header(",a,\n"), "|a|") << "without a name nobody can ask for it";
  std::string many = "x";
  for (size_t i = 1; i < kColumnsMax; ++i) many += ",x";
  EXPECT_NE(header(many + "\n").find("|x (4096)"), std::string::npos);
}

TEST(CsvReader, LinesAboveTheHeaderAndNoHeader) {
  const auto rows = [](std::string text, CsvReader::Options options, size_t piece_bytes) {
    auto reader = CsvReader::Open(InputFromText(std::move(text), "t.csv", piece_bytes), options);
    if (!reader.ok()) return std::string(reader.status().message());
    std::string out = absl::StrJoin((*reader)->header(), "|");
    InputRow row;
    while (*(*reader)->Next(&row)) {
      absl::StrAppend(&out, " ", row.line, ":", absl::StrJoin(row.fields, "|"));
    }
    return out;
  };
  for (const size_t piece_bytes : {1, 2, 3, 4096}) {
    EXPECT_EQ(rows("Calls \"2024\n\na,b\n1,2\n", {.skip_lines = 2}, piece_bytes), "a|b 4:1|2");
    EXPECT_EQ(rows("Calls\r\nof May\r\na,b\r\n1,2", {.skip_lines = 2}, piece_bytes), "a|b 4:1|2");
    EXPECT_EQ(rows("\xef\xbb\xbfOne\ra,b\r1,2", {.skip_lines = 1}, piece_bytes), "a|b 3:1|2");
    EXPECT_EQ(rows("1,2\n3,4\n", {.header = {"a", "b"}}, piece_bytes), "a|b 1:1|2 2:3|4");
    EXPECT_EQ(rows("x\n1,2\n", {.skip_lines = 1, .header = {"a", "b"}}, piece_bytes), "a|b 2:1|2");
    EXPECT_EQ(rows("a,b\n", {.skip_lines = 2}, piece_bytes),
              "t.csv has no line behind the 2 that are passed over");
  }
}

// A stream that fails after some bytes, as a torn file does.
class Torn final : public InputStream {
 public:
  absl::StatusOr<absl::string_view> Read() override {
    if (!std::exchange(read_, true)) return absl::string_view("a,b\n1,2\n3,");
    return absl::DataLossError("torn");
  }
  const std::string& name() const override { return name_; }
  int64_t position() const override { return 0; }
  int64_t size() const override { return 0; }

 private:
  const std::string name_ = "t.csv";
  bool read_ = false;
};

TEST(CsvReader, AnErrorOfTheStreamStaysAnError) {
  auto reader = CsvReader::Open(std::make_unique<Torn>(), {});
  ASSERT_TRUE(reader.ok());
  InputRow row;
  ASSERT_TRUE(*(*reader)->Next(&row));
  for (int i = 0; i < 2; ++i) {
    const absl::StatusOr<bool> more = (*reader)->Next(&row);
    EXPECT_EQ(more.status(), absl::DataLossError("torn; line 3"));
  }
}

}  // namespace
}  // namespace gridledger::files
