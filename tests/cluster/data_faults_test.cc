// Faults of data servers in a cluster of real processes: they are killed, return, stay away, lose
// their data, change class, or have rotting disks. Checks what users read and what operators see.

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/base/random.h"
#include "tests/cluster/cluster_test_base.h"
#include "tests/cluster/data_admin_client.h"

namespace convergia::testing {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;

constexpr absl::Duration kPatience = absl::Seconds(60);
constexpr size_t kMiB = 1024 * 1024;
constexpr uint64_t kCapacity = 64 * kMiB;

std::string BytesOf(uint64_t seed, size_t length) {
  Rng rng(seed);
  std::string bytes(length, '\0');
  for (char& byte : bytes) byte = static_cast<char>(rng());
  return bytes;
}

class DataFaultsTest : public ClusterTest {
 public:
  static void SetUpTestSuite() {
    StartCluster({.counts = {.datamgr = 1,
                             .edges = 1,
                             .dataservers_volatile = 4,
                             .dataservers_nonvolatile = 1},
                  .accounts = Accounts({"alice"}),
                  .config_changes = {.datamgr = [](v1::DatamgrConfig* config) {
                    config->set_prefer(v1::DatamgrConfig::VOLATILE);
                    auto* const policy = config->add_folder_policies();
                    policy->set_folder("solid");
                    policy->set_prefer(v1::DatamgrConfig::NON_VOLATILE);
                  }}});
  }

 protected:
  void SetUp() override {
    ClusterTest::SetUp();
    ops_ = std::make_unique<DataAdminClient>(&cluster());
    SetGrace(3600);
    ASSERT_OK_AND_ASSIGN(alice_, SignIn("edge1", "alice"));
    alice_->set_patience(absl::Minutes(1));
    ASSERT_TRUE(Eventually(
        [&] {
          (void)alice_->Ask("CREATEFOLDER /solid");
          (void)alice_->Ask("CREATEFOLDER /v");
          (void)alice_->Ask("CREATEFILE /v/probe");
          (void)alice_->Ask("WRITEFILE /v/probe\n0\nx");
          return ops_->Servers().size() == 5 && ops_->IsWhole() &&
                 ServersOf("/v/probe").size() == 3;
        },
        kPatience))
        << Describe();
  }

  void SetGrace(uint32_t seconds) {
    v1::RepairPolicy policy;
    policy.set_grace_volatile_seconds(seconds);
    policy.set_grace_non_volatile_seconds(seconds);
    policy.set_surplus_keep_seconds(0);
    ops_->SetPolicy(policy);
  }

  void Put(const std::string& path, const std::string& bytes) {
    ASSERT_THAT(alice_->Ask("CREATEFILE " + path), Holds("OK"));
    ASSERT_TRUE(Eventually([&] {
      return alice_->Ask(absl::StrCat("WRITEFILE ", path, "\n0\n", bytes)).value_or("") ==
             absl::StrCat("OK ", bytes.size());
    })) << path;
    files_[path] = bytes;
  }
  void PutSome(const std::string& name, int count, size_t length) {
    for (int i = 0; i < count; ++i) {
      ASSERT_NO_FATAL_FAILURE(
          Put(absl::StrCat("/v/", name, i), BytesOf(std::hash<std::string>()(name) + i, length)));
    }
  }
  void ExpectAllRead() {
    for (const auto& [path, bytes] : files_) {
      const auto read = alice_->Ask(absl::StrCat("READFILE ", path, "\n0\n", kMiB));
      EXPECT_TRUE(read.value_or("") == "OK " + bytes)
          << path << ": " << read.status() << " " << read.value_or("").substr(0, 200);
    }
  }
  // The servers that GETINFO names as online for the first volume.
  std::vector<std::string> ServersOf(const std::string& path) {
    for (const auto& row : RowsIn(alice_->Ask("GETINFO " + path).value_or(""))) {
      if (row.size() > 4 && row[0] == "volume") {
        return absl::StrSplit(row[4], ',', absl::SkipEmpty());
      }
    }
    return {};
  }

  // The state of repair, for the message of a failed test.
  std::string Describe() {
    std::string text = ops_->Status().DebugString();
    for (const auto& server : ops_->Servers())
      absl::StrAppend(&text, server.ShortDebugString(), "\n");
    for (const auto& volume : ops_->Volumes())
      absl::StrAppend(&text, volume.ShortDebugString(), "\n");
    return text;
  }

