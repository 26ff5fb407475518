// Encodings: what comes out is UTF-8 whatever the size of the pieces, and what does not convert
// leaves a mark.
#include "services/history/files/bytes/encoding.h"

#include <absl/strings/str_cat.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace gridledger::files {
namespace {

using std::string_literals::operator""s;

std::string ReadAll(InputStream& input) {
  std::string out;
  while (true) {
    const auto piece = input.Read();
    EXPECT_TRUE(piece.ok()) << piece.status();
    if (!piece.ok() || piece->empty()) return out;
    absl::StrAppend(&out, *piece);
  }
}

std::string Decode(std::string bytes, const std::string& encoding, size_t piece_bytes = 4096) {
  auto input = DecodeInput(InputFromText(std::move(bytes), "t", piece_bytes), encoding, "#");
  if (!input.ok()) return std::string(input.status().message());
  return ReadAll(**input);
}

struct Case {
  const char* why;
  std::string encoding;
  std::string bytes;
  std::string text;
};

TEST(Encoding, BecomesUtf8InPiecesOfAnySize) {
  for (const Case& c : std::vector<Case>{
           {"nothing", "GB18030", "", ""},
           {"two bytes a character, and one", "GB18030", "a\xb4\xfd\xb0\xec,b\n", "a待办,b\n"},
           {"four bytes a character", "GB18030", "\x82\x35\x8f\x33.", "龦."},
           {"Latin-1", "ISO-8859-1", "caf\xe9", "café"},
           {"Windows", "windows-1252", "\x80 5 \x96 6", "€ 5 – 6"},
           {"UTF-16 with a mark tells its order", "UTF-16",
            "\xff\xfe"
            "a\0\xe9\0"s,
            "aé"},
           {"likewise, big end first", "UTF-16", "\xfe\xff\0a\0\xe9"s, "aé"},
           {"the mark goes", "UTF-16LE",
            "\xff\xfe"
            "a\0"s,
            "a"},
           {"a pair of surrogates", "UTF-16BE", "\xd8\x3d\xde\x00"s, "\xf0\x9f\x98\x80"},
           {"UTF-8 loses its mark, and only the first", "UTF-8",
            "\xef\xbb\xbf"
            "a\xef\xbb\xbf",
            "a\xef\xbb\xbf"},
           {"nothing but a mark", "UTF-8", "\xef\xbb\xbf", ""},
           {"a byte that is none in UTF-8", "UTF-8", "a\xff,b", "a#,b"},
           {"nor is what UTF-8 once had, or never", "UTF-8",
            "\xfb\x9a\x9a\x9a\x9a.\xed\xa0\x80.\xc0\x80.\xf4\x90\x80\x80.", "#####.###.##.####."},
           {"the ends of what it has", "UTF-8",
            "\xc2\x80\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xf0\x90\x80\x80\xf4\x8f\xbf\xbf",
            "\xc2\x80\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"},
           {"a character that UTF-8 cuts", "UTF-8", "a\xe4\xbe", "a#"},
           {"a line end behind half a character stays", "GB18030", "a\x81\nb", "a#\nb"},
           {"a character that is cut at the end", "GB18030", "ab\xb4", "ab#"},
           {"half a pair of surrogates", "UTF-16LE",
            "\x3d\xd8"
            "a\0"s,
            "#a"},
           {"an odd byte at the end", "UTF-16LE", "a\0b"s, "a#"},
           {"a byte that Windows leaves free", "windows-1253",
            "a\xd2"
            "b",
            "a#b"},
       }) {
    for (size_t piece = 1; piece <= c.bytes.size() + 1; ++piece) {
      EXPECT_EQ(Decode(c.bytes, c.encoding, piece), c.text) << c.why << ", pieces of " << piece;
    }
  }
}

TEST(Encoding, LongTextsComeWhole) {
  std::string bytes = "x";  // so that characters are cut at the pieces' ends
  std::string text = "x";
  for (int i = 0; i < 200'000; ++i) {
    bytes += "\xb4\xfd";
    text += "待";
  }
  for (const size_t piece : {size_t{7}, size_t{65536}, size_t{1} << 20}) {
    EXPECT_EQ(Decode(bytes, "GB18030", piece), text) << piece;
  }
  EXPECT_EQ(Decode(std::string(300'000, '\xff'), "UTF-8"), std::string(300'000, '#'));
}

TEST(Encoding, PositionsAreTheInputsOwn) {
  auto input = DecodeInput(InputFromText("a\0b\0"s, "t.csv"), "UTF-16LE", "#");
  ASSERT_TRUE(input.ok());
  EXPECT_EQ((*input)->size(), 4);
  EXPECT_EQ((*input)->name(), "t.csv");
  ASSERT_TRUE((*input)->Read().ok());
  EXPECT_EQ((*input)->position(), 4);
}

TEST(Encoding, AnUnknownNameIsRefused) {
  for (const char* name : {"", "klingon", "UTF-8//TRANSLIT", "../x", "GB 18030"}) {
    const auto input = DecodeInput(InputFromText("a", "t"), name, "#");
    EXPECT_EQ(input.status().code(), absl::StatusCode::kInvalidArgument) << name;
    EXPECT_NE(input.status().message().find("is not known on this machine"),
              absl::string_view::npos);
  }
}

TEST(Encoding, ABeginningMayCutACharacter) {
  const std::string text = "aé待\xf0\x9f\x98\x80";
  for (size_t size = 0; size <= text.size(); ++size) {
    EXPECT_TRUE(BeginsAsUtf8(text.substr(0, size), false)) << size;
  }
  EXPECT_FALSE(BeginsAsUtf8(text.substr(0, 2), true));
  EXPECT_FALSE(BeginsAsUtf8("caf\xe9,b", false));
  EXPECT_FALSE(BeginsAsUtf8("\x80\x80\x80\x80", false));
}

TEST(Encoding, OfficesWriteWindows) {
  // Kinds of complaints and districts, in Russian and in Polish.
  const std::string russian =
      "\xed\xee\xec\xe5\xf0;\xe2\xe8\xe4;\xf0\xe0\xe9\xee\xed\n1;"
      "\xce\xf1\xe2\xe5\xf9\xe5\xed\xe8\xe5 "
      "\xf3\xeb\xe8\xf6\xfb;\xd6\xe5\xed\xf2\xf0\xe0\xeb\xfc\xed\xfb\xe9\n2;\xdf\xec\xe0 \xed\xe0 "
      "\xe4\xee\xf0\xee\xe3\xe5;\xd1\xe5\xe2\xe5\xf0\xed\xfb\xe9\n3;\xc2\xfb\xe2\xee\xe7 "
      "\xec\xf3\xf1\xee\xf0\xe0;\xde\xe6\xed\xfb\xe9\n";
  const std::string polish =
      "numer;rodzaj;dzielnica\n1;O\x9cwietlenie \x9fle dzia\xb3"
      "a;\xafoliborz\n2;Dziura, chodnik p\xeakni\xeaty;\x8cr\xf3"
      "dmie\x9c"
      "cie\n3;\x8cmieci \xe6wier\xe6 tony;\xa3"
      "azienki\n";
  const std::string macintosh =
      "\xed\xee\xec\xe5\xf0;\xe2\xe8\xe4;\xf0\xe0\xe9\xee\xed\n1;"
      "\x8e\xf1\xe2\xe5\xf9\xe5\xed\xe8\xe5 "
      "\xf3\xeb\xe8\xf6\xfb;\x96\xe5\xed\xf2\xf0\xe0\xeb\xfc\xed\xfb\xe9\n2;\x9f\xec\xe0 \xed\xe0 "
      "\xe4\xee\xf0\xee\xe3\xe5;\x91\xe5\xe2\xe5\xf0\xed\xfb\xe9\n3;\x82\xfb\xe2\xee\xe7 "
      "\xec\xf3\xf1\xee\xf0\xe0;\x9e\xe6\xed\xfb\xe9\n";
  EXPECT_EQ(DetectEncoding(russian, true), "WINDOWS-1251");
  EXPECT_EQ(DetectEncoding(polish, true), "WINDOWS-1250");
  EXPECT_EQ(DetectEncoding(macintosh, true), "MAC-CYRILLIC");
}

TEST(Encoding, IsDetected) {
  const std::string chinese =
      "编号,类别,状态,社区\n1,占道经营,待办,玉律社区\n2,路面破损,办结,田寮社区\n";
  for (const Case& c : std::vector<Case>{
           {"ASCII is UTF-8", "UTF-8", "id,state\n1,open\n", ""},
           {"UTF-8", "UTF-8", chinese, ""},
           {"a mark", "UTF-8", "\xef\xbb\xbfid", ""},
           {"a mark of UTF-16", "UTF-16LE", "\xff\xfei\0d\0"s, ""},
           {"the other one", "UTF-16BE", "\xfe\xff\0i\0d"s, ""},
           {"UTF-16 without a mark", "UTF-16LE", "i\0d\0,\0a\0\n\0"s, ""},
           {"the other one", "UTF-16BE", "\0i\0d\0,\0a\0\n"s, ""},
           {"what XML declares", "ISO-8859-15",
            "<?xml version=\"1.0\" encoding='ISO-8859-15'?><log/>", ""},
           {"an XML declaration that cannot be so", "UTF-8",
            "<?xml version=\"1.0\" encoding=\"UTF-16\"?><log/>", ""},
           {"GB18030", "GB18030",
            "\xb1\xe0\xba\xc5,\xd7\xb4\xcc\xac,\xc9\xe7\xc7\xf8\n1,\xb4\xfd\xb0\xec,"
            "\xd3\xf1\xc2\xc9"
            "\xc9\xe7\xc7\xf8\n2,\xb0\xec\xbd\xe1,\xcc\xef\xe5\xbc\xc9\xe7\xc7\xf8\n",
            ""},
           {"GB18030, however little of it", "GB18030", "id,a\n1,\xd3\xf1\xc2\xc9\n", ""},
           {"GB18030 with a character of four bytes", "GB18030",
            "id,a\n1,\xd3\xf1\xc2\xc9\x81\x39\xef\x30\n", ""},
           {"one word of it, that is taken for Greek", "GB18030",
            "id,type,place\n1,\xbf\xd3\xb6\xb4,p1\n2,lamp,p2\n3,lamp,p0\n4,lamp,p1\n", ""},
           {"what is proven not to be UTF-8 is not called so", "", chinese + chinese + "\xff\n",
            ""},
           {"what ISO-8859-1 has, Windows has too", "WINDOWS-1252",
            "num\xe9ro;cat\xe9gorie;quartier\n1;\xc9"
            "clairage;Nord\n2;Propret\xe9;Nord\n3;Voirie;Cit\xe9\n",
            ""},
           {"Windows-1252", "WINDOWS-1252",
            "id,stra\xdf"
            "e,gr\xf6\xdf"
            "e\n1,M\xfcllerstra\xdf"
            "e \x96 Ecke,gro\xdf\n2,K\xf6nigstra\xdf"
            "e,\x80 5\n3,H\xe4user \x93gut\x94,x\n",
            ""},
       }) {
    EXPECT_EQ(DetectEncoding(c.bytes, true), c.encoding) << c.why;
  }
}

}  // namespace
}  // namespace gridledger::files
