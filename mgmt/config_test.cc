#include "mgmt/config.h"

#include "common/base/testing/status_testing.h"

namespace convergia::mgmt {
namespace {

TEST(CompleteConfigTest, FillsInDefaults) {
  v1::MgmtConfig config;
  config.set_dir("/d");
  ASSERT_OK_AND_ASSIGN(config, CompleteConfig(config));
  EXPECT_EQ(config.grpc_listen(), "0.0.0.0:64478");
  EXPECT_EQ(config.line_listen(), "0.0.0.0:64475");
  EXPECT_EQ(config.open_line_listen(), "0.0.0.0:64474");
  EXPECT_EQ(config.registration(), v1::MgmtConfig::OPEN);
  EXPECT_EQ(config.password_bytes_min(), 8);
  EXPECT_EQ(config.registration_limits().per_address_per_hour(), 20);
  EXPECT_EQ(config.line_limits().sessions_per_user_max(), 10);
  EXPECT_EQ(Paths(config).store, "/d/store");
}

TEST(CompleteConfigTest, KeepsWhatIsSaid) {
  v1::MgmtConfig config;
  config.set_dir("/d");
  config.set_registration_open(false);
  config.set_line_listen("127.0.0.1:0");
  config.mutable_registration_limits()->set_per_address_per_hour(7);
  ASSERT_OK_AND_ASSIGN(config, CompleteConfig(config));
  EXPECT_EQ(config.registration(), v1::MgmtConfig::CLOSED);
  EXPECT_EQ(config.line_listen(), "127.0.0.1:0");
  EXPECT_EQ(config.registration_limits().per_address_per_hour(), 7);
}

TEST(CompleteConfigTest, NamesWhatIsWrong) {
  v1::MgmtConfig config;
  EXPECT_THAT(std::string(CompleteConfig(config).status().message()), testing::HasSubstr("dir"));
  config.set_dir("/d");
  for (const char* bad : {"localhost", ":1", "host:", "host:port", "host:65536", "host:-1"}) {
    config.set_grpc_listen(bad);
    EXPECT_THAT(std::string(CompleteConfig(config).status().message()),
                testing::HasSubstr("grpc_listen"))
        << bad;
  }
}

}  // namespace
}  // namespace convergia::mgmt
