// Clients that connect and leave, begin and never finish, ask and never read. They harm only
// themselves.

#include <sys/resource.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/cluster/cluster_test_base.h"

namespace convergia::testing {
namespace {

using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr int kConnections = 2000;

class SlowClientsTest : public ClusterTest {
 public:
  static void SetUpTestSuite() {
    rlimit files;
    ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &files), 0);
    files.rlim_cur = files.rlim_max;  // Nodes inherit this.
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &files), 0);
    ASSERT_GT(files.rlim_cur, kConnections + 500);
    devcluster::Cluster::Options options = {.counts = {.edges = 1},
                                            .accounts = Accounts({"alice", "bob"})};
    options.config_changes.edge = [](v1::EdgeConfig* config) {
      // Here all clients come from one address.
      config->mutable_line_limits()->set_unauthenticated_per_address_max(2 * kConnections);
    };
    StartCluster(std::move(options));
  }
};

TEST_F(SlowClientsTest, TwoThousandConnectionsOpenedAndLeftAreClosedAndHarmNobody) {
  ASSERT_OK_AND_ASSIGN(auto alice, SignIn("edge1", "alice"));
  std::vector<std::unique_ptr<LineClient>> left;
  for (int i = 0; i < kConnections; ++i) {
    // Half of them never begin their handshake; the others never sign in.
    auto client = i % 2 == 0 ? LineClient::ConnectPlain(LineOf("edge1")) : Dial("edge1");
    ASSERT_OK(client.status());
    left.push_back(*std::move(client));
  }
  EXPECT_THAT(alice->Ask("SENDMESSAGE alice\nstill served"), Holds(Eq("OK 1")));
  EXPECT_OK(SignIn("edge1", "bob").status());
  int closed = 0;
  for (const auto& client : left) closed += client->IsClosedByServer() ? 1 : 0;
  EXPECT_EQ(closed, kConnections);
  EXPECT_OK(SignIn("edge1", "bob").status());
}

TEST_F(SlowClientsTest, WhoNeverFinishesIsClosed) {
  ASSERT_OK_AND_ASSIGN(auto no_handshake, LineClient::ConnectPlain(LineOf("edge1")));
  ASSERT_OK_AND_ASSIGN(auto half_handshake, LineClient::ConnectPlain(LineOf("edge1")));
  // The header of a TLS record of 512 bytes, and its first bytes.
  ASSERT_OK(half_handshake->Write(std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc", 9)));
  ASSERT_OK_AND_ASSIGN(auto no_sign_in, Dial("edge1"));
  ASSERT_OK_AND_ASSIGN(auto half_packet, Dial("edge1"));
  ASSERT_OK(half_packet->Write("LOGIN alice~\npw-al"));
  EXPECT_TRUE(no_handshake->IsClosedByServer());
  EXPECT_TRUE(half_handshake->IsClosedByServer());
  EXPECT_THAT(no_sign_in->NextPush(), Holds(StartsWith("BYE EXPIRED\n")));
  EXPECT_TRUE(no_sign_in->IsClosedByServer());
  EXPECT_TRUE(half_packet->IsClosedByServer());
}

TEST_F(SlowClientsTest, WhoNeverReadsIsClosedAndItsSendersReadBusy) {
  ASSERT_OK_AND_ASSIGN(auto alice, SignIn("edge1", "alice"));
  ASSERT_OK_AND_ASSIGN(auto deaf, SignIn("edge1", "bob"));
  const std::string request = absl::StrCat("SENDMESSAGE bob\n", std::string(500'000, 'x'));
  std::string last;
  for (int i = 0; i < 500 && !absl::StartsWith(last, "FAIL "); ++i) {
    ASSERT_OK_AND_ASSIGN(last, alice->Ask(request));
  }
  EXPECT_THAT(last, ::testing::AnyOf(StartsWith("FAIL BUSY "), StartsWith("FAIL OFFLINE ")));
  EXPECT_TRUE(Eventually([&] {
    const auto answer = alice->Ask("SENDMESSAGE bob\nare you there?");
    return answer.ok() && absl::StartsWith(*answer, "FAIL OFFLINE ");
  })) << "the deaf session is still there";
  ASSERT_OK_AND_ASSIGN(auto bob, SignIn("edge1", "bob"));
  EXPECT_THAT(alice->Ask("SENDMESSAGE bob\nwelcome back"), Holds(Eq("OK 1")));
  EXPECT_THAT(bob->NextPush(), Holds(HasSubstr("\nwelcome back")));
}

}  // namespace
}  // namespace convergia::testing
