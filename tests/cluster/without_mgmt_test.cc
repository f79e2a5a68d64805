// mgmt is killed, and users keep moving. A user who signs in by ticket at any edge is found from
// every edge, also from edges that started in the meantime. When mgmt is back, no user is lost.

#include <functional>
#include <string>
#include <vector>

#include "common/base/status_macros.h"
#include "tests/cluster/cluster_test_base.h"

namespace convergia::testing {
namespace {

using ::testing::Eq;
using ::testing::StartsWith;

class WithoutMgmtTest : public ClusterTest {
 public:
  static void SetUpTestSuite() {
    StartCluster({.counts = {.edges = 3}, .accounts = Accounts({"alice", "bob", "carol", "dave"})});
  }

 protected:
  void SetUp() override {
    ClusterTest::SetUp();
    ASSERT_OK(cluster().AwaitWhole(absl::Seconds(60)));
  }

  static absl::StatusOr<std::unique_ptr<LineClient>> SignInByTicket(absl::string_view node,
                                                                    absl::string_view name,
                                                                    absl::string_view ticket) {
    CVG_ASSIGN_OR_RETURN(std::unique_ptr<LineClient> client, Dial(node));
    CVG_ASSIGN_OR_RETURN(const std::string answer,
                         client->Ask(absl::StrCat("LOGIN ", name, "\n", ticket)));
    if (!absl::StartsWith(answer, "OK ")) return absl::UnauthenticatedError(answer);
    return client;
  }

  static std::string Send(LineClient* from, absl::string_view to) {
    const auto answer = from->Ask(absl::StrCat("SENDMESSAGE ", to, "\nhello"));
    return answer.ok() ? answer->substr(0, answer->find_first_of(" ", 5)) : "broken";
  }
  static bool SendsEventually(LineClient* from, absl::string_view to, absl::string_view answer) {
    return Eventually([&] { return Send(from, to) == answer; });
  }

  // The user's state on the map, for example "online n3,n4".
  static std::string OnMap(LineClient* client, absl::string_view name) {
    const auto map = client->Ask("GETSERVERMAP");
    if (!map.ok()) return "broken";
    for (const std::vector<std::string>& row : RowsIn(*map)) {
      if (row.size() == 6 && row[1] == name) return absl::StrCat(row[3], " ", row[5]);
    }
    return "not there";
  }
  static std::string IdOf(LineClient* client, absl::string_view name) {
    const auto map = client->Ask("GETSERVERMAP");
    if (!map.ok()) return "broken";
    for (const std::vector<std::string>& row : RowsIn(*map)) {
      if (row.size() == 6 && row[1] == name) return row[0];
    }
    return "not there";
  }
};

TEST_F(WithoutMgmtTest, WhoMovesOrComesIsFoundAndStaysFoundWhenMgmtReturns) {
  ASSERT_OK_AND_ASSIGN(const std::string bobs_ticket, TicketOf("bob"));
  ASSERT_OK_AND_ASSIGN(const std::string daves_ticket, TicketOf("dave"));
  ASSERT_OK_AND_ASSIGN(auto alice, SignIn("edge3", "alice"));
  ASSERT_OK_AND_ASSIGN(auto bob, SignIn("edge1", "bob"));
  ASSERT_TRUE(SendsEventually(alice.get(), "bob", "OK 1"));
  EXPECT_EQ(Send(alice.get(), "dave"), "FAIL OFFLINE");
  const std::string edge2 = IdOf(alice.get(), "edge2");

  ASSERT_OK(cluster().Kill("mgmt"));
  ASSERT_OK(bob->Ask("QUIT").status());
  EXPECT_TRUE(SendsEventually(alice.get(), "bob", "FAIL OFFLINE"));
  ASSERT_OK_AND_ASSIGN(bob, SignInByTicket("edge2", "bob", bobs_ticket));
  ASSERT_OK_AND_ASSIGN(auto dave, SignInByTicket("edge2", "dave", daves_ticket));
  EXPECT_TRUE(SendsEventually(alice.get(), "bob", "OK 1"));
  EXPECT_TRUE(SendsEventually(alice.get(), "dave", "OK 1"));
  EXPECT_TRUE(SendsEventually(bob.get(), "alice", "OK 1"));

  ASSERT_OK(cluster().Restart("mgmt"));
  std::string lost;
  EXPECT_TRUE(Eventually([&] {
    for (const char* name : {"bob", "dave"}) {
      const std::string answer = Send(alice.get(), name);
      if (answer != "OK 1") absl::StrAppend(&lost, name, ": ", answer, "\n");
    }
    return OnMap(alice.get(), "bob") == "online " + edge2 &&
           OnMap(alice.get(), "dave") == "online " + edge2;
  })) << OnMap(alice.get(), "bob");
  ASSERT_OK(cluster().AwaitWhole(absl::Seconds(60)));
  for (int i = 0; i < 20; ++i) EXPECT_EQ(Send(alice.get(), "bob"), "OK 1");
  EXPECT_EQ(lost, "");
  // mgmt tells changes again.
  ASSERT_OK(dave->Ask("QUIT").status());
  EXPECT_TRUE(SendsEventually(alice.get(), "dave", "FAIL OFFLINE"));
}

TEST_F(WithoutMgmtTest, AMainServerStartedMeanwhileServesByTicketAndFindsTheOthers) {
  ASSERT_OK_AND_ASSIGN(const std::string bobs_ticket, TicketOf("bob"));
  ASSERT_OK_AND_ASSIGN(const std::string carols_ticket, TicketOf("carol"));
  ASSERT_OK_AND_ASSIGN(auto alice, SignIn("edge3", "alice"));
  ASSERT_OK_AND_ASSIGN(auto bob, SignIn("edge1", "bob"));
  ASSERT_TRUE(SendsEventually(alice.get(), "bob", "OK 1"));

  ASSERT_OK(cluster().Kill("mgmt"));
  ASSERT_OK(cluster().Kill("edge1"));
  ASSERT_OK(cluster().Restart("edge1"));
  // The new start says that bob has left, before he comes back.
  EXPECT_TRUE(SendsEventually(alice.get(), "bob", "FAIL OFFLINE"));
  ASSERT_OK_AND_ASSIGN(bob, SignInByTicket("edge1", "bob", bobs_ticket));
  ASSERT_OK_AND_ASSIGN(auto carol, SignInByTicket("edge2", "carol", carols_ticket));
  EXPECT_TRUE(SendsEventually(alice.get(), "bob", "OK 1"));
  EXPECT_TRUE(SendsEventually(bob.get(), "alice", "OK 1"));
  EXPECT_TRUE(SendsEventually(bob.get(), "carol", "OK 1"));
  ASSERT_OK_AND_ASSIGN(auto stranger, Dial("edge1"));
  EXPECT_THAT(stranger->Ask("LOGIN dave\npw-dave"), IsFail("MANAGEMENTDOWN"));

  ASSERT_OK(cluster().Restart("mgmt"));
  ASSERT_OK(cluster().AwaitWhole(absl::Seconds(60)));
  EXPECT_EQ(Send(alice.get(), "bob"), "OK 1");
  EXPECT_EQ(Send(bob.get(), "carol"), "OK 1");
}

}  // namespace
}  // namespace convergia::testing
