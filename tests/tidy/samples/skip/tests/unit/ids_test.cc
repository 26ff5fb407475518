TEST(Ids, One) { GTEST_SKIP(); }
TEST(Ids, Two) { GTEST_SKIP() << "no data sets"; }
TEST(Ids, Three) {
  GTEST_SKIP()
      << "no data sets";
}
