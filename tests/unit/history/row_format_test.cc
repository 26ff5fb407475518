// Opening rows: which format, delimiter and encoding are taken for what a file begins with, and
// that whatever comes is rows, reasons or a refusal, in bounded memory.
#include "services/history/files/rows/row_format.h"

#include <sys/resource.h>

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace gridledger::files {
namespace {

using std::string_literals::operator""s;

std::vector<std::string> Rows(RowReader& reader) {
  std::vector<std::string> out;
  InputRow row;
  while (true) {
    const absl::StatusOr<bool> more = reader.Next(&row);
    if (!more.ok()) {
      out.emplace_back(more.status().message());
      return out;
    }
    if (!*more) return out;
    out.push_back(row.rejected.empty() ? absl::StrCat(row.line, ":", absl::StrJoin(row.fields, "|"))
                                       : absl::StrCat(row.line, "!", row.rejected));
  }
}

// "FORMAT delimiter encoding", and the rows behind their header.
std::vector<std::string> Open(std::string text, const RowOptions& options = {},
                              size_t piece_bytes = 4096) {
  auto opened = OpenRows(InputFromText(std::move(text), "t", piece_bytes), options);
  if (!opened.ok()) return {std::string(opened.status().message())};
  std::string taken = absl::StrCat(NameOf(opened->format), " ");
  if (opened->delimiter != 0) absl::StrAppend(&taken, std::string(1, opened->delimiter), " ");
  std::vector<std::string> out = {absl::StrCat(taken, opened->encoding),
                                  absl::StrJoin(opened->reader->header(), "|")};
  for (std::string& row : Rows(*opened->reader)) out.push_back(std::move(row));
  return out;
}

struct Case {
  const char* why;
  std::string text;
  std::vector<std::string> rows;
};

TEST(OpenRows, AMarkSaysMoreThanTheMapping) {
  RowOptions options;
  options.encoding = "GB18030";
  const std::string rows = "a,b\n玉,1\n";
  EXPECT_EQ(Open("\xef\xbb\xbf" + rows, options),
            (std::vector<std::string>{"CSV , UTF-8", "a|b", "2:玉|1"}));
  EXPECT_EQ(Open("a,b\n\xd3\xf1,1\n", options),
            (std::vector<std::string>{"CSV , GB18030", "a|b", "2:玉|1"}));
  options.utf8_first = true;
  EXPECT_EQ(Open(rows, options), (std::vector<std::string>{"CSV , UTF-8", "a|b", "2:玉|1"}))
      << "an editor that dropped the mark";
}

TEST(OpenRows, ASpreadsheetsWordAndATitle) {
  const std::string text = "sep=;\r\nAll calls;;\r\nid;kind;at\r\n1;a;x\r\n2;b;y\r\n";
  const std::vector<std::string> rows = {"CSV ; UTF-8", "id|kind|at", "4:1|a|x", "5:2|b|y"};
  RowOptions options;
  options.skip_lines = 1;
  EXPECT_EQ(Open(text, options), rows) << "the word itself is not counted";
  options = {};
  options.look = true;
  EXPECT_EQ(Open(text, options), rows);
  EXPECT_EQ(OpenRows(InputFromText(text, "t"), options)->skip_lines, 1);
}

TEST(OpenRows, NamesOverTwoLines) {
  EXPECT_EQ(Open("id,\"Note\r\n more\"\n1,2\n"),
            (std::vector<std::string>{"CSV , UTF-8", "id|Note more", "3:1|2"}));
}

TEST(OpenRows, TheDelimiterIsThatOfTheHeaderBelowATitle) {
  RowOptions options;
  options.skip_lines = 2;
  const std::string title = "Calls, by hour, of May, 2024\n,,,\n";
  for (const size_t piece_bytes : {1, 7, 4096}) {
    EXPECT_EQ(Open(title + "a;b\n1;2\n", options, piece_bytes),
              (std::vector<std::string>{"CSV ; UTF-8", "a|b", "4:1|2"}));
  }
  options.skip_lines = 0;
  options.header = {"a", "b"};
  EXPECT_EQ(Open("1;2\n3;4\n", options),
            (std::vector<std::string>{"CSV ; UTF-8", "a|b", "1:1|2", "2:3|4"}));
}

TEST(OpenRows, TellsTheFormatByTheBeginning) {
  const std::string mark = "\xef\xbb\xbf";
  for (const Case& c : std::vector<Case>{
           {"commas", "a,b\n1,2\n", {"CSV , UTF-8", "a|b", "2:1|2"}},
           {"semicolons and CRLF", "a;b\r\n1,5;2\r\n", {"CSV ; UTF-8", "a|b", "2:1,5|2"}},
           {"tabs", "a\tb\n1,5;6;7\t2\n", {"CSV \t UTF-8", "a|b", "2:1,5;6;7|2"}},
           {"bars", "a|b|c\n1|2|3\n", {"CSV | UTF-8", "a|b|c", "2:1|2|3"}},
           {"one column", "a\n1\n", {"CSV , UTF-8", "a", "2:1"}},
           {"a spreadsheet's word", "sep=;\r\na,x;b\r\n1;2\r\n", {"CSV ; UTF-8", "a,x|b", "3:1|2"}},
           {"the same behind a mark",
            mark + "SEP=\t\na\tb\n1\t2\n",
            {"CSV \t UTF-8", "a|b", "3:1|2"}},
           {"no such word", "sep=;;\n1;2;3\n", {"CSV ; UTF-8", "sep=||", "2:1|2|3"}},
           {"delimiters within quotes do not count",
            "\"a;x;y;z\",b\n\"1\n1\",2\n",
            {"CSV , UTF-8", "a;x;y;z|b", "2:1\n1|2"}},
           {"of as many of two, the first", "a,b;c\n1,2\n", {"CSV , UTF-8", "a|b;c", "2:1|2"}},
           {"rows have other delimiters; the header decides",
            "a;b\n1,1,1;2\n",
            {"CSV ; UTF-8", "a|b", "2:1,1,1|2"}},
           {"a mark before CSV", mark + "a;b\n1;2\n", {"CSV ; UTF-8", "a|b", "2:1|2"}},
           {"a mark and blanks before JSON",
            mark + "\n {\"a\":1}\n",
            {"JSON lines UTF-8", "a", "2:1"}},
           {"a mark before XES",
            mark + "<log><event><string key='a' value='1'/></event></log>",
            {"XES UTF-8", "a", "1:1"}},
           {"UTF-16",
            "\xff\xfe"
            "a\0\t\0b\0\n\0"
            "1\0\t\0\xe9\0\n\0"s,
            {"CSV \t UTF-16LE", "a|b", "2:1|é"}},
           {"XML says itself what it is",
            "<?xml version='1.0' encoding='ISO-8859-1'?><log><event><string key='a' "
            "value='\xe9'/></event></log>",
            {"XES ISO-8859-1", "a", "1:é"}},
       }) {
    for (const size_t piece : {size_t{1}, size_t{5}, size_t{4096}}) {
      EXPECT_EQ(Open(c.text, {}, piece), c.rows) << c.why << ", pieces of " << piece;
    }
  }
}

TEST(OpenRows, TakesWhatItIsTold) {
  EXPECT_EQ(Open("a;b,c\n1;2,3\n", {.delimiter = ','}),
            (std::vector<std::string>{"CSV , UTF-8", "a;b|c", "2:1;2|3"}));
  EXPECT_EQ(Open("{a,b\n1,2\n", {.format = RowFormat::kCsv}),
            (std::vector<std::string>{"CSV , UTF-8", "{a|b", "2:1|2"}));
  EXPECT_EQ(Open("a\n\xb4\xfd\n", {.encoding = "gb18030"}),
            (std::vector<std::string>{"CSV , gb18030", "a", "2:待"}));
  EXPECT_EQ(Open("{\"a\":1,\"b\":2}\n", {.columns = {"b", "x"}}),
            (std::vector<std::string>{"JSON lines UTF-8", "b|x", "1:2|"}));
  const auto opened = OpenRows(InputFromText("{\"a\":1,\"b\":2}\n", "t"), {.columns = {"b", "x"}});
  ASSERT_TRUE(opened.ok());
  EXPECT_EQ(opened->unseen, std::vector<std::string>{"x"});
  EXPECT_EQ(opened->seen, (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(opened->format_detected);
  EXPECT_TRUE(opened->encoding_detected);
}

TEST(OpenRows, WhatDoesNotConvertIsNoText) {
  EXPECT_EQ(Open("a,b\n1,x\x81\n2,y\n", {.encoding = "GB18030"}),
            (std::vector<std::string>{"CSV , GB18030", "a|b", "2:1|x\xff", "3:2|y"}))
      << "a mapping refuses the text, and so the row";
  EXPECT_EQ(Open("{\"a\":\"x\x81\"}\n{\"a\":2}\n", {.encoding = "GB18030", .columns = {"a"}})[2],
            "1!no JSON: a mistake at byte 8 of the line");
  const std::string bad = "a text with bytes that are none in its encoding";
  EXPECT_EQ(Open("<log><event><string key='a' value='x\xff'/></event><event/></log>",
                 {.encoding = "UTF-8", .columns = {"a"}}),
            (std::vector<std::string>{"XES UTF-8", "a", "1!" + bad, "1:"}));
}

TEST(OpenRows, RefusesWhatIsNoRows) {
  EXPECT_EQ(Open(""), std::vector<std::string>{"t is empty: no header"});
  EXPECT_EQ(
      Open(" [ {\"a\":1}]"),
      std::vector<std::string>{"t: it is one JSON list; rows have to be JSON lines, one object "
                               "a line: jq -c '.[]' FILE"});
  EXPECT_EQ(Open("{\"type\": \"FeatureCollection\",\n\"features\": [{\"type\": \"Feature\"}]}"),
            std::vector<std::string>{"t: it is GeoJSON, one object for all; rows have to be JSON "
                                     "lines, one object a line: jq -c '.features[]' FILE"});
  EXPECT_TRUE(
      absl::StartsWith(Open("a\n", {.encoding = "klingon"})[0], "t: encoding: \"klingon\""));
  EXPECT_TRUE(absl::StartsWith(Open("<html></html>", {.columns = {"a"}}).back(),
                               "t:1: the document is not XES"));
}

TEST(OpenRows, LooksFurtherWhereTheBeginningIsAscii) {
  std::string text = "a,b\n";
  while (text.size() < size_t{100} << 10) text += "1,2\n";
  for (int i = 0; i < 100; ++i) text += "1,\xb4\xfd\xb0\xec\xca\xc2\xcf\xee\n";
  EXPECT_EQ(Open(text)[0], "CSV , GB18030");
}

TEST(OpenRows, AStreamThatFailsSaysSoAfterItsRows) {
  class Torn final : public InputStream {
   public:
    absl::StatusOr<absl::string_view> Read() override {
      if (!std::exchange(read_, true)) return absl::string_view("a;b\n1;2\n3;");
      return absl::DataLossError("torn");
    }
    const std::string& name() const override { return name_; }
    int64_t position() const override { return 0; }
    int64_t size() const override { return 0; }

   private:
    const std::string name_ = "t";
    bool read_ = false;
  };
  auto opened = OpenRows(std::make_unique<Torn>(), {});
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ(Rows(*opened->reader), (std::vector<std::string>{"2:1|2", "torn; line 3"}));
}

// `begin`, and then so many bytes all the same, as a file of some kilobytes may unpack to.
class Endless final : public InputStream {
 public:
  Endless(absl::string_view begin, char byte, size_t size)
      : begin_(begin), piece_(size_t{64} << 10, byte), left_(size) {}

  absl::StatusOr<absl::string_view> Read() override {
    if (!begin_.empty()) return std::exchange(begin_, {});
    const size_t size = std::min(left_, piece_.size());
    left_ -= size;
    return absl::string_view(piece_).substr(0, size);
  }
  const std::string& name() const override { return name_; }
  int64_t position() const override { return 0; }
  int64_t size() const override { return 0; }

 private:
  const std::string name_ = "t";
  absl::string_view begin_;
  const std::string piece_;
  size_t left_;
};

long PeakKib() {
  struct rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

TEST(OpenRows, AGigabyteInSomeKilobytesTakesNoMemory) {
  constexpr size_t kGigabyte = size_t{1} << 30;
  const long before = PeakKib();
  for (const auto& [begin, byte] : std::vector<std::pair<absl::string_view, char>>{
           {"", '\0'},
           {"a,b\n", '\0'},
           {"a,b\n\"", 'x'},
           {"{", 'x'},
           {"<log>", '<'},
           {"<log><event><string key='a' value='", 'x'},
           {"<log><event ", 'x'},
       }) {
    auto opened = OpenRows(std::make_unique<Endless>(begin, byte, kGigabyte), {.columns = {"a"}});
    std::string said(opened.status().message());
    if (opened.ok()) {
      const std::vector<std::string> rows = Rows(*opened->reader);
      ASSERT_EQ(rows.size(), 1u) << begin;
      said = rows[0];
    }
    EXPECT_TRUE(absl::StrContains(said, "more than") ||
                absl::StrContains(said, "not well-formed") ||
                absl::StrContains(said, "ends too early"))
        << begin << ": " << said;
    EXPECT_LT(said.size(), 200u) << "nothing of the input is repeated";
  }
  EXPECT_LT(PeakKib() - before, 100L << 10) << "KiB, of 1 GiB each";
}

}  // namespace
}  // namespace gridledger::files
