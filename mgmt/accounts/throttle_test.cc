#include "mgmt/accounts/throttle.h"

#include "common/base/fail.h"
#include "common/base/status_testing.h"

namespace convergia::mgmt {
namespace {

constexpr absl::Duration kStart = absl::Seconds(1000);

Username User(absl::string_view name) { return *Username::Parse(name); }

TEST(BucketsTest, TheBurstIsFreeThenOneIsForgivenPerInterval) {
  Buckets buckets({/*burst=*/3, absl::Seconds(10), /*level_max=*/100, /*keys_max=*/10});
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(buckets.Wait("a", kStart), absl::ZeroDuration()) << i;
    buckets.Add("a", kStart);
  }
  EXPECT_EQ(buckets.Wait("a", kStart), absl::Seconds(10));
  EXPECT_EQ(buckets.Wait("a", kStart + absl::Seconds(4)), absl::Seconds(6));
  EXPECT_EQ(buckets.Wait("a", kStart + absl::Seconds(10)), absl::ZeroDuration());
  EXPECT_EQ(buckets.Wait("b", kStart), absl::ZeroDuration());
}

TEST(BucketsTest, TheWaitIsBoundedByLevelMax) {
  Buckets buckets({/*burst=*/1, absl::Seconds(10), /*level_max=*/5, /*keys_max=*/10});
  for (int i = 0; i < 1000; ++i) buckets.Add("a", kStart);
  EXPECT_EQ(buckets.Wait("a", kStart), absl::Seconds(50));
}

TEST(BucketsTest, ForgetsTheKeyUntouchedForLongestWhenFull) {
  Buckets buckets({/*burst=*/1, absl::Seconds(10), /*level_max=*/5, /*keys_max=*/2});
  buckets.Add("a", kStart);
  buckets.Add("b", kStart);
  buckets.Add("a", kStart);
  buckets.Add("c", kStart);
  EXPECT_EQ(buckets.size(), 2);
  EXPECT_EQ(buckets.Wait("b", kStart), absl::ZeroDuration());
  EXPECT_GT(buckets.Wait("a", kStart), absl::ZeroDuration());
}

TEST(AddressGroupTest, TakesWhatOneSubscriberHolds) {
  struct Case {
    const char* address;
    const char* group;
  };
  for (const Case& c : std::vector<Case>{
           {"192.0.2.7", "192.0.2.7"},
           {"2001:db8:1:2:3:4:5:6", "20010db800010002/64"},
           {"2001:db8:1:2::1", "20010db800010002/64"},
           {"::ffff:192.0.2.7", "192.0.2.7"},
           {"", ""},
           {"not an address", "not an address"},
       }) {
    EXPECT_EQ(AddressGroup(c.address), c.group) << c.address;
  }
}

SignInThrottle::Rules SmallRules() {
  return {{/*burst=*/5, absl::Seconds(1), 10, 100}, {/*burst=*/3, absl::Seconds(10), 10, 100}, 2};
}

TEST(SignInThrottleTest, GuessingOneAccountHoldsUpStrangersButNotItsOwner) {
  SignInThrottle throttle(SmallRules());
  throttle.OnSuccess(User("alice"), "10.0.0.1");
  for (int i = 0; i < 3; ++i) {
    ASSERT_OK(throttle.Admit(User("alice"), "10.9.9.9", kStart));
    throttle.OnFailure(User("alice"), "10.9.9.9", kStart);
  }
  const absl::Status refused = throttle.Admit(User("alice"), "10.9.9.9", kStart);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(FailCodeOf(refused), FailCode::kRate);
  EXPECT_THAT(std::string(refused.message()), testing::HasSubstr("try again in 10 s"));
  EXPECT_FALSE(throttle.Admit(User("alice"), "10.8.8.8", kStart).ok());
  EXPECT_OK(throttle.Admit(User("alice"), "10.0.0.1", kStart));
  EXPECT_OK(throttle.Admit(User("bob"), "10.9.9.9", kStart));
  EXPECT_OK(throttle.Admit(User("alice"), "10.9.9.9", kStart + absl::Seconds(10)));
}

TEST(SignInThrottleTest, GuessingManyAccountsFromOneAddressIsHeldUp) {
  SignInThrottle throttle(SmallRules());
  for (int i = 0; i < 5; ++i) {
    throttle.OnFailure(User(absl::StrCat("user", i)), "2001:db8::1", kStart);
  }
  const absl::Status refused = throttle.Admit(User("zoe"), "2001:db8::2", kStart);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(FailCodeOf(refused), FailCode::kRate);
  EXPECT_OK(throttle.Admit(User("zoe"), "2001:db8:0:1::2", kStart));
}

TEST(SignInThrottleTest, RemembersABoundedNumberOfKnownAddresses) {
  SignInThrottle throttle(SmallRules());
  throttle.OnSuccess(User("alice"), "10.0.0.1");
  throttle.OnSuccess(User("alice"), "10.0.0.2");
  throttle.OnSuccess(User("alice"), "10.0.0.3");
  for (int i = 0; i < 3; ++i) throttle.OnFailure(User("alice"), "10.9.9.9", kStart);
  EXPECT_FALSE(throttle.Admit(User("alice"), "10.0.0.1", kStart).ok());
  EXPECT_OK(throttle.Admit(User("alice"), "10.0.0.3", kStart));
}

}  // namespace
}  // namespace convergia::mgmt
