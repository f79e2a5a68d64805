#include "tests/model/torment.h"

#include <signal.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/synchronization/notification.h"

namespace convergia::testing {
namespace {

std::string ContentOf(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

// The child process that runs with this configuration file; 0 if there is none.
pid_t ChildWith(const std::string& config) {
  const std::string parent = absl::StrCat("PPid:\t", getpid(), "\n");
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    pid_t pid = 0;
    if (!absl::SimpleAtoi(entry.path().filename().string(), &pid)) continue;
    if (absl::StrContains(ContentOf(entry.path() / "cmdline"), config) &&
        absl::StrContains(ContentOf(entry.path() / "status"), parent)) {
      return pid;
    }
  }
  return 0;
}

}  // namespace

void TormentTest::SetUp() {
  StoredClusterTest::SetUp();
  rng_.seed(Seed());
}

void TormentTest::Begin() {
  const uint64_t seed = rng_();
  std::cout << "CVG_SEED=" << seed << std::endl;
  rng_.seed(seed);
  ASSERT_NO_FATAL_FAILURE(Invite(seed, /*failures=*/true));
  v1::RepairPolicy policy;
  policy.set_grace_volatile_seconds(2);
  policy.set_grace_non_volatile_seconds(2);
  policy.set_surplus_keep_seconds(0);
  policy.set_brake_fraction(1);
  SetPolicy(policy);
  StartWork(INT64_MAX);
}

void TormentTest::End() {
  StopWork();
  std::cout << Figures() << std::endl;
  ASSERT_NO_FATAL_FAILURE(CheckWork());
  if (failed()) return;
  CompareAll();
  AwaitWhole();
}

void TormentTest::LetThemWork(absl::Duration longest) {
  const double share = static_cast<double>(rng_() % 1000) / 1000;
  (void)Eventually([&] { return failed(); }, longest * share);
}

void TormentTest::AwaitWhole() {
  std::string why;
  const auto is_whole = [&] {
    KeepSessions();
    return IsWhole(&why);
  };
  EXPECT_TRUE(Eventually(is_whole, kWholeAgain)) << why;
}

void TormentTest::KillWhileItStarts(const std::string& name) {
  const std::string config = absl::StrCat(cluster().node(name)->dir, ".textproto");
  const absl::Duration delay = absl::Milliseconds(rng_() % 300);
  std::thread killer([&] {
    pid_t child = 0;
    (void)Eventually([&] { return (child = ChildWith(config)) != 0; });
    absl::Notification never;
    never.WaitForNotificationWithTimeout(delay);
    if (child != 0) kill(child, SIGKILL);
  });
  (void)cluster().Restart(name);  // It may have been ready before the kill.
  killer.join();
}

std::string TormentTest::AnyDataServer() {
  return rng_() % 5 == 0 ? "nonvolatile1" : absl::StrCat("volatile", 1 + rng_() % 4);
}

}  // namespace convergia::testing
