#include "common/node/leader/leader_plan.h"

#include <gtest/gtest.h>

#include <functional>

namespace convergia::node {
namespace {

const std::vector<std::string> kKnown = {"a:1", "b:1"};

struct Row {
  const char* name;
  std::function<void(LeaderPlan&)> before;
  LeaderWord word;
  Epoch highest;
  const char* place;
};

class LeaderPlanTest : public testing::TestWithParam<Row> {};

TEST_P(LeaderPlanTest, NamesThePlace) {
  LeaderPlan plan;
  GetParam().before(plan);
  EXPECT_EQ(plan.OnWord(GetParam().word, GetParam().highest, kKnown), GetParam().place);
}

void Nothing(LeaderPlan&) {}

INSTANTIATE_TEST_SUITE_P(
    Rows, LeaderPlanTest,
    testing::ValuesIn(std::vector<Row>{
        {"TheOneThatLeadsItself", Nothing, {"b:1", 5, true, {}}, 5, "b:1"},
        {"AlsoAtAnotherAddressThanItTells", Nothing, {"b:1", 5, true, {"x:1"}}, 5, "b:1"},
        {"TheOneThatAStandbyNames", Nothing, {"b:1", 5, false, {"a:1"}}, 5, "a:1"},
        {"AnAddressInTheListFirst", Nothing, {"b:1", 5, false, {"x:1", "a:1"}}, 5, "a:1"},
        {"AnAddressThatIsNew", Nothing, {"b:1", 5, false, {"x:1", "y:1"}}, 5, "x:1"},
        {"NobodyIfNobodyLeads", Nothing, {"b:1", 0, false, {}}, 0, ""},
        {"NobodyWithoutAddress", Nothing, {"b:1", 5, false, {}}, 5, ""},
        {"NoEarlierStart", Nothing, {"b:1", 4, true, {}}, 5, ""},
        {"AHigherEpochThanTheOneAttachedTo",
         [](LeaderPlan& plan) { plan.OnAttached(5); },
         {"b:1", 6, true, {}},
         5,
         "b:1"},
        {"NotTheSameMgmtAtAnotherAddress",
         [](LeaderPlan& plan) { plan.OnAttached(5); },
         {"b:1", 5, true, {}},
         5,
         ""},
        {"EachEpochOnce",
         [](LeaderPlan& plan) {
           plan.OnWord({"a:1", 5, true, {}}, 5, kKnown);
         },
         {"b:1", 5, true, {}},
         5,
         ""},
        {"AgainAfterAnEnd",
         [](LeaderPlan& plan) { plan.OnAttached(5), plan.OnDetached(); },
         {"b:1", 5, true, {}},
         5,
         "b:1"},
    }),
    [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace convergia::node
