#include "datamgr/datamgr_config.h"

#include <gtest/gtest.h>

#include <functional>

#include "common/base/testing/status_testing.h"

namespace convergia::datamgr {
namespace {

v1::DatamgrConfig Good() {
  v1::DatamgrConfig config;
  config.set_name("data");
  config.set_dir("/d");
  config.add_mgmt("h:1");
  return config;
}

TEST(DatamgrConfigTest, FillsInDefaults) {
  ASSERT_OK_AND_ASSIGN(const DatamgrSettings settings, ReadSettings(Good()));
  EXPECT_EQ(settings.grpc_listen, "0.0.0.0:64481");
  EXPECT_EQ(settings.catalog.quota_inodes, 1'000'000u);
  EXPECT_EQ(settings.catalog.mailbox_messages_max, 1'000u);
  EXPECT_EQ(settings.catalog.sends_per_minute, 60u);
  EXPECT_EQ(settings.catalog.root_folders_max, 100u);
  EXPECT_EQ(settings.PreferenceOf("/a/b"), ClassPreference::kNone);
}

TEST(DatamgrConfigTest, PrefersAClassByTheTopFolder) {
  v1::DatamgrConfig config = Good();
  config.set_prefer(v1::DatamgrConfig::VOLATILE);
  config.add_root_admins("Ann");
  auto* policy = config.add_folder_policies();
  policy->set_folder("books");
  policy->set_prefer(v1::DatamgrConfig::NON_VOLATILE);
  ASSERT_OK_AND_ASSIGN(const DatamgrSettings settings, ReadSettings(config));
  EXPECT_EQ(settings.PreferenceOf("/books/x/y"), ClassPreference::kNonVolatile);
  EXPECT_EQ(settings.PreferenceOf("/bookshelf/x"), ClassPreference::kVolatile);
  EXPECT_EQ(settings.PreferenceOf(""), ClassPreference::kVolatile);
  EXPECT_TRUE(settings.catalog.root_admins.contains("ann"));
}

TEST(DatamgrConfigTest, NamesTheFieldThatIsWrong) {
  const std::pair<const char*, std::function<void(v1::DatamgrConfig*)>> cases[] = {
      {"name", [](v1::DatamgrConfig* config) { config->set_name("a b"); }},
      {"dir", [](v1::DatamgrConfig* config) { config->clear_dir(); }},
      {"mgmt", [](v1::DatamgrConfig* config) { config->set_mgmt(0, "h"); }},
      {"grpc_listen", [](v1::DatamgrConfig* config) { config->set_grpc_listen("h:70000"); }},
      {"advertise.grpc",
       [](v1::DatamgrConfig* config) { config->mutable_advertise()->add_grpc("x"); }},
      {"root_admins", [](v1::DatamgrConfig* config) { config->add_root_admins("-"); }},
      {"folder_policies",
       [](v1::DatamgrConfig* config) { config->add_folder_policies()->set_folder("a/b"); }},
  };
  for (const auto& [field, spoil] : cases) {
    v1::DatamgrConfig config = Good();
    spoil(&config);
    const auto settings = ReadSettings(config);
    EXPECT_THAT(settings, StatusIs(absl::StatusCode::kInvalidArgument));
    EXPECT_EQ(std::string(settings.status().message()).rfind(field, 0), 0u) << field;
  }
}

}  // namespace
}  // namespace convergia::datamgr
