// Cases without a real server: refusals, and servers that fail to start. tests/ has the others.

#include "tools/devcluster/cluster.h"

#include <gmock/gmock.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "common/base/random.h"
#include "common/base/testing/status_testing.h"
#include "common/identity/files.h"
#include "tools/devcluster/cluster_json.h"
#include "tools/devcluster/ready_line.h"

namespace convergia::devcluster {
namespace {

using testing::HasSubstr;

class ClusterTest : public testing::Test {
 protected:
  ClusterTest() {
    std::filesystem::create_directories(dir_);
    options_.dir = dir_ + "/cluster";
    options_.programs = {{Role::kMgmt, "/bin/true"}, {Role::kEdge, "/bin/true"}};
  }
  ~ClusterTest() override { std::filesystem::remove_all(dir_); }

  // Uses this shell script as the server.
  void SetProgram(Role role, const std::string& script) {
    const std::string path = absl::StrCat(dir_, "/", RoleWord(role));
    ASSERT_OK(identity::WriteFileAtomically(path, absl::StrCat("#!/bin/sh\n", script), 0755));
    options_.programs[role] = path;
  }

  std::string StartError() {
    const auto cluster = Cluster::Create(options_);
    if (!cluster.ok()) return cluster.status().ToString();
    return (*cluster)->Start().ToString();
  }

  const std::string dir_ = absl::StrCat(testing::TempDir(), "/devcluster-", SecureRandomHex(8));
  Cluster::Options options_;
};

TEST_F(ClusterTest, ADirectoryBelongsToOneAtATime) {
  ASSERT_OK_AND_ASSIGN(auto first, Cluster::Create(options_));
  const auto second = Cluster::Create(options_);
  EXPECT_THAT(second, StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(std::string(second.status().message()),
              HasSubstr(absl::StrCat("devcluster has pid ", getpid())));
  first.reset();
  EXPECT_OK(Cluster::Create(options_));
}

TEST_F(ClusterTest, AFailingInitShowsItsLog) {
  SetProgram(Role::kMgmt, "echo the disk is made of cheese >&2; exit 3");
  const std::string error = StartError();
  EXPECT_THAT(error, HasSubstr("exit status 3"));
  EXPECT_THAT(error, HasSubstr("the disk is made of cheese"));
}

TEST_F(ClusterTest, AServerThatEndsBeforeItIsReadyIsReported) {
  SetProgram(Role::kMgmt, R"(case "$*" in *--init*) exit 0;; esac; echo no port for me; exit 1)");
  const std::string error = StartError();
  EXPECT_THAT(error, HasSubstr("mgmt ended with exit status 1"));
  EXPECT_THAT(error, HasSubstr("no port for me"));
}

TEST_F(ClusterTest, AServerThatNeverGetsReadyIsReported) {
  SetProgram(Role::kMgmt, R"(case "$*" in *--init*) exit 0;; esac; exec cat /dev/zero >/dev/null)");
  options_.ready_timeout = absl::Milliseconds(200);
  EXPECT_THAT(StartError(), HasSubstr("mgmt did not say READY in 200ms"));
}

TEST_F(ClusterTest, InterruptEndsTheStart) {
  SetProgram(Role::kMgmt, R"(case "$*" in *--init*) exit 0;; esac; exec cat /dev/zero >/dev/null)");
  ASSERT_OK_AND_ASSIGN(const auto cluster, Cluster::Create(options_));
  cluster->Interrupt();
  EXPECT_THAT(cluster->Start(), StatusIs(absl::StatusCode::kCancelled));
}

TEST_F(ClusterTest, UnknownAndStoppedNodesAreErrors) {
  ASSERT_OK_AND_ASSIGN(const auto cluster, Cluster::Create(options_));
  EXPECT_THAT(cluster->Kill("edge7"), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(cluster->Restart("edge7"), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(cluster->Pause("edge1"), StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST(ReadyLineTest, ReadsWhatAServerPrints) {
  const auto ready = ParseReadyLine(
      "READY name=mgmt role=mgmt grpc=127.0.0.1:1 line=127.0.0.1:2 http= open_line=127.0.0.1:3");
  ASSERT_TRUE(ready.has_value());
  EXPECT_EQ(ready->name, "mgmt");
  EXPECT_EQ(ready->grpc, "127.0.0.1:1");
  EXPECT_EQ(ready->line, "127.0.0.1:2");
  EXPECT_EQ(ready->open_line, "127.0.0.1:3");
  EXPECT_EQ(ready->http, "");
  EXPECT_FALSE(ParseReadyLine("NOT READY name=mgmt").has_value());
  EXPECT_FALSE(ParseReadyLine("").has_value());
}

TEST(ClusterJsonTest, HasEveryFieldAndNoPidForWhatIsDown) {
  const std::vector<Cluster::Node> nodes = {
      {.name = "mgmt", .role = Role::kMgmt, .pid = 7, .grpc = "127.0.0.1:1", .dir = "/a \"b\""},
      {.name = "edge1", .role = Role::kEdge, .line = "127.0.0.1:2", .log = "/a\\b\n"}};
  google::protobuf::Struct json;
  ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(
                  ClusterJson(nodes, {.ca = "/ca", .certificate_chain = "/c", .key = "/k"}), &json)
                  .ok());
  EXPECT_EQ(json.fields().at("ca").string_value(), "/ca");
  const auto& keys = json.fields().at("operator").struct_value().fields();
  EXPECT_EQ(keys.at("cert").string_value(), "/c");
  EXPECT_EQ(keys.at("key").string_value(), "/k");
  const auto& list = json.fields().at("nodes").list_value();
  ASSERT_EQ(list.values_size(), 2);
  const auto& mgmt = list.values(0).struct_value().fields();
  EXPECT_EQ(mgmt.at("name").string_value(), "mgmt");
  EXPECT_EQ(mgmt.at("role").string_value(), "mgmt");
  EXPECT_EQ(mgmt.at("pid").number_value(), 7);
  EXPECT_EQ(mgmt.at("grpc").string_value(), "127.0.0.1:1");
  EXPECT_EQ(mgmt.at("dir").string_value(), "/a \"b\"");
  EXPECT_EQ(mgmt.at("http").string_value(), "");
  const auto& edge = list.values(1).struct_value().fields();
  EXPECT_TRUE(edge.at("pid").has_null_value());
  EXPECT_EQ(edge.at("line").string_value(), "127.0.0.1:2");
  EXPECT_EQ(edge.at("log").string_value(), "/a\\b\n");
}

}  // namespace
}  // namespace convergia::devcluster
