#pragma once

#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "tests/cluster/cluster_test_base.h"
#include "tests/cluster/convergia_program.h"

// The frame of tests of the built `convergia` command on a cluster of real processes.
namespace convergia::testing {

// Exit codes, as `convergia --help` explains them.
inline constexpr int kDone = 0, kWrong = 1, kNotSignedIn = 2, kOffline = 4, kNotFound = 5,
                     kDenied = 6, kNoRoom = 8, kTaken = 9;

MATCHER_P(ExitsWith, code, "") {
  *result_listener << "exits with " << arg.exit_code << ", printing \"" << arg.out << "\" and \""
                   << arg.err << "\"";
  return arg.exit_code == code;
}
MATCHER_P2(FailsWith, code, text, "") {
  *result_listener << "exits with " << arg.exit_code << ", printing \"" << arg.out << "\" and \""
                   << arg.err << "\"";
  return arg.exit_code == code && absl::StrContains(arg.err, text) &&
         absl::StartsWith(arg.err, "convergia: ");
}

inline int LinesIn(absl::string_view text) {
  return static_cast<int>(std::count(text.begin(), text.end(), '\n'));
}

// One cluster for all tests of a program. Each test has a local folder and a stored one, both of
// its own name.
class ConvergiaCommandsTest : public ClusterTest {
 public:
  static void SetUpTestSuite() {
    StartCluster({.counts = {.datamgr = 1, .edges = 1, .dataservers_nonvolatile = 1},
                  .accounts = Accounts({"alice", "bob"})});
  }

 protected:
  ConvergiaCommandsTest()
      : dir_(std::filesystem::path(::testing::TempDir()) /
             ::testing::UnitTest::GetInstance()->current_test_info()->name()),
        folder_(absl::StrCat("/", dir_.filename().string())),
        alice_(OptionsFor("alice", "1")),
        again_(OptionsFor("alice", "2")),
        bob_(OptionsFor("bob", "1")) {
    std::filesystem::create_directories(dir_);
    AwaitStorage();
    EXPECT_THAT(alice_.Run({"mkdir", folder_}), ExitsWith(kDone));
  }

  ConvergiaProgram::Options OptionsFor(const std::string& user, const std::string& which) const {
    return {.user = user,
            .password = PasswordOf(user),
            .management = LineOf("mgmt"),
            .ca_file = CaFile(),
            .dir = (dir_ / absl::StrCat("as-", user, "-", which)).string()};
  }
  // Alice, started in another way.
  ConvergiaProgram Launched(const std::vector<std::string>& launcher, const std::string& out = "") {
    ConvergiaProgram::Options options = OptionsFor("alice", "3");
    options.launcher = launcher;
    options.out = out;
    return ConvergiaProgram(options);
  }
  void AwaitStorage() {
    ASSERT_OK_AND_ASSIGN(line_, SignIn("edge1", "alice"));
    (void)line_->Ask("CREATEFOLDER /ready");
    (void)line_->Ask("CREATEFILE /ready/f");
    ASSERT_TRUE(
        Eventually([&] { return line_->Ask("WRITEFILE /ready/f\n0\nx").value_or("") == "OK 1"; }));
  }
  std::string In(const std::string& name) const { return absl::StrCat(folder_, "/", name); }
  std::string Local(const std::string& name) const { return (dir_ / name).string(); }
  void Put(const std::string& name, const std::string& bytes) {
    WriteWholeFile(Local(name), bytes);
    EXPECT_THAT(alice_.Run({"put", "-q", Local(name), In(name)}), ExitsWith(kDone));
  }

  const std::filesystem::path dir_;
  const std::string folder_;
  const ConvergiaProgram alice_, again_, bob_;  // `again_` is alice, at the same time.
  std::unique_ptr<LineClient> line_;
};

}  // namespace convergia::testing
