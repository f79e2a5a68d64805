// Users are moved between main servers while they talk: because a server drains or stops, or to be
// nearer to their peers. None of them loses a message.

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "client/connect/client.h"
#include "common/base/fail.h"
#include "common/base/status_macros.h"
#include "common/identity/files.h"
#include "common/rpc/calls/status.h"
#include "convergia/v1/admin.grpc.pb.h"
#include "tests/cluster/cluster_test_base.h"
#include "tests/testing/talker.h"

namespace convergia::testing {
namespace {

using ::testing::Eq;
using ::testing::StartsWith;

constexpr int kTalkers = 8;

class MovesTest : public ClusterTest {
 public:
  static void SetUpTestSuite() {
    std::vector<std::string> names = {"julia", "romeo", "walter"};
    for (int i = 0; i < kTalkers; ++i) names.push_back(NameOf(i));
    // Long enough for a busy machine; clients leave as soon as they can.
    devcluster::ConfigChanges patience;
    patience.edge = [](v1::EdgeConfig* config) { config->set_drain_seconds(60); };
    StartCluster({.counts = {.edges = 3}, .accounts = Accounts(names), .config_changes = patience});
  }

 protected:
  void SetUp() override {
    ClusterTest::SetUp();
    ASSERT_OK(cluster().AwaitWhole(absl::Seconds(60)));
    admin_ = v1::Admin::NewStub(cluster().admin().channel());
  }

  static std::string NameOf(int i) { return absl::StrCat("talker", i); }

  static absl::StatusOr<client::ClientOptions> OptionsOf(const std::string& user) {
    CVG_ASSIGN_OR_RETURN(const auto mgmt, cluster().node("mgmt"));
    client::ClientOptions options;
    CVG_ASSIGN_OR_RETURN(options.management, client::Address::Parse(mgmt.line));
    CVG_ASSIGN_OR_RETURN(options.ca_pem, identity::ReadFileToString(CaFile()));
    options.user = user;
    options.password = PasswordOf(user);
    return options;
  }

  // Starts pairs of talkers: all sign in, and each sends to the other.
  void StartTalkers() {
    for (int i = 0; i < kTalkers; ++i) {
      ASSERT_OK_AND_ASSIGN(const auto options, OptionsOf(NameOf(i)));
      talkers_.push_back(std::make_unique<Talker>(options, NameOf(i ^ 1)));
    }
    for (auto& talker : talkers_) ASSERT_OK(talker->Connect());
    // Every edge must know the places of all users.
    ASSERT_TRUE(Eventually([] {
      const auto map = cluster().admin().GetClusterMap();
      return map.ok() && map->users_online() >= kTalkers;
    }));
    for (auto& talker : talkers_) talker->Talk();
  }
  // Waits until each talker has sent `more` further messages.
  bool AwaitSaid(int more) {
    std::vector<int> until;
    for (auto& talker : talkers_) until.push_back(talker->sent() + more);
    return Eventually([&] {
      for (size_t i = 0; i < talkers_.size(); ++i) {
        if (talkers_[i]->sent() < until[i]) return false;
      }
      return true;
    });
  }
  int CountOn(const std::string& server) const {
    int count = 0;
    for (auto& talker : talkers_) count += talker->server() == server;
    return count;
  }

  // Expects that each message with OK arrived once and in order, and that no other arrived.
  void CheckNothingIsLost(int failed_from = 0) {
    for (auto& talker : talkers_) talker->Hush();
    for (size_t i = 0; i < talkers_.size(); ++i) {
      SCOPED_TRACE(NameOf(static_cast<int>(i)));
      std::vector<int> said;
      for (const auto& [number, status] : talkers_[i]->answers()) {
        if (status.ok()) said.push_back(number);
        // Before all edges knew all users, a recipient may have seemed offline.
        EXPECT_TRUE(status.ok() || number < failed_from) << number << ": " << status;
      }
      Talker& hearer = *talkers_[i ^ 1];
      EXPECT_TRUE(Eventually([&] { return hearer.heard().size() >= said.size(); }));
      EXPECT_EQ(hearer.heard(), said);
    }
  }

  absl::Status Drain(const std::string& edge, bool drain, int within_seconds) {
    grpc::ClientContext context;
    v1::DrainEdgeRequest request;
    request.set_name(edge);
    request.set_drain(drain);
    request.set_within_seconds(within_seconds);
    v1::DrainEdgeResponse response;
    return rpc::FromGrpcStatus(admin_->DrainEdge(&context, request, &response));
  }
  v1::GetTrafficResponse Traffic() {
    grpc::ClientContext context;
    v1::GetTrafficResponse response;
    EXPECT_OK(
        rpc::FromGrpcStatus(admin_->GetTraffic(&context, v1::GetTrafficRequest(), &response)));
    return response;
  }

