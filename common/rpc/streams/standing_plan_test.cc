#include "common/rpc/streams/standing_plan.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

namespace convergia::rpc {
namespace {

using Step = StandingPlan::Step;

constexpr Epoch kEpoch = 5;
constexpr absl::Duration kFirst = absl::Milliseconds(200);
constexpr absl::Duration kMax = absl::Seconds(5);

StandingPlan::Options Options() {
  StandingPlan::Options options;
  options.backoff_first = kFirst;
  options.backoff_max = kMax;
  options.greet_timeout = absl::Seconds(10);
  options.beat = absl::Seconds(2);
  options.final_codes = {absl::StatusCode::kPermissionDenied};
  return options;
}

std::vector<ServerAddress> Ring(const std::vector<std::string>& addresses) {
  std::vector<ServerAddress> ring;
  for (const std::string& address : addresses) ring.push_back({.address = address, .name = ""});
  return ring;
}

// A plan with its clock, driven by a script of events and expected steps.
class Script {
 public:
  explicit Script(const std::vector<std::string>& addresses,
                  const StandingPlan::Options& options = Options())
      : plan(options) {
    plan.SetAddresses(Ring(addresses), elapsed);
  }

  void Greet() { plan.OnGreeted(elapsed); }
  void Fail(const std::string& redirect = "") {
    plan.OnEnded(absl::UnavailableError("x"), kEpoch, kEpoch, elapsed, redirect);
  }
  void Prefer(const std::string& address) { plan.Prefer(address, elapsed); }
  void SetWanted(bool wanted) { plan.SetWanted(wanted, elapsed); }
  void SetAddresses(const std::vector<std::string>& addresses) {
    plan.SetAddresses(Ring(addresses), elapsed);
  }

  // The next step as a word: "dial a", "cancel", "wait" and so on.
  std::string Next() {
    const StandingPlan::Next next = plan.NextStep(elapsed);
    switch (next.step) {
      case Step::kWait:
        wait = next.wait;
        return "wait";
      case Step::kDial:
        return "dial " + next.address.address;
      case Step::kClose:
        return "close";
      case Step::kCancel:
        return "cancel";
      case Step::kBeat:
        return "beat";
      case Step::kFinal:
        return "final";
    }
    return "";
  }
  // Moves the clock by the wait of the plan.
  void PassWait() {
    EXPECT_EQ(Next(), "wait");
    elapsed += wait;
  }

