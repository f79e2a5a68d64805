#include "client/profile/profile.h"

#include <gtest/gtest.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "common/base/fail.h"
#include "common/base/testing/status_testing.h"

namespace convergia::client {
namespace {

class ProfileTest : public testing::Test {
 protected:
  ProfileTest()
      : home_(absl::StrCat(testing::TempDir(), "/",
                           testing::UnitTest::GetInstance()->current_test_info()->name())) {
    std::filesystem::remove_all(home_);
  }
  Profile Load() {
    absl::StatusOr<Profile> profile = Profile::Load(home_, "work");
    EXPECT_TRUE(profile.ok()) << profile.status();
    return *std::move(profile);
  }
  void WriteFile(const std::string& name, const std::string& contents) {
    std::filesystem::create_directories(home_ + "/work");
    std::ofstream(home_ + "/work/" + name) << contents;
  }
  mode_t ModeOf(const std::string& name) {
    struct stat facts = {};
    EXPECT_EQ(stat((home_ + "/work" + name).c_str(), &facts), 0);
    return facts.st_mode & 0777;
  }

  const std::string home_;
};

TEST_F(ProfileTest, NewProfileIsEmptyAndWritesNothing) {
  const Profile profile = Load();
  EXPECT_EQ(profile.server(), "");
  EXPECT_EQ(profile.ca_pem(), "");
  EXPECT_FALSE(profile.ticket().has_value());
  EXPECT_FALSE(std::filesystem::exists(home_));
}

TEST_F(ProfileTest, WithoutAFolderNothingIsWritten) {
  Profile profile = Profile::WithoutFolder();
  EXPECT_OK(profile.SetServerAndUser("h:64475", "alice"));
  EXPECT_OK(profile.SetTicket({"alice", "h:64475", absl::FromUnixMillis(1), "cvt1.x.y"}));
  EXPECT_OK(profile.ForgetTicket());
  EXPECT_EQ(profile.user(), "alice");
  EXPECT_FALSE(std::filesystem::exists("/profile"));
}

TEST_F(ProfileTest, WhatIsSetIsThereNextTime) {
  const StartMemory memory = {.report = {{"a", absl::Microseconds(12)}, {"b", std::nullopt}},
                              .assigned = {{"a", "h:1", "pin"}}};
  const absl::Time expires = absl::FromUnixMillis(1'700'000'000'123);
  {
    Profile profile = Load();
    ASSERT_OK(profile.SetServerAndUser("h:64475", "alice"));
    ASSERT_OK(profile.PinCa("-- a certificate --\n"));
    ASSERT_OK(profile.SetTicket({"alice", "h:64475", expires, "cvt1.x.y"}));
    ASSERT_OK(profile.SetMemory(memory));
  }
  Profile profile = Load();
  EXPECT_EQ(profile.server(), "h:64475");
  EXPECT_EQ(profile.user(), "alice");
  EXPECT_EQ(profile.ca_pem(), "-- a certificate --\n");
  ASSERT_TRUE(profile.ticket().has_value());
  EXPECT_EQ(profile.ticket()->user, "alice");
  EXPECT_EQ(profile.ticket()->server, "h:64475");
  EXPECT_EQ(profile.ticket()->expires, expires);
  EXPECT_EQ(profile.ticket()->ticket, "cvt1.x.y");
  EXPECT_EQ(profile.memory().report, memory.report);
  EXPECT_EQ(profile.memory().assigned, memory.assigned);
  ASSERT_OK(profile.ForgetTicket());
  ASSERT_OK(profile.ForgetTicket());
  EXPECT_FALSE(Load().ticket().has_value());
}

TEST_F(ProfileTest, TicketIsForItsOwnerAlone) {
  Profile profile = Load();
  ASSERT_OK(profile.SetTicket({"alice", "h:1", absl::UnixEpoch(), "t"}));
  EXPECT_EQ(ModeOf(""), 0700);
  EXPECT_EQ(ModeOf("/ticket"), 0600);
}

TEST_F(ProfileTest, DamagedFilesAreNamed) {
  WriteFile("profile", "nonsense\n");
  const absl::StatusOr<Profile> profile = Profile::Load(home_, "work");
  ASSERT_FALSE(profile.ok());
  EXPECT_EQ(FailCodeOf(profile.status()), FailCode::kBadField);
  EXPECT_NE(profile.status().message().find("/work/profile"), absl::string_view::npos);
}

TEST_F(ProfileTest, WhatOnlySavesTimeIsLeftOutWhereItIsDamaged) {
  const struct {
    const char* file;
    const char* contents;
  } kCases[] = {{"ticket", "user\talice\n"},
                {"start", "measure\ta\n"},
                {"start", "measure\tb\t12\nmeasure\ta\tfast\n"},
                {"start", "assigned\ta\n"},
                {"start", "what\n"}};
  for (const auto& c : kCases) {
    SCOPED_TRACE(c.contents);
    std::filesystem::remove_all(home_);
    WriteFile(c.file, c.contents);
    const Profile profile = Load();
    EXPECT_FALSE(profile.ticket().has_value());
    EXPECT_TRUE(profile.memory().report.empty());
    EXPECT_NE(profile.trouble().message().find(absl::StrCat("/work/", c.file)),
              absl::string_view::npos);
  }
}

TEST_F(ProfileTest, ALinkToAFileOfTheProfileStaysALink) {
  WriteFile("kept elsewhere", "old");
  std::filesystem::create_symlink("kept elsewhere", home_ + "/work/ca.pem");
  ASSERT_OK(Load().PinCa("-- a certificate --\n"));
  EXPECT_TRUE(std::filesystem::is_symlink(home_ + "/work/ca.pem"));
  EXPECT_EQ(Load().ca_pem(), "-- a certificate --\n");
}

TEST_F(ProfileTest, NameCannotLeaveTheHome) {
  for (const char* name : {"", "..", "../x", "a/b", "/etc"}) {
    EXPECT_FALSE(Profile::Load(home_, name).ok()) << name;
  }
}

TEST_F(ProfileTest, HomeIsConvergiaHomeElseUnderHome) {
  setenv("HOME", "/home/x", 1);
  unsetenv("CONVERGIA_HOME");
  ASSERT_OK_AND_ASSIGN(const std::string under_home, Profile::DefaultHome());
  EXPECT_EQ(under_home, "/home/x/.config/convergia");
  setenv("CONVERGIA_HOME", "/elsewhere", 1);
  ASSERT_OK_AND_ASSIGN(const std::string own, Profile::DefaultHome());
  EXPECT_EQ(own, "/elsewhere");
  unsetenv("CONVERGIA_HOME");
}

TEST_F(ProfileTest, WithoutHomeTheSystemsUserDatabaseIsAsked) {
  unsetenv("CONVERGIA_HOME");
  unsetenv("HOME");
  const absl::StatusOr<std::string> home = Profile::DefaultHome();
  const passwd* const user = getpwuid(getuid());
  if (user == nullptr) {
    EXPECT_EQ(FailCodeOf(home.status()), FailCode::kBadField);
  } else {
    ASSERT_OK(home);
    EXPECT_EQ(*home, absl::StrCat(user->pw_dir, "/.config/convergia"));
  }
}

}  // namespace
}  // namespace convergia::client
