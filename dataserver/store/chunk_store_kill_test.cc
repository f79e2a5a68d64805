// Kills a writing process (kill -9) again and again, on a real disk. Chunks that it reported as
// acknowledged must exist; chunks that it reported as deleted must not.
#include <fcntl.h>
#include <glog/logging.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/base/random.h"
#include "common/base/testing/status_testing.h"
#include "common/disk/real_disk.h"
#include "dataserver/store/chunk_store.h"
#include "dataserver/testing/store_testing.h"

namespace convergia::dataserver {
namespace {

enum class Owed { kThere, kGone, kEither };

class Writer {
 public:
  Writer(const std::string& dir, uint64_t first) {
    int ends[2];
    PCHECK(pipe2(ends, O_CLOEXEC) == 0);
    pid_ = fork();
    PCHECK(pid_ >= 0);
    if (pid_ == 0) {
      dup2(ends[1], STDOUT_FILENO);
      const std::string number = absl::StrCat(first);
      execl("dataserver/testing/put_forever", "put_forever", dir.c_str(), number.c_str(), nullptr);
      _exit(127);
    }
    close(ends[1]);
    out_ = ends[0];
  }

  // Reads until the process has reported `bytes` bytes, kills it, and reads the rest.
  std::string KillAfter(size_t bytes) {
    std::string said;
    while (said.size() < bytes && ReadSome(&said)) {
    }
    kill(pid_, SIGKILL);
    while (ReadSome(&said)) {
    }
    close(out_);
    int status = 0;
    waitpid(pid_, &status, 0);
    EXPECT_TRUE(WIFSIGNALED(status)) << "it ended by itself: " << status;
    return said;
  }

 private:
  bool ReadSome(std::string* said) {
    char buffer[4096];
    const ssize_t count = read(out_, buffer, sizeof(buffer));
    if (count > 0) said->append(buffer, count);
    return count > 0;
  }

  pid_t pid_ = 0;
  int out_ = -1;
};

void Note(absl::string_view said, std::map<ChunkKey, Owed>* owed, uint64_t* next) {
  for (const absl::string_view line : absl::StrSplit(said, '\n', absl::SkipEmpty())) {
    const std::vector<absl::string_view> words = absl::StrSplit(line, ' ');
    ChunkKey key;
    if (words.size() != 3 || !absl::SimpleAtoi(words[1], &key.volume) ||
        !absl::SimpleAtoi(words[2], &key.chunk)) {
      continue;  // The last line may be incomplete.
    }
    *next = std::max(*next, key.chunk + 1000);
    if (words[0] == "put") owed->insert({key, Owed::kThere});
    if (words[0] == "deleting") (*owed)[key] = Owed::kEither;
    if (words[0] == "delete") (*owed)[key] = Owed::kGone;
  }
}

TEST(ChunkStoreKillTest, NothingAcknowledgedIsLost) {
  const std::string dir = absl::StrCat(testing::TempDir(), "/kill_test.", getpid());
  std::filesystem::remove_all(dir);
  const uint64_t seed = 4711;
  SCOPED_TRACE(absl::StrCat("seed ", seed));
  Rng rng(seed);
  std::map<ChunkKey, Owed> owed;
  uint64_t next = 1;
  for (int kills = 0; kills < 12; ++kills) {
    Writer writer(dir, next);
    Note(writer.KillAfter(1 + rng() % 16'000), &owed, &next);
    auto store = ChunkStore::Open(SmallStore(disk::RealDisk(), dir));
    ASSERT_OK(store);
    EXPECT_EQ((*store)->recovery().damaged_bytes, 0);
    EXPECT_EQ((*store)->recovery().chunks_lost, 0);
    for (const auto& [key, what] : owed) {
      const auto read = ReadNow(**store, key);
      if (read.ok()) {
        ASSERT_TRUE(*read == BytesOf(key.chunk, 1 + key.chunk * 997 % 9'000)) << ToText(key);
      }
      ASSERT_TRUE(what != Owed::kThere || read.ok()) << ToText(key) << ": " << read.status();
      ASSERT_TRUE(what != Owed::kGone || !read.ok()) << ToText(key) << " was deleted";
    }
  }
  EXPECT_GT(owed.size(), 1000) << "too little was written to prove anything";
  std::filesystem::remove_all(dir);
}

}  // namespace
}  // namespace convergia::dataserver
