// The program itself, as a process on a real disk, against a fake mgmt and a fake datamgr: killed
// under load, on a disk that is full, on one whose bytes flip.
#include <fcntl.h>
#include <glog/logging.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "common/base/random.h"
#include "common/base/testing/status_testing.h"
#include "common/disk/testing/own_mounts.h"
#include "common/identity/files.h"
#include "common/node/testing/fake_mgmt.h"
#include "dataserver/testing/fake_datamgr.h"
#include "dataserver/testing/store_testing.h"

namespace convergia::dataserver {
namespace {

constexpr int kStreams = 3;
constexpr size_t kMiB = 1024 * 1024;
constexpr int kSmallDiskMiB = 48;

// Why there are no small disks here; empty: there are.
std::string* const no_mounts = new std::string();

class ProgramTest : public ::testing::Test {
 protected:
  ProgramTest() : dir_(absl::StrCat(::testing::TempDir(), "/program_test.", getpid())) {
    std::filesystem::remove_all(dir_);
    std::filesystem::create_directories(dir_ + "/disk");
    EXPECT_OK(
        identity::WriteFileAtomically(dir_ + "/token", mgmt_.MakeToken(Role::kDataserver), 0600));
    std::ofstream config(dir_ + "/config");
    config << "name: 'd1' dir: '" << dir_ << "/node' mgmt: '" << mgmt_.address()
           << "' join_token_file: '" << dir_ << "/token' datamgr: '" << datamgr_.address()
           << "' data_dir: '" << dir_
           << "/disk/data' grpc_listen: '127.0.0.1:0' streams: " << kStreams
           << " scrub_bytes_per_second: " << (1 << 30) << "\n";
  }
  ~ProgramTest() override {
    if (pid_ > 0) End(SIGKILL);
    umount((dir_ + "/disk").c_str());
    std::filesystem::remove_all(dir_);
  }

  void Start() {
    pid_ = fork();
    PCHECK(pid_ >= 0);
    if (pid_ == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      execl("dataserver/dataserver", "dataserver", ("--config=" + dir_ + "/config").c_str(),
            nullptr);
      _exit(127);
    }
    if (starts_++ == 0) {
      mgmt_.AwaitHellos(1);
      v1::ToNode message;  // Without it nobody is let in, datamgr neither; later it is remembered.
      message.mutable_pins()->set_whole(true);
      const rpc::PinEntry pin = mgmt_.pki().PinOf({Role::kDatamgr, "datamgr"}, 3);
      v1::PinEntry* const entry = message.mutable_pins()->add_valid();
      entry->set_pin(pin.pin);
      entry->set_role(v1::ROLE_DATAMGR);
      entry->set_name(pin.name);
      entry->set_node_id(pin.node);
      mgmt_.Push(message);
    }
    datamgr_.AwaitStreams(kStreams);
  }
  // Returns its wait status.
  int End(int signal) {
    PCHECK(kill(pid_, signal) == 0);
    int status = 0;
    PCHECK(waitpid(pid_, &status, 0) == pid_);
    pid_ = 0;
    datamgr_.AwaitNoStreams();
    return status;
  }

  v1::ChunkResponse Ask(v1::ChunkRequest request) {
    const auto response = datamgr_.Ask(asked_++ % kStreams, std::move(request));
    EXPECT_OK(response);
    return response.value_or(v1::ChunkResponse());
  }
  std::string FailCodeOfPut(uint64_t chunk, size_t length) {
    return Ask(MakePut({1, chunk}, BytesOf(chunk, length))).error().fail_code();
  }
  void ExpectHolds(uint64_t chunk, size_t length) {
    const v1::ChunkResponse response = Ask(MakeRead({1, chunk}, 0, kMiB));
    EXPECT_FALSE(response.has_error()) << chunk << ": " << response.error().ShortDebugString();
    EXPECT_TRUE(response.read().bytes() == BytesOf(chunk, length)) << chunk;
  }

  const std::string dir_;
  node::FakeMgmt mgmt_;
  FakeDatamgr datamgr_{&mgmt_.pki(), &mgmt_.pins()};
  pid_t pid_ = 0;
  int starts_ = 0;
  int asked_ = 0;
};

// Puts and deletes that fly while the process is killed, and what is owed afterwards.
class Load {
 public:
  enum class Owed { kThere, kGone, kEither };

  Load(FakeDatamgr* datamgr, uint64_t seed) : datamgr_(datamgr), rng_(seed) {}

  static size_t LengthOf(uint64_t chunk) {
    return chunk % 16 == 0 ? 200'000 : 1 + chunk * 997 % 9'000;
  }

