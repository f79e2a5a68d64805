// Processes are killed; the tests check what users notice.

#include <string>
#include <vector>

#include "client/connect/blocking_client.h"
#include "common/identity/files.h"
#include "tests/cluster/cluster_test_base.h"

namespace convergia::testing {
namespace {

using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class FailuresTest : public ClusterTest {
 public:
  static void SetUpTestSuite() {
    StartCluster({.counts = {.edges = 2}, .accounts = Accounts({"alice", "bob", "carol"})});
  }

 protected:
  void SetUp() override {
    ClusterTest::SetUp();
    ASSERT_OK(cluster().AwaitWhole(absl::Seconds(60)));
  }

  // Sends until the answer is OK: the directory or the recipient may still be under way.
  static bool SendsEventually(LineClient* from, absl::string_view to, absl::string_view body) {
    return Eventually([&] {
      const auto answer = from->Ask(absl::StrCat("SENDMESSAGE ", to, "\n", body));
      return answer.ok() && absl::StartsWith(*answer, "OK ");
    });
  }

  static bool SignsInEventually(absl::string_view node, absl::string_view name) {
    return Eventually([&] { return SignIn(node, name).ok(); });
  }

  static std::string MapAt(LineClient* client) {
    const auto map = client->Ask("GETSERVERMAP");
    return map.ok() ? *map : map.status().ToString();
  }
};

// Records the server of the client.
class Whereabouts : public client::ClientObserver {
 public:
  void OnUp(const client::MainServer& server) override {
    absl::MutexLock lock(&mu_);
    server_ = server.name;
    ++ups_;
  }
  std::string server() const {
    absl::MutexLock lock(&mu_);
    return server_;
  }
  int ups() const {
    absl::MutexLock lock(&mu_);
    return ups_;
  }

