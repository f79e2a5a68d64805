#include "tests/model/torment.h"

#include <iostream>

namespace convergia::testing {

void TormentTest::SetUp() {
  StoredClusterTest::SetUp();
  rng_.seed(Seed());
}

void TormentTest::Begin() {
  const uint64_t seed = rng_();
  std::cout << "CVG_SEED=" << seed << std::endl;
  rng_.seed(seed);
  ASSERT_NO_FATAL_FAILURE(Invite(seed, /*failures=*/true));
  v1::RepairPolicy policy;
  policy.set_grace_volatile_seconds(2);
  policy.set_grace_non_volatile_seconds(2);
  policy.set_surplus_keep_seconds(0);
  policy.set_brake_fraction(1);
  SetPolicy(policy);
  StartWork(INT64_MAX);
}

void TormentTest::End() {
  StopWork();
  std::cout << Figures() << std::endl;
  ASSERT_NO_FATAL_FAILURE(CheckWork());
  if (failed()) return;
  CompareAll();
  AwaitWhole();
}

void TormentTest::LetThemWork(absl::Duration longest) {
  const double share = static_cast<double>(rng_() % 1000) / 1000;
  (void)Eventually([&] { return failed(); }, longest * share);
}

void TormentTest::AwaitWhole() {
  std::string why;
  EXPECT_TRUE(Eventually([&] { return IsWhole(&why); }, kWholeAgain)) << why;
}

std::string TormentTest::AnyDataServer() {
  return rng_() % 5 == 0 ? "nonvolatile1" : absl::StrCat("volatile", 1 + rng_() % 4);
}

}  // namespace convergia::testing
