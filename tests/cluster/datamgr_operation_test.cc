// datamgr as its operators use it: backup and restore, a second start by mistake, a wrong
// configuration.

#include <atomic>
#include <filesystem>
#include <fstream>
#include <map>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "tests/cluster/cluster_test_base.h"
#include "tests/testing/run_command.h"
#include "tools/devcluster/process.h"

namespace convergia::testing {
namespace {

using ::testing::HasSubstr;

constexpr absl::Duration kPatience = absl::Minutes(2);

std::string ContentsOf(const std::string& path) { return absl::StrCat("what is in ", path); }

bool Store(LineClient& client, const std::string& path) {
  (void)client.Ask("CREATEFILE " + path);
  const std::string contents = ContentsOf(path);
  return client.Ask(absl::StrCat("WRITEFILE ", path, "\n0\n", contents)).value_or("") ==
         absl::StrCat("OK ", contents.size());
}

bool IsThere(LineClient& client, const std::string& path) {
  return client.Ask(absl::StrCat("READFILE ", path, "\n0\n1000")).value_or("") ==
         "OK " + ContentsOf(path);
}

// A user who stores one file after the other, even during failures.
class Load {
 public:
  explicit Load(std::unique_ptr<LineClient> client)
      : client_(std::move(client)), thread_([this] { Run(); }) {}
  ~Load() { Stop(); }

  void Stop() {
    stopping_ = true;
    if (thread_.joinable()) thread_.join();
  }
  // The paths acknowledged so far.
  std::vector<std::string> stored() {
    absl::MutexLock lock(&mu_);
    return stored_;
  }

 private:
  void Run() {
    for (int i = 0; !stopping_; ++i) {
      const std::string path = absl::StrCat("/load/f", i);
      if (!Store(*client_, path)) continue;
      absl::MutexLock lock(&mu_);
      stored_.push_back(path);
    }
  }

  const std::unique_ptr<LineClient> client_;
  std::atomic<bool> stopping_ = false;
  absl::Mutex mu_;
  std::vector<std::string> stored_ ABSL_GUARDED_BY(mu_);
  std::thread thread_;
};

class DatamgrOperationTest : public ClusterTest {
 public:
  static void SetUpTestSuite() {
    StartCluster({.counts = {.datamgr = 1,
                             .edges = 1,
                             .dataservers_volatile = 3,
                             .dataservers_nonvolatile = 1},
                  .accounts = Accounts({"alice"})});
  }

 protected:
  void SetUp() override {
    ClusterTest::SetUp();
    ASSERT_OK_AND_ASSIGN(alice_, SignIn("edge1", "alice"));
    ASSERT_TRUE(Eventually(
        [&] {
          (void)alice_->Ask("CREATEFOLDER /load");
          return Store(*alice_, "/load/ready");
        },
        kPatience));
  }

  static CommandResult Run(const std::string& program, const std::string& flags) {
    const auto found = devcluster::FindProgram(absl::StrCat(program, "/", program));
    if (!found.ok()) return {.status = -1, .output = found.status().ToString()};
    return RunCommand(absl::StrCat("timeout 60 '", *found, "' ", flags));
  }
  static std::string ConfigOf(const std::string& node) {
    return absl::StrCat(cluster().node(node)->dir, ".textproto");
  }
  static std::string WriteConfig(const std::string& text) {
    const std::string path = absl::StrCat(::testing::TempDir(), "/wrong.textproto");
    std::ofstream(path) << text;
    return path;
  }

  std::unique_ptr<LineClient> alice_;
};

TEST_F(DatamgrOperationTest, WhatWasThereAtABackupIsThereAfterItsRestore) {
  namespace fs = std::filesystem;
  const std::string dir = cluster().node("datamgr1")->dir;
  ASSERT_OK_AND_ASSIGN(auto client, SignIn("edge1", "alice"));
  Load load(std::move(client));
  ASSERT_TRUE(Eventually([&] { return load.stored().size() > 20; }, kPatience));
  ASSERT_THAT(alice_->Ask("SETMETADATA colour\nblue"), Holds("OK"));
  ASSERT_OK(cluster().Terminate("datamgr1"));
  const std::vector<std::string> at_backup = load.stored();
  fs::copy(dir, dir + ".backup", fs::copy_options::recursive);
  ASSERT_OK(cluster().Restart("datamgr1"));
  ASSERT_TRUE(Eventually([&] { return load.stored().size() > at_backup.size() + 20; }, kPatience));
  load.Stop();
  ASSERT_THAT(alice_->Ask("SETMETADATA colour\nred"), Holds("OK"));

  ASSERT_OK(cluster().Terminate("datamgr1"));
  fs::rename(dir, dir + ".lost");
  fs::copy(dir + ".backup", dir, fs::copy_options::recursive);
  ASSERT_OK(cluster().Restart("datamgr1"));
  EXPECT_TRUE(Eventually([&] { return IsThere(*alice_, at_backup.front()); }, kPatience));
  for (const std::string& path : at_backup) EXPECT_TRUE(IsThere(*alice_, path)) << path;
  EXPECT_THAT(alice_->Ask("GETMETADATA alice\ncolour"), Holds("OK blue"));
  EXPECT_THAT(alice_->Ask("READFILE " + load.stored().back() + "\n0\n1"), IsFail("NOTFOUND"));
  // New files must not overwrite anything.
  for (int i = 0; i < 20; ++i) {
    EXPECT_TRUE(Eventually([&] { return Store(*alice_, absl::StrCat("/load/new", i)); })) << i;
  }
  for (const std::string& path : at_backup) EXPECT_TRUE(IsThere(*alice_, path)) << path;
}

TEST_F(DatamgrOperationTest, ASecondOneOnTheSameStoreRefusesToStart) {
  const CommandResult second = Run("datamgr", absl::StrCat("--config=", ConfigOf("datamgr1")));
  EXPECT_EQ(second.status, 1) << second.output;
  EXPECT_THAT(second.output, HasSubstr("is already open: another process"));
  EXPECT_TRUE(IsThere(*alice_, "/load/ready"));
}

TEST_F(DatamgrOperationTest, CheckSaysWhatIsWrongWithAConfiguration) {
  for (const auto& [program, node] :
       {std::pair{"datamgr", "datamgr1"}, std::pair{"dataserver", "volatile1"}}) {
    SCOPED_TRACE(program);
    const CommandResult good = Run(program, absl::StrCat("--check --config=", ConfigOf(node)));
    EXPECT_EQ(good.status, 0) << good.output;
    const CommandResult no_dir = Run(
        program, absl::StrCat("--check --config=", WriteConfig("name: 'x' mgmt: '127.0.0.1:1'")));
    EXPECT_EQ(no_dir.status, 2) << no_dir.output;
    EXPECT_THAT(no_dir.output, HasSubstr("dir:"));
    const CommandResult no_port = Run(
        program,
        absl::StrCat("--check --config=", WriteConfig("name: 'x' dir: '/tmp/x' mgmt: 'nowhere'")));
    EXPECT_EQ(no_port.status, 2) << no_port.output;
    EXPECT_THAT(no_port.output, HasSubstr("mgmt: \"nowhere\" is not host:port"));
    const CommandResult unknown =
        Run(program, absl::StrCat("--check --config=", WriteConfig("nmae: 'x'")));
    EXPECT_EQ(unknown.status, 2) << unknown.output;
    EXPECT_THAT(unknown.output, HasSubstr("nmae"));
  }
}

}  // namespace
}  // namespace convergia::testing
