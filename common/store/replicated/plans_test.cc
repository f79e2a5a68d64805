#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "common/store/replicated/election_plan.h"
#include "common/store/replicated/lease_plan.h"
#include "common/store/replicated/trim_plan.h"

namespace convergia::store {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Stage = ElectionPlan::Stage;

absl::Duration Ms(int ms) { return absl::Milliseconds(ms); }

void PassAll(LeasePlan* plan) {
  for (const HealthCheck check : kHealthChecks) plan->OnPassed(check);
}

TEST(LeasePlanTest, AHealthyLeaderRenewsForAsLongAsItIsAsked) {
  LeasePlan plan(LeaseOptions(), Ms(0));
  absl::Duration now = Ms(0);
  for (int round = 0; round < 20; ++round) {
    SCOPED_TRACE(round);
    LeasePlan::Actions actions = plan.OnTick(now);
    EXPECT_THAT(actions.check,
                ElementsAre(HealthCheck::kDisk, HealthCheck::kLoop, HealthCheck::kLog));
    PassAll(&plan);
    actions.renew = actions.renew || plan.OnTick(now + Ms(10)).renew;
    EXPECT_TRUE(actions.renew);
    plan.OnRenewAnswer(RenewAnswer::kRenewed);
    actions = plan.OnTick(now + Ms(20));
    EXPECT_FALSE(actions.renew);
    EXPECT_FALSE(actions.fence);
    EXPECT_EQ(actions.wake_at, now + Ms(500));
    now = actions.wake_at;
  }
}

// The last check to pass began at 0, so the last renewal is sent before 1 s. The end comes 1.7 s
// after that at the latest.
TEST(LeasePlanTest, ALeaderWithOneCheckThatHangsIsFencedThoughItsNetworkWorks) {
  for (const HealthCheck sick : kHealthChecks) {
    LeasePlan plan(LeaseOptions(), Ms(0));
    absl::Duration now = Ms(0), fenced_at = absl::InfiniteDuration();
    plan.OnTick(now);
    PassAll(&plan);
    while (now < Ms(5'000)) {
      const LeasePlan::Actions actions = plan.OnTick(now);
      if (actions.fence) fenced_at = std::min(fenced_at, now);
      if (actions.renew) plan.OnRenewAnswer(RenewAnswer::kRenewed);
      for (const HealthCheck check : actions.check) {
        if (check != sick) plan.OnPassed(check);
      }
      now += Ms(10);
    }
    EXPECT_GT(fenced_at, Ms(1'700));
    EXPECT_LE(fenced_at, Ms(2'700));
  }
}

TEST(LeasePlanTest, ItFencesItselfBeforeTheLeaseEndsAndForEver) {
  LeasePlan plan(LeaseOptions(), Ms(0));
  PassAll(&plan);
  EXPECT_FALSE(plan.OnTick(Ms(1'699)).fence);
  EXPECT_TRUE(plan.Holds(Ms(1'699)));
  EXPECT_FALSE(plan.Holds(Ms(1'700)));
  EXPECT_TRUE(plan.OnTick(Ms(1'700)).fence);
  plan.OnRenewAnswer(RenewAnswer::kRenewed);
  EXPECT_TRUE(plan.OnTick(Ms(0)).fence);
  EXPECT_FALSE(plan.Holds(Ms(0)));
}

// The answer may come late; the lease counts from when it was asked for.
TEST(LeasePlanTest, TheLeaseCountsFromTheRequest) {
  LeasePlan plan(LeaseOptions(), Ms(0));
  plan.OnTick(Ms(0));
  PassAll(&plan);
  EXPECT_TRUE(plan.OnTick(Ms(1'000)).renew);
  plan.OnRenewAnswer(RenewAnswer::kRenewed);
  EXPECT_FALSE(plan.OnTick(Ms(2'699)).fence);
  EXPECT_TRUE(plan.OnTick(Ms(2'700)).fence);
}

TEST(LeasePlanTest, WithoutAnAnswerItAsksAgainAndWhenTheLeaseIsGoneItEnds) {
  LeasePlan plan(LeaseOptions(), Ms(0));
  plan.OnTick(Ms(0));
  PassAll(&plan);
  EXPECT_TRUE(plan.OnTick(Ms(1)).renew);
  EXPECT_FALSE(plan.OnTick(Ms(2)).renew);
  plan.OnRenewAnswer(RenewAnswer::kNoAnswer);
  EXPECT_TRUE(plan.OnTick(Ms(3)).renew);
  plan.OnRenewAnswer(RenewAnswer::kGone);
  EXPECT_TRUE(plan.OnTick(Ms(4)).fence);
}

class ElectionPlanTest : public testing::Test {
 protected:
  Leader Other(uint64_t key) { return {"two", "two:1", "elsewhere/1", 3, key}; }
  CampaignAnswer Won(uint64_t key) {
    CampaignAnswer answer;
    answer.kind = CampaignAnswer::Kind::kWon;
    answer.term.key = key;
    return answer;
  }
  CampaignAnswer Lost(std::optional<Leader> to) {
    CampaignAnswer answer;
    answer.kind = CampaignAnswer::Kind::kLost;
    answer.leader = std::move(to);
    return answer;
  }
  void LeadWith(uint64_t key) {
    plan_.OnReady(true);
    plan_.OnLeader(std::nullopt);
    plan_.OnCampaignAnswer(Won(key));
    EXPECT_EQ(plan_.OnCaughtUp().lead->key, key);
  }

  ElectionPlan plan_{{.replica = "one", .address = "one:1", .lease = Ms(2'000), .start = "here"}};
};

TEST_F(ElectionPlanTest, ItCampaignsOnceItIsReadyAndNobodyLeads) {
  EXPECT_FALSE(plan_.OnLeader(Other(1)).campaign.has_value());
  EXPECT_FALSE(plan_.OnReady(true).campaign.has_value());
  EXPECT_FALSE(plan_.OnReady(false).campaign.has_value());
  EXPECT_FALSE(plan_.OnLeader(std::nullopt).campaign.has_value());
  const auto actions = plan_.OnReady(true);
  ASSERT_TRUE(actions.campaign.has_value());
  EXPECT_EQ(actions.campaign->replica, "one");
  EXPECT_EQ(actions.campaign->candidacy, "here/1");
  EXPECT_EQ(actions.campaign->lease, Ms(2'000));
}

TEST_F(ElectionPlanTest, AWinnerLeadsOnlyWhenItHasAppliedAll) {
  plan_.OnReady(true);
  plan_.OnLeader(std::nullopt);
  const auto won = plan_.OnCampaignAnswer(Won(9));
  EXPECT_EQ(won.catch_up->key, 9);
  EXPECT_FALSE(won.lead.has_value());
  EXPECT_EQ(plan_.OnCaughtUp().lead->key, 9);
  EXPECT_EQ(plan_.stage(), Stage::kLeading);
}

TEST_F(ElectionPlanTest, ACampaignWithoutAnAnswerIsRepeatedAndALostOneIsOver) {
  plan_.OnReady(true);
  plan_.OnLeader(std::nullopt);
  const auto again = plan_.OnCampaignAnswer(CampaignAnswer());
  EXPECT_EQ(again.campaign->candidacy, "here/1");
  EXPECT_FALSE(plan_.OnCampaignAnswer(Lost(Other(4))).campaign.has_value());
  EXPECT_EQ(plan_.stage(), Stage::kFollowing);
  EXPECT_EQ(plan_.OnLeader(std::nullopt).campaign->candidacy, "here/2");
  EXPECT_EQ(plan_.OnCampaignAnswer(Lost(std::nullopt)).campaign->candidacy, "here/3");
}

// A late campaign of its own gave it a leadership whose lease nobody keeps.
TEST_F(ElectionPlanTest, ItGivesBackALeadershipThatItDoesNotKeep) {
  plan_.OnReady(true);
  const Leader own = {"one", "one:1", "here/1", 3, 8};
  EXPECT_EQ(plan_.OnLeader(own).resign, 8);
  Leader of_another_start = own;
  of_another_start.candidacy = "there/1";
  EXPECT_FALSE(plan_.OnLeader(of_another_start).resign.has_value());
  plan_.OnResign();
  EXPECT_EQ(plan_.OnCampaignAnswer(Won(10)).resign, 10);
}

TEST_F(ElectionPlanTest, ALeaderThatIsFencedOrDeposedEnds) {
  LeadWith(9);
  EXPECT_FALSE(plan_.OnLeader(Other(8)).end);  // Old news.
  EXPECT_TRUE(plan_.OnLeader(Other(10)).end);
  EXPECT_FALSE(plan_.OnFenced().end);  // Once.
  ElectionPlan catching_up({.replica = "one", .start = "here"});
  catching_up.OnReady(true);
  catching_up.OnLeader(std::nullopt);
  catching_up.OnCampaignAnswer(Won(9));
  EXPECT_TRUE(catching_up.OnFenced().end);
  EXPECT_FALSE(catching_up.OnCaughtUp().lead.has_value());
}

TEST_F(ElectionPlanTest, ALeaderResignsAfterItsLastCommit) {
  LeadWith(9);
  const auto resign = plan_.OnResign();
  EXPECT_TRUE(resign.stop_commits);
  EXPECT_FALSE(resign.resign.has_value());
  EXPECT_FALSE(plan_.OnResign().stop_commits);
  const auto stopped = plan_.OnStopped();
  EXPECT_EQ(stopped.resign, 9);
  EXPECT_TRUE(stopped.end);
}

TEST_F(ElectionPlanTest, AStandbyThatIsStoppedJustEnds) {
  const auto resign = plan_.OnResign();
  EXPECT_TRUE(resign.end);
  EXPECT_FALSE(resign.resign.has_value());
  EXPECT_FALSE(plan_.OnLeader(std::nullopt).campaign.has_value());
  EXPECT_FALSE(plan_.OnReady(true).campaign.has_value());
}

struct TrimCase {
  const char* name;
  std::vector<Sequence> flushed;
  Sequence first, head;
  size_t bytes;
  std::optional<Sequence> through;
};

class PlanTrimTest : public testing::TestWithParam<TrimCase> {};

TEST_P(PlanTrimTest, KeepsWhatAReplicaMayNeed) {
  LogState state;
  state.first = GetParam().first;
  state.head.sequence = GetParam().head;
  state.bytes = GetParam().bytes;
  for (const Sequence flushed : GetParam().flushed) {
    state.flushed[absl::StrCat("r", state.flushed.size())] = flushed;
  }
  EXPECT_EQ(PlanTrim(state, {.keep_bytes = 1000, .step = 10}), GetParam().through);
}

INSTANTIATE_TEST_SUITE_P(
    Logs, PlanTrimTest,
    testing::ValuesIn<TrimCase>({
        {"AnEmptyLog", {0, 0}, 1, 0, 0, std::nullopt},
        {"OneReplicaAloneTrimsNothing", {90}, 1, 100, 5000, std::nullopt},
        {"ASmallLogWaitsForAll", {90, 80, 20}, 1, 100, 1000, 20},
        {"ALargeLogWaitsForTwo", {90, 80, 20}, 1, 100, 1001, 80},
        {"TwoReplicas", {50, 90}, 1, 100, 10, 50},
        {"AFewEntriesAreNotWorthACall", {90, 89, 20}, 12, 100, 10, std::nullopt},
        {"JustWorthACall", {90, 89, 21}, 12, 100, 10, 21},
        {"TheHeadStays", {100, 100, 100}, 1, 100, 10, 99},
        {"MoreThanTheLogHas", {200, 200, 200}, 1, 100, 10, 99},
    }),
    [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace convergia::store
