#include "tools/devcluster/process.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>

#include <set>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "common/base/random.h"
#include "common/base/testing/status_testing.h"
#include "common/identity/files.h"
#include "tools/devcluster/free_ports.h"

namespace convergia::devcluster {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr absl::Duration kLong = absl::Seconds(30);

// Runs `script` in a shell and collects the lines that it prints.
class ProcessTest : public testing::Test {
 protected:
  absl::StatusOr<std::unique_ptr<Process>> Run(const std::string& script) {
    Process::Options options;
    options.arguments = {"/bin/sh", "-c", script};
    options.environment = {"GREETING=hello"};
    options.log = log_;
    options.on_line = [this](absl::string_view line) { lines_.push_back(std::string(line)); };
    options.on_exit = [this](int) { exited_.Notify(); };
    return Process::Start(std::move(options));
  }

  const std::string log_ = absl::StrCat(testing::TempDir(), "/process-", SecureRandomHex(8));
  std::vector<std::string> lines_;  // Belongs to the process's thread until exited_.
  absl::Notification exited_;
};

TEST_F(ProcessTest, LinesAndLogAndStatusOfAProgram) {
  ASSERT_OK_AND_ASSIGN(const auto process,
                       Run("echo $GREETING; echo oops >&2; printf 'no end'; exit 3"));
  exited_.WaitForNotification();
  const std::optional<int> status = process->AwaitExit(kLong);
  ASSERT_TRUE(status.has_value());
  EXPECT_EQ(DescribeWaitStatus(*status), "exit status 3");
  EXPECT_THAT(lines_, ElementsAre("hello"));
  ASSERT_OK_AND_ASSIGN(const std::string log, identity::ReadFileToString(log_));
  EXPECT_THAT(log, HasSubstr("hello\n"));
  EXPECT_THAT(log, HasSubstr("oops\n"));
  EXPECT_THAT(log, HasSubstr("no end"));
}

TEST_F(ProcessTest, ASignalEndsItAndASecondOneHitsNobody) {
  ASSERT_OK_AND_ASSIGN(const auto process, Run("exec cat /dev/zero >/dev/null"));
  EXPECT_FALSE(process->AwaitExit(absl::ZeroDuration()).has_value());
  process->Signal(SIGTERM);
  const std::optional<int> status = process->AwaitExit(kLong);
  ASSERT_TRUE(status.has_value());
  EXPECT_EQ(DescribeWaitStatus(*status), "signal 15 (Terminated)");
  process->Signal(SIGTERM);
}

TEST_F(ProcessTest, WhenStopReturnsNothingOfItRuns) {
  ASSERT_OK_AND_ASSIGN(const auto process, Run("while :; do :; done"));
  for (int time = 0; time < 20; ++time) {
    process->Stop();
    ASSERT_OK_AND_ASSIGN(
        const std::string stat,
        identity::ReadFileToString(absl::StrCat("/proc/", process->pid(), "/stat"), 4096));
    EXPECT_THAT(stat, HasSubstr(") T "));
    process->Signal(SIGCONT);
  }
  process->Signal(SIGKILL);
  exited_.WaitForNotification();
  process->Stop();  // The process has already ended.
}

TEST_F(ProcessTest, OneThatClosedItsOutputStillLivesAndIsCollected) {
  ASSERT_OK_AND_ASSIGN(const auto process, Run("exec cat /dev/zero >/dev/null 2>&1"));
  process->Signal(SIGKILL);
  exited_.WaitForNotification();
}

TEST_F(ProcessTest, TheEndOfTheObjectKillsIt) {
  ASSERT_OK_AND_ASSIGN(auto process, Run("exec cat /dev/zero >/dev/null"));
  const pid_t pid = process->pid();
  process.reset();
  EXPECT_TRUE(exited_.HasBeenNotified());
  EXPECT_EQ(kill(pid, 0), -1);
}

TEST_F(ProcessTest, WhatCannotBeStartedIsAnErrorWithItsName) {
  Process::Options options;
  options.arguments = {"/no/such/program"};
  const auto started = Process::Start(options);
  EXPECT_THAT(started, StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(std::string(started.status().message()), HasSubstr("/no/such/program: No such file"));
  options.arguments = {"/bin/true"};
  options.log = "/no/such/folder/log";
  EXPECT_THAT(Process::Start(options), StatusIs(absl::StatusCode::kUnavailable));
}

TEST_F(ProcessTest, FindProgramSaysHowToBuildWhatIsMissing) {
  const auto found = FindProgram("no/such_program");
  EXPECT_THAT(found, StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(std::string(found.status().message()), HasSubstr("bazel build //no:all"));
}

TEST(FreePortsTest, AllAreDifferent) {
  ASSERT_OK_AND_ASSIGN(const std::vector<int> ports, FindFreePorts(100));
  EXPECT_EQ(std::set<int>(ports.begin(), ports.end()).size(), 100);
}

}  // namespace
}  // namespace convergia::devcluster
