#include "common/base/buckets.h"

#include <vector>

#include "common/base/fail.h"
#include "common/base/testing/status_testing.h"

namespace convergia {
namespace {

constexpr absl::Duration kStart = absl::Seconds(1000);

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

TEST(AddressBucketsTest, ManySubnetsOfOneSiteShareAWiderBudget) {
  AddressBuckets buckets({/*burst=*/2, absl::Seconds(8), /*level_max=*/100, /*keys_max=*/100});
  for (int subnet = 1; subnet <= 2 * AddressBuckets::kWideFactor; ++subnet) {
    const std::string address = absl::StrCat("2001:db8:1:", absl::Hex(subnet), "::1");
    ASSERT_EQ(buckets.Wait(address, kStart), absl::ZeroDuration()) << subnet;
    buckets.Add(address, kStart);
  }
  EXPECT_EQ(buckets.Wait("2001:db8:1:ffff::1", kStart), absl::Seconds(1));
  EXPECT_EQ(buckets.Wait("2001:db8:2:1::1", kStart), absl::ZeroDuration());
  EXPECT_EQ(buckets.Wait("192.0.2.7", kStart), absl::ZeroDuration());
}

TEST(AddressThrottleTest, SaysHowLongToWait) {
  AddressThrottle throttle({/*burst=*/1, absl::Seconds(10), 5, 10}, "too many");
  EXPECT_OK(throttle.Admit("192.0.2.7", kStart));
  throttle.OnFailure("192.0.2.7", kStart);
  const absl::Status refused = throttle.Admit("192.0.2.7", kStart);
  EXPECT_EQ(FailCodeOf(refused), FailCode::kRate);
  EXPECT_THAT(std::string(refused.message()), testing::HasSubstr("too many; try again in 10 s"));
  EXPECT_OK(throttle.Admit("192.0.2.8", kStart));
}

}  // namespace
}  // namespace convergia