  std::unique_ptr<v1::Admin::Stub> admin_;
  std::vector<std::unique_ptr<Talker>> talkers_;
};

TEST_F(MovesTest, ADrainedMainServersClientsLeaveItUnderLoadAndMissNothing) {
  StartTalkers();
  ASSERT_TRUE(AwaitSaid(20));
  const std::string drained = talkers_[0]->server();
  ASSERT_OK(Drain(drained, true, /*within_seconds=*/60));
  EXPECT_TRUE(Eventually([&] { return CountOn(drained) == 0; }));
  ASSERT_TRUE(AwaitSaid(20));
  CheckNothingIsLost();
  for (auto& talker : talkers_) EXPECT_EQ(talker->downs(), 0) << "thrown out, not moved";

  // The drained edge admits no client and is assigned to none; its process goes on.
  EXPECT_THAT(SignIn(drained, "walter").status().ToString(),
              ::testing::HasSubstr("FAIL UNAVAILABLE"));
  ASSERT_OK_AND_ASSIGN(auto walter, SignIn("mgmt", "walter"));
  ASSERT_OK_AND_ASSIGN(const std::string assigned,
                       walter->Ask("REPORTMAINSERVERS edge1\t10\nedge2\t10\nedge3\t10"));
  for (const auto& row : RowsIn(assigned)) EXPECT_NE(row[0], drained);

  // The drain survives a restart, until an operator ends it.
  ASSERT_OK(cluster().Restart(drained));
  ASSERT_TRUE(Eventually([&] {
    return absl::StrContains(SignIn(drained, "walter").status().ToString(), "FAIL UNAVAILABLE");
  }));
  ASSERT_OK(Drain(drained, false, 0));
  EXPECT_TRUE(Eventually([&] { return SignIn(drained, "walter").ok(); }));
}

TEST_F(MovesTest, WhoDoesNotLeaveADrainingMainServerInTimeReadsBye) {
  ASSERT_OK_AND_ASSIGN(auto walter, SignIn("edge1", "walter"));
  ASSERT_TRUE(Eventually([] {
    const auto map = cluster().admin().GetClusterMap();
    return map.ok() && map->users_online() > 0;
  }));
  ASSERT_OK(Drain("edge1", true, /*within_seconds=*/3));
  ASSERT_OK_AND_ASSIGN(const std::string push, walter->NextPush());
  EXPECT_THAT(push, StartsWith("USEMAINSERVER edge"));
  std::string bye;
  ASSERT_TRUE(Eventually([&] {
    const auto next = walter->NextPush();
    if (next.ok()) bye = *next;
    return absl::StartsWith(bye, "BYE ");
  }));
  EXPECT_THAT(bye, StartsWith("BYE UNAVAILABLE\n"));
  ASSERT_OK(Drain("edge1", false, 0));
  EXPECT_TRUE(Eventually([&] { return SignIn("edge1", "walter").ok(); }));
}

TEST_F(MovesTest, AMainServerThatStopsSendsItsClientsOnFirst) {
  StartTalkers();
  ASSERT_TRUE(AwaitSaid(20));
  const std::string stopped = talkers_[0]->server();
  ASSERT_OK(cluster().Terminate(stopped));
  EXPECT_TRUE(Eventually([&] { return CountOn(stopped) == 0; }));
  ASSERT_TRUE(AwaitSaid(20));
  CheckNothingIsLost();
  for (auto& talker : talkers_) EXPECT_EQ(talker->downs(), 0) << "thrown out, not moved";
  talkers_.clear();
  ASSERT_OK(cluster().Restart(stopped));
}

TEST_F(MovesTest, TwoWhoTalkAcrossMainServersComeTogether) {
  // mgmt does not know yet that they talk, so it places them on different edges sooner or later.
  ASSERT_OK_AND_ASSIGN(const auto romeo, OptionsOf("romeo"));
  ASSERT_OK_AND_ASSIGN(const auto julia, OptionsOf("julia"));
  talkers_.push_back(std::make_unique<Talker>(romeo, "julia"));
  talkers_.push_back(nullptr);
  ASSERT_OK(talkers_[0]->Connect());
  ASSERT_TRUE(Eventually([&] {
    talkers_[1] = std::make_unique<Talker>(julia, "romeo");
    return talkers_[1]->Connect().ok() && talkers_[0]->server() != talkers_[1]->server();
  }));
  ASSERT_TRUE(Eventually([] {
    const auto map = cluster().admin().GetClusterMap();
    return map.ok() && map->users_online() >= 2;
  }));
  for (auto& talker : talkers_) talker->Talk();
  EXPECT_TRUE(Eventually([&] { return talkers_[0]->server() == talkers_[1]->server(); }));
  ASSERT_TRUE(AwaitSaid(20));
  CheckNothingIsLost(/*failed_from=*/5);
  // The old session has ended, and the next report has arrived.
  v1::GetTrafficResponse traffic;
  EXPECT_TRUE(Eventually([&] {
    traffic = Traffic();
    return traffic.remembered_across_share() == 0 && traffic.across_share() < 1 &&
           traffic.bytes_per_second() > 0 && traffic.moves_done() >= 1;
  })) << traffic.ShortDebugString();
  EXPECT_EQ(traffic.moves_per_minute_max(), 60);
  EXPECT_GT(traffic.least_connections_across_share(), 0.5);
}

}  // namespace
}  // namespace convergia::testing