  // Until so many more were acknowledged; some others are in flight then.
  void Run(int acknowledgements) {
    int until = 0;
    {
      absl::MutexLock lock(&mu_);
      until = acknowledged_ + acknowledgements;
    }
    while (AwaitRoom(until)) {
      const bool deletes = next_ > 20 && rng_() % 4 == 0;
      const uint64_t chunk = deletes ? 1 + rng_() % (next_ - 10) : next_++;
      Send(chunk, deletes);
    }
  }

  void AwaitAllAnswers() {
    absl::MutexLock lock(&mu_);
    const auto none = [this] { return in_flight_ == 0; };
    CHECK(mu_.AwaitWithTimeout(absl::Condition(&none), absl::Minutes(2))) << "answers are missing";
  }

  std::map<uint64_t, Owed> owed() {
    absl::MutexLock lock(&mu_);
    return owed_;
  }

 private:
  static constexpr int kInFlightMax = 16;

  bool AwaitRoom(int until) {
    absl::MutexLock lock(&mu_);
    const auto room = [this] { return in_flight_ < kInFlightMax; };
    CHECK(mu_.AwaitWithTimeout(absl::Condition(&room), absl::Minutes(2))) << "answers are missing";
    return acknowledged_ < until;
  }

  void Send(uint64_t chunk, bool deletes) {
    {
      absl::MutexLock lock(&mu_);
      ++in_flight_;
      owed_[chunk] = Owed::kEither;  // Of two at once nobody knows which comes last.
      ++asked_[chunk];
    }
    const ChunkKey key{1 + chunk % 3, chunk};
    std::vector<v1::ChunkRequest> requests(1);
    requests[0] = deletes ? MakeDelete(key) : MakePut(key, BytesOf(chunk, LengthOf(chunk)));
    std::vector<FakeDatamgr::Done> dones;
    dones.push_back([this, chunk, deletes](absl::StatusOr<v1::ChunkResponse> response) {
      absl::MutexLock lock(&mu_);
      --in_flight_;
      const bool is_only_one = --asked_[chunk] == 0 && overlaps_.count(chunk) == 0;
      if (asked_[chunk] > 0) overlaps_.insert(chunk);
      if (!response.ok() || response->has_error()) return;
      ++acknowledged_;
      if (is_only_one) owed_[chunk] = deletes ? Owed::kGone : Owed::kThere;
    });
    datamgr_->Send(static_cast<int>(chunk % kStreams), std::move(requests), std::move(dones));
  }

  FakeDatamgr* const datamgr_;
  Rng rng_;
  uint64_t next_ = 1;

