// Kills servers at random moments, also while they start, under load. The clients check every
// answer against the model. CVG_SEED sets the random seed, CVG_ROUNDS the number of rounds.
#include <iostream>
#include <set>
#include <utility>

#include "common/base/clock.h"
#include "tests/model/torment.h"

namespace convergia::testing {
namespace {

class KillsTest : public TormentTest {
 protected:
  std::set<std::string> Victims() {
    std::set<std::string> names = {rng_() % 5 < 2 ? "datamgr1" : AnyDataServer()};
    if (rng_() % 3 == 0) names.insert(AnyDataServer());
    return names;
  }

  // Pauses a server for a moment, mostly too short for others to consider it dead.
  void StopForAMoment() {
    const std::string name = rng_() % 3 == 0 ? "datamgr1" : AnyDataServer();
    EXPECT_OK(cluster().Pause(name));
    LetThemWork(absl::Seconds(1));
    EXPECT_OK(cluster().Continue(name));
  }

  void KillAndRestart() {
    if (rng_() % 5 == 0) StopForAMoment();
    const std::set<std::string> names = Victims();
    LetThemWork(absl::Milliseconds(600));
    for (const std::string& name : names) ASSERT_OK(cluster().Kill(name));
    kills_ += static_cast<int>(names.size());
    LetThemWork(absl::Milliseconds(600));
    if (rng_() % 3 == 0) {
      KillWhileItStarts(*names.begin());
      ++kills_;
    }
    for (const std::string& name : names) ASSERT_OK(cluster().Restart(name));
    const absl::Duration began = RealClock::Get().Elapsed();
    EXPECT_TRUE(AwaitServing(kServingAgain)) << "it does not serve again by itself";
    slowest_ = std::max(slowest_, RealClock::Get().Elapsed() - began);
  }

  // All orphans are older than this start of datamgr, so all of them may be deleted.
  void SweepTwice() {
    ASSERT_OK(cluster().Restart("datamgr1"));
    ASSERT_TRUE(AwaitServing(kServingAgain));
    AwaitWhole();
    v1::RepairPolicy policy;
    policy.set_sweep_seconds(1);
    SetPolicy(policy);
    // Trash that is released meanwhile may count too.
    uint64_t orphans = 0;
    const auto nothing_found = [&] {
      const uint64_t before = std::exchange(orphans, Sweep());
      return orphans == before;
    };
    EXPECT_TRUE(Eventually(nothing_found, kWholeAgain)) << "sweeps leave orphans";
    std::cout << orphans << " orphans swept" << std::endl;
    CompareAll();
    AwaitWhole();
  }
  // Returns the orphans deleted so far, after every volume was compared. The volume that waits
  // longest is compared first. A comparison that was already running may count once more.
  uint64_t Sweep() {
    const uint64_t before = RepairStatus().volumes_checked();
    const auto all_checked = [&] {
      KeepSessions();
      return RepairStatus().volumes_checked() > before + VolumeCount() + 1;
    };
    EXPECT_TRUE(Eventually(all_checked, kWholeAgain));
    return RepairStatus().orphans_deleted();
  }

  int kills_ = 0;
  absl::Duration slowest_;
};

TEST_F(KillsTest, NothingAcknowledgedIsLostAndNothingIsHalfVisible) {
  const uint64_t rounds = NumberFromEnvironment("CVG_ROUNDS", 10);
  ASSERT_NO_FATAL_FAILURE(Begin());
  for (uint64_t round = 0; round < rounds && !failed() && !HasFailure(); ++round) {
    ASSERT_NO_FATAL_FAILURE(KillAndRestart());
    if (round % 25 == 24) {
      std::cout << round + 1 << " rounds, " << kills_ << " kills" << std::endl;
    }
  }
  ASSERT_NO_FATAL_FAILURE(End());
  if (!failed()) SweepTwice();
  std::cout << kills_ << " kills; serving again after at most " << slowest_ << std::endl;
}

}  // namespace
}  // namespace convergia::testing
