// Rules for every program, each run as a real process: its version, output that cannot be written,
// closed standard streams, files that cannot grow.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/version.h"
#include "tests/cluster/convergia_program.h"
#include "tests/testing/eventually.h"
#include "tools/devcluster/free_ports.h"

namespace convergia::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

constexpr const char* kPrograms[] = {
    "client/convergia", "datamgr/datamgr", "dataserver/dataserver",
    "edge/edge",        "mgmt/mgmt",       "tools/devcluster/devcluster"};

std::string NameOf(const std::string& program) { return fs::path(program).filename().string(); }

bool IsListening(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const bool connected = connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  close(fd);
  return connected;
}

class ProgramsTest : public ::testing::Test {
 protected:
  ProgramsTest()
      : dir_((fs::path(::testing::TempDir()) /
              ::testing::UnitTest::GetInstance()->current_test_info()->name())
                 .string()) {
    fs::create_directories(dir_);
  }

  // Runs a shell command to its end. The exit code is -1 after a signal.
  Outcome Shell(const std::string& line) const {
    const int status = std::system(
        absl::StrCat("{ ", line, "; } >", dir_, "/out 2>", dir_, "/err </dev/null").c_str());
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, ReadWholeFile(dir_ + "/out"),
            ReadWholeFile(dir_ + "/err")};
  }
  // The configuration of an mgmt that has never run.
  std::string MgmtConfig() const {
    WriteWholeFile(dir_ + "/mgmt.textproto",
                   absl::StrCat("dir: '", dir_, "/mgmt'\n", "grpc_listen: '127.0.0.1:0'\n",
                                "line_listen: '127.0.0.1:", line_port_, "'\n",
                                "open_line_listen: '127.0.0.1:0'\n"));
    return dir_ + "/mgmt.textproto";
  }

  const std::string dir_;
  const int line_port_ = devcluster::FindFreePorts(1)->front();
};

TEST_F(ProgramsTest, EachTellsItsVersion) {
  for (const std::string program : kPrograms) {
    const Outcome told = Shell(program + " --version");
    EXPECT_EQ(told.exit_code, 0) << program;
    EXPECT_EQ(told.out, VersionText(NameOf(program)) + "\n");
    EXPECT_EQ(told.err, "");
  }
}

TEST_F(ProgramsTest, OutputThatCannotBeWrittenIsAnError) {
  for (const std::string program : kPrograms) {
    for (const char* const flag : {" --version", " --help"}) {
      const Outcome full = Shell(absl::StrCat(program, flag, " >/dev/full"));
      EXPECT_GT(full.exit_code, 0) << program << flag;
      EXPECT_THAT(full.err, HasSubstr("standard output: No space left on device")) << program;
    }
  }
}

TEST_F(ProgramsTest, AServerWithClosedStreamsPrintsIntoNoFile) {
  const std::string config = MgmtConfig();
  ASSERT_EQ(Shell(absl::StrCat("mgmt/mgmt --init --config=", config, " <&- >&- 2>&-")).exit_code,
            0);
  const Outcome started =
      Shell(absl::StrCat("sh -c 'exec mgmt/mgmt --config=", config, " <&- >&- 2>&-' & echo $!"));
  const pid_t pid = std::atoi(started.out.c_str());
  ASSERT_GT(pid, 0) << started.err;
  // mgmt listens before it prints READY, and handles no signal in between.
  EXPECT_TRUE(Eventually([&] { return IsListening(line_port_); }));
  EXPECT_EQ(kill(pid, SIGTERM), 0);
  EXPECT_TRUE(Eventually([&] { return kill(pid, 0) != 0; }));
  int files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(dir_ + "/mgmt")) {
    if (!entry.is_regular_file()) continue;
    ++files;
    EXPECT_FALSE(absl::StrContains(ReadWholeFile(entry.path().string()), "READY ")) << entry.path();
  }
  EXPECT_GT(files, 3);
}

TEST_F(ProgramsTest, AClientWithClosedOutputSaysSoAndWritesNowhere) {
  const Outcome closed = Shell("client/convergia --version >&-");
  EXPECT_GT(closed.exit_code, 0);
  EXPECT_THAT(closed.err, HasSubstr("standard output: Bad file descriptor"));
}

// The user 54321 exists in a user namespace, and in no user database.
TEST_F(ProgramsTest, AClientWithoutAnyHomeNamesTheVariableToSet) {
  const std::string homeless =
      "unshare --user --map-user=54321 env --unset=HOME --unset=CONVERGIA_HOME ";
  if (Shell(homeless + "true").exit_code != 0) {
    GTEST_SKIP() << "this kernel lets nobody make user namespaces";
  }
  const Outcome listed = Shell(homeless + "client/convergia ls /");
  EXPECT_EQ(listed.exit_code, 1);
  EXPECT_EQ(listed.out, "");
  EXPECT_EQ(listed.err,
            "convergia: there is no folder for the profile: neither CONVERGIA_HOME nor HOME is "
            "set, and the system knows no home for this user; set CONVERGIA_HOME\n");
  EXPECT_EQ(Shell(homeless + "client/convergia --version").exit_code, 0);
}

TEST_F(ProgramsTest, FilesThatCannotGrowAreAnErrorAndNoSignal) {
  // Its output goes through a pipe, because a file could not grow either.
  const Outcome init = Shell(absl::StrCat(
      "bash -c 'set -o pipefail; prlimit --fsize=100 mgmt/mgmt --init --config=", MgmtConfig(),
      " 2>&1 | cat'"));
  EXPECT_GT(init.exit_code, 0) << init.out;
  EXPECT_LT(init.exit_code, 128) << init.out;  // 128 and above mean a signal.
  EXPECT_THAT(init.out, HasSubstr("File too large"));
}

}  // namespace
}  // namespace convergia::testing
