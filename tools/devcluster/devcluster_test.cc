// The program devcluster as people start and kill it. Shell scripts stand in for servers.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <filesystem>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/base/random.h"
#include "common/base/testing/status_testing.h"
#include "common/identity/files.h"
#include "tools/devcluster/process.h"

namespace convergia::devcluster {
namespace {

using testing::HasSubstr;

constexpr absl::Duration kLong = absl::Seconds(30);

class DevclusterTest : public testing::Test {
 protected:
  DevclusterTest() { std::filesystem::create_directories(dir_); }
  ~DevclusterTest() override { std::filesystem::remove_all(dir_); }

  // Starts devcluster with `script` as its mgmt.
  absl::StatusOr<std::unique_ptr<Process>> Start(const std::string& script) {
    const std::string mgmt = dir_ + "/fake_mgmt";
    const absl::Status written =
        identity::WriteFileAtomically(mgmt, absl::StrCat("#!/bin/sh\n", script), 0755);
    if (!written.ok()) return written;
    const auto program = FindProgram("tools/devcluster/devcluster");
    if (!program.ok()) return program.status();
    Process::Options options;
    options.arguments = {*program, absl::StrCat("--dir=", dir_, "/cluster"),
                         absl::StrCat("--mgmt_binary=", mgmt), "--edge_binary=/bin/true"};
    options.log = dir_ + "/log";
    return Process::Start(std::move(options));
  }

  const std::string dir_ = absl::StrCat(testing::TempDir(), "/devcluster-", SecureRandomHex(8));
};

// A handle to an mgmt that writes its pid to a pipe and then hangs.
class HangingMgmt {
 public:
  explicit HangingMgmt(const std::string& pipe) : pipe_(pipe) { mkfifo(pipe.c_str(), 0600); }

  std::string Script() const {
    return absl::StrCat("case \"$*\" in *--init*) exit 0;; esac\necho $$ >", pipe_,
                        "\nexec cat /dev/zero >/dev/null\n");
  }

  int AwaitHandle() const {
    const auto text = identity::ReadFileToString(pipe_);
    int pid = -1;
    if (!text.ok() || !absl::SimpleAtoi(*text, &pid)) return -1;
    return static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
  }

 private:
  const std::string pipe_;
};

bool EndsSoon(int handle) {
  pollfd wait = {handle, POLLIN, 0};
  return poll(&wait, 1, absl::ToInt64Milliseconds(kLong)) == 1;
}

TEST_F(DevclusterTest, ItsServersDieWithItEvenWhenItIsKilled) {
  for (const int signal : {SIGKILL, SIGTERM}) {
    SCOPED_TRACE(strsignal(signal));
    const HangingMgmt mgmt(absl::StrCat(dir_, "/pipe", signal));
    ASSERT_OK_AND_ASSIGN(const auto devcluster, Start(mgmt.Script()));
    const int handle = mgmt.AwaitHandle();
    ASSERT_GE(handle, 0);
    devcluster->Signal(signal);
    EXPECT_TRUE(EndsSoon(handle)) << "the server outlives devcluster";
    EXPECT_TRUE(devcluster->AwaitExit(kLong).has_value());
    close(handle);
  }
}

TEST_F(DevclusterTest, AFailedStartIsExitStatusOneAndSaysWhy) {
  ASSERT_OK_AND_ASSIGN(const auto devcluster, Start("echo out of cheese; exit 9"));
  const std::optional<int> status = devcluster->AwaitExit(kLong);
  ASSERT_TRUE(status.has_value());
  EXPECT_EQ(DescribeWaitStatus(*status), "exit status 1");
  ASSERT_OK_AND_ASSIGN(const std::string log, identity::ReadFileToString(dir_ + "/log"));
  EXPECT_THAT(log, HasSubstr("exit status 9"));
  EXPECT_THAT(log, HasSubstr("out of cheese"));
}

}  // namespace
}  // namespace convergia::devcluster
