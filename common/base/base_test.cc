#include <gtest/gtest.h>

#include <atomic>
#include <string>

#include "absl/synchronization/notification.h"
#include "common/base/backoff.h"
#include "common/base/fail.h"
#include "common/base/ids.h"
#include "common/base/random.h"
#include "common/base/testing/status_testing.h"
#include "common/base/work_queue.h"

namespace convergia {
namespace {

TEST(FailTest, EveryCodeKeepsItsWordThroughAStatus) {
  for (int i = 0; i <= static_cast<int>(FailCode::kInternal); ++i) {
    const FailCode code = static_cast<FailCode>(i);
    const absl::Status status = Fail(code, "text");
    EXPECT_EQ(FailCodeOf(status), code);
    EXPECT_EQ(status.message(), "text");
    EXPECT_EQ(FailCodeFromWord(FailCodeWord(code)), code);
  }
  EXPECT_EQ(FailCodeFromWord("NOSUCHCODE"), std::nullopt);
}

TEST(FailTest, AStatusWithoutACodeGetsTheNearestOne) {
  EXPECT_EQ(FailCodeOf(absl::NotFoundError("x")), FailCode::kNotFound);
  EXPECT_EQ(FailCodeOf(absl::DataLossError("x")), FailCode::kInternal);
}

TEST(UsernameTest, FoldsCaseAndRefusesWhatTheRuleForbids) {
  ASSERT_OK_AND_ASSIGN(const Username user, Username::Parse("Alice.B_c-9"));
  EXPECT_EQ(user.str(), "alice.b_c-9");
  for (const std::string& bad :
       {std::string(), std::string(".a"), std::string("-a"), std::string("a b"), std::string("a\n"),
        std::string("a~"), std::string("\xc3\xa9"), std::string(33, 'a'), std::string("a\0b", 3)}) {
    EXPECT_EQ(FailCodeOf(Username::Parse(bad).status()), FailCode::kBadField) << bad;
  }
  EXPECT_OK(Username::Parse(std::string(32, 'a')));
}

TEST(BackoffTest, DoublesUpToItsMaximumAndStartsOverAfterReset) {
  Backoff backoff(absl::Seconds(1), absl::Seconds(4), /*seed=*/1);
  for (const int step : {1, 2, 4, 4}) {
    const absl::Duration wait = backoff.Next();
    EXPECT_GE(wait, absl::Seconds(step) / 2);
    EXPECT_LE(wait, absl::Seconds(step));
  }
  backoff.Reset();
  EXPECT_LE(backoff.Next(), absl::Seconds(1));
}

TEST(WorkQueueTest, RefusesPastItsBoundAndRunsAllThatItTook) {
  absl::Notification started, go_on;
  std::atomic<int> ran = 0;
  WorkQueue queue(/*threads=*/1, /*tasks_max=*/2);
  ASSERT_TRUE(queue.TryPost([&] {
    started.Notify();
    go_on.WaitForNotification();
    ++ran;
  }));
  started.WaitForNotification();
  EXPECT_TRUE(queue.TryPost([&] { ++ran; }));
  EXPECT_TRUE(queue.TryPost([&] { ++ran; }));
  EXPECT_FALSE(queue.TryPost([&] { ++ran; }));
  go_on.Notify();
  queue.Stop();
  EXPECT_EQ(ran, 3);
  EXPECT_FALSE(queue.TryPost([&] { ++ran; }));
}

TEST(RandomTest, GivesAsManyBytesAsAskedAndNeverTheSame) {
  EXPECT_EQ(SecureRandomBytes(17).size(), 17);
  EXPECT_EQ(SecureRandomHex(8).size(), 16);
  EXPECT_NE(SecureRandomHex(16), SecureRandomHex(16));
}

}  // namespace
}  // namespace convergia
