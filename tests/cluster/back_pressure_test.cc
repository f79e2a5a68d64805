// A user stores as fast as possible and never reads an answer, while a disk stands still. The
// servers' memory stays bounded, and other users' messages still arrive.
#include <fstream>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "tests/cluster/cluster_test_base.h"
#include "tests/testing/message_pair.h"

namespace convergia::testing {
namespace {

constexpr size_t kMiB = 1024 * 1024;
constexpr int kSessions = 4;
constexpr int kWritesPerSession = 64;
// The requests and answers that sessions may have under way, plus memory that malloc keeps.
constexpr size_t kGrowthMax = kSessions * 16 * kMiB + 32 * kMiB;
static_assert(kGrowthMax < kSessions * kWritesPerSession * kMiB / 2);

// The peak memory of a process, in bytes.
size_t MostMemoryOf(pid_t pid) {
  std::ifstream status(absl::StrCat("/proc/", pid, "/status"));
  std::string line;
  while (std::getline(status, line)) {
    const std::vector<std::string> words =
        absl::StrSplit(line, absl::ByAnyChar("\t "), absl::SkipEmpty());
    size_t kib = 0;
    if (words.size() == 3 && words[0] == "VmHWM:" && absl::SimpleAtoi(words[1], &kib)) {
      return kib * 1024;
    }
  }
  ADD_FAILURE() << "no memory of process " << pid;
  return 0;
}

// One session that writes without pause.
class Uploader {
 public:
  Uploader(std::unique_ptr<LineClient> client, std::string path)
      : client_(std::move(client)), path_(std::move(path)) {
    client_->set_patience(absl::Minutes(4));
    thread_ = std::thread([this] { WriteAll(); });
  }
  ~Uploader() {
    if (thread_.joinable()) thread_.join();
  }

  // Expects one answer to each request: OK, or a FAIL because the disk stood still too long.
  void ExpectAllAnswered() {
    thread_.join();
    ASSERT_OK(written_);
    std::set<std::string> answered;
    for (int i = 0; i < kWritesPerSession; ++i) {
      ASSERT_OK_AND_ASSIGN(const std::string answer, client_->NextAnswer());
      const std::vector<std::string> words = absl::StrSplit(answer, absl::MaxSplits(' ', 2));
      ASSERT_GE(words.size(), 2u);
      EXPECT_TRUE(answered.insert(words[0]).second) << answer;
      const bool is_ok = words[1] == "OK";
      EXPECT_TRUE(is_ok || absl::StartsWith(words[2], "UNAVAILABLE ")) << answer;
    }
  }

 private:
  void WriteAll() {
    const std::string rest = absl::StrCat(" WRITEFILE ", path_, "~\n0~\n", std::string(kMiB, 'x'));
    for (int i = 1; i <= kWritesPerSession && written_.ok(); ++i) {
      written_ = client_->Write(absl::StrCat(i, rest, "\n"));
    }
  }

  const std::unique_ptr<LineClient> client_;
  const std::string path_;
  absl::Status written_;  // Belongs to the thread until it has ended.
  std::thread thread_;
};

class BackPressureTest : public ClusterTest {
 public:
  static void SetUpTestSuite() {
    StartCluster({.counts = {.datamgr = 1, .edges = 1, .dataservers_nonvolatile = 1},
                  .accounts = Accounts({"greedy", "ann", "ben"})});
  }

 protected:
  std::vector<size_t> MostMemory() {
    std::vector<size_t> most;
    for (const char* name : {"edge1", "datamgr1", "nonvolatile1"}) {
      const auto node = cluster().node(name);
      EXPECT_OK(node);
      most.push_back(node.ok() ? MostMemoryOf(node->pid) : 0);
    }
    return most;
  }
  // Waits until `count` further messages have arrived.
  static void Exchange(MessagePair& pair, int count) {
    pair.SendMore(count);
    ASSERT_TRUE(Eventually(
        [&] {
          pair.SendSome();
          EXPECT_OK(pair.sender().Pump());
          EXPECT_OK(pair.recipient().Pump());
          while (pair.Take()) {
          }
          return pair.done() && pair.HasAll();
        },
        absl::Minutes(3)));
  }
};

TEST_F(BackPressureTest, WhoStoresWithoutReadingFillsNoMemoryAndDelaysNoMessage) {
  ASSERT_OK_AND_ASSIGN(auto greedy, SignIn("edge1", "greedy"));
  ASSERT_THAT(greedy->Ask("CREATEFOLDER /g"), Holds("OK"));
  for (int i = 0; i < kSessions; ++i) {
    ASSERT_THAT(greedy->Ask(absl::StrCat("CREATEFILE /g/", i)), Holds("OK"));
    ASSERT_TRUE(Eventually([&] {
      return greedy->Ask(absl::StrCat("WRITEFILE /g/", i, "\n0\nx")).value_or("") == "OK 1";
    }));
  }
  ASSERT_OK_AND_ASSIGN(auto ann, SignIn("edge1", "ann"));
  ASSERT_OK_AND_ASSIGN(auto ben, SignIn("edge1", "ben"));
  MessagePair pair("ann", "ben", std::move(ann), std::move(ben), {.messages = 0, .window = 8});
  Exchange(pair, 200);
  const std::vector<size_t> before = MostMemory();

  ASSERT_OK(cluster().Pause("nonvolatile1"));
  std::vector<std::unique_ptr<Uploader>> uploaders;
  for (int i = 0; i < kSessions; ++i) {
    ASSERT_OK_AND_ASSIGN(auto client, SignIn("edge1", "greedy"));
    uploaders.push_back(std::make_unique<Uploader>(std::move(client), absl::StrCat("/g/", i)));
  }
  Exchange(pair, 500);  // While nothing can be stored.
  ASSERT_OK(cluster().Continue("nonvolatile1"));
  Exchange(pair, 500);  // While the backlog is stored.
  for (const auto& uploader : uploaders) uploader->ExpectAllAnswered();
  Exchange(pair, 1);
  pair.Check();
  EXPECT_EQ(pair.failed() + pair.unconfirmed(), 0);

  const std::vector<size_t> after = MostMemory();
  for (size_t i = 0; i < before.size(); ++i) EXPECT_LT(after[i] - before[i], kGrowthMax) << i;
}

}  // namespace
}  // namespace convergia::testing
