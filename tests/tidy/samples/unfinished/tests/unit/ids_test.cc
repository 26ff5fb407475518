TEST(Ids, DISABLED_Order) {}
