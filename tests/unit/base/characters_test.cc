// Which characters are blanks, and where a text has them.
#include "services/base/characters.h"

#include <gtest/gtest.h>

namespace gridledger {
namespace {

TEST(Characters, BlanksGoAtBothEnds) {
  EXPECT_EQ(StripBlanks(""), "");
  EXPECT_EQ(StripBlanks(" \t\r\n"), "");
  EXPECT_EQ(StripBlanks(" a b "), "a b");
  EXPECT_EQ(StripBlanks("7\u00A0"), "7");
  EXPECT_EQ(StripBlanks("\uFEFF\u00A0 7\u3000\u202F"), "7");
  EXPECT_EQ(StripBlanks("\u3000西坑\u3000社区\u3000"), "西坑\u3000社区");
  EXPECT_EQ(StripBlanks("\u3000"), "");
  EXPECT_EQ(StripBlanks("\u200B\u2003x"), "x");
  EXPECT_EQ(StripBlanks("à"), "à") << "its last byte is that of U+00A0";
  EXPECT_EQ(StripBlanks("😀"), "😀");
}

TEST(Characters, WhatIsNoTextStays) {
  EXPECT_EQ(StripBlanks("\xA0"), "\xA0");
  EXPECT_EQ(StripBlanks(" \xC2"), "\xC2");
  EXPECT_EQ(StripBlanks("a\x80\x80\x80\x80\x80 "), "a\x80\x80\x80\x80\x80");
  EXPECT_EQ(StripBlanks("\x80 "), "\x80");
}

}  // namespace
}  // namespace gridledger
