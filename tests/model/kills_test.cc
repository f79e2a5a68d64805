// Servers killed, stopped and continued at any moment, under the load of clients who know what they
// were promised. CVG_SEED chooses another course, CVG_ROUNDS more of them.
#include <iostream>
#include <set>

#include "common/base/clock.h"
#include "tests/model/stored_cluster.h"

namespace convergia::testing {
namespace {

constexpr int64_t kForEver = INT64_MAX;
constexpr absl::Duration kServingAgain = absl::Minutes(2);
constexpr absl::Duration kWholeAgain = absl::Minutes(5);

class KillsTest : public StoredClusterTest {
 protected:
  void SetUp() override {
    StoredClusterTest::SetUp();
    rng_.seed(Seed());
  }
  void Begin() {
    const uint64_t seed = rng_();
    std::cout << "CVG_SEED=" << seed << std::endl;
    ASSERT_NO_FATAL_FAILURE(Invite(seed, /*failures=*/true));
    v1::RepairPolicy policy;
    policy.set_grace_volatile_seconds(2);
    policy.set_grace_non_volatile_seconds(2);
    policy.set_surplus_keep_seconds(0);
    policy.set_brake_fraction(1);
    SetPolicy(policy);
    StartWork(kForEver);
  }

  std::string AnyDataServer() {
    return rng_() % 5 == 0 ? "nonvolatile1" : absl::StrCat("volatile", 1 + rng_() % 4);
  }
  std::set<std::string> Victims() {
    std::set<std::string> names = {rng_() % 5 < 2 ? "datamgr1" : AnyDataServer()};
    if (rng_() % 3 == 0) names.insert(AnyDataServer());
    return names;
  }
  // Lets things happen for a while of at most `longest`; no longer if something is wrong.
  void LetThemWork(absl::Duration longest) {
    const double share = static_cast<double>(rng_() % 1000) / 1000;
    (void)Eventually([&] { return failed(); }, longest * share);
  }

  void KillAndRestart() {
    const std::set<std::string> names = Victims();
    LetThemWork(absl::Milliseconds(600));
    for (const std::string& name : names) ASSERT_OK(cluster().Kill(name));
    LetThemWork(absl::Milliseconds(600));
    for (const std::string& name : names) ASSERT_OK(cluster().Restart(name));
    kills_ += static_cast<int>(names.size());
    const absl::Duration began = RealClock::Get().Elapsed();
    EXPECT_TRUE(AwaitServing(kServingAgain)) << "it does not serve again by itself";
    slowest_ = std::max(slowest_, RealClock::Get().Elapsed() - began);
  }

  void AwaitWhole() {
    std::string why;
    EXPECT_TRUE(Eventually([&] { return IsWhole(&why); }, kWholeAgain)) << why;
  }
  // What was acknowledged is there, and what should have copies gets them.
  void End() {
    StopWork();
    std::cout << Figures() << std::endl;
    ASSERT_NO_FATAL_FAILURE(CheckWork());
    if (failed()) return;
    CompareAll();
    AwaitWhole();
  }

  // All orphans are older than this start of datamgr, so the first sweep may take them all.
  void SweepTwice() {
    ASSERT_OK(cluster().Restart("datamgr1"));
    ASSERT_TRUE(AwaitServing(kServingAgain));
    AwaitWhole();
    // It looks at all once by itself, perhaps before all servers were there.
    EXPECT_TRUE(
        Eventually([&] { return RepairStatus().volumes_checked() >= VolumeCount(); }, kWholeAgain));
    const uint64_t first = Sweep();
    EXPECT_EQ(Sweep(), first) << "one sweep left orphans";
    std::cout << first << " orphans swept" << std::endl;
    CompareAll();
    AwaitWhole();
  }
  // Orphans deleted so far, once every volume was compared.
  uint64_t Sweep() {
    const uint64_t before = RepairStatus().volumes_checked();
    SweepNow();
    EXPECT_TRUE(Eventually(
        [&] { return RepairStatus().volumes_checked() >= before + VolumeCount(); }, kWholeAgain));
    return RepairStatus().orphans_deleted();
  }

  Rng rng_;
  int kills_ = 0;
  absl::Duration slowest_;
};

TEST_F(KillsTest, NothingAcknowledgedIsLostAndNothingIsHalfVisible) {
  const uint64_t rounds = NumberFromEnvironment("CVG_ROUNDS", 10);
  ASSERT_NO_FATAL_FAILURE(Begin());
  for (uint64_t round = 0; round < rounds && !failed() && !HasFailure(); ++round) {
    ASSERT_NO_FATAL_FAILURE(KillAndRestart());
    if (round % 25 == 24) {
      std::cout << round + 1 << " rounds, " << kills_ << " kills, " << steps() << " steps"
                << std::endl;
    }
  }
  ASSERT_NO_FATAL_FAILURE(End());
  if (!failed()) SweepTwice();
  std::cout << kills_ << " kills; serving again after at most " << slowest_ << std::endl;
}

TEST_F(KillsTest, AStoppedDataServerHoldsNobodyUp) {
  ASSERT_NO_FATAL_FAILURE(Begin());
  for (const std::string name : {"volatile1", "nonvolatile1"}) {
    LetThemWork(absl::Seconds(1));
    ASSERT_OK(cluster().Pause(name));
    const absl::Duration began = RealClock::Get().Elapsed();
    EXPECT_TRUE(AwaitServing(kServingAgain)) << name << " is stopped, and nothing can be written";
    std::cout << name << " stopped: written on after " << RealClock::Get().Elapsed() - began
              << std::endl;
    LetThemWork(absl::Seconds(2));
    ASSERT_OK(cluster().Continue(name));
    EXPECT_TRUE(AwaitServing(kServingAgain));
  }
  ASSERT_NO_FATAL_FAILURE(End());
}

TEST_F(KillsTest, AStoppedDatamgrIsRightWhenItWakes) {
  ASSERT_NO_FATAL_FAILURE(Begin());
  LetThemWork(absl::Seconds(1));
  ASSERT_OK(cluster().Pause("datamgr1"));
  EXPECT_TRUE(AwaitDown(kServingAgain)) << "nobody notices that datamgr is stopped";
  LetThemWork(absl::Seconds(2));
  ASSERT_OK(cluster().Continue("datamgr1"));
  EXPECT_TRUE(AwaitServing(kServingAgain));
  LetThemWork(absl::Seconds(2));
  ASSERT_NO_FATAL_FAILURE(End());
}

}  // namespace
}  // namespace convergia::testing