 private:
  mutable absl::Mutex mu_;
  std::string server_ ABSL_GUARDED_BY(mu_);
  int ups_ ABSL_GUARDED_BY(mu_) = 0;
};

TEST_F(FailuresTest, ClientOfAKilledMainServerIsBackOnAnotherByItself) {
  ASSERT_OK_AND_ASSIGN(const auto mgmt, cluster().node("mgmt"));
  client::ClientOptions options;
  ASSERT_OK_AND_ASSIGN(options.management, client::Address::Parse(mgmt.line));
  ASSERT_OK_AND_ASSIGN(options.ca_pem, identity::ReadFileToString(CaFile()));
  options.user = "alice";
  options.password = PasswordOf("alice");
  Whereabouts where;
  client::BlockingClient alice(options, &where);
  ASSERT_OK(alice.Connect(absl::Seconds(30)));
  const std::string home = where.server();
  const std::string other = home == "edge1" ? "edge2" : "edge1";
  ASSERT_OK_AND_ASSIGN(auto bob, SignIn(other, "bob"));
  ASSERT_TRUE(SendsEventually(bob.get(), "alice", "before"));
  ASSERT_OK_AND_ASSIGN(const client::Message before, alice.NextMessage(absl::Seconds(30)));
  EXPECT_EQ(before.body, "before");

  ASSERT_OK(cluster().Kill(home));
  EXPECT_TRUE(Eventually([&] { return where.ups() == 2; }));
  EXPECT_EQ(where.server(), other);
  ASSERT_TRUE(SendsEventually(bob.get(), "alice", "after"));
  ASSERT_OK_AND_ASSIGN(const client::Message after, alice.NextMessage(absl::Seconds(30)));
  EXPECT_EQ(after.body, "after");
  EXPECT_OK(alice.SendMessage("bob", "I am back").status());
  EXPECT_THAT(bob->NextPush(), Holds(HasSubstr("\nI am back")));
  alice.Close();
  ASSERT_OK(cluster().Restart(home));
}

TEST_F(FailuresTest, PeopleGoOnTalkingWhileMgmtIsAwayAndAllIsAsBeforeWhenItIsBack) {
  ASSERT_OK_AND_ASSIGN(auto alice, SignIn("edge1", "alice"));
  ASSERT_OK_AND_ASSIGN(auto bob, SignIn("edge2", "bob"));
  ASSERT_OK_AND_ASSIGN(const std::string ticket, TicketOf("carol"));
  ASSERT_TRUE(SendsEventually(alice.get(), "bob", "before"));
  ASSERT_TRUE(SendsEventually(bob.get(), "alice", "before"));
  const std::string map_before = MapAt(alice.get());

  ASSERT_OK(cluster().Kill("mgmt"));
  EXPECT_THAT(alice->Ask("SENDMESSAGE bob\nmgmt is gone"), Holds(Eq("OK 1")));
  EXPECT_THAT(bob->Ask("SENDMESSAGE alice\nwho cares"), Holds(Eq("OK 1")));
  ASSERT_OK_AND_ASSIGN(auto carol, Dial("edge1"));
  EXPECT_THAT(carol->Ask("LOGIN carol\npw-carol"), IsFail("MANAGEMENTDOWN"));
  EXPECT_THAT(carol->Ask("REGISTERACCOUNT dave\nsecret"), IsFail("MANAGEMENTDOWN"));
  EXPECT_THAT(carol->Ask(absl::StrCat("LOGIN carol\n", ticket)), Holds(StartsWith("OK ")));
  EXPECT_THAT(carol->Ask("SENDMESSAGE alice\nI came by ticket"), Holds(Eq("OK 1")));
  EXPECT_THAT(alice->Ask("GETSERVERMAP"), IsFail("MANAGEMENTDOWN"));
  ASSERT_OK(carol->Ask("QUIT").status());

  ASSERT_OK(cluster().Restart("mgmt"));
  ASSERT_OK(cluster().AwaitWhole(absl::Seconds(60)));
  EXPECT_THAT(alice->Ask("SENDMESSAGE bob\nwelcome back, mgmt"), Holds(Eq("OK 1")));
  EXPECT_TRUE(Eventually([&] { return MapAt(alice.get()) == map_before; }))
      << "before:\n"
      << map_before << "\nafter:\n"
      << MapAt(alice.get());
  EXPECT_TRUE(SignsInEventually("edge2", "carol"));
  EXPECT_THAT(bob->Ask("SENDMESSAGE alice\nall as before"), Holds(Eq("OK 1")));
}

TEST_F(FailuresTest, MainServerThatComesBackIsFoundAgain) {
  ASSERT_OK_AND_ASSIGN(auto alice, SignIn("edge1", "alice"));
  ASSERT_OK_AND_ASSIGN(auto bob, SignIn("edge2", "bob"));
  ASSERT_TRUE(SendsEventually(alice.get(), "bob", "before"));
  ASSERT_OK(cluster().Kill("edge2"));
  EXPECT_TRUE(bob->IsClosedByServer());
  EXPECT_TRUE(Eventually([&] {
    const auto answer = alice->Ask("SENDMESSAGE bob\nare you there?");
    return answer.ok() && absl::StartsWith(*answer, "FAIL OFFLINE ");
  }));
  ASSERT_OK(cluster().Restart("edge2"));
  ASSERT_OK_AND_ASSIGN(auto bob_again, SignIn("edge2", "bob"));
  ASSERT_TRUE(SendsEventually(alice.get(), "bob", "after"));
  EXPECT_THAT(bob_again->NextPush(), Holds(HasSubstr("\nafter")));
}

TEST_F(FailuresTest, MainServerThatHangsCostsOthersNothing) {
  ASSERT_OK_AND_ASSIGN(auto alice, SignIn("edge1", "alice"));
  ASSERT_OK_AND_ASSIGN(auto carol, SignIn("edge1", "carol"));
  ASSERT_OK_AND_ASSIGN(auto bob, SignIn("edge2", "bob"));
  ASSERT_TRUE(SendsEventually(alice.get(), "bob", "before"));
  ASSERT_OK(cluster().Pause("edge2"));
  ASSERT_OK(alice->Send("1 SENDMESSAGE bob\nare you there?"));
  EXPECT_THAT(alice->Ask("2 SENDMESSAGE carol\nwe talk on"), Holds(Eq("2 OK 1")));
  ASSERT_OK(cluster().Continue("edge2"));
  ASSERT_OK_AND_ASSIGN(const std::string answer, alice->NextAnswer());
  EXPECT_THAT(answer, ::testing::AnyOf(Eq("1 OK 1"), StartsWith("1 FAIL UNCONFIRMED ")));
  EXPECT_TRUE(SignsInEventually("edge2", "bob"));
}

TEST_F(FailuresTest, TerminatedNodesSayGoodbyeAndEndWithStatusZero) {
  ASSERT_OK_AND_ASSIGN(auto bob, SignIn("edge2", "bob"));
  ASSERT_OK(cluster().Terminate("edge2"));
  ASSERT_OK_AND_ASSIGN(std::string push, bob->NextPush());
  while (absl::StartsWith(push, "USEMAINSERVER ")) {  // Bob has not moved.
    ASSERT_OK_AND_ASSIGN(push, bob->NextPush());
  }
  EXPECT_THAT(push, StartsWith("BYE UNAVAILABLE\n"));
  ASSERT_OK(cluster().Restart("edge2"));
  ASSERT_OK(cluster().Terminate("mgmt"));
  ASSERT_OK(cluster().Restart("mgmt"));
}

}  // namespace
}  // namespace convergia::testing
