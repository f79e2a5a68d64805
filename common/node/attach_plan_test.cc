#include "common/node/attach_plan.h"

#include <gtest/gtest.h>

#include <string>

#include "common/base/fail.h"

namespace convergia::node {
namespace {

using Step = AttachPlan::Step;

constexpr Epoch kEpoch = 5;
const absl::Time kStart = absl::FromUnixSeconds(1'700'000'000);

// A plan and its two clocks.
class AttachPlanTest : public testing::Test {
 protected:
  AttachPlanTest() { plan_.OnCertificate(kStart, kStart + absl::Hours(30)); }

  AttachPlan::Next Next() { return plan_.NextStep(kStart + elapsed_, elapsed_); }
  void Advance(absl::Duration by) { elapsed_ += by; }
  // What the plan waits for next; it must be waiting.
  absl::Duration Wait() {
    const AttachPlan::Next next = Next();
    EXPECT_EQ(next.step, Step::kWait);
    return next.wait;
  }

  AttachPlan plan_{AttachPlan::Options{}};
  absl::Duration elapsed_ = absl::Seconds(100);
};

TEST_F(AttachPlanTest, AttachesAtOnceThenBeatsAtItsRhythm) {
  EXPECT_EQ(Next().step, Step::kAttach);
  EXPECT_EQ(Wait(), absl::Seconds(10));
  plan_.OnAttached(elapsed_);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(Next().step, Step::kBeat);
    EXPECT_EQ(Wait(), limits::kHeartbeat);
    Advance(limits::kHeartbeat);
  }
}

TEST_F(AttachPlanTest, WaitsLongerAfterEachFailureAndStartsOverOnceAttached) {
  absl::Duration last = absl::ZeroDuration();
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(Next().step, Step::kAttach);
    plan_.OnDetached(absl::UnavailableError("x"), kEpoch, kEpoch, elapsed_);
    last = Wait();
    EXPECT_GT(last, absl::ZeroDuration());
    EXPECT_LE(last, absl::Seconds(5));
    Advance(last);
  }
  EXPECT_GE(last, absl::Seconds(5) / 2);
  EXPECT_EQ(Next().step, Step::kAttach);
  plan_.OnAttached(elapsed_);
  plan_.OnDetached(absl::OkStatus(), kEpoch, kEpoch, elapsed_);
  EXPECT_LE(Wait(), absl::Milliseconds(200));
}

TEST_F(AttachPlanTest, AnAttachWithoutAnswerIsAbandonedOnce) {
  EXPECT_EQ(Next().step, Step::kAttach);
  Advance(absl::Seconds(10));
  EXPECT_EQ(Next().step, Step::kAbandon);
  EXPECT_EQ(Next().step, Step::kWait);
  plan_.OnDetached(absl::UnavailableError("mgmt does not answer"), kEpoch, kEpoch, elapsed_);
  Advance(Wait());
  EXPECT_EQ(Next().step, Step::kAttach);
  Advance(absl::Seconds(10));
  EXPECT_EQ(Next().step, Step::kAbandon);
}

TEST_F(AttachPlanTest, RenewsAtTwoThirdsOfItsLifeAndGoesOnBeating) {
  EXPECT_EQ(Next().step, Step::kAttach);
  plan_.OnAttached(elapsed_);
  EXPECT_EQ(Next().step, Step::kBeat);
  elapsed_ = absl::Hours(20) - absl::Seconds(1);
  EXPECT_EQ(Next().step, Step::kBeat);
  EXPECT_EQ(Wait(), absl::Seconds(1));
  Advance(absl::Seconds(1));
  EXPECT_EQ(Next().step, Step::kRenew);
  EXPECT_EQ(Wait(), absl::Seconds(1));  // The next beat; not a second request.
  plan_.OnRenewFailed();
  Advance(absl::Seconds(1));
  EXPECT_EQ(Next().step, Step::kBeat);
  Advance(absl::Seconds(58));
  EXPECT_EQ(Next().step, Step::kBeat);
  Advance(absl::Seconds(1));
  EXPECT_EQ(Next().step, Step::kRenew);
  plan_.OnCertificate(kStart + elapsed_, kStart + elapsed_ + absl::Hours(30));
  Advance(absl::Hours(1));
  EXPECT_EQ(Next().step, Step::kBeat);
  EXPECT_EQ(Next().step, Step::kWait);
}

TEST_F(AttachPlanTest, ACertificateThatIsOldWhenItComesIsNotRenewedInALoop) {
  plan_.OnCertificate(kStart - absl::Hours(1), kStart + absl::Minutes(10));
  EXPECT_EQ(Next().step, Step::kRenew);
  plan_.OnCertificate(kStart - absl::Hours(1), kStart + absl::Minutes(10));
  EXPECT_EQ(Next().step, Step::kAttach);
  EXPECT_EQ(Next().step, Step::kWait);
  Advance(absl::Minutes(1));
  EXPECT_EQ(Next().step, Step::kRenew);
}

TEST_F(AttachPlanTest, RenewsAlsoWhileMgmtIsAway) {
  elapsed_ = absl::Hours(21);
  EXPECT_EQ(Next().step, Step::kRenew);
  EXPECT_EQ(Next().step, Step::kAttach);
}

TEST_F(AttachPlanTest, WhatCannotPassByItselfIsFinal) {
  for (const absl::Status& why :
       {absl::PermissionDeniedError("revoked"), absl::UnauthenticatedError("unknown key"),
        absl::FailedPreconditionError("a newer start is attached")}) {
    AttachPlan plan{AttachPlan::Options{}};
    EXPECT_EQ(plan.NextStep(kStart, elapsed_).step, Step::kAttach);
    plan.OnDetached(why, kEpoch, kEpoch, elapsed_);
    EXPECT_EQ(plan.NextStep(kStart, elapsed_ + absl::Hours(1)).step, Step::kGiveUp);
    EXPECT_EQ(plan.final_status(), why);
  }
}

TEST(EndsNodeTest, OnlyFinalErrorsOfTheHighestEpochEndANode) {
  const absl::Status revoked = absl::PermissionDeniedError("revoked");
  const absl::Status unknown = absl::UnauthenticatedError("unknown key");
  const absl::Status replaced = absl::FailedPreconditionError("a newer start is attached");
  const struct {
    absl::Status why;
    std::optional<Epoch> said;
    Epoch highest;
    bool ends;
  } kCases[] = {
      {revoked, 5, 5, true},
      {unknown, 5, 5, true},
      {replaced, 5, 5, true},
      {revoked, 6, 5, true},   // A start that this node has not been welcomed by.
      {revoked, 1, 0, true},   // The first that it meets.
      {revoked, 4, 5, false},  // A mgmt that was replaced.
      {unknown, 4, 5, false},
      {replaced, 4, 5, false},
      {revoked, 0, 5, false},
      {revoked, std::nullopt, 5, false},  // Nobody knows whose word it is.
      {unknown, std::nullopt, 0, false},
      {absl::UnavailableError("x"), 5, 5, false},
      {absl::OkStatus(), 5, 5, false},
  };
  for (const auto& row : kCases) {
    EXPECT_EQ(EndsNode(row.why, row.said, row.highest), row.ends)
        << row.why << " of epoch " << row.said.value_or(0) << ", highest " << row.highest;
  }
}

TEST_F(AttachPlanTest, ARefusalOfAMgmtThatWasReplacedIsRetriedLikeAnyFailure) {
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(Next().step, Step::kAttach);
    plan_.OnDetached(absl::PermissionDeniedError("revoked"), kEpoch - 1, kEpoch, elapsed_);
    const absl::Duration wait = Wait();
    EXPECT_LE(wait, absl::Seconds(5));
    Advance(wait);
  }
  EXPECT_EQ(Next().step, Step::kAttach);
  EXPECT_TRUE(plan_.final_status().ok());
  plan_.OnDetached(absl::PermissionDeniedError("revoked"), kEpoch, kEpoch, elapsed_);
  EXPECT_EQ(Next().step, Step::kGiveUp);
}

