#include "common/node/enrolment/certificate_plan.h"

#include <gtest/gtest.h>

#include "common/base/fail.h"

namespace convergia::node {
namespace {

using Step = CertificatePlan::Step;

const absl::Time kStart = absl::FromUnixSeconds(1'700'000'000);

// A plan and its two clocks. The certificate lasts 30 hours.
class CertificatePlanTest : public testing::Test {
 protected:
  CertificatePlanTest() { plan_.OnCertificate(kStart, kStart + absl::Hours(30)); }

  CertificatePlan::Next Next(bool is_attached = true) {
    return plan_.NextStep(kStart + elapsed_, elapsed_, is_attached);
  }
  // The wait of the next step, which must be kWait.
  absl::Duration Wait(bool is_attached = true) {
    const CertificatePlan::Next next = Next(is_attached);
    EXPECT_EQ(next.step, Step::kWait);
    return next.wait;
  }

  CertificatePlan plan_{/*renew_retry=*/absl::Minutes(1)};
  absl::Duration elapsed_ = absl::Seconds(100);
};

TEST_F(CertificatePlanTest, RenewsAtTwoThirdsOfItsLifeAndTriesAgainAfterAMinute) {
  elapsed_ = absl::Hours(20) - absl::Seconds(1);
  EXPECT_EQ(Wait(), absl::Seconds(1));
  elapsed_ += absl::Seconds(1);
  EXPECT_EQ(Next().step, Step::kRenew);
  EXPECT_EQ(Wait(), absl::InfiniteDuration());  // No second request before the answer.
  plan_.OnRenewFailed();
  elapsed_ += absl::Seconds(1);
  EXPECT_EQ(Wait(), absl::Seconds(59));
  elapsed_ += absl::Seconds(59);
  EXPECT_EQ(Next().step, Step::kRenew);
  plan_.OnCertificate(kStart + elapsed_, kStart + elapsed_ + absl::Hours(30));
  elapsed_ += absl::Hours(1);
  EXPECT_EQ(Wait(), absl::Hours(19));
}

TEST_F(CertificatePlanTest, ACertificateThatIsOldWhenItComesIsNotRenewedInALoop) {
  plan_.OnCertificate(kStart - absl::Hours(1), kStart + absl::Minutes(10));
  EXPECT_EQ(Next().step, Step::kRenew);
  plan_.OnCertificate(kStart - absl::Hours(1), kStart + absl::Minutes(10));
  EXPECT_EQ(Wait(), absl::Minutes(1));
  elapsed_ += absl::Minutes(1);
  EXPECT_EQ(Next().step, Step::kRenew);
}

TEST_F(CertificatePlanTest, RenewsAlsoWhileMgmtIsAway) {
  elapsed_ = absl::Hours(21);
  EXPECT_EQ(Next(/*is_attached=*/false).step, Step::kRenew);
  EXPECT_EQ(Wait(/*is_attached=*/false), absl::Hours(9));  // The certificate ends then.
}

TEST_F(CertificatePlanTest, AnExpiredCertificateIsTheEndOnceTheStreamIsGone) {
  elapsed_ = absl::Hours(31);
  EXPECT_EQ(Next().step, Step::kRenew);
  EXPECT_EQ(Wait(), absl::InfiniteDuration());
  EXPECT_EQ(Next(/*is_attached=*/false).step, Step::kExpire);
  EXPECT_EQ(FailCodeOf(plan_.Expired()), FailCode::kExpired);
}

}  // namespace
}  // namespace convergia::node
