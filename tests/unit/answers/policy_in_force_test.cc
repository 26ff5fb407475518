// The policy in force as JSON.
#include "services/answers/policy_in_force.h"

#include <gtest/gtest.h>

#include <string>

#include "services/domain/policy/policy.h"

namespace gridledger::answers {
namespace {

v1::Policy SomePolicy() {
  v1::Policy policy;
  policy.set_version("p-1");
  policy.set_zone("Asia/Shanghai");
  policy.set_default_unit("office");
  v1::Category& waste = *policy.add_categories();
  waste.set_code("waste");
  waste.set_name("垃圾");
  waste.set_limit_minutes(480);
  policy.add_categories()->set_code("other");
  for (const char* unit : {"sanitation", "office", "sanitation"}) {
    policy.add_responsibilities()->set_unit(unit);
  }
  policy.mutable_responsibilities(0)->set_category("waste");
  policy.mutable_responsibilities(0)->set_area("changzhen");
  policy.mutable_escalation()->set_warn_percent(75);
  for (const int minutes : {60, 0}) {
    v1::Level& level = *policy.mutable_escalation()->add_levels();
    level.set_after_minutes(static_cast<uint32_t>(minutes));
    level.set_post(minutes == 0 ? "grid leader" : "director");
  }
  return policy;
}

TEST(PolicyInForceTest, SaysWhatThePolicySays) {
  EXPECT_EQ(
      PolicyJson(SomePolicy()).dump(),
      R"({"version":"p-1","zone":"Asia/Shanghai",)"
      R"("categories":[{"code":"waste","name":"垃圾","limit_minutes":480},)"
      R"({"code":"other","name":"","limit_minutes":null}],)"
      R"("units":["office","sanitation"],"default_unit":"office",)"
      R"("responsibilities":[{"category":"waste","area":"changzhen","unit":"sanitation"},)"
      R"({"category":"","area":"","unit":"office"},{"category":"","area":"","unit":"sanitation"}],)"
      R"("warn_percent":75,"ladder":[{"level":1,"after_minutes":0,"post":"grid leader"},)"
      R"({"level":2,"after_minutes":60,"post":"director"}]})");
}

TEST(PolicyInForceTest, BeforeTheFirstOneThereIsAnEmptyOne) {
  TableSet tables;
  policy::State state(tables);
  EXPECT_EQ(PolicyJson(state.Activated()).dump(),
            R"({"version":"","zone":"UTC","categories":[],"units":[],"default_unit":"",)"
            R"("responsibilities":[],"warn_percent":0,"ladder":[]})");
  state.Activate(SomePolicy());
  EXPECT_EQ(PolicyJson(state.Activated())["version"], "p-1");
}

}  // namespace
}  // namespace gridledger::answers
