// What a CSV file's beginning looks like: a title above the header, no header, the delimiter.
#include "services/history/files/rows/csv_shape.h"

#include <absl/strings/str_cat.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace gridledger::files {
namespace {

// "skipped delimiter columns", and "bare" without a header.
std::string Shape(absl::string_view text) {
  const CsvShape shape = LookAtCsv(text);
  return absl::StrCat(shape.skip_lines, " ", std::string(1, shape.delimiter), " ", shape.columns,
                      shape.has_header ? "" : " bare");
}

TEST(CsvShape, IsTheBeginnings) {
  struct Case {
    const char* why;
    std::string text;
    std::string shape;
  };
  for (const Case& c : std::vector<Case>{
           {"a header and rows", "id,kind,at\n1,a,2024\n2,b,2024\n", "0 , 3"},
           {"semicolons; commas within", "id;kind\n1;a,b\n2;c,d\n", "0 ; 2"},
           {"a title", "Calls of May\n\nid;kind;at\n1;a;2024\n2;b;2024\n", "2 ; 3"},
           {"a title filled up by a spreadsheet", "Calls of May,,\n,,\nid,kind,at\n1,a,2024\n",
            "2 , 3"},
           {"a title with a comma in it", "Calls, May\nid;kind;at\n1;a;2024\n2;b;2024\n", "1 ; 3"},
           {"a title over two lines, quoted", "\"Calls\nof May\"\r\nid,kind\r\n1,a\r\n2,b\r\n",
            "2 , 2"},
           {"a mark, and old line ends", "\xef\xbb\xbfTitle\rid\tkind\r1\ta\r", "1 \t 2"},
           {"no header", "1001,lamp,2024-03-01 08:00\n1002,lamp,2024-03-02 09:00\n", "0 , 3 bare"},
           {"no header behind a title", "May\n1001;lamp;2024-03-01\n1002;lamp;2024-03-02\n",
            "1 ; 3 bare"},
           {"keys with letters", "S-0;Road;04.03.2024\nS-1;Road;5.3.2024\nS-2;Lamp;15.03.2024\n",
            "0 ; 3 bare"},
           {"words, and a day", "a;Road;4-Mar-24\nb;Road;5-Mar-24\n", "0 ; 3 bare"},
           {"columns with numbers in their names", "id,q1,q2,line 2\nx,1,2,a\ny,3,4,b\n", "0 , 4"},
           {"a header of years", "place,2022,2023,2024\nelm,1,2,3\n", "0 , 4"},
           {"a row that is short",
            "id,kind,at\n1,a,1\n2,b\n3,c,1\n4,c,1\n5,c,1\n6,c,1\n7,c,1\n8,c,1\n9,c,1\n10,c,1\n",
            "0 , 3"},
           {"one column tells nothing", "id\n1\n2\n", "0 , 0"},
           {"nothing", "", "0 , 0"},
           {"half a row", "id,kind", "0 , 0"},
           {"a quote that is not closed", "id,kind\n1,\"a\n2,b\n", "0 , 0"},
       }) {
    EXPECT_EQ(Shape(c.text), c.shape) << c.why;
  }
}

}  // namespace
}  // namespace gridledger::files
