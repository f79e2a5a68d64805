// The promises of Cluster::Start() once it has returned.

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/random.h"
#include "tests/cluster/cluster_test_base.h"

namespace convergia::testing {
namespace {

using ::testing::HasSubstr;

class ReadyTest : public ClusterTest {
 public:
  static void SetUpTestSuite() {
    StartCluster({.counts = {.datamgr = 1,
                             .edges = 2,
                             .dataservers_volatile = 3,
                             .dataservers_nonvolatile = 1},
                  .accounts = Accounts({"alice"})});
  }
};

TEST_F(ReadyTest, TheFirstWriteOnEachMainServerSucceeds) {
  for (const std::string edge : {"edge1", "edge2"}) {
    SCOPED_TRACE(edge);
    ASSERT_OK_AND_ASSIGN(const auto alice, SignIn(edge, "alice"));
    EXPECT_THAT(alice->Ask(absl::StrCat("CREATEFOLDER /", edge)), Holds("OK"));
    EXPECT_THAT(alice->Ask(absl::StrCat("CREATEFILE /", edge, "/f")), Holds("OK"));
    EXPECT_THAT(alice->Ask(absl::StrCat("WRITEFILE /", edge, "/f\n0\nx")), Holds("OK 1"));
    EXPECT_THAT(alice->Ask(absl::StrCat("GETINFO /", edge, "/f")),
                Holds(HasSubstr("\tvolatile\t3")));
  }
}

// The data server serves, and mgmt hears from it. But it dials a port on which nobody listens.
TEST_F(ReadyTest, AClusterWhoseDataServerDoesNotReachDatamgrIsNotReady) {
  devcluster::Cluster::Options options;
  options.dir = absl::StrCat(::testing::TempDir(), "/not-ready-", SecureRandomHex(8));
  options.counts = {.datamgr = 1, .edges = 1, .dataservers_nonvolatile = 1};
  options.ready_timeout = absl::Seconds(8);
  options.config_changes.dataserver = [](v1::DataServerConfig* config) {
    config->set_datamgr("127.0.0.1:1");
  };
  ASSERT_OK_AND_ASSIGN(const auto unready, devcluster::Cluster::Create(options));
  const absl::Status started = unready->Start();
  EXPECT_THAT(started, StatusIs(absl::StatusCode::kDeadlineExceeded));
  EXPECT_THAT(std::string(started.message()),
              HasSubstr("datamgr1 is not connected to nonvolatile1"));
}

}  // namespace
}  // namespace convergia::testing