  std::unique_ptr<DataAdminClient> ops_;
  std::unique_ptr<LineClient> alice_;
  std::map<std::string, std::string> files_;
};

TEST_F(DataFaultsTest, FlippedBytesAreNeverServedAndAllOfThemAreReplaced) {
  ASSERT_NO_FATAL_FAILURE(PutSome("flip", 30, 30'000));
  const uint64_t healed = ops_->Status().chunks_healed();
  const std::string victim = ServersOf("/v/flip0").at(0);
  int flipped = 0;
  for (const auto& file :
       std::filesystem::directory_iterator(cluster().node(victim)->dir + "/data/segments")) {
    std::ifstream in(file.path(), std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    const int fd = open(file.path().c_str(), O_WRONLY | O_CLOEXEC);
    ASSERT_GE(fd, 0) << file.path();
    for (const auto& [path, contents] : files_) {
      const size_t found = bytes.find(contents);
      if (found == std::string::npos) continue;
      const size_t at = found + 1 + contents.size() / 3;
      const char wrong = static_cast<char>(bytes[at] ^ 1);
      ASSERT_EQ(pwrite(fd, &wrong, 1, static_cast<off_t>(at)), 1);
      ++flipped;
    }
    ASSERT_EQ(fsync(fd), 0);
    close(fd);
  }
  ASSERT_GT(flipped, 5);
  ExpectAllRead();
  ops_->Scrub(victim);
  EXPECT_TRUE(Eventually(
      [&] { return ops_->Status().chunks_healed() >= healed + static_cast<uint64_t>(flipped); },
      kPatience))
      << Describe();
  ExpectAllRead();
  EXPECT_EQ(ops_->Status().chunks_lost(), 0);
  for (const auto& [file, contents] : files_) EXPECT_EQ(ServersOf(file).size(), 3) << file;
}

TEST_F(DataFaultsTest, OneThatIsGoneForGoodIsReplacedAndItsReturnCostsNothing) {
  ASSERT_NO_FATAL_FAILURE(PutSome("gone", 8, 100'000));
  ASSERT_EQ(ServersOf("/v/gone0").size(), 3);
  const std::string victim = ServersOf("/v/gone0")[0];
  SetGrace(1);
  ASSERT_OK(cluster().Kill(victim));
  EXPECT_TRUE(Eventually(
      [&] {
        for (int i = 0; i < 8; ++i) {
          const auto servers = ServersOf(absl::StrCat("/v/gone", i));
          if (servers.size() != 3 || std::count(servers.begin(), servers.end(), victim)) {
            return false;
          }
        }
        return true;
      },
      kPatience))
      << Describe();
  EXPECT_GT(ops_->Status().copies_made(), 0);
  EXPECT_GT(ops_->Server(victim).away_since_ms(), 0);
  ExpectAllRead();
  ASSERT_NO_FATAL_FAILURE(PutSome("while-gone", 2, 1000));
  ASSERT_OK(cluster().Restart(victim));
  EXPECT_TRUE(Eventually([&] { return ops_->IsWhole(); }, kPatience)) << Describe();
  ExpectAllRead();
}

TEST_F(DataFaultsTest, OneThatComesBackWithinItsGraceCostsNoCopy) {
  ASSERT_NO_FATAL_FAILURE(PutSome("back", 8, 100'000));
  const std::string victim = ServersOf("/v/back0").at(0);
  const uint64_t made = ops_->Status().copies_made();
  ASSERT_OK(cluster().Kill(victim));
  EXPECT_TRUE(Eventually([&] { return ops_->Status().waiting_volumes() > 0; }));
  ASSERT_NO_FATAL_FAILURE(PutSome("meanwhile", 2, 1000));
  ExpectAllRead();
  ASSERT_OK(cluster().Restart(victim));
  EXPECT_TRUE(Eventually([&] { return ops_->IsWhole(); }, kPatience)) << Describe();
  EXPECT_EQ(ops_->Status().copies_made(), made);
  ExpectAllRead();
}

TEST_F(DataFaultsTest, WhenManyLeaveAtOnceTheBrakeHoldsUntilAnOperatorReleasesIt) {
  ASSERT_NO_FATAL_FAILURE(PutSome("brake", 4, 10'000));
  const auto servers = ServersOf("/v/brake0");
  ASSERT_EQ(servers.size(), 3);
  const uint64_t made = ops_->Status().copies_made();
  ASSERT_OK(cluster().Kill(servers[0]));
  ASSERT_OK(cluster().Kill(servers[1]));
  EXPECT_TRUE(Eventually([&] { return ops_->Status().brake(); }, kPatience));
  SetGrace(0);
  EXPECT_TRUE(Eventually([&] { return ops_->Status().missing_volumes() > 0; }, kPatience));
  EXPECT_TRUE(ops_->Status().brake());
  ExpectAllRead();
  EXPECT_EQ(ops_->Status().copies_made(), made);
  ops_->ReleaseBrake();
  EXPECT_TRUE(Eventually([&] { return ops_->Status().copies_made() > made; }, kPatience))
      << Describe();
  ASSERT_OK(cluster().Restart(servers[0]));
  ASSERT_OK(cluster().Restart(servers[1]));
  EXPECT_TRUE(Eventually([&] { return ops_->IsWhole(); }, kPatience)) << Describe();
  ExpectAllRead();
}

TEST_F(DataFaultsTest, WithoutItsOnlyServerAFileSaysSoAndAllElseWorks) {
  ASSERT_NO_FATAL_FAILURE(Put("/solid/f", "solid"));
  ASSERT_NO_FATAL_FAILURE(Put("/v/beside", "beside"));
  ASSERT_OK(cluster().Kill("nonvolatile1"));
  EXPECT_TRUE(Eventually([&] {
    return absl::StartsWith(alice_->Ask("READFILE /solid/f\n0\n5").value_or(""),
                            "FAIL UNAVAILABLE ");
  }));
  EXPECT_THAT(alice_->Ask("READFILE /solid/f\n0\n5"),
              Holds(ContainsRegex("nonvolatile1 .*since [0-9]{4}-")));
  EXPECT_THAT(alice_->Ask("GETINFO /solid/f"),
              Holds(HasSubstr("\tnonvolatile\t1\t\tnonvolatile1")));
  EXPECT_THAT(alice_->Ask("READFILE /v/beside\n0\n6"), Holds("OK beside"));
  ASSERT_NO_FATAL_FAILURE(Put("/solid/other", "taken by volatile servers"));
  EXPECT_THAT(alice_->Ask("LISTFOLDER /solid"), Holds(HasSubstr("other")));
  EXPECT_THAT(alice_->Ask("SENDMESSAGE alice\nstill here"), Holds("OK 1"));
  ASSERT_OK(cluster().Restart("nonvolatile1"));
  EXPECT_TRUE(Eventually(
      [&] { return alice_->Ask("READFILE /solid/f\n0\n5").value_or("") == "OK solid"; }));
  ExpectAllRead();
}

TEST_F(DataFaultsTest, ADrainedServerIsEmptiedAndOneThatIsEmptyIsFilled) {
  for (const char* name : {"volatile1", "volatile2", "volatile3", "volatile4"}) {
    v1::ConfigureDataServerRequest small;  // Small, so that little data is a large share of it.
    small.set_name(name);
    small.set_capacity_bytes(kCapacity);
    ops_->Configure(small);
  }
  ASSERT_NO_FATAL_FAILURE(PutSome("drain", 16, kMiB));
  EXPECT_TRUE(Eventually([&] { return ops_->Server("volatile3").capacity_bytes() <= kCapacity; }));
  v1::ConfigureDataServerRequest change;
  change.set_name("volatile3");
  change.set_drain(true);
  ops_->Configure(change);
  EXPECT_TRUE(Eventually([&] { return ops_->VolumesLeftOn("volatile3") == 0; }, kPatience))
      << Describe();
  EXPECT_EQ(ops_->VolumesOn("volatile3", v1::STORAGE_CLASS_VOLATILE), 0);
  ExpectAllRead();
  ASSERT_OK(cluster().Terminate("volatile3"));
  ExpectAllRead();
  ASSERT_OK(cluster().Restart("volatile3"));
  change.set_drain(false);
  ops_->Configure(change);
  EXPECT_TRUE(Eventually(
      [&] { return ops_->VolumesOn("volatile3", v1::STORAGE_CLASS_VOLATILE) > 0; }, kPatience))
      << Describe();
  ExpectAllRead();
  for (const char* name : {"volatile1", "volatile2", "volatile3", "volatile4"}) {
    v1::ConfigureDataServerRequest usual;
    usual.set_name(name);
    usual.set_capacity_bytes(0);
    ops_->Configure(usual);
  }
  EXPECT_TRUE(Eventually([&] { return ops_->Server("volatile3").capacity_bytes() > kCapacity; }));
}

TEST_F(DataFaultsTest, AnotherClassMovesWhatIsOnAServerToWhereItBelongs) {
  ASSERT_NO_FATAL_FAILURE(PutSome("class", 6, 50'000));
  ASSERT_NO_FATAL_FAILURE(Put("/solid/class", "solid"));
  v1::ConfigureDataServerRequest change;
  change.set_name("volatile4");
  change.set_storage_class(v1::STORAGE_CLASS_NON_VOLATILE);
  v1::Label* const label = change.mutable_labels()->add_labels();
  label->set_key("rack");
  label->set_value("a");
  ops_->Configure(change);
  EXPECT_TRUE(Eventually(
      [&] {
        return ops_->VolumesOn("volatile4", v1::STORAGE_CLASS_VOLATILE) == 0 && ops_->IsWhole();
      },
      kPatience))
      << Describe();
  EXPECT_EQ(ops_->Server("volatile4").configuration().labels(0).value(), "a");
  ExpectAllRead();
  change.set_storage_class(v1::STORAGE_CLASS_VOLATILE);
  ops_->Configure(change);
  EXPECT_TRUE(Eventually(
      [&] {
        return ops_->VolumesOn("volatile4", v1::STORAGE_CLASS_NON_VOLATILE) == 0 && ops_->IsWhole();
      },
      kPatience))
      << Describe();
  ExpectAllRead();
}

}  // namespace
}  // namespace convergia::testing