TEST_F(AttachPlanTest, OtherErrorsAreNeverFinal) {
  for (const absl::StatusCode code :
       {absl::StatusCode::kOk, absl::StatusCode::kUnavailable, absl::StatusCode::kInternal,
        absl::StatusCode::kCancelled, absl::StatusCode::kUnimplemented,
        absl::StatusCode::kResourceExhausted, absl::StatusCode::kUnknown}) {
    EXPECT_EQ(Next().step, Step::kAttach);
    plan_.OnDetached(absl::Status(code, "x"), kEpoch, kEpoch, elapsed_);
    Advance(Wait());
  }
}

TEST_F(AttachPlanTest, AnExpiredCertificateIsTheEndOnceTheStreamIsGone) {
  EXPECT_EQ(Next().step, Step::kAttach);
  plan_.OnAttached(elapsed_);
  elapsed_ = absl::Hours(31);
  EXPECT_EQ(Next().step, Step::kRenew);
  EXPECT_EQ(Next().step, Step::kBeat);
  plan_.OnDetached(absl::UnavailableError("x"), kEpoch, kEpoch, elapsed_);
  EXPECT_EQ(Next().step, Step::kGiveUp);
  EXPECT_EQ(FailCodeOf(plan_.final_status()), FailCode::kExpired);
}

}  // namespace
}  // namespace convergia::node
