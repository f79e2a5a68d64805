// put and get are interrupted: the same command continues where it stopped, and the result equals
// the file byte for byte.
#include <signal.h>
#include <sys/stat.h>

#include <filesystem>
#include <random>

#include "absl/strings/numbers.h"
#include "tests/cluster/cluster_test_base.h"
#include "tests/cluster/convergia_program.h"

namespace convergia::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

constexpr size_t kMiB = 1024 * 1024;
// Large enough that the test acts before the transfer ends.
constexpr size_t kFileBytes = 96 * kMiB;
constexpr int kManyFiles = 2'000;

std::string RandomBytes(size_t count, uint64_t seed) {
  std::mt19937_64 rng(seed);
  std::string bytes(count, '\0');
  for (size_t i = 0; i + 8 <= count; i += 8) {
    const uint64_t word = rng();
    std::copy_n(reinterpret_cast<const char*>(&word), 8, bytes.begin() + static_cast<long>(i));
  }
  return bytes;
}

class TransfersTest : public ClusterTest {
 public:
  static void SetUpTestSuite() {
    StartCluster({.counts = {.datamgr = 1, .edges = 1, .dataservers_nonvolatile = 1},
                  .accounts = Accounts({"alice"})});
  }

 protected:
  TransfersTest()
      : name_(::testing::UnitTest::GetInstance()->current_test_info()->name()),
        dir_(fs::path(::testing::TempDir()) / name_),
        folder_(absl::StrCat("/", name_)),
        alice_({.user = "alice",
                .password = PasswordOf("alice"),
                .management = LineOf("mgmt"),
                .ca_file = CaFile(),
                .dir = (dir_ / "as-alice").string()}) {
    fs::create_directories(dir_);
    Watch();
    EXPECT_THAT(watcher_->Ask(absl::StrCat("CREATEFOLDER ", folder_)), Holds("OK"));
    (void)watcher_->Ask("CREATEFOLDER /ready");
    (void)watcher_->Ask("CREATEFILE /ready/f");
    EXPECT_TRUE(Eventually(
        [&] { return watcher_->Ask("WRITEFILE /ready/f\n0\nx").value_or("") == "OK 1"; }));
  }

  // A second connection of alice, to look at the stored files.
  void Watch() {
    auto watcher = SignIn("edge1", "alice");
    ASSERT_OK(watcher);
    watcher_ = *std::move(watcher);
  }
  std::string Local(const std::string& name) const { return (dir_ / name).string(); }
  std::vector<std::vector<std::string>> Listed(const std::string& folder) {
    return RowsIn(watcher_->Ask(absl::StrCat("LISTFOLDER ", folder)).value_or(""));
  }
  // The name and the bytes of the part in the folder.
  std::pair<std::string, uint64_t> Part() {
    for (const auto& row : Listed(folder_)) {
      uint64_t bytes = 0;
      const bool is_part = row.size() > 2 && row[1] == "part";
      if (is_part && absl::SimpleAtoi(row[2], &bytes)) return {row[0], bytes};
    }
    return {"", 0};
  }
  // The part on this machine.
  fs::path LocalPart() const {
    for (const auto& entry : fs::directory_iterator(dir_)) {
      if (absl::StartsWith(entry.path().filename().string(), ".convergia-")) return entry.path();
    }
    return {};
  }
  static uint64_t BytesOf(const fs::path& path) {
    std::error_code error;
    const uint64_t bytes = path.empty() ? 0 : fs::file_size(path, error);
    return error ? 0 : bytes;
  }
  static uint64_t NumberOf(const fs::path& path) {  // The inode: it stays if the file is renamed.
    struct stat facts = {};
    return stat(path.c_str(), &facts) == 0 ? facts.st_ino : 0;
  }
  std::string CreatedOf(const std::string& name) {
    const auto info = watcher_->Ask(absl::StrCat("GETINFO ", folder_, "/", name));
    EXPECT_OK(info);
    return ValueIn(info.value_or(""), "created");
  }
  static int FilesIn(const std::string& folder) {
    std::error_code error;
    return static_cast<int>(
        std::distance(fs::directory_iterator(folder, error), fs::directory_iterator()));
  }
  // While the data server stands still, nothing moves, so the observed state is stable.
  void KillInTheMiddle(pid_t pid) {
    ASSERT_OK(cluster().Pause("nonvolatile1"));
    ASSERT_EQ(kill(pid, SIGKILL), 0);
    EXPECT_EQ(alice_.AwaitEnd(pid).exit_code, -1) << "it was done before it was killed";
    ASSERT_OK(cluster().Continue("nonvolatile1"));
  }

  const std::string name_;
  const fs::path dir_;
  const std::string folder_;
  const ConvergiaProgram alice_;
  std::unique_ptr<LineClient> watcher_;
};

TEST_F(TransfersTest, APutGoesOnAfterItsClientWasKilled) {
  const std::string bytes = RandomBytes(kFileBytes, 1);
  WriteWholeFile(Local("f"), bytes);
  const pid_t pid = alice_.Start({"put", Local("f"), folder_});
  while (Part().second < 2 * kMiB) {
  }
  KillInTheMiddle(pid);
  const auto [part, there] = Part();
  EXPECT_LT(there, kFileBytes);
  const std::string created = CreatedOf(part);
  EXPECT_THAT(watcher_->Ask(absl::StrCat("GETINFO ", folder_, "/f")), IsFail("NOTFOUND"));
  const Outcome put = alice_.Run({"put", Local("f"), folder_});
  EXPECT_EQ(put.exit_code, 0) << put.err;
  EXPECT_EQ(CreatedOf("f"), created);  // The same part was continued.
  EXPECT_EQ(Part().first, "");
  EXPECT_TRUE(alice_.Run({"cat", absl::StrCat(folder_, "/f")}).out == bytes);
}

