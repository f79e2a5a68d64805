#include "mgmt/accounts/throttling/throttle.h"

#include "common/base/fail.h"
#include "common/base/testing/status_testing.h"

namespace convergia::mgmt {
namespace {

constexpr absl::Duration kStart = absl::Seconds(1000);

Username User(absl::string_view name) { return *Username::Parse(name); }

SignInThrottle::Rules SmallRules() {
  return {{/*burst=*/5, absl::Seconds(1), 10, 100}, {/*burst=*/3, absl::Seconds(10), 10, 100}};
}

TEST(SignInThrottleTest, GuessingHoldsUpTheGuessersNetworkAndNobodyElse) {
  SignInThrottle throttle(SmallRules());
  for (int i = 0; i < 3; ++i) {
    ASSERT_OK(throttle.Admit(User("alice"), "10.9.9.9", false, kStart));
    throttle.OnFailure(User("alice"), "10.9.9.9", kStart);
  }
  const absl::Status refused = throttle.Admit(User("alice"), "10.9.9.9", false, kStart);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(FailCodeOf(refused), FailCode::kRate);
  EXPECT_THAT(std::string(refused.message()), testing::HasSubstr("try again in 10 s"));
  EXPECT_OK(throttle.Admit(User("alice"), "10.8.8.8", false, kStart));
  EXPECT_OK(throttle.Admit(User("alice"), "10.9.9.9", /*known=*/true, kStart));
  EXPECT_OK(throttle.Admit(User("bob"), "10.9.9.9", false, kStart));
  EXPECT_OK(throttle.Admit(User("alice"), "10.9.9.9", false, kStart + absl::Seconds(10)));
}

TEST(SignInThrottleTest, GuessingManyAccountsFromOneAddressIsHeldUp) {
  SignInThrottle throttle(SmallRules());
  for (int i = 0; i < 5; ++i) {
    throttle.OnFailure(User(absl::StrCat("user", i)), "2001:db8::1", kStart);
  }
  const absl::Status refused = throttle.Admit(User("zoe"), "2001:db8::2", true, kStart);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(FailCodeOf(refused), FailCode::kRate);
  EXPECT_OK(throttle.Admit(User("zoe"), "2001:db8:0:1::2", false, kStart));
}

}  // namespace
}  // namespace convergia::mgmt
