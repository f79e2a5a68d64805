// Full disks in a cluster of real processes: a data server's and datamgr's. The disks are small
// tmpfs mounts in a mount namespace of the test.

#include <glog/logging.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "common/disk/testing/own_mounts.h"
#include "tests/cluster/cluster_test_base.h"

namespace convergia::testing {
namespace {

constexpr size_t kMiB = 1024 * 1024;
constexpr int kDataMiB = 48;
// More than the 64 MiB that datamgr keeps free on its disk.
constexpr int kStoreMiB = 160;
constexpr absl::Duration kPatience = absl::Minutes(2);

// Why this machine allows no mounts; empty if it does.
std::string* const no_mounts = new std::string();

void MountTmpfs(const std::string& dir, int mib, unsigned long flags = 0) {
  std::filesystem::create_directories(dir);
  PCHECK(mount("tmpfs", dir.c_str(), "tmpfs", flags,
               absl::StrCat("mode=0700,size=", mib, "m").c_str()) == 0)
      << dir;
}

uint64_t FreeBytes(const std::string& dir) {
  struct statvfs facts;
  PCHECK(statvfs(dir.c_str(), &facts) == 0) << dir;
  return uint64_t{facts.f_bavail} * facts.f_frsize;
}

// Fills the disk of `dir` except for `leave` bytes.
void Fill(const std::string& dir, uint64_t leave) {
  std::ofstream junk(dir + "/junk", std::ios::binary);
  const std::string page(4096, 'j');
  while (FreeBytes(dir) > leave &&
         junk.write(page.data(), static_cast<std::streamsize>(page.size())).flush()) {
  }
}

class FullDiskTest : public ClusterTest {
 public:
  static void SetUpTestSuite() {
    if (!no_mounts->empty()) return;
    const std::string dir = absl::StrCat(::testing::TempDir(), "/FullDiskTest");
    MountTmpfs(dir + "/nonvolatile1/data", kDataMiB);
    MountTmpfs(dir + "/datamgr1/store", kStoreMiB);
    StartCluster({.counts = {.datamgr = 1, .edges = 1, .dataservers_nonvolatile = 1},
                  .accounts = Accounts({"alice"})});
  }
  static void TearDownTestSuite() {
    ClusterTest::TearDownTestSuite();
    const std::string dir = absl::StrCat(::testing::TempDir(), "/FullDiskTest");
    umount((dir + "/nonvolatile1/data").c_str());
    umount((dir + "/datamgr1/store").c_str());
  }

 protected:
  void SetUp() override {
    if (!no_mounts->empty()) GTEST_SKIP() << *no_mounts;
    ClusterTest::SetUp();
    ASSERT_OK_AND_ASSIGN(alice_, SignIn("edge1", "alice"));
    alice_->set_patience(absl::Minutes(1));
    data_dir_ = cluster().node("nonvolatile1")->dir + "/data";
    store_dir_ = cluster().node("datamgr1")->dir + "/store";
    ASSERT_TRUE(Eventually(
        [&] {
          (void)alice_->Ask("CREATEFOLDER /f");
          (void)alice_->Ask("CREATEFILE /f/ready");
          return alice_->Ask("WRITEFILE /f/ready\n0\nready").value_or("") == "OK 5";
        },
        kPatience));
  }

  static std::string Piece(int number) {
    return std::string(kMiB, static_cast<char>('a' + number % 26));
  }
  absl::StatusOr<std::string> Write(int number) {
    (void)alice_->Ask(absl::StrCat("CREATEFILE /f/", number));
    return alice_->Ask(absl::StrCat("WRITEFILE /f/", number, "\n0\n", Piece(number)));
  }
  void ExpectHolds(int number) {
    const auto read = alice_->Ask(absl::StrCat("READFILE /f/", number, "\n0\n", kMiB));
    EXPECT_TRUE(read.value_or("") == "OK " + Piece(number)) << number << " " << read.status();
  }

