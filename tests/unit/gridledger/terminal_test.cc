// What people see: widths, tables, progress. Test programs have no terminal, so nothing is
// coloured.
#include <gtest/gtest.h>

#include <string>

#include "services/gridledger/terminal/text_table.h"
#include "services/runtime/console/printable.h"
#include "services/runtime/console/progress_line.h"

namespace gridledger::cli {
namespace {

TEST(Terminal, Width) {
  struct Case {
    std::string text;
    int width;
    const char* why;
  };
  for (const Case& c : {
           Case{"", 0, "nothing"},
           Case{"station-003", 11, "ASCII"},
           Case{"整治率", 6, "wide characters take two columns"},
           Case{"e\u0301", 1, "a combining accent takes none"},
           Case{"→ ok", 4, "an arrow takes one"},
           Case{"\xff\xfe", 2, "a byte that is no UTF-8 takes one"},
           Case{"\xe6\x95", 2, "a character that is cut off"},
       }) {
    EXPECT_EQ(DisplayWidth(c.text), c.width) << c.why;
  }
}

TEST(Terminal, FitTo) {
  struct Case {
    std::string text;
    int width;
    std::string fitted;
    const char* why;
  };
  for (const Case& c : {
           Case{"station", 7, "station", "it fits exactly"},
           Case{"station", 6, "stati…", "the ellipsis takes a column"},
           Case{"整治率", 6, "整治率", "it fits exactly"},
           Case{"整治率", 5, "整治…", "a wide character is never cut in two"},
           Case{"整治率", 4, "整…", "nor half shown"},
       }) {
    EXPECT_EQ(FitTo(c.text, c.width), c.fitted) << c.why;
    EXPECT_LE(DisplayWidth(FitTo(c.text, c.width)), c.width) << c.why;
  }
}

TEST(Terminal, PrintableMovesNoCursor) {
  EXPECT_EQ(Printable("YT-1 整治"), "YT-1 整治");
  EXPECT_EQ(Printable("a\033[2Jb\r\n\tc"), "a�[2Jb���c");
  EXPECT_EQ(Printable("a\u202Eb\u009Bc\x7F"), "a�b�c�") << "direction marks, C1, delete";
  EXPECT_EQ(Printable("\xff"), "�");
}

TEST(Terminal, Numbers) {
  EXPECT_EQ(Grouped(0), "0");
  EXPECT_EQ(Grouped(999), "999");
  EXPECT_EQ(Grouped(-1234567), "-1,234,567");
  EXPECT_EQ(Grouped(-123), "-123");
  EXPECT_EQ(PrintDuration(absl::Milliseconds(3290)), "3.2 s");
  EXPECT_EQ(PrintDuration(absl::Seconds(245)), "4 min 05 s");
  EXPECT_EQ(PrintDuration(absl::Minutes(127)), "2 h 07 min");
}

TEST(Terminal, Table) {
  TextTable table({{"name"}, {"率", TextTable::Align::kRight}, {"unit"}});
  EXPECT_TRUE(table.empty());
  table.Add({"整治", "7", ""});
  table.AddNote("why: \033");
  table.AddNote("and more");
  table.AddRule();
  table.Add({"x", "1,234", "team"});
  EXPECT_EQ(table.Print(),
            "name     率  unit\n"
            "整治      7\n"
            "      why: �\n"
            "      and more\n"
            "─────────────────\n"
            "x     1,234  team\n");
}

TEST(Terminal, Progress) {
  const absl::Duration second = absl::Seconds(1);
  EXPECT_EQ(PrintProgress("reading", "rows", {.done = 1200}, 2 * second, 79),
            "reading  1,200 rows  600/s  2.0 s")
      << "a total that is not known";
  EXPECT_EQ(PrintProgress("reading", "rows", {.done = 500, .total = 1000}, second, 59),
            "reading  50 % █████      500 of 1,000 rows  500/s  2 s left");
  EXPECT_EQ(PrintProgress("reading", "rows", {.done = 1, .total = 1000}, second, 45),
            "reading   0 %  1 of 1,000 rows  1/s  16 min …")
      << "no room for a bar";
  const std::string over = PrintProgress("reading", "rows", {.done = 7, .total = 5}, second, 79);
  EXPECT_NE(over.find("100 %"), std::string::npos) << "a total that was too small an estimate";
  EXPECT_EQ(over.find("left"), std::string::npos);
}

TEST(Terminal, TestsHaveNone) {
  // ctest gives a pipe; by hand on a terminal this says nothing.
  if (TerminalWidth(1) > 0) GTEST_SKIP() << "standard output is a terminal";
  EXPECT_EQ(TerminalHeight(1), 0);
  EXPECT_EQ(Paint(Colour::kRed, "late"), "late");
}

TEST(Printable, OfErrorsEachLineIs) {
  EXPECT_EQ(PrintableLines("cannot open a\x1b[31m.csv\nas\tsaid\n"),
            "cannot open a\xef\xbf\xbd[31m.csv\nas\xef\xbf\xbd"
            "said\n");
}

}  // namespace
}  // namespace gridledger::cli