  StandingPlan plan;
  absl::Duration elapsed = absl::Seconds(100);
  absl::Duration wait = absl::ZeroDuration();  // Of the last "wait".
};

struct Row {
  const char* name;
  std::vector<std::string> addresses;
  std::function<void(Script&)> what;
  std::vector<std::string> then;  // All steps, up to the first wait.
};

class StandingPlanTest : public testing::TestWithParam<Row> {};

TEST_P(StandingPlanTest, DoesThis) {
  Script script(GetParam().addresses);
  GetParam().what(script);
  for (const std::string& step : GetParam().then) EXPECT_EQ(script.Next(), step);
  EXPECT_EQ(script.Next(), "wait");
}

void DialAndGreet(Script& s) {
  s.Next();
  s.Greet();
}

const Row kRows[] = {
    {"NothingIsDialledWithoutAddress", {}, [](Script&) {}, {}},
    {"TheFirstIsDialledAtOnce", {"a", "b"}, [](Script&) {}, {"dial a"}},
    {"AStreamThatIsUpBeatsAtOnce", {"a"}, DialAndGreet, {"beat"}},
    {"TheNextFollowsAFailureAtOnce", {"a", "b"}, [](Script& s) { s.Next(), s.Fail(); }, {"dial b"}},
    {"AfterARoundComesAWait",
     {"a", "b"},
     [](Script& s) { s.Next(), s.Fail(), s.Next(), s.Fail(); },
     {}},
    {"OneAddressIsARound", {"a"}, [](Script& s) { s.Next(), s.Fail(); }, {}},
    {"AfterTheWaitTheRingGoesOn",
     {"a", "b"},
     [](Script& s) { s.Next(), s.Fail(), s.Next(), s.Fail(), s.PassWait(); },
     {"dial a"}},
    {"AnEndAfterTheGreetingIsDialledAgainAfterAWait",
     {"a", "b"},
     [](Script& s) { s.Next(), s.Fail(), DialAndGreet(s), s.Fail(), s.PassWait(); },
     {"dial b"}},
    {"ARedirectIsFollowedAtOnce",
     {"a", "b", "c"},
     [](Script& s) { s.Next(), s.Fail("c"); },
     {"dial c"}},
    {"ARedirectOutOfTheRingIsNone",
     {"a", "b", "c"},
     [](Script& s) { s.Next(), s.Fail("evil"); },
     {"dial b"}},
    {"TwoThatRedirectToEachOtherAreWaitedFor",
     {"a", "b"},
     [](Script& s) { s.Next(), s.Fail("b"), s.Next(), s.Fail("a"); },
     {}},
    {"ThePreferredReplacesAnother",
     {"a", "b"},
     [](Script& s) { DialAndGreet(s), s.Prefer("b"); },
     {"cancel"}},
    {"ThePreferredIsDialledWhenTheOtherHasEnded",
     {"a", "b"},
     [](Script& s) { DialAndGreet(s), s.Prefer("b"), s.Next(), s.Fail(); },
     {"dial b"}},
    {"ThePreferredReplacesAlsoOneThatIsNotGreeted",
     {"a", "b"},
     [](Script& s) { s.Next(), s.Prefer("b"), s.Next(), s.Fail(); },
     {"dial b"}},
    {"ThePreferredEndsAWait",
     {"a", "b"},
     [](Script& s) { s.Next(), s.Fail(), s.Next(), s.Fail(), s.Prefer("b"); },
     {"dial b"}},
    {"ThePreferredIsThereAlready",
     {"a", "b"},
     [](Script& s) { DialAndGreet(s), s.Next(), s.Prefer("a"); },
     {}},
    {"AnUnknownOneIsNotPreferred",
     {"a", "b"},
     [](Script& s) { DialAndGreet(s), s.Next(), s.Prefer("evil"); },
     {}},
    {"TheLastPreferredCounts",
     {"a", "b", "c"},
     [](Script& s) { DialAndGreet(s), s.Prefer("b"), s.Prefer("c"), s.Next(), s.Fail(); },
     {"dial c"}},
    {"AnAddressThatIsGoneIsLeft",
     {"a"},
     [](Script& s) { DialAndGreet(s), s.SetAddresses({"b"}), s.Next(), s.Fail(); },
     {"dial b"}},
    {"AnAddressThatStaysIsKept",
     {"a"},
     [](Script& s) {
       DialAndGreet(s), s.Next(), s.SetAddresses({"b", "a"});
     },
     {}},
    {"TheSameListChangesNothing",
     {"a"},
     [](Script& s) { s.Next(), s.Fail(), s.SetAddresses({"a"}); },
     {}},
    {"ANewListEndsAWait",
     {"a"},
     [](Script& s) { s.Next(), s.Fail(), s.SetAddresses({"b"}); },
     {"dial b"}},
    {"WhatIsNotWantedIsNotDialled", {"a"}, [](Script& s) { s.SetWanted(false); }, {}},
    {"WhatIsNoLongerWantedIsCancelled",
     {"a"},
     [](Script& s) { DialAndGreet(s), s.SetWanted(false); },
     {"cancel"}},
    {"AlsoIfItIsWantedAgainMeanwhile",
     {"a"},
     [](Script& s) { DialAndGreet(s), s.SetWanted(false), s.SetWanted(true); },
     {"cancel"}},
    {"WhatIsWantedAgainIsDialledAtOnce",
     {"a"},
     [](Script& s) { DialAndGreet(s), s.SetWanted(false), s.Next(), s.SetWanted(true), s.Fail(); },
     {"dial a"}},
    {"WhoRetiresEndsInOrder",
     {"a"},
     [](Script& s) { DialAndGreet(s), s.plan.Retire(); },
     {"close"}},
    {"WhoHasRetiredDialsNoMore",
     {"a"},
     [](Script& s) { DialAndGreet(s), s.plan.Retire(), s.Next(), s.Fail(); },
     {}},
    {"GivingUpWithoutAStreamIsFinalAtOnce",
     {},
     [](Script& s) { s.plan.GiveUp(absl::InternalError("x")); },
     {"final"}},
    {"GivingUpEndsTheStreamInOrder",
     {"a"},
     [](Script& s) { DialAndGreet(s), s.plan.GiveUp(absl::InternalError("x")); },
     {"close"}},
    {"AFarewellThatIsNotAnsweredIsCutShort",
     {"a"},
     [](Script& s) {
       DialAndGreet(s), s.plan.GiveUp(absl::InternalError("x")), s.Next(), s.PassWait();
     },
     {"cancel"}},
    {"AfterTheFarewellItIsFinal",
     {"a"},
     [](Script& s) {
       DialAndGreet(s), s.plan.GiveUp(absl::InternalError("x")), s.Next(), s.Fail();
     },
     {"final"}},
    {"AServerThatDoesNotGreetIsCancelledOnce",
     {"a", "b"},
     [](Script& s) { s.Next(), s.PassWait(); },
     {"cancel"}},
    {"AServerThatDidNotGreetHasFailed",
     {"a", "b"},
     [](Script& s) { s.Next(), s.PassWait(), s.Next(), s.Fail(); },
     {"dial b"}},
    {"ABeatIsDueAgainLater",
     {"a"},
     [](Script& s) { DialAndGreet(s), s.Next(), s.PassWait(); },
     {"beat"}},
    {"ABeatMayBeAskedFor",
     {"a"},
     [](Script& s) { DialAndGreet(s), s.Next(), s.plan.BeatNow(s.elapsed); },
     {"beat"}},
};

INSTANTIATE_TEST_SUITE_P(Rows, StandingPlanTest, testing::ValuesIn(kRows),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(StandingPlanWaitTest, WaitsGrowWithEachRoundAndAGreetingStartsThemOver) {
  Script s({"a", "b"});
  for (int round = 0; round < 10; ++round) {
    for (int i = 0; i < 2; ++i) {
      EXPECT_EQ(s.Next().substr(0, 4), "dial");
      s.Fail();
    }
    EXPECT_EQ(s.Next(), "wait");
    EXPECT_GT(s.wait, absl::ZeroDuration());
    EXPECT_LE(s.wait, kMax);
    s.elapsed += s.wait;
  }
  EXPECT_GE(s.wait, kMax / 2);
  DialAndGreet(s);
  s.Fail();
  EXPECT_EQ(s.Next(), "wait");
  EXPECT_LE(s.wait, kFirst);
}

TEST(StandingPlanWaitTest, TheGreetingIsWaitedForSoLong) {
  Script s({"a"});
  s.Next();
  EXPECT_EQ(s.Next(), "wait");
  EXPECT_EQ(s.wait, absl::Seconds(10));
  s.Greet();
  EXPECT_EQ(s.Next(), "beat");
  EXPECT_EQ(s.Next(), "wait");
  EXPECT_EQ(s.wait, absl::Seconds(2));
}

TEST(StandingPlanFinalTest, OnlyFinalErrorsOfTheHighestEpochAreFinal) {
  const absl::Status revoked = absl::PermissionDeniedError("revoked");
  const struct {
    absl::Status why;
    std::optional<Epoch> said;
    Epoch highest;
    bool is_final;
  } kCases[] = {
      {revoked, 5, 5, true},
      {revoked, 6, 5, true},   // A start that has not greeted yet.
      {revoked, 1, 0, true},   // The first server that this node meets.
      {revoked, 4, 5, false},  // A server that was replaced.
      {revoked, 0, 5, false},
      {revoked, std::nullopt, 5, false},  // An end without an epoch may be of any server.
      {revoked, std::nullopt, 0, false},
      {absl::UnauthenticatedError("not in the list"), 5, 5, false},
      {absl::UnavailableError("x"), 5, 5, false},
      {absl::OkStatus(), 5, 5, false},
  };
  for (const auto& row : kCases) {
    Script s({"a"});
    s.Next();
    s.plan.OnEnded(row.why, row.said, row.highest, s.elapsed);
    EXPECT_EQ(s.Next(), row.is_final ? "final" : "wait")
        << row.why << " of epoch " << row.said.value_or(0) << ", highest " << row.highest;
    EXPECT_EQ(s.plan.final_status(), row.is_final ? row.why : absl::OkStatus());
    EXPECT_EQ(s.Next(), "wait");  // kFinal comes only once.
  }
}

}  // namespace
}  // namespace convergia::rpc
