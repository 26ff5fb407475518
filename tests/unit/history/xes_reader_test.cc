// Event logs in XES as rows: whose attribute is a column, what is read over, and what ends the
// reading.
#include "services/history/files/rows/xes_reader.h"

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/strings/str_replace.h>
#include <absl/strings/str_split.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "services/history/files/bytes/encoding.h"

namespace gridledger::files {
namespace {

// "line:field|field" for a row, "line!reason" for a rejected one, a message for the end.
std::vector<std::string> ReadAll(std::string text, absl::string_view columns,
                                 size_t piece_bytes = 4096) {
  XesReader reader(InputFromText(std::move(text), "t.xes", piece_bytes),
                   PathColumns(absl::StrSplit(columns, ' ')));
  std::vector<std::string> out;
  InputRow row;
  for (int64_t number = 1;; ++number) {
    const absl::StatusOr<bool> more = reader.Next(&row);
    if (!more.ok()) {
      EXPECT_EQ(reader.Next(&row).status(), more.status()) << "it stays so";
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

constexpr absl::string_view kLog = R"(<?xml version="1.0" encoding="UTF-8"?>
<log xes.version="1.0" xmlns="http://www.xes-standard.org/">
  <extension name="Concept" prefix="concept" uri="http://www.xes-standard.org/concept.xesext"/>
  <global scope="trace"><string key="group" value="PLACEHOLDER"/></global>
  <global scope="event"><string key="org:group" value="PLACEHOLDER"/></global>
  <classifier name="Activity" keys="concept:name"/>
  <string key="org:group" value="of the log"><string key="within" value="1"/></string>
  <trace>
    <string key="concept:name" value="case-1"/>
    <string key="group" value="g"><string key="head" value="h"><int key="age" value="7"/>
    </string></string>
    <event>
      <string key="org:group" value="one &amp; two"/>
      <date key="time:timestamp" value="2011-10-11T13:45:40.276+02:00"/>
      <boolean key="b" value="true"/><float key="f" value="1.50"/><id key="i" value="u-u"/>
    </event>
    <event><container key="c"><string key="x" value="1"/></container>
      <list key="l"><values><string key="y" value="2"/></values></list></event>
  </trace>
  <trace><string key="concept:name" value="case-2"/></trace>
  <trace>
    <string key="concept:name" value="case-3"/>
    <event/>
    <string key="group" value="late"/>
    <event></event>
  </trace>
</log>
)";

TEST(XesReader, ARowIsAnEvent) {
  const std::string log(kLog);
  const std::string columns =
      "case:concept:name case:group case:group.head case:group.head.age org:group "
      "time:timestamp b f i c.x l.y";
  const std::vector<std::string> rows = {
      "12:case-1|g|h|7|one & two|2011-10-11T13:45:40.276+02:00|true|1.50|u-u||",
      "17:case-1|g|h|7|PLACEHOLDER|||||1|2",
      "23:case-3|PLACEHOLDER|||PLACEHOLDER||||||",
      "25:case-3|late|||PLACEHOLDER||||||",
  };
  for (const size_t piece : {size_t{1}, size_t{2}, size_t{3}, size_t{7}, size_t{64}, log.size()}) {
    EXPECT_EQ(ReadAll(log, columns, piece), rows) << "pieces of " << piece;
  }
  const std::string prefixed = absl::StrReplaceAll(log, {{"xmlns=", "xmlns:x="},
                                                         {"<log", "<x:log"},
                                                         {"</log", "</x:log"},
                                                         {"<trace", "<x:trace"},
                                                         {"</trace", "</x:trace"},
                                                         {"<event", "<x:event"},
                                                         {"</event", "</x:event"},
                                                         {"<string", "<x:string"},
                                                         {"</string", "</x:string"}});
  EXPECT_EQ(ReadAll(prefixed, columns), rows) << "with a prefix";
  EXPECT_EQ(
      ReadAll(absl::StrReplaceAll(log, {{" xmlns=\"http://www.xes-standard.org/\"", ""}}), columns),
      rows)
      << "without a namespace";
  EXPECT_EQ(
      ReadAll(absl::StrReplaceAll(log, {{"xes.version=\"1.0\"", "xes.version=\"2.0\""}}), columns),
      rows);
}

TEST(XesReader, WhatAGlobalSaysHoldsWhereNothingElseDoes) {
  EXPECT_EQ(ReadAll("<log><global scope='event'><string key='a' value='E'>"
                    "<string key='in' value='I'/></string></global>"
                    "<global scope='trace'><string key='a' value='T'/></global>"
                    "<global scope='other'><string key='b' value='O'/></global>"
                    "<trace><event><string key='a' value=''/></event><event/></trace>"
                    "<event/></log>",
                    "a a.in case:a b"),
            (std::vector<std::string>{"1:|I|T|", "1:E|I|T|", "1:E|I||"}))
      << "an empty value is one; an event outside of traces has no trace's";
}

TEST(XesReader, WhatIsElsewhereIsNoColumn) {
  EXPECT_EQ(ReadAll("<log><event><string key='a' value='1'/></event>"
                    "<trace><string key='a' value='2'/><event/></trace>"
                    "<event/></log>",
                    "a case:a"),
            (std::vector<std::string>{"1:1|", "1:|2", "1:|"}))
      << "an event without a trace; and after one";
  EXPECT_EQ(ReadAll("<log><trace><event><event><string key='a' value='1'/></event>"
                    "<other><string key='a' value='2'/></other>"
                    "<string key='a' value='3'/></event></trace></log>",
                    "a"),
            (std::vector<std::string>{"1:3"}));
  EXPECT_EQ(ReadAll("<log><!-- <event/> --><![CDATA[<event> \" > ]]><trace><?x <event/>?>"
                    "<event><string key='a' value='it&apos;s > \"'/></event></trace></log>",
                    "a", 1),
            (std::vector<std::string>{"1:it's > \""}));
}

TEST(XesReader, RejectsARowAndGoesOn) {
  const auto log = [](absl::string_view trace, absl::string_view event) {
    return absl::StrCat(
        "<log><trace>", trace, "\n<event>", event,
        "</event></trace>\n<trace><event><string key='a' value='good'/></event></trace></log>");
  };
  const std::string big(kFieldBytesMax + 1, 'x');
  const std::string twice = "<string key='a' value='1'/><string key='a' value='2'/>";
  EXPECT_EQ(ReadAll(log("", twice), "a case:a"),
            (std::vector<std::string>{"2!more than one value for a", "3:good|"}));
  EXPECT_EQ(ReadAll(log(twice, ""), "a case:a"),
            (std::vector<std::string>{"2!more than one value for case:a", "3:good|"}));
  EXPECT_EQ(ReadAll(log("", absl::StrCat("<string key='a' value='", big, "'/>")), "a"),
            (std::vector<std::string>{"2!a text of more than 1048576 bytes", "3:good"}));
  EXPECT_EQ(ReadAll(log("", absl::StrCat("<string key='b' value='", big, "'/>")), "a"),
            (std::vector<std::string>{"2:", "3:good"}))
      << "what is no column is read over";
  EXPECT_EQ(
      ReadAll(log("", absl::StrCat("<string key='a' value='x", kNoTextCharacter, "'/>")), "a"),
      (std::vector<std::string>{"2!a text with bytes that are none in its encoding", "3:good"}));
  std::string heavy;
  std::string columns = "a";
  for (int i = 0; i < 9; ++i) {
    absl::StrAppend(&heavy, "<string key='k", i, "' value='", big.substr(2), "'/>");
    absl::StrAppend(&columns, " k", i);
  }
  EXPECT_EQ(ReadAll(log("", heavy), columns)[0], "2!more than 8388608 bytes");
  std::string deep;
  for (int i = 0; i < 100; ++i) deep += "<string key='k' value='v'>";
  for (int i = 0; i < 100; ++i) deep += "</string>";
  EXPECT_EQ(ReadAll(log("", deep), "a"),
            (std::vector<std::string>{"2!more than 64 attributes within one another", "3:good"}));
}

TEST(XesReader, LinesAreCountedThroughWhatIsLeftOut) {
  const std::string big(kFieldBytesMax, '\n');
  EXPECT_EQ(ReadAll(absl::StrCat("<log><trace>\n<event><string key='a' value='\n", big,
                                 "'/></event>\n<event/></trace></log>"),
                    "a", 4096),
            (std::vector<std::string>{"2!a text of more than 1048576 bytes",
                                      absl::StrCat(kFieldBytesMax + 4, ":")}));
}

TEST(XesReader, SaysWhatIsNoXes) {
  const auto last = [](std::string text, size_t piece = 4096) {
    return ReadAll(std::move(text), "a", piece).back();
  };
  EXPECT_EQ(last(""), "t.xes is empty: no XES");
  EXPECT_EQ(last("<html/>"), "t.xes:1: the document is not XES: its root is not <log>");
  EXPECT_EQ(last("a,b\n1,2\n"), "t.xes:1: this is not well-formed XML: syntax error");
  EXPECT_EQ(last("<log>\n<trace></log>"), "t.xes:2: this is not well-formed XML: mismatched tag");
  EXPECT_EQ(last("<log>\n<trace>\n"), "t.xes:3: the document ends too early");
  EXPECT_EQ(last("<log>\n<tra"), "t.xes:2: the document ends too early");
  EXPECT_EQ(last("<log><trace><event><string key='a' value='&secret;'/></event></trace></log>"),
            "t.xes:1: this is not well-formed XML: undefined entity");
  const std::string laughs =
      "<?xml version='1.0'?>\n<!DOCTYPE log [<!ENTITY a 'lol'><!ENTITY b '&a;&a;&a;&a;&a;&a;'>"
      "<!ENTITY c '&b;&b;&b;&b;&b;&b;&b;'>]>\n<log><trace><event><string key='a' value='&c;'/>"
      "</event></trace></log>";
  for (size_t piece = 1; piece < 20; ++piece) {
    EXPECT_EQ(
        last(laughs, piece),
        "t.xes:2: a DOCTYPE: XES has none, and entities of a document's own are not read; take "
        "it out");
  }
  EXPECT_TRUE(absl::StartsWith(last("<!DOCTYPE log SYSTEM 'file:///etc/passwd'><log/>"),
                               "t.xes:1: a DOCTYPE"));
}

TEST(XesReader, HoldsItsBoundsWhateverComes) {
  const auto last = [](std::string text) {
    return ReadAll(std::move(text), "a", size_t{64} << 10).back();
  };
  std::string deep = "<log><trace><event>";
  for (int i = 0; i < 100'000; ++i) deep += "<string>";
  EXPECT_EQ(last(deep), "t.xes:1: more than 4096 elements within one another");
  const std::string much(size_t{64} << 20, 'x');
  EXPECT_EQ(last(absl::StrCat("<log><trace><event><string key='a' value='", much,
                              "'/></event></trace></log>")),
            "1!a text of more than 1048576 bytes");
  EXPECT_EQ(last(absl::StrCat("<log>\n<", much, "/></log>")),
            "t.xes: a tag, a comment or the like of more than 8388608 bytes, from line 2 on");
  EXPECT_EQ(last(absl::StrCat("<log>\n\n<!--", much, "--></log>")),
            "t.xes: a tag, a comment or the like of more than 8388608 bytes, from line 3 on");
  EXPECT_EQ(last(absl::StrCat("<log>", much, "<trace><event/></trace></log>")), "1:");
}

TEST(XesReader, TruncatedOrFlippedItIsRowsOrReasons) {
  const std::string log(kLog);
  for (size_t at = 0; at + 8 < log.size(); ++at) {
    const std::vector<std::string> rows = ReadAll(log.substr(0, at), "org:group");
    ASSERT_FALSE(rows.empty());
    EXPECT_TRUE(absl::StrContains(rows.back(), at == 0 ? "is empty" : "ends too early"))
        << at << rows.back();
  }
  for (size_t at = 0; at < log.size(); ++at) {
    std::string flipped = log;
    flipped[at] = static_cast<char>(flipped[at] ^ (1 << at % 8));
    EXPECT_LE(ReadAll(flipped, "org:group").size(), 5u) << at;
  }
}

TEST(XesReader, CollectsTheColumnsThatThereAre) {
  XesReader reader(InputFromText(absl::StrReplaceAll(kLog, {{"</values>",
                                                             "<string key='z' value=''/><string "
                                                             "key='z' value=''/></values>"}}),
                                 "t"),
                   PathColumns());
  InputRow row;
  while (*reader.Next(&row)) EXPECT_EQ(row.rejected, "");
  EXPECT_EQ(absl::StrJoin(reader.header(), " "),
            "case:group org:group case:concept:name case:group.head case:group.head.age "
            "time:timestamp b f i c c.x l l.y l.z");
  EXPECT_TRUE(reader.repeated(13)) << "l.z stands twice in its list";
  EXPECT_FALSE(reader.repeated(12));
}

}  // namespace
}  // namespace gridledger::files
