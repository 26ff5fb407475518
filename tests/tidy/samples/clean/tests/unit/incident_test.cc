#include <gtest/gtest.h>

TEST(Incident, Skips) { GTEST_SKIP() << "no such thing here"; }
