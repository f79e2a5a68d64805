// Two offices whose firewalls let nobody in, two public main servers, mgmt, and people at home:
// real processes in network namespaces. Everyone reaches everyone, while a main server is killed
// and walls are closed and opened under load; what goes over each wire is counted by the firewall.

#include <poll.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/base/clock.h"
#include "tests/firewall/offices_test_base.h"
#include "tests/testing/message_pair.h"
#include "tests/testing/run_command.h"

namespace convergia::testing {
namespace {

using ::testing::ElementsAre;

constexpr size_t kPaddingBytes = 1000;
constexpr int kRound = 400;  // Messages of each pair whose way is watched.

// Of those who live through a test: where they are and whom they are signed in with.
struct Person {
  const char* name;
  const char* site;
  const char* edge;
};
constexpr Person kPeople[] = {
    {"ada", "office1", "edge1"}, {"ben", "office1", "edge1"}, {"cem", "office2", "edge2"},
    {"dora", "home", "edge3"},   {"eva", "home", "edge4"},
};

// A sender and a receiver under load.
struct Flow {
  Person from, to;
};
constexpr Flow kFlows[] = {
    {{"from1", "office1", "edge1"}, {"to1", "office2", "edge2"}},
    {{"from2", "office2", "edge2"}, {"to2", "office1", "edge1"}},
    {{"from3", "office1", "edge1"}, {"to3", "home", "edge4"}},
    {{"from4", "home", "edge4"}, {"to4", "office2", "edge2"}},
};
constexpr int kBetweenOffices = 2;  // The first so many.

class FirewallTest : public OfficesTest {
 protected:
  static void StartWithPeople() {
    std::vector<std::string> names = {"inside-from", "inside-to", "visitor"};
    for (const Person& person : kPeople) names.push_back(person.name);
    for (const Flow& flow : kFlows) names.insert(names.end(), {flow.from.name, flow.to.name});
    StartLab(names);
  }

  // ---- People.

  static absl::StatusOr<std::unique_ptr<LineClient>> SignInFrom(const Person& person) {
    return lab().Within(person.site, [&] { return SignIn(person.edge, person.name); });
  }

  // Each asks for each, until all know where all are.
  static void ExpectAllReachAll() {
    std::map<std::string, std::unique_ptr<LineClient>> clients;
    for (const Person& person : kPeople) {
      auto client = SignInFrom(person);
      SCOPED_TRACE(person.name);
      ASSERT_OK(client.status());
      clients[person.name] = *std::move(client);
    }
    for (const auto& [from, sender] : clients) {
      for (const auto& [to, recipient] : clients) {
        std::string answer;
        EXPECT_TRUE(Eventually(
            [&, from = from, to = to] {
              answer = sender->Ask(absl::StrCat("SENDMESSAGE ", to, "\nhello from ", from))
                           .value_or("no answer");
              return answer == "OK 1";
            },
            kPatience))
            << from << " to " << to << ": " << answer;
        const auto push = recipient->NextPush();
        ASSERT_OK(push.status());
        EXPECT_TRUE(absl::StartsWith(*push, absl::StrCat("RECEIVEMESSAGE ", from, "\n"))) << *push;
      }
    }
  }

  // ---- Load.

  void StartFlows() {
    for (const Flow& flow : kFlows) AddFlow(flow);
  }
  MessagePair* AddFlow(const Flow& flow) {
    auto sender = SignInFrom(flow.from), recipient = SignInFrom(flow.to);
    EXPECT_OK(sender.status());
    EXPECT_OK(recipient.status());
    if (!sender.ok() || !recipient.ok()) return nullptr;
    EXPECT_TRUE(Eventually(
        [&] {
          const auto answer = (*sender)->Ask(absl::StrCat("SENDMESSAGE ", flow.to.name, "\n0"));
          return answer.ok() && *answer == "OK 1";
        },
        kPatience))
        << flow.from.name << " never reaches " << flow.to.name;
    EXPECT_OK((*recipient)->NextPush().status());
    pairs_.push_back(std::make_unique<MessagePair>(
        flow.from.name, flow.to.name, *std::move(sender), *std::move(recipient),
        MessagePair::Options{.messages = 0, .window = 16, .padding_bytes = kPaddingBytes}));
    return pairs_.back().get();
  }

