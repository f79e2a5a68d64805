#include "client/connect/start_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/fail.h"

namespace convergia::client {
namespace {

using testing::ElementsAre;

MainServer Server(const std::string& name) {
  return {.name = name, .address = name + ":1", .pin = "pin-" + name};
}
std::vector<MainServer> Servers(const std::vector<std::string>& names) {
  std::vector<MainServer> servers;
  for (const std::string& name : names) servers.push_back(Server(name));
  return servers;
}

std::string Text(const Measure& measure) {
  return absl::StrCat(measure.name, "=",
                      measure.round_trip
                          ? absl::StrCat(absl::ToInt64Microseconds(*measure.round_trip))
                          : "unreachable");
}

struct ToText {
  std::string operator()(const StartPlan::SignInAtManagement& action) const {
    return action.secret == StartPlan::Secret::kTicket ? "sign in by ticket"
                                                       : "sign in by password";
  }
  std::string operator()(const StartPlan::ListMainServers&) const { return "list"; }
  std::string operator()(const StartPlan::Probe& action) const {
    return "probe " + action.server.name;
  }
  std::string operator()(const StartPlan::Report& action) const {
    return "report " + absl::StrJoin(action.measures, " ", [](std::string* out, const Measure& m) {
             absl::StrAppend(out, Text(m));
           });
  }
  std::string operator()(const StartPlan::Connect& action) const {
    return absl::StrCat("connect ", action.server.name, " ", action.server.pin);
  }
  std::string operator()(const StartPlan::CheckKey& action) const {
    return absl::StrCat("check ", action.name, " ", action.pin);
  }
  std::string operator()(const StartPlan::Wait&) const { return "wait"; }
  std::string operator()(const StartPlan::LeaveManagement&) const { return "leave mgmt"; }
  std::string operator()(const StartPlan::GiveUp& action) const {
    return absl::StrCat("give up ", FailCodeWord(FailCodeOf(action.status)));
  }
};

std::vector<std::string> Texts(const StartPlan::Actions& actions) {
  std::vector<std::string> texts;
  for (const auto& action : actions) texts.push_back(std::visit(ToText(), action));
  return texts;
}

const absl::Status kAway = Fail(FailCode::kUnavailable, "connection refused");
const absl::Status kRefused = Fail(FailCode::kSignInFailed, "wrong password");

StartPlan MakePlan(StartMemory memory = {}) {
  StartPlan plan(StartPlan::Options(), std::move(memory));
  plan.set_has_password(true);
  return plan;
}

StartMemory Remembered() {
  return {.report = {{"a", absl::Microseconds(100)}, {"b", std::nullopt}},
          .assigned = Servers({"a", "b"})};
}

// A plan whose next event is OnMainServerUp() or a failure of `a`.
StartPlan MakeConnectingPlan(const std::vector<std::string>& assigned) {
  StartPlan plan = MakePlan(Remembered());
  plan.Begin();
  plan.OnManagementUp();
  plan.OnAssigned(Servers(assigned));
  return plan;
}

TEST(StartPlanTest, FirstStartListsProbesReportsAndConnects) {
  StartPlan plan = MakePlan();
  EXPECT_THAT(Texts(plan.Begin()), ElementsAre("sign in by password"));
  EXPECT_THAT(Texts(plan.OnManagementUp()), ElementsAre("list"));
  EXPECT_THAT(Texts(plan.OnListed(Servers({"a", "b"}))), ElementsAre("probe a", "probe b"));
  EXPECT_THAT(Texts(plan.OnProbed("b", absl::Microseconds(250))), ElementsAre());
  EXPECT_THAT(Texts(plan.OnProbed("a", std::nullopt)), ElementsAre("report b=250 a=unreachable"));
  EXPECT_THAT(Texts(plan.OnAssigned(Servers({"b"}))), ElementsAre("connect b pin-b"));
  EXPECT_FALSE(plan.up());
  EXPECT_THAT(Texts(plan.OnMainServerUp()), ElementsAre("leave mgmt"));
  EXPECT_TRUE(plan.up());
  EXPECT_EQ(plan.memory().assigned, Servers({"b"}));
  EXPECT_EQ(plan.memory().report.size(), 2);
}

TEST(StartPlanTest, RememberedReportIsSentFirst) {
  StartPlan plan = MakePlan(Remembered());
  plan.Begin();
  EXPECT_THAT(Texts(plan.OnManagementUp()), ElementsAre("report a=100 b=unreachable"));
}

TEST(StartPlanTest, TicketIsPreferredToThePassword) {
  StartPlan plan = MakePlan();
  plan.set_has_ticket(true);
  EXPECT_THAT(Texts(plan.Begin()), ElementsAre("sign in by ticket"));
}

TEST(StartPlanTest, AtMostEightProbesAreOut) {
  std::vector<std::string> names;
  for (int i = 0; i < 20; ++i) names.push_back(absl::StrCat("s", i));
  StartPlan plan = MakePlan();
  plan.Begin();
  plan.OnManagementUp();
  EXPECT_EQ(plan.OnListed(Servers(names)).size(), 8);
  int probes = 8;
  int answered = 0;
  while (answered < 19) {
    const auto actions = plan.OnProbed(names[answered++], absl::Microseconds(1));
    probes += actions.size();
    EXPECT_LE(probes - answered, 8);
  }
  EXPECT_EQ(probes, 20);
  const auto last = plan.OnProbed("s19", absl::Microseconds(1));
  ASSERT_EQ(last.size(), 1);
  EXPECT_EQ(std::get<StartPlan::Report>(last[0]).measures.size(), 20);
}

TEST(StartPlanTest, ProbeTimeUpReportsWhatIsKnown) {
  StartPlan plan = MakePlan();
  plan.Begin();
  plan.OnManagementUp();
  plan.OnListed(Servers({"a", "b"}));
  plan.OnProbed("a", absl::Microseconds(7));
  EXPECT_THAT(Texts(plan.OnProbeTimeUp()), ElementsAre("report a=7 b=unreachable"));
  EXPECT_THAT(Texts(plan.OnProbed("b", absl::Microseconds(9))), ElementsAre());
  EXPECT_THAT(Texts(plan.OnProbeTimeUp()), ElementsAre());
}

TEST(StartPlanTest, ServerListedTwiceIsProbedOnce) {
  StartPlan plan = MakePlan();
  plan.Begin();
  plan.OnManagementUp();
  EXPECT_THAT(Texts(plan.OnListed(Servers({"a", "a"}))), ElementsAre("probe a"));
  EXPECT_THAT(Texts(plan.OnProbed("a", absl::Microseconds(7))), ElementsAre("report a=7"));
}

TEST(StartPlanTest, ListIsBounded) {
  StartPlan plan(StartPlan::Options{.probes_max = 8, .attempts_max = 5, .servers_max = 2}, {});
  plan.set_has_password(true);
  plan.Begin();
  plan.OnManagementUp();
  EXPECT_THAT(Texts(plan.OnListed(Servers({"a", "b", "c"}))), ElementsAre("probe a", "probe b"));
}

TEST(StartPlanTest, OnlyTheServerThatIsAskedForIsLookedAt) {
  StartPlan plan(StartPlan::Options{.only = "b"}, Remembered());
  plan.set_has_password(true);
  plan.Begin();
  EXPECT_THAT(Texts(plan.OnManagementUp()), ElementsAre("list"));
  EXPECT_THAT(Texts(plan.OnListed(Servers({"a", "b"}))), ElementsAre("probe b"));
  EXPECT_THAT(Texts(plan.OnProbed("b", absl::Microseconds(7))), ElementsAre("report b=7"));
  EXPECT_THAT(Texts(plan.OnAssigned(Servers({"a", "b"}))), ElementsAre("connect b pin-b"));
}

TEST(StartPlanTest, ServerThatIsAskedForAndNotThereIsAwaited) {
  StartPlan plan(StartPlan::Options{.only = "c"}, {});
  plan.set_has_password(true);
  plan.Begin();
  plan.OnManagementUp();
  EXPECT_THAT(Texts(plan.OnListed(Servers({"a", "b"}))), ElementsAre("leave mgmt", "wait"));
  EXPECT_THAT(std::string(plan.last_failure().message()), testing::HasSubstr("server c"));
}

TEST(StartPlanTest, FiveFailedAttemptsStartOverWithAListAndProbes) {
  StartPlan plan = MakeConnectingPlan({"a", "b"});
  EXPECT_THAT(Texts(plan.OnMainServerFailed(kAway)), ElementsAre("connect b pin-b"));
  EXPECT_THAT(Texts(plan.OnMainServerFailed(kAway)), ElementsAre("wait"));
  EXPECT_THAT(Texts(plan.OnWaited()), ElementsAre("connect a pin-a"));
  EXPECT_THAT(Texts(plan.OnMainServerFailed(kAway)), ElementsAre("wait"));
  EXPECT_THAT(Texts(plan.OnWaited()), ElementsAre("connect b pin-b"));
  EXPECT_THAT(Texts(plan.OnMainServerFailed(kAway)), ElementsAre("wait"));
  EXPECT_THAT(Texts(plan.OnWaited()), ElementsAre("connect a pin-a"));
  EXPECT_THAT(Texts(plan.OnMainServerFailed(kAway)), ElementsAre("leave mgmt", "wait"));
  EXPECT_EQ(plan.last_failure(), kAway);
  EXPECT_THAT(Texts(plan.OnWaited()), ElementsAre("sign in by ticket"));
  EXPECT_THAT(Texts(plan.OnManagementUp()), ElementsAre("list"));
}

TEST(StartPlanTest, LostConnectionReportsAgainAndTriesTheLostServerLast) {
  StartPlan plan = MakeConnectingPlan({"a", "b"});
  plan.OnMainServerUp();
  EXPECT_THAT(Texts(plan.OnMainServerLost(Server("a"))), ElementsAre("wait"));
  EXPECT_FALSE(plan.up());
  EXPECT_THAT(Texts(plan.OnWaited()), ElementsAre("sign in by ticket"));
  EXPECT_THAT(Texts(plan.OnManagementUp()), ElementsAre("report a=100 b=unreachable"));
  EXPECT_THAT(Texts(plan.OnAssigned(Servers({"a", "b"}))), ElementsAre("connect b pin-b"));
  EXPECT_THAT(Texts(plan.OnMainServerFailed(kAway)), ElementsAre("connect a pin-a"));
}

TEST(StartPlanTest, WithManagementAwayTheRememberedServersAreTriedByTicket) {
  StartPlan plan = MakePlan(Remembered());
  plan.set_has_ticket(true);
  plan.Begin();
  EXPECT_THAT(Texts(plan.OnManagementFailed(kAway)), ElementsAre("leave mgmt", "connect a pin-a"));
  EXPECT_THAT(Texts(plan.OnMainServerUp()), ElementsAre("leave mgmt"));
  EXPECT_TRUE(plan.up());
}

TEST(StartPlanTest, WithManagementAwayAndNoTicketItWaits) {
  StartPlan plan = MakePlan(Remembered());
  plan.Begin();
  EXPECT_THAT(Texts(plan.OnManagementFailed(kAway)), ElementsAre("leave mgmt", "wait"));
  EXPECT_THAT(Texts(plan.OnWaited()), ElementsAre("sign in by password"));
}

TEST(StartPlanTest, RefusedTicketFallsBackToThePassword) {
  StartPlan plan = MakePlan();
  plan.set_has_ticket(true);
  plan.Begin();
  EXPECT_THAT(Texts(plan.OnManagementFailed(Fail(FailCode::kExpired, "too old"))),
              ElementsAre("leave mgmt", "sign in by password"));
}

TEST(StartPlanTest, RefusedTicketWithoutAPasswordGivesUp) {
  StartPlan plan = MakePlan();
  plan.set_has_ticket(true);
  plan.set_has_password(false);
  plan.Begin();
  EXPECT_THAT(Texts(plan.OnManagementFailed(kRefused)),
              ElementsAre("leave mgmt", "give up SIGNINFAILED"));
}

TEST(StartPlanTest, RefusedPasswordGivesUpAndCanBeginAnew) {
  StartPlan plan = MakePlan();
  plan.Begin();
  EXPECT_THAT(Texts(plan.OnManagementFailed(kRefused)),
              ElementsAre("leave mgmt", "give up SIGNINFAILED"));
  EXPECT_THAT(Texts(plan.Begin()), ElementsAre("sign in by password"));
}

TEST(StartPlanTest, UntrustedManagementIsNoRefusalOfTheSecret) {
  StartPlan plan = MakePlan();
  plan.Begin();
  const absl::Status untrusted = Fail(FailCode::kDenied, "another key");
  EXPECT_THAT(Texts(plan.OnManagementAway(untrusted)), ElementsAre("leave mgmt", "wait"));
  EXPECT_EQ(plan.last_failure(), untrusted);
}

TEST(StartPlanTest, ThrottledSignInWaits) {
  StartPlan plan = MakePlan();
  plan.Begin();
  EXPECT_THAT(Texts(plan.OnManagementFailed(Fail(FailCode::kRate, "slower"))),
              ElementsAre("leave mgmt", "wait"));
}

TEST(StartPlanTest, OtherKeyIsConnectedToOnlyIfManagementConfirmsIt) {
  StartPlan plan = MakeConnectingPlan({"a", "b"});
  EXPECT_THAT(Texts(plan.OnKeyDiffers("new")), ElementsAre("check a new"));
  EXPECT_THAT(Texts(plan.OnKeyChecked(true)), ElementsAre("connect a new"));
  EXPECT_EQ(plan.memory().assigned[0].pin, "new");
  plan.OnMainServerUp();
  EXPECT_TRUE(plan.up());
}

TEST(StartPlanTest, KeyThatManagementDeniesIsAFailedAttempt) {
  StartPlan plan = MakeConnectingPlan({"a", "b"});
  plan.OnKeyDiffers("forged");
  EXPECT_THAT(Texts(plan.OnKeyChecked(false)), ElementsAre("connect b pin-b"));
  EXPECT_EQ(FailCodeOf(plan.last_failure()), FailCode::kDenied);
  EXPECT_EQ(plan.memory().assigned[0].pin, "pin-a");
}

TEST(StartPlanTest, KeyThatChangesAgainIsNotAskedForTwice) {
  StartPlan plan = MakeConnectingPlan({"a", "b"});
  plan.OnKeyDiffers("new");
  plan.OnKeyChecked(true);
  EXPECT_THAT(Texts(plan.OnKeyDiffers("newer")), ElementsAre("connect b pin-b"));
}

TEST(StartPlanTest, OtherKeyWithManagementAwayIsAFailedAttempt) {
  StartPlan plan = MakePlan(Remembered());
  plan.set_has_ticket(true);
  plan.Begin();
  plan.OnManagementFailed(kAway);
  EXPECT_THAT(Texts(plan.OnKeyDiffers("new")), ElementsAre("connect b pin-b"));
}

TEST(StartPlanTest, NoMainServersAtAllWaitsAndStartsOver) {
  StartPlan plan = MakePlan();
  plan.Begin();
  plan.OnManagementUp();
  EXPECT_THAT(Texts(plan.OnListed({})), ElementsAre("leave mgmt", "wait"));
  EXPECT_EQ(FailCodeOf(plan.last_failure()), FailCode::kUnavailable);
}

TEST(StartPlanTest, RememberedReportThatLeadsNowhereIsMadeAnew) {
  StartPlan plan = MakePlan(Remembered());
  plan.Begin();
  plan.OnManagementUp();
  EXPECT_THAT(Texts(plan.OnAssigned({})), ElementsAre("list"));
  plan.OnListed(Servers({"c"}));
  EXPECT_THAT(Texts(plan.OnProbed("c", absl::Microseconds(1))), ElementsAre("report c=1"));
  EXPECT_THAT(Texts(plan.OnAssigned({})), ElementsAre("leave mgmt", "wait"));
}

TEST(StartPlanTest, RememberedReportThatManagementRefusesIsMadeAnew) {
  StartPlan plan = MakePlan(Remembered());
  plan.Begin();
  plan.OnManagementUp();
  EXPECT_THAT(Texts(plan.OnManagementFailed(Fail(FailCode::kUnavailable, "none of these"))),
              ElementsAre("list"));
}

TEST(StartPlanTest, EventsNobodyAskedForChangeNothing) {
  StartPlan plan = MakeConnectingPlan({"a"});
  EXPECT_TRUE(plan.OnManagementUp().empty());
  EXPECT_TRUE(plan.OnManagementFailed(kAway).empty());
  EXPECT_TRUE(plan.OnListed(Servers({"z"})).empty());
  EXPECT_TRUE(plan.OnProbed("a", std::nullopt).empty());
  EXPECT_TRUE(plan.OnAssigned(Servers({"z"})).empty());
  EXPECT_TRUE(plan.OnKeyChecked(true).empty());
  EXPECT_TRUE(plan.OnWaited().empty());
  EXPECT_TRUE(plan.OnMainServerLost(Server("a")).empty());
  plan.OnMainServerUp();
  EXPECT_TRUE(plan.up());
}

}  // namespace
}  // namespace convergia::client