  absl::Mutex mu_;
  std::map<uint64_t, Owed> owed_ ABSL_GUARDED_BY(mu_);
  std::map<uint64_t, int> asked_ ABSL_GUARDED_BY(mu_);
  std::set<uint64_t> overlaps_ ABSL_GUARDED_BY(mu_);
  int in_flight_ ABSL_GUARDED_BY(mu_) = 0;
  int acknowledged_ ABSL_GUARDED_BY(mu_) = 0;
};

TEST_F(ProgramTest, KilledUnderLoadItLosesNothingItAcknowledged) {
  constexpr uint64_t kSeed = 4712;
  Rng rng(kSeed);
  Load load(&datamgr_, kSeed);
  for (int kills = 0; kills < 8; ++kills) {
    SCOPED_TRACE(absl::StrCat("kill ", kills, ", seed ", kSeed));
    Start();
    load.Run(20 + static_cast<int>(rng() % 150));
    EXPECT_TRUE(WIFSIGNALED(End(SIGKILL)));
    load.AwaitAllAnswers();
    Start();
    for (const auto& [chunk, what] : load.owed()) {
      const v1::ChunkResponse response = Ask(MakeRead({1 + chunk % 3, chunk}, 0, kMiB));
      if (!response.has_error()) {
        ASSERT_TRUE(response.read().bytes() == BytesOf(chunk, Load::LengthOf(chunk))) << chunk;
        ASSERT_NE(what, Load::Owed::kGone) << chunk << " was deleted";
      } else {
        ASSERT_EQ(response.error().fail_code(), "NOTFOUND") << chunk;
        ASSERT_NE(what, Load::Owed::kThere) << chunk << " was acknowledged";
      }
    }
    End(SIGKILL);
  }
}

TEST_F(ProgramTest, AFullDiskTakesDeletesAndThenWritesAgainWithoutRestart) {
  if (!no_mounts->empty()) GTEST_SKIP() << *no_mounts;
  const std::string disk = dir_ + "/disk";
  PCHECK(mount("tmpfs", disk.c_str(), "tmpfs", 0,
               absl::StrCat("size=", kSmallDiskMiB, "m").c_str()) == 0);
  Start();
  constexpr size_t kLength = 256 * 1024;
  uint64_t chunks = 0;
  while (FailCodeOfPut(chunks + 1, kLength).empty()) ++chunks;
  EXPECT_EQ(FailCodeOfPut(chunks + 1, kLength), "NOSPACE");
  EXPECT_GT(chunks * kLength, kSmallDiskMiB * kMiB / 2);
  struct statvfs space;
  PCHECK(statvfs(disk.c_str(), &space) == 0);
  EXPECT_GT(space.f_bavail, 0) << "NOSPACE must come before the disk is full";
  {
    // Somebody else takes all that is left.
    std::ofstream junk(disk + "/junk");
    const std::string page(4096, 'j');
    while (junk.write(page.data(), static_cast<std::streamsize>(page.size())).flush()) {
    }
  }
  for (uint64_t chunk = 1; chunk <= chunks / 2; ++chunk) {
    EXPECT_FALSE(Ask(MakeDelete({1, chunk})).has_error()) << chunk;
  }
  for (uint64_t chunk = chunks / 2 + 1; chunk <= chunks; ++chunk) ExpectHolds(chunk, kLength);
  std::filesystem::remove(disk + "/junk");
  // Compaction makes room, and the reports say so.
  uint64_t more = chunks;
  for (int reports = 0; reports < 60 && more < chunks + chunks / 4; ++reports) {
    while (more < chunks + chunks / 4 && FailCodeOfPut(more + 1, kLength).empty()) ++more;
    EXPECT_EQ(datamgr_.AwaitReports(1).read_only(), "");
  }
  EXPECT_EQ(more, chunks + chunks / 4) << "writing did not go on";
  for (uint64_t chunk = chunks / 2 + 1; chunk <= more; ++chunk) ExpectHolds(chunk, kLength);
  const int status = End(SIGTERM);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
}

TEST_F(ProgramTest, FlippedBytesAreNeverServedAndScrubFindsThemAll) {
  Start();
  constexpr size_t kLength = 30'000;
  constexpr uint64_t kChunks = 100;
  for (uint64_t chunk = 1; chunk <= kChunks; ++chunk) ASSERT_EQ(FailCodeOfPut(chunk, kLength), "");
  Rng rng(17);
  std::set<uint64_t> damaged;
  while (damaged.size() < 20) damaged.insert(1 + rng() % kChunks);
  uint64_t flipped = 0;
  for (const auto& file : std::filesystem::directory_iterator(dir_ + "/disk/data/segments")) {
    std::ifstream in(file.path(), std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    const int fd = open(file.path().c_str(), O_WRONLY | O_CLOEXEC);
    PCHECK(fd >= 0);
    for (const uint64_t chunk : damaged) {
      const size_t found = bytes.find(BytesOf(chunk, kLength));
      if (found == std::string::npos) continue;
      const size_t at = found + rng() % kLength;
      const char wrong = static_cast<char>(bytes[at] ^ 1 << rng() % 8);
      PCHECK(pwrite(fd, &wrong, 1, static_cast<off_t>(at)) == 1);
      ++flipped;
    }
    PCHECK(fsync(fd) == 0);  // The cache cannot drop bytes that are not on the medium.
    close(fd);
  }
  ASSERT_EQ(flipped, damaged.size());
  v1::DataServerReport report;
  for (int reports = 0; reports < 60 && report.damaged_chunks() < damaged.size(); ++reports) {
    report = datamgr_.AwaitReports(1);
  }
  EXPECT_EQ(report.damaged_chunks(), damaged.size());
  v1::ChunkRequest list;
  list.mutable_list_damaged();
  std::set<uint64_t> listed;
  const v1::ChunkResponse answer = Ask(std::move(list));
  for (const auto& row : answer.list_damaged().chunks()) listed.insert(row.key().chunk());
  EXPECT_EQ(listed, damaged);
  for (uint64_t chunk = 1; chunk <= kChunks; ++chunk) {
    if (damaged.count(chunk) == 0) {
      ExpectHolds(chunk, kLength);
      continue;
    }
    EXPECT_EQ(Ask(MakeRead({1, chunk}, 0, kMiB)).error().code(),
              static_cast<int>(absl::StatusCode::kDataLoss));
    EXPECT_EQ(FailCodeOfPut(chunk, kLength), "");  // As repair does.
    ExpectHolds(chunk, kLength);
  }
  const int status = End(SIGTERM);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
}

}  // namespace
}  // namespace convergia::dataserver

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  if (const char* why = convergia::disk::EnterOwnMounts()) {
    *convergia::dataserver::no_mounts = why;
  }
  return RUN_ALL_TESTS();
}
