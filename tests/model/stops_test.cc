// Stops and continues servers with all connections open, under load. The clients check every answer
// against the model.
#include <iostream>

#include "common/base/clock.h"
#include "tests/model/torment.h"

namespace convergia::testing {
namespace {

class StopsTest : public TormentTest {
 protected:
  void StopAndContinue(const std::string& name) {
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
};

TEST_F(StopsTest, AStoppedDataServerHoldsNobodyUp) {
  ASSERT_NO_FATAL_FAILURE(Begin());
  ASSERT_NO_FATAL_FAILURE(StopAndContinue("volatile1"));
  ASSERT_NO_FATAL_FAILURE(StopAndContinue("nonvolatile1"));
  ASSERT_NO_FATAL_FAILURE(End());
}

TEST_F(StopsTest, AStoppedDatamgrIsRightWhenItWakes) {
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

// datamgr finishes requests under way: an answer may be a refusal, but none is lost.
TEST_F(StopsTest, ADatamgrThatIsToldToEndLosesNoAnswer) {
  ASSERT_NO_FATAL_FAILURE(Begin());
  for (int round = 0; round < 3; ++round) {
    LetThemWork(absl::Seconds(1));
    ASSERT_OK(cluster().Terminate("datamgr1"));
    ASSERT_OK(cluster().Restart("datamgr1"));
    EXPECT_TRUE(AwaitServing(kServingAgain));
  }
  ASSERT_NO_FATAL_FAILURE(End());
  EXPECT_EQ(Sum().lost, 0);
}

}  // namespace
}  // namespace convergia::testing
