// mgmt freezes with all its connections open, and a later start of it serves at the second of the
// addresses that the edges know. They attach there, long before they could notice the silence.
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "common/base/status_macros.h"
#include "convergia/v1/config.pb.h"
#include "google/protobuf/text_format.h"
#include "tests/cluster/cluster_test_base.h"
#include "tools/devcluster/free_ports.h"
#include "tools/devcluster/operator.h"
#include "tools/devcluster/process.h"

namespace convergia::testing {
namespace {

using ::testing::StartsWith;

std::string Loopback(int port) { return absl::StrCat("127.0.0.1:", port); }

class FrozenMgmtTest : public ClusterTest {
 public:
  static void SetUpTestSuite() {
    const auto ports = devcluster::FindFreePorts(3);
    ASSERT_OK(ports);
    ports_ = *ports;
    StartCluster({.counts = {.edges = 2},
                  .accounts = Accounts({"alice"}),
                  .config_changes = {.edge = [](v1::EdgeConfig* config) {
                    config->add_mgmt(Loopback(ports_[0]));
                  }}});
  }

 protected:
  // A later start of mgmt with a copy of its folder, at the other ports.
  static absl::Status StartSecond(const std::string& folder) {
    const std::string dir = folder + "-second";
    std::filesystem::copy(folder, dir, std::filesystem::copy_options::recursive);
    v1::MgmtConfig config;
    config.set_dir(dir);
    config.set_grpc_listen(Loopback(ports_[0]));
    config.set_line_listen(Loopback(ports_[1]));
    config.set_open_line_listen(Loopback(ports_[2]));
    config.set_password_bytes_min(1);
    std::string text;
    google::protobuf::TextFormat::PrintToString(config, &text);
    std::ofstream(dir + ".textproto") << text;
    CVG_ASSIGN_OR_RETURN(const std::string program, devcluster::FindProgram("mgmt/mgmt"));
    devcluster::Process::Options options;
    options.arguments = {program, absl::StrCat("--config=", dir, ".textproto")};
    options.log = dir + ".log";
    CVG_ASSIGN_OR_RETURN(second_, devcluster::Process::Start(std::move(options)));
    return absl::OkStatus();
  }

  static inline std::vector<int> ports_;
  static inline std::unique_ptr<devcluster::Process> second_;
};

TEST_F(FrozenMgmtTest, EdgesAttachToTheOneThatLeads) {
  const auto mgmt = cluster().node("mgmt");
  ASSERT_OK(mgmt);
  ASSERT_OK(cluster().Pause("mgmt"));
  ASSERT_OK(StartSecond(mgmt->dir));
  devcluster::Operator second(Loopback(ports_[0]), cluster().operator_files());
  EXPECT_TRUE(Eventually([&] {
    const auto map = second.GetClusterMap();
    return map.ok() && absl::c_count_if(map->nodes(), [](const v1::Node& node) {
                         return node.role() == v1::ROLE_EDGE &&
                                node.liveness() == v1::LIVENESS_ALIVE;
                       }) == 2;
  }));
  // A client's requests to mgmt go there, too.
  const auto alice = SignIn("edge1", "alice");
  ASSERT_OK(alice);
  EXPECT_THAT((*alice)->Ask("GETSERVERMAP"), Holds(StartsWith("OK ")));

  // The old one goes on, but nobody goes back.
  ASSERT_OK(cluster().Continue("mgmt"));
  EXPECT_THAT(SignIn("edge2", "alice").status(), absl::OkStatus());
  second_.reset();
}

}  // namespace
}  // namespace convergia::testing