  std::unique_ptr<LineClient> alice_;
  std::string data_dir_;
  std::string store_dir_;
};

TEST_F(FullDiskTest, AFullDataServerSaysNoSpaceTakesDeletesAndGoesOnOnceThereIsRoom) {
  const pid_t pid = cluster().node("nonvolatile1")->pid;
  int written = 0;
  while (Write(written).value_or("") == absl::StrCat("OK ", kMiB)) ++written;
  EXPECT_THAT(Write(written), IsFail("NOSPACE"));
  EXPECT_GT(written, kDataMiB / 4);
  EXPECT_GT(FreeBytes(data_dir_), 0) << "NOSPACE must come before the disk is full";
  Fill(data_dir_, 0);
  EXPECT_THAT(Write(written), IsFail("NOSPACE"));
  for (int i = 0; i < written / 2; ++i) {
    EXPECT_THAT(alice_->Ask(absl::StrCat("DELETEFILE /f/", i)), Holds("OK"));
  }
  for (int i = written / 2; i < written; ++i) ExpectHolds(i);
  EXPECT_THAT(alice_->Ask("SETMETADATA colour\nblue"), Holds("OK"));
  std::filesystem::remove(data_dir_ + "/junk");
  MountTmpfs(data_dir_, 3 * kDataMiB, MS_REMOUNT);  // The disk grows.
  EXPECT_TRUE(Eventually([&] { return Write(written).value_or("") == absl::StrCat("OK ", kMiB); },
                         kPatience));
  for (int i = written / 2; i <= written; ++i) ExpectHolds(i);
  EXPECT_EQ(cluster().node("nonvolatile1")->pid, pid) << "it was restarted";
}

TEST_F(FullDiskTest, AFullDatamgrSaysNoSpaceLosesNothingAndGoesOnOnceThereIsRoom) {
  const pid_t pid = cluster().node("datamgr1")->pid;
  ASSERT_THAT(alice_->Ask("SETMETADATA before\nkept"), Holds("OK"));
  for (const uint64_t leave : {40 * kMiB, size_t{0}}) {
    SCOPED_TRACE(absl::StrCat(leave, " bytes left"));
    Fill(store_dir_, leave);
    EXPECT_THAT(alice_->Ask("SETMETADATA colour\nred"), IsFail("NOSPACE"));
    EXPECT_THAT(alice_->Ask("CREATEFILE /f/refused"), IsFail("NOSPACE"));
    EXPECT_THAT(alice_->Ask("WRITEFILE /f/ready\n0\nREADY"), IsFail("NOSPACE"));
    EXPECT_THAT(alice_->Ask("READFILE /f/ready\n0\n5"), Holds("OK ready"));
    EXPECT_THAT(alice_->Ask("GETMETADATA alice\nbefore"), Holds("OK kept"));
    EXPECT_THAT(alice_->Ask("SENDMESSAGE alice\nstill here"), Holds("OK 1"));
    std::filesystem::remove(store_dir_ + "/junk");
    EXPECT_TRUE(Eventually(
        [&] { return alice_->Ask("SETMETADATA colour\ngreen").value_or("") == "OK"; }, kPatience));
    EXPECT_THAT(alice_->Ask("READFILE /f/refused\n0\n5"), IsFail("NOTFOUND"));
  }
  EXPECT_EQ(cluster().node("datamgr1")->pid, pid) << "it was restarted";
}

TEST_F(FullDiskTest, ADatamgrThatCanWriteNoMoreEndsAndGoesOnWhenItIsStartedAgain) {
  ASSERT_THAT(alice_->Ask("SETMETADATA before\nkept"), Holds("OK"));
  // Far more than its own log file has.
  const rlimit little = {.rlim_cur = 256 * 1024, .rlim_max = RLIM_INFINITY};
  PCHECK(prlimit(cluster().node("datamgr1")->pid, RLIMIT_FSIZE, &little, nullptr) == 0);
  absl::StatusOr<std::string> answer = "OK";
  int acknowledged = 0;
  for (int i = 1; i < 1000 && answer.value_or("") == "OK"; ++i) {
    answer = alice_->Ask(absl::StrCat("SETMETADATA count\n", i, std::string(1000, ' ')));
    if (answer.value_or("") == "OK") acknowledged = i;
  }
  EXPECT_THAT(answer, Holds(::testing::StartsWith("FAIL ")));
  EXPECT_GT(acknowledged, 10);
  const auto death = cluster().AwaitDeath();
  ASSERT_TRUE(death.has_value());
  EXPECT_EQ(death->name, "datamgr1");
  EXPECT_EQ(death->how, "exit status 1");
  EXPECT_THAT(alice_->Ask("SENDMESSAGE alice\nstill here"), Holds("OK 1"));
  ASSERT_OK(cluster().Restart("datamgr1"));  // As its supervisor would.
  EXPECT_TRUE(
      Eventually([&] { return alice_->Ask("GETMETADATA alice\nbefore").value_or("") == "OK kept"; },
                 kPatience));
  EXPECT_TRUE(
      Eventually([&] { return alice_->Ask("WRITEFILE /f/ready\n0\nready").value_or("") == "OK 5"; },
                 kPatience));
}

}  // namespace
}  // namespace convergia::testing

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  if (const char* why = convergia::disk::EnterOwnMounts()) {
    *convergia::testing::no_mounts = why;
  }
  return RUN_ALL_TESTS();
}
