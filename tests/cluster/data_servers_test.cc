// Data servers as their operators use them: with a class from their operator, configured while they
// run, killed and restarted.

#include "common/identity/files.h"
#include "convergia/v1/admin.grpc.pb.h"
#include "tests/cluster/cluster_test_base.h"

namespace convergia::testing {
namespace {

using ::testing::HasSubstr;

class DataServersTest : public ClusterTest {
 public:
  static void SetUpTestSuite() {
    StartCluster({.counts = {.edges = 0, .dataservers_volatile = 2, .dataservers_nonvolatile = 1}});
  }

 protected:
  static std::unique_ptr<v1::Admin::Stub> Admin() {
    return v1::Admin::NewStub(cluster().admin().channel());
  }
  static v1::Node Find(const std::string& name) {
    const auto map = cluster().admin().GetClusterMap();
    EXPECT_OK(map);
    for (const v1::Node& node : map->nodes()) {
      if (node.name() == name) return node;
    }
    ADD_FAILURE() << "there is no " << name;
    return {};
  }
  static std::string LogOf(const std::string& name) {
    return identity::ReadFileToString(cluster().node(name)->log).value_or("");
  }
};

TEST_F(DataServersTest, AreOfTheClassTheyWereStartedFor) {
  EXPECT_EQ(Find("volatile1").configuration().storage_class(), v1::STORAGE_CLASS_VOLATILE);
  EXPECT_EQ(Find("volatile2").configuration().storage_class(), v1::STORAGE_CLASS_VOLATILE);
  EXPECT_EQ(Find("nonvolatile1").configuration().storage_class(), v1::STORAGE_CLASS_NON_VOLATILE);
  EXPECT_EQ(Find("mgmt").configuration().storage_class(), v1::STORAGE_CLASS_UNSPECIFIED);
}

TEST_F(DataServersTest, AreConfiguredWhileTheyRun) {
  v1::ConfigureDataServerRequest change;
  change.set_name("volatile2");
  change.set_capacity_bytes(123 << 20);
  v1::Label* const label = change.mutable_labels()->add_labels();
  label->set_key("rack");
  label->set_value("7");
  grpc::ClientContext context;
  v1::ConfigureDataServerResponse response;
  ASSERT_TRUE(Admin()->ConfigureDataServer(&context, change, &response).ok());
  const auto node = cluster().node("volatile2");
  EXPECT_TRUE(Eventually([&] {
    return absl::StrContains(LogOf("volatile2"), absl::StrCat("capacity_bytes: ", 123 << 20));
  })) << LogOf("volatile2");
  EXPECT_EQ(cluster().node("volatile2")->pid, node->pid) << "it was restarted";
  EXPECT_EQ(Find("volatile2").configuration().labels(0).value(), "7");
}

TEST_F(DataServersTest, ComeBackAfterAKillAndEndInOrder) {
  ASSERT_OK(cluster().Kill("volatile1"));
  ASSERT_OK(cluster().Restart("volatile1"));
  EXPECT_OK(cluster().AwaitWhole(absl::Seconds(60)));
  EXPECT_EQ(Find("volatile1").liveness(), v1::LIVENESS_ALIVE);
  EXPECT_OK(cluster().Terminate("volatile1"));
  ASSERT_OK(cluster().Restart("volatile1"));
  EXPECT_OK(cluster().AwaitWhole(absl::Seconds(60)));
}

}  // namespace
}  // namespace convergia::testing
