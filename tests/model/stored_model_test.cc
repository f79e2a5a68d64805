// Many clients send random commands to a real cluster, and each answer and byte must agree with a
// simple model. CVG_SEED sets the random seed, CVG_STEPS the number of steps.
#include <iostream>

#include "tests/model/stored_cluster.h"

namespace convergia::testing {
namespace {

using StoredModelTest = StoredClusterTest;

TEST_F(StoredModelTest, AnswersAndBytesAreThoseOfTheModel) {
  const uint64_t seed = Seed();
  const uint64_t wanted = NumberFromEnvironment("CVG_STEPS", 10'000);
  std::cout << "CVG_SEED=" << seed << " CVG_STEPS=" << wanted << std::endl;
  ASSERT_NO_FATAL_FAILURE(Invite(seed, /*failures=*/false));
  StartWork(static_cast<int64_t>(wanted) / kParties);
  JoinWork();
  std::cout << Figures() << std::endl;
  ASSERT_NO_FATAL_FAILURE(CheckWork());
  if (!failed()) CompareAll();
  EXPECT_GE(Sum().steps, static_cast<int64_t>(wanted) / kParties * kParties);
}

}  // namespace
}  // namespace convergia::testing
