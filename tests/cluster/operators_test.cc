// An operator's view with only a certificate: through grpcurl where it is installed, and through
// our own small reflection client everywhere.

#include <string>
#include <vector>

#include "common/identity/files.h"
#include "common/rpc/auth/credentials.h"
#include "common/rpc/testing/test_pki.h"
#include "tests/cluster/cluster_test_base.h"
#include "tests/cluster/reflection_client.h"
#include "tests/testing/run_command.h"

namespace convergia::testing {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;

class OperatorsTest : public ClusterTest {
 public:
  static void SetUpTestSuite() {
    StartCluster({.counts = {.edges = 2}, .accounts = Accounts({"alice"})});
  }

 protected:
  static bool HasGrpcurl() { return RunCommand("command -v grpcurl").status == 0; }

  static std::string Grpcurl(absl::string_view node, absl::string_view role, bool with_certificate,
                             absl::string_view what) {
    const rpc::TlsFiles files = cluster().operator_files();
    return absl::StrCat(
        "grpcurl -max-time 20 -cacert '", files.ca, "' ",
        with_certificate
            ? absl::StrCat("-cert '", files.certificate_chain, "' -key '", files.key, "' ")
            : "",
        "-servername ", node, ".", role, ".convergia ", cluster().node(node)->grpc, " ", what);
  }
};

TEST_F(OperatorsTest, GrpcurlListsServicesAndPrintsTheClusterMap) {
  if (!HasGrpcurl()) GTEST_SKIP() << "grpcurl is not installed; OwnReflectionClient... stands in";
  const CommandResult list = RunCommand(Grpcurl("mgmt", "mgmt", true, "list"));
  EXPECT_EQ(list.status, 0) << list.output;
  for (const char* const service : {"convergia.v1.Admin", "convergia.v1.Cluster",
                                    "grpc.health.v1.Health", "grpc.channelz.v1.Channelz"}) {
    EXPECT_THAT(list.output, HasSubstr(service));
  }
  const CommandResult map =
      RunCommand(Grpcurl("mgmt", "mgmt", true, "convergia.v1.Admin/GetClusterMap"));
  EXPECT_EQ(map.status, 0) << map.output;
  for (const char* const text : {"\"edge1\"", "\"edge2\"", "LIVENESS_ALIVE", "\"links\""}) {
    EXPECT_THAT(map.output, HasSubstr(text));
  }
  const CommandResult edge = RunCommand(Grpcurl("edge1", "edge", true, "list"));
  EXPECT_EQ(edge.status, 0) << edge.output;
  EXPECT_THAT(edge.output, HasSubstr("convergia.v1.Relay"));
}

TEST_F(OperatorsTest, GrpcurlIsRefusedWithoutACertificate) {
  if (!HasGrpcurl()) GTEST_SKIP() << "grpcurl is not installed; OwnReflectionClient... stands in";
  for (const char* const what : {"list", "convergia.v1.Admin/GetClusterMap"}) {
    const CommandResult refused = RunCommand(Grpcurl("mgmt", "mgmt", false, what));
    EXPECT_NE(refused.status, 0) << refused.output;
  }
}

TEST_F(OperatorsTest, OwnReflectionClientListsTheServicesOfEveryNode) {
  EXPECT_THAT(
      ListServices(cluster().admin().channel()),
      Holds(IsSupersetOf({"convergia.v1.Admin", "convergia.v1.Cluster", "convergia.v1.Accounts",
                          "grpc.health.v1.Health", "grpc.channelz.v1.Channelz"})));
  const auto edge = rpc::MakeChannel(cluster().node("edge1")->grpc, cluster().operator_files(),
                                     {.role = Role::kEdge, .name = "edge1"});
  EXPECT_THAT(ListServices(edge), Holds(Contains("convergia.v1.Relay")));
}

TEST_F(OperatorsTest, OwnReflectionClientIsRefusedWithoutACertificate) {
  ASSERT_OK_AND_ASSIGN(const std::string ca, identity::ReadFileToString(CaFile()));
  const auto channel = rpc::MakeStrangersChannel(cluster().node("mgmt")->grpc, ca);
  EXPECT_THAT(ListServices(channel), StatusIs(absl::StatusCode::kUnavailable));
}

TEST_F(OperatorsTest, ClusterMapShowsNodesLinksAndRoutes) {
  ASSERT_OK(cluster().AwaitWhole(absl::Seconds(30)));
  ASSERT_OK_AND_ASSIGN(const auto map, cluster().admin().GetClusterMap());
  std::vector<std::string> alive;
  for (const v1::Node& node : map.nodes()) {
    if (node.liveness() == v1::LIVENESS_ALIVE) alive.push_back(node.name());
  }
  EXPECT_THAT(alive, IsSupersetOf({"edge1", "edge2"}));
  EXPECT_GE(map.links_size(), 1);
  ASSERT_TRUE(Eventually([&] { return cluster().admin().GetClusterMap()->routes_total() == 2; }));
  ASSERT_OK_AND_ASSIGN(const auto routes, cluster().admin().ListRoutes("edge1", ""));
  ASSERT_EQ(routes.routes_size(), 1);
  EXPECT_THAT(routes.routes(0).best(), ::testing::ElementsAre("edge2"));
  EXPECT_THAT(cluster().admin().ListRoutes("edge1", "nobody"),
              StatusIs(absl::StatusCode::kNotFound));
  if (!HasGrpcurl()) return;
  for (const char* const what : {"ListRoutes", "ListLinks"}) {
    const CommandResult rows =
        RunCommand(Grpcurl("mgmt", "mgmt", true, absl::StrCat("convergia.v1.Admin/", what)));
    EXPECT_EQ(rows.status, 0) << rows.output;
    EXPECT_THAT(rows.output, HasSubstr("\"from\": \"edge2\""));
  }
}

}  // namespace
}  // namespace convergia::testing