  // One turn of all pairs: send, wait until something can be read, take it.
  void Turn() {
    std::vector<pollfd> polls;
    for (auto& pair : pairs_) {
      pair->HoldBackAfterFailure(true);
      pair->SendSome();
      for (LineClient* const client : {&pair->sender(), &pair->recipient()}) {
        EXPECT_OK(client->Pump());
        polls.push_back({client->fd(), POLLIN, 0});
      }
    }
    bool moved = false;
    for (auto& pair : pairs_) moved |= pair->Take();
    if (!moved) poll(polls.data(), polls.size(), /*timeout_ms=*/50);
    const absl::Duration now = RealClock::Get().Elapsed();
    if (now < next_retry_) return;
    next_retry_ = now + absl::Milliseconds(100);  // Those who failed, however busy the others are.
    for (auto& pair : pairs_) pair->HoldBackAfterFailure(false);
  }

  // Goes on sending until `done()`, which is asked every half second.
  void LoadUntil(const std::function<bool()>& done) {
    const absl::Duration start = RealClock::Get().Elapsed();
    absl::Duration next_question = start;
    while (!HasFailure()) {
      for (auto& pair : pairs_) {
        if (pair->done()) pair->SendMore(100);
      }
      Turn();
      const absl::Duration now = RealClock::Get().Elapsed();
      if (now < next_question) continue;
      if (done()) return;
      ASSERT_LT(now - start, kPatience) << "it does not happen";
      next_question = now + absl::Milliseconds(500);
    }
  }
  // So many more of each, all of them answered and read.
  void LoadRound(int messages) {
    for (auto& pair : pairs_) pair->SendMore(messages);
    const absl::Duration start = RealClock::Get().Elapsed();
    const auto is_over = [this] {
      for (const auto& pair : pairs_) {
        if (!pair->done() || !pair->HasAll()) return false;
      }
      return true;
    };
    while (!HasFailure() && !is_over()) {
      Turn();
      ASSERT_LT(RealClock::Get().Elapsed() - start, kPatience) << "messages do not get through";
    }
  }
  void CheckPairs() const {
    int ok = 0, unconfirmed = 0, failed = 0;
    for (const auto& pair : pairs_) {
      pair->Check();
      ok += pair->ok();
      unconfirmed += pair->unconfirmed();
      failed += pair->failed();
    }
    std::printf(
        "%d messages delivered in order, once; %d answered UNCONFIRMED, %d with another FAIL\n", ok,
        unconfirmed, failed);
  }

  // The least bytes of a round between the offices, one way and the other.
  static constexpr uint64_t kRoundBytes = kBetweenOffices * kRound * kPaddingBytes;

