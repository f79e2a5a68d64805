// kill -9 of a process that commits: everything it was told to be done is there, nothing is half
// done, and revisions go on.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <random>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/base/random.h"
#include "common/base/testing/status_testing.h"
#include "common/store/rocks/rocks_store.h"

namespace convergia::store {
namespace {

std::string HelperPath() {
  const char* sources = std::getenv("TEST_SRCDIR");
  const char* workspace = std::getenv("TEST_WORKSPACE");
  if (sources != nullptr && workspace != nullptr) {
    return absl::StrCat(sources, "/", workspace, "/common/store/rocks/testing/commit_forever");
  }
  return std::filesystem::read_symlink("/proc/self/exe").parent_path() / "testing" /
         "commit_forever";
}

// A running commit_forever, and what it says.
struct Child {
  pid_t pid = -1;
  FILE* out = nullptr;
};

Child StartChild(const std::string& dir) {
  const std::string helper = HelperPath();
  int ends[2];
  EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0);
  Child child;
  child.pid = fork();
  if (child.pid == 0) {
    dup2(ends[1], STDOUT_FILENO);
    execl(helper.c_str(), helper.c_str(), dir.c_str(), nullptr);
    _exit(127);
  }
  close(ends[1]);
  child.out = fdopen(ends[0], "r");
  return child;
}

struct Acknowledged {
  std::map<int, uint64_t> counts;  // Of each lane, the newest.
  Revision revision = 0;           // The newest of all.
  int lines = 0;
};

// Reads one line; false at the end.
bool ReadLine(FILE* out, Acknowledged* acknowledged) {
  int lane = 0;
  unsigned long long count = 0, revision = 0;
  if (std::fscanf(out, "%d %llu %llu\n", &lane, &count, &revision) != 3) return false;
  acknowledged->counts[lane] = count;
  acknowledged->revision = std::max<Revision>(acknowledged->revision, revision);
  ++acknowledged->lines;
  return true;
}

// Kills the child after `lines` acknowledgements and reads those that it still got out.
Acknowledged RunAndKill(const std::string& dir, int lines) {
  Acknowledged acknowledged;
  const Child child = StartChild(dir);
  while (acknowledged.lines < lines && ReadLine(child.out, &acknowledged)) {
  }
  EXPECT_EQ(kill(child.pid, SIGKILL), 0);
  while (ReadLine(child.out, &acknowledged)) {
  }
  int status = 0;
  EXPECT_EQ(waitpid(child.pid, &status, 0), child.pid);
  EXPECT_TRUE(WIFSIGNALED(status)) << "commit_forever ended by itself: " << status;
  std::fclose(child.out);
  return acknowledged;
}

uint64_t CountOf(const Store& store, absl::string_view key) {
  const auto row = store.Get(key);
  uint64_t count = 0;
  if (row.ok() && row->has_value()) {
    EXPECT_TRUE(absl::SimpleAtoi((*row)->value, &count));
  }
  return count;
}

TEST(RocksStoreCrashTest, KillLosesNothingThatWasAcknowledged) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE(absl::StrCat("seed ", seed));
  Rng rng(seed);
  const std::string dir = absl::StrCat(testing::TempDir(), "/crash-", SecureRandomHex(8));
  Revision newest = 0;
  for (int round = 0; round < 12; ++round) {
    SCOPED_TRACE(absl::StrCat("round ", round));
    const int lines = std::uniform_int_distribution<int>(1, 2000)(rng);
    const Acknowledged acknowledged = RunAndKill(dir, lines);
    ASSERT_GE(acknowledged.lines, lines);
    EXPECT_GT(acknowledged.revision, newest);
    ASSERT_OK_AND_ASSIGN(const auto store, RocksStore::Open({.dir = dir}));
    newest = store->TakeSnapshot()->revision();
    EXPECT_GE(newest, acknowledged.revision);
    for (const auto& [lane, count] : acknowledged.counts) {
      // One more may have been done without its acknowledgement; both keys say the same.
      const uint64_t a = CountOf(*store, absl::StrCat("a", lane));
      EXPECT_GE(a, count) << "lane " << lane;
      EXPECT_LE(a, count + 1) << "lane " << lane;
      EXPECT_EQ(a, CountOf(*store, absl::StrCat("b", lane))) << "lane " << lane;
    }
  }
  std::filesystem::remove_all(dir);
}

TEST(RocksStoreCrashTest, ASecondProcessIsRefused) {
  const std::string dir = absl::StrCat(testing::TempDir(), "/lock-", SecureRandomHex(8));
  ASSERT_OK_AND_ASSIGN(const auto store, RocksStore::Open({.dir = dir}));
  const Child child = StartChild(dir);
  int status = 0;
  ASSERT_EQ(waitpid(child.pid, &status, 0), child.pid);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 1) << status;
  std::fclose(child.out);
  std::filesystem::remove_all(dir);
}

}  // namespace
}  // namespace convergia::store