TEST_F(TransfersTest, APutOfAChangedFileLeavesNothingOfTheOneBefore) {
  WriteWholeFile(Local("f"), RandomBytes(kFileBytes, 4));
  const pid_t pid = alice_.Start({"put", Local("f"), folder_});
  while (Part().second < 2 * kMiB) {
  }
  KillInTheMiddle(pid);
  EXPECT_GT(Part().second, 0u);
  EXPECT_EQ(alice_.Run({"ls", folder_}).out, "");
  EXPECT_THAT(alice_.Run({"ls", "-a", folder_}).out, HasSubstr(".part"));
  const std::string bytes = RandomBytes(2 * kMiB, 5);
  WriteWholeFile(Local("f"), bytes);
  EXPECT_EQ(alice_.Run({"put", Local("f"), folder_}).exit_code, 0);
  EXPECT_EQ(alice_.Run({"ls", "-a", folder_}).out, "f\n");
  EXPECT_EQ(alice_.Run({"cat", absl::StrCat(folder_, "/f")}).out, bytes);
}

TEST_F(TransfersTest, AGetGoesOnAfterItsClientWasKilled) {
  const std::string bytes = RandomBytes(kFileBytes, 2), stored = absl::StrCat(folder_, "/f");
  WriteWholeFile(Local("f"), bytes);
  ASSERT_EQ(alice_.Run({"put", Local("f"), folder_}).exit_code, 0);
  const pid_t pid = alice_.Start({"get", stored, Local("g")});
  while (BytesOf(LocalPart()) < 2 * kMiB) {
  }
  KillInTheMiddle(pid);
  const uint64_t number = NumberOf(LocalPart());
  EXPECT_LT(BytesOf(LocalPart()), kFileBytes);
  EXPECT_FALSE(fs::exists(Local("g")));
  const Outcome get = alice_.Run({"get", stored, Local("g")});
  EXPECT_EQ(get.exit_code, 0) << get.err;
  EXPECT_EQ(NumberOf(Local("g")), number);  // The same part was continued.
  EXPECT_TRUE(ReadWholeFile(Local("g")) == bytes);
}

TEST_F(TransfersTest, PutAndGetGoOnByThemselvesWhenTheirMainServerDies) {
  const std::string bytes = RandomBytes(kFileBytes, 3), stored = absl::StrCat(folder_, "/f");
  WriteWholeFile(Local("f"), bytes);
  pid_t pid = alice_.Start({"put", Local("f"), folder_});
  while (Part().second < 2 * kMiB) {
  }
  ASSERT_OK(cluster().Kill("edge1"));
  ASSERT_OK(cluster().Restart("edge1"));
  const Outcome put = alice_.AwaitEnd(pid);
  EXPECT_EQ(put.exit_code, 0) << put.err;
  EXPECT_THAT(put.err, HasSubstr("convergia: ")) << "it never noticed";
  pid = alice_.Start({"get", stored, Local("g")});
  while (BytesOf(LocalPart()) < 2 * kMiB) {
  }
  ASSERT_OK(cluster().Kill("edge1"));
  ASSERT_OK(cluster().Restart("edge1"));
  const Outcome get = alice_.AwaitEnd(pid);
  EXPECT_EQ(get.exit_code, 0) << get.err;
  EXPECT_TRUE(ReadWholeFile(Local("g")) == bytes);
}

TEST_F(TransfersTest, AFolderOfManySmallFilesGoesOnToo) {
  const std::string tree = absl::StrCat(folder_, "/tree");
  fs::create_directories(dir_ / "tree");
  for (int i = 0; i < kManyFiles; ++i) {
    WriteWholeFile(Local(absl::StrCat("tree/", i)), RandomBytes(8 * (1 + i % 50), 100 + i));
  }
  size_t there = 0;
  for (const size_t until : {50, 500}) {
    const pid_t pid = alice_.Start({"put", Local("tree"), folder_});
    while (Listed(tree).size() < until) {
    }
    KillInTheMiddle(pid);
    there = Listed(tree).size();
    EXPECT_LT(there, 1'000u);
  }
  const Outcome put = alice_.Run({"put", Local("tree"), folder_});
  EXPECT_EQ(put.exit_code, 0) << put.err;
  EXPECT_THAT(put.out, HasSubstr(" already there"));

  const std::vector<std::string> command = {"get", tree, Local("back")};
  const pid_t pid = alice_.Start(command);
  while (FilesIn(Local("back/tree")) < 50) {
  }
  KillInTheMiddle(pid);
  EXPECT_LT(FilesIn(Local("back/tree")), kManyFiles);
  const Outcome get = alice_.Run(command);
  EXPECT_EQ(get.exit_code, 0) << get.err;
  EXPECT_THAT(get.out, HasSubstr(" already there"));
  for (int i = 0; i < kManyFiles; ++i) {
    const std::string name = absl::StrCat("tree/", i);
    EXPECT_TRUE(ReadWholeFile(Local(name)) == ReadWholeFile(Local("back/" + name))) << name;
  }
}

}  // namespace
}  // namespace convergia::testing