  std::vector<std::unique_ptr<MessagePair>> pairs_;
  absl::Duration next_retry_ = absl::ZeroDuration();
};

class WithMgmtTest : public FirewallTest {
 public:
  static void SetUpTestSuite() {
    if (!NoLab().empty()) return;
    // At first the offices have no main server in common that they could meet at.
    ASSERT_OK(lab().SetClosed("office1", "public4", true));
    ASSERT_OK(lab().SetClosed("office2", "public3", true));
    StartWithPeople();
  }
};

TEST_F(WithMgmtTest, TrafficTakesThePlottedWays) {
  for (const auto& [a, b] : {std::pair("edge1", "edge3"), {"edge3", "edge4"}, {"edge4", "edge2"}}) {
    AwaitLink(a, b);
  }
  AwaitRoute("edge1", "edge2", "edge3,edge4,edge2");
  const CommandResult knock = RunCommand(absl::StrCat(
      absl::StrJoin(lab().Launcher("home"), " "), " timeout 3 bash -c 'echo > /dev/tcp/",
      absl::StrJoin(std::vector<std::string>(absl::StrSplit(LineOf("edge1"), ':')), "/"), "'"));
  EXPECT_NE(knock.status, 0) << "somebody got into an office";
  ExpectAllReachAll();

  StartFlows();
  {
    SCOPED_TRACE("three hops");
    const Meter one(&lab(), "office1", "public3"), two(&lab(), "public3", "public4"),
        three(&lab(), "public4", "office2");
    LoadRound(kRound);
    for (const Meter* const meter : {&one, &two, &three}) EXPECT_GT(meter->bytes(), kRoundBytes);
  }
  {
    SCOPED_TRACE("a wall opened, two hops");
    ASSERT_OK(lab().SetClosed("office2", "public3", false));
    LoadUntil([] { return Route("edge1", "edge2") == "edge3,edge2"; });
    LoadRound(1);  // Ends the messages under way.
    // from3 and from4 go on over it.
    const Meter detour(&lab(), "public3", "public4"), way(&lab(), "public3", "office2");
    LoadRound(kRound);
    EXPECT_GT(way.bytes(), kRoundBytes);
    EXPECT_LT(detour.bytes(), kRoundBytes + kRoundBytes / 4);
  }
  ASSERT_OK(lab().SetClosed("office1", "public4", false));
  LoadUntil([] { return HasLink("edge1", "edge4"); });
  {
    SCOPED_TRACE("a main server killed");
    ASSERT_OK(cluster().Kill("edge3"));
    LoadUntil([] { return Route("edge1", "edge2") == "edge4,edge2"; });
    const Meter way(&lab(), "office1", "public4"), dead(&lab(), "office1", "public3");
    LoadRound(kRound);
    EXPECT_GT(way.bytes(), kRoundBytes);
    EXPECT_LT(dead.bytes(), kRoundBytes / 10);
  }
  {
    SCOPED_TRACE("a wall closed, without a word");
    ASSERT_OK(cluster().Restart("edge3"));
    LoadUntil([] { return HasLink("edge1", "edge3") && HasLink("edge2", "edge3"); });
    ASSERT_OK(lab().SetClosed("office1", "public4", true));
    LoadUntil([] { return Route("edge1", "edge2") == "edge3,edge2"; });
    const Meter way(&lab(), "office1", "public3");
    LoadRound(kRound);
    EXPECT_GT(way.bytes(), kRoundBytes);
  }
  ASSERT_OK(lab().SetClosed("office1", "public4", false));
  LoadUntil([] { return HasLink("edge1", "edge4"); });
  LoadRound(kRound);
  CheckPairs();
  pairs_.clear();
  ExpectAllReachAll();
}

TEST_F(WithMgmtTest, WhatIsSaidInAnOfficeStaysThere) {
  MessagePair* const pair =
      AddFlow({{"inside-from", "office1", "edge1"}, {"inside-to", "office1", "edge1"}});
  ASSERT_NE(pair, nullptr);
  const uint64_t before = lab().BytesOf("office1");
  LoadRound(2 * kRound);
  const uint64_t left = lab().BytesOf("office1") - before;
  EXPECT_LT(left, 2 * kRound * kPaddingBytes / 10) << "it went over the office's wire";
  std::printf("%zu bytes were said inside, %zu went over the wire\n", 2 * kRound * kPaddingBytes,
              static_cast<size_t>(left));
  CheckPairs();
}

// mgmt's answer to somebody at `site` who tries all main servers and says how far they are. The
// wires of the lab have no length, so what lies beyond the uplink is reported 50 ms farther.
std::vector<std::string> AssignedFrom(NetworkLab* lab, LineClient* mgmt, const std::string& site,
                                      const std::string& ca) {
  const auto list = mgmt->Ask("LISTMAINSERVERS");
  EXPECT_OK(list.status());
  std::vector<std::string> rows;
  for (const std::vector<std::string>& server : RowsIn(*list)) {
    const std::string host = server[1].substr(0, server[1].rfind(':'));
    const std::string tried = absl::StrCat(absl::StrJoin(lab->Launcher(site), " "),
                                           " timeout 3 bash -c 'echo > /dev/tcp/", host, "/",
                                           server[1].substr(host.size() + 1), "'");
    if (RunCommand(tried).status != 0) {
      rows.push_back(absl::StrCat(server[0], "\tunreachable"));
      continue;
    }
    const absl::Duration start = RealClock::Get().Elapsed();
    const auto client = lab->Within(site, [&] { return LineClient::Connect(server[1], ca); });
    EXPECT_OK(client.status());
    const absl::Duration far =
        host == lab->AddressOf(site) ? absl::ZeroDuration() : absl::Milliseconds(50);
    rows.push_back(absl::StrCat(
        server[0], "\t", absl::ToInt64Microseconds(RealClock::Get().Elapsed() - start + far)));
  }
  const auto answer = mgmt->Ask(absl::StrCat("REPORTMAINSERVERS ", absl::StrJoin(rows, "\n")));
  EXPECT_OK(answer.status());
  std::vector<std::string> names;
  for (const std::vector<std::string>& server : RowsIn(*answer)) names.push_back(server[0]);
  EXPECT_FALSE(names.empty()) << *answer;
  return names;
}

TEST_F(WithMgmtTest, AnOfficeIsAssignedItsOwnMainServer) {
  const auto assigned = [](const std::string& site) {
    auto mgmt = lab().Within(site, [] { return SignIn("mgmt", "visitor"); });
    EXPECT_OK(mgmt.status());
    return AssignedFrom(&lab(), mgmt->get(), site, CaFile());
  };
  EXPECT_EQ(assigned("office1").front(), "edge1");
  EXPECT_EQ(assigned("office2").front(), "edge2");
  for (const std::string& name : assigned("home")) {
    EXPECT_TRUE(name == "edge3" || name == "edge4") << name << " cannot be reached from home";
  }
}

class WithoutMgmtTest : public FirewallTest {
 public:
  static void SetUpTestSuite() { StartWithPeople(); }
};

TEST_F(WithoutMgmtTest, AllGoesOnOnceAllAreSignedIn) {
  for (const char* const office : {"edge1", "edge2"}) {
    AwaitLink(office, "edge3");
    AwaitLink(office, "edge4");
  }
  ASSERT_TRUE(Eventually(
      [] {
        return !Route("edge1", "edge2", /*second=*/true).empty() &&
               !Route("edge2", "edge1", /*second=*/true).empty();
      },
      kPatience));
  ExpectAllReachAll();
  StartFlows();
  // The offices may meet at either; `near` is what mgmt has plotted.
  const std::string near = Route("edge1", "edge2").substr(0, 5);
  const std::string far = near == "edge3" ? "edge4" : "edge3";
  ASSERT_OK(cluster().Kill("mgmt"));
  const auto meter = [](const std::string& edge) { return Meter(&lab(), "office1", SiteOf(edge)); };
  {
    SCOPED_TRACE("the plotted way");
    const Meter way = meter(near);
    LoadRound(kRound);
    EXPECT_GT(way.bytes(), kRoundBytes);
  }
  {
    SCOPED_TRACE("a main server killed, and back");  // Not edge4, where people of the flows are.
    ASSERT_OK(cluster().Kill("edge3"));
    const Meter detour = meter("edge4");
    LoadRound(kRound);
    EXPECT_GT(detour.bytes(), kRoundBytes);
    ASSERT_OK(cluster().Restart("edge3"));
    const Meter way = meter(near);
    LoadUntil([&] { return way.bytes() > kRoundBytes; });
  }
  {
    SCOPED_TRACE("a wall closed, without a word, and opened");
    ASSERT_OK(lab().SetClosed("office1", SiteOf(near), true));
    const Meter detour = meter(far);
    LoadUntil([&] { return detour.bytes() > kRoundBytes; });
    LoadRound(kRound);
    ASSERT_OK(lab().SetClosed("office1", SiteOf(near), false));
    const Meter way = meter(near);
    LoadUntil([&] { return way.bytes() > kRoundBytes; });
    LoadRound(kRound);
  }
  CheckPairs();
}

}  // namespace
}  // namespace convergia::testing

int main(int argc, char** argv) {
  convergia::testing::OfficesTest::NoLab() = convergia::testing::ReenterInNamespaces(argc, argv);
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
