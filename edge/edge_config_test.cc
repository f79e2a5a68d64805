#include "edge/edge_config.h"

#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/limits.h"
#include "common/base/testing/status_testing.h"
#include "common/node/program/reachable_address.h"

namespace convergia::edge {
namespace {

v1::EdgeConfig Good() {
  v1::EdgeConfig config;
  config.set_name("edge1");
  config.set_dir("/var/lib/edge1");
  config.add_mgmt("mgmt.example:64478");
  return config;
}

TEST(EdgeConfigTest, FillsInTheDefaults) {
  ASSERT_OK_AND_ASSIGN(const EdgeSettings settings, ReadSettings(Good()));
  EXPECT_EQ(settings.grpc_listen, "0.0.0.0:64477");
  EXPECT_EQ(settings.line_listen, "0.0.0.0:64473");
  EXPECT_GE(settings.io_threads, 1);
  EXPECT_EQ(settings.sessions_per_user_max, limits::kSessionsPerUserMax);
  EXPECT_EQ(settings.limits.messages.burst, limits::kMessagesBurst);
  EXPECT_EQ(settings.limits.message_bytes.burst, limits::kMessageBytesBurst);
}

TEST(EdgeConfigTest, TakesWhatIsGiven) {
  v1::EdgeConfig config = Good();
  config.set_io_threads(3);
  config.mutable_line_limits()->set_messages_per_second(7);
  config.mutable_line_limits()->set_message_bytes_per_second(500);
  config.mutable_line_limits()->set_sessions_per_user_max(2);
  ASSERT_OK_AND_ASSIGN(const EdgeSettings settings, ReadSettings(config));
  EXPECT_EQ(settings.io_threads, 3);
  EXPECT_EQ(settings.limits.messages.per_second, 7);
  EXPECT_EQ(settings.limits.message_bytes.per_second, 500);
  EXPECT_EQ(settings.sessions_per_user_max, 2);
}

TEST(EdgeConfigTest, TakesOneMgmtAsItWasWrittenBeforeThereWereSeveral) {
  v1::EdgeConfig config = Good();
  config.clear_mgmt();
  ASSERT_TRUE(google::protobuf::TextFormat::MergeFromString("mgmt: 'a:1'", &config));
  EXPECT_THAT(ReadSettings(config)->mgmt_addresses, testing::ElementsAre("a:1"));
  ASSERT_TRUE(google::protobuf::TextFormat::MergeFromString("mgmt: ['b:1', 'c:1']", &config));
  EXPECT_THAT(ReadSettings(config)->mgmt_addresses, testing::ElementsAre("a:1", "b:1", "c:1"));
  for (int i = 0; i < 6; ++i) config.add_mgmt("d:1");
  EXPECT_THAT(ReadSettings(config).status(), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(EdgeConfigTest, NamesTheFieldThatIsWrong) {
  const struct {
    const char* field;
    std::function<void(v1::EdgeConfig*)> spoil;
  } cases[] = {
      {"name", [](v1::EdgeConfig* config) { config->set_name("Edge One"); }},
      {"name", [](v1::EdgeConfig* config) { config->clear_name(); }},
      {"dir", [](v1::EdgeConfig* config) { config->clear_dir(); }},
      {"mgmt", [](v1::EdgeConfig* config) { config->set_mgmt(0, "host:99999"); }},
      {"grpc_listen", [](v1::EdgeConfig* config) { config->set_grpc_listen("nowhere"); }},
      {"line_listen", [](v1::EdgeConfig* config) { config->set_line_listen(":80"); }},
      {"advertise.grpc",
       [](v1::EdgeConfig* config) { config->mutable_advertise()->add_grpc("x"); }},
      {"advertise.line",
       [](v1::EdgeConfig* config) { config->mutable_advertise()->set_line("x"); }},
      {"io_threads", [](v1::EdgeConfig* config) { config->set_io_threads(5000); }},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.field);
    v1::EdgeConfig config = Good();
    c.spoil(&config);
    const absl::Status status = ReadSettings(config).status();
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument));
    EXPECT_EQ(status.message().substr(0, strlen(c.field)), c.field);
  }
}

TEST(EdgeConfigTest, AdvertisesTheSettingsElseWhereItListens) {
  const struct {
    std::vector<std::string> grpc_set;
    std::string line_set;
    std::vector<std::string> grpc;
    std::string line;
  } cases[] = {
      {{}, "", {"dial:0.0.0.0:1"}, "dial:0.0.0.0:2"},
      {{"a:1", "b:1"}, "", {"a:1", "b:1"}, "dial:0.0.0.0:2"},
      {{}, "c:2", {"dial:0.0.0.0:1"}, "c:2"},
      {{"a:1"}, "c:2", {"a:1"}, "c:2"},
  };
  const auto reachable = [](absl::string_view bound) { return absl::StrCat("dial:", bound); };
  for (const auto& c : cases) {
    EdgeSettings settings;
    settings.advertise_grpc = c.grpc_set;
    settings.advertise_line = c.line_set;
    const Advertised advertised =
        AdvertisedAddresses(settings, "0.0.0.0:1", "0.0.0.0:2", reachable);
    EXPECT_EQ(advertised.grpc, c.grpc);
    EXPECT_EQ(advertised.line, c.line);
  }
}

TEST(EdgeConfigTest, AnAddressForAllIsToldAsOneThatCanBeReached) {
  EXPECT_EQ(node::ReachableAddress("127.0.0.1:5", "127.0.0.1:7"), "127.0.0.1:5");
  EXPECT_EQ(node::ReachableAddress("0.0.0.0:5", "127.0.0.1:7"), "127.0.0.1:5");
}

}  // namespace
}  // namespace convergia::edge
