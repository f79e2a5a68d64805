// Storage as users see it, in real processes: from the client's packet to the disk and back.
#include <map>
#include <string>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tests/cluster/cluster_test_base.h"

namespace convergia::testing {
namespace {

using ::testing::HasSubstr;

constexpr size_t kMiB = 1024 * 1024;

class StorageTest : public ClusterTest {
 public:
  static void SetUpTestSuite() {
    StartCluster({.counts = {.datamgr = 1, .edges = 1, .dataservers_nonvolatile = 1},
                  .accounts = Accounts({"alice", "bob"})});
  }

 protected:
  // A client that is signed in, once storage is up and a data server has room.
  static std::unique_ptr<LineClient> Ready(const std::string& name) {
    auto client = SignIn("edge1", name);
    EXPECT_OK(client);
    if (!client.ok()) return nullptr;
    const std::string home = absl::StrCat("/", name, "-ready");
    EXPECT_TRUE(Eventually([&] {
      (void)(*client)->Ask(absl::StrCat("CREATEFOLDER ", home));
      (void)(*client)->Ask(absl::StrCat("CREATEFILE ", home, "/f"));
      return (*client)->Ask(absl::StrCat("WRITEFILE ", home, "/f\n0\nx")).value_or("") == "OK 1";
    }));
    return *std::move(client);
  }
};

TEST_F(StorageTest, AFileIsWrittenReadSharedAndDeleted) {
  const auto alice = Ready("alice");
  ASSERT_NE(alice, nullptr);
  EXPECT_THAT(alice->Ask("CREATEFOLDER /plans"), Holds("OK"));
  EXPECT_THAT(alice->Ask("CREATEFILE /plans/f"), Holds("OK"));
  const std::string bytes(kMiB, '~');
  EXPECT_THAT(alice->Ask(absl::StrCat("WRITEFILE /plans/f\n0\n", bytes)),
              Holds(absl::StrCat("OK ", kMiB)));
  EXPECT_THAT(alice->Ask("WRITEFILE /plans/f\n1\nab\ncd"), Holds(absl::StrCat("OK ", kMiB)));
  EXPECT_THAT(alice->Ask("READFILE /plans/f\n0\n8"), Holds("OK ~ab\ncd~~"));
  EXPECT_THAT(alice->Ask("WRITEFILE /plans/f\n-1\nx"), IsFail("BADFIELD"));
  EXPECT_THAT(alice->Ask("WRITEFILE /plans/../f\n0\nx"), IsFail("BADFIELD"));
  EXPECT_THAT(alice->Ask("GETINFO /plans/f"), Holds(HasSubstr("\tnonvolatile\t1\tnonvolatile1")));
  const auto bob = Ready("bob");
  ASSERT_NE(bob, nullptr);
  EXPECT_THAT(bob->Ask("READFILE /plans/f\n0\n8"), IsFail("DENIED"));
  EXPECT_THAT(alice->Ask("SETPERMISSIONS /plans\nnobody\nread"), IsFail("NOSUCHUSER"));
  EXPECT_THAT(alice->Ask("SETPERMISSIONS /plans\nbob\nread"), Holds("OK"));
  EXPECT_THAT(bob->Ask("READFILE /plans/f\n0\n8"), Holds("OK ~ab\ncd~~"));
  EXPECT_THAT(bob->Ask("WRITEFILE /plans/f\n0\nx"), IsFail("DENIED"));
  EXPECT_THAT(alice->Ask("DELETEFOLDER /plans"), IsFail("NOTEMPTY"));
  EXPECT_THAT(alice->Ask("DELETEFOLDER /plans\nrecursive"), Holds("OK"));
  EXPECT_THAT(alice->Ask("LISTFOLDER /plans"), IsFail("NOTFOUND"));
}

TEST_F(StorageTest, TheMapShowsTheServersOfWhatIsStoredAndTheirConnections) {
  ASSERT_OK_AND_ASSIGN(const auto alice, SignIn("edge1", "alice"));
  EXPECT_TRUE(Eventually([&] {
    const auto rows = RowsIn(alice->Ask("GETSERVERMAP").value_or(""));
    std::map<std::string, std::string> ids;
    for (const auto& row : rows) {
      if (row.size() != 6) return false;
      ids[row[1]] = row[0];
    }
    for (const auto& row : rows) {
      if (row[1] != "datamgr1") continue;
      const std::vector<std::string> connected = absl::StrSplit(row[5], ',');
      return connected.size() == 3 && absl::c_linear_search(connected, ids["mgmt"]) &&
             absl::c_linear_search(connected, ids["edge1"]) &&
             absl::c_linear_search(connected, ids["nonvolatile1"]);
    }
    return false;
  }));
}

TEST_F(StorageTest, AMessageWaitsForWhoIsAwayAndIsToldToWhoIsHere) {
  const auto alice = Ready("alice");
  ASSERT_NE(alice, nullptr);
  const auto send = [&] {
    const std::string draft = alice->Ask("INITOFFLINEMESSAGE bob").value_or("none").substr(3);
    EXPECT_THAT(alice->Ask(absl::StrCat("APPENDOFFLINEMESSAGE ", draft, "\nhello")), Holds("OK 5"));
    EXPECT_THAT(alice->Ask(absl::StrCat("SENDOFFLINEMESSAGE ", draft)), Holds("OK"));
  };
  send();
  ASSERT_OK_AND_ASSIGN(const auto bob, SignIn("edge1", "bob"));
  EXPECT_THAT(bob->NextPush(), Holds(HasSubstr("OFFLINEMESSAGEAVAILABLE ")));
  send();
  EXPECT_THAT(bob->NextPush(), Holds(HasSubstr("\nalice\n5\n")));
  for (const auto& row : RowsIn(bob->Ask("LISTOFFLINEMESSAGES").value_or(""))) {
    ASSERT_FALSE(row.empty());
    EXPECT_THAT(bob->Ask(absl::StrCat("READOFFLINEMESSAGE ", row[0], "\n0\n100")),
                Holds("OK hello"));
    EXPECT_THAT(bob->Ask(absl::StrCat("DELETEOFFLINEMESSAGE ", row[0])), Holds("OK"));
  }
  EXPECT_THAT(bob->Ask("LISTOFFLINEMESSAGES"), Holds("OK"));
}

TEST_F(StorageTest, KilledDatamgrLosesNothingAndMessagesGoOnMeanwhile) {
  const auto alice = Ready("alice");
  ASSERT_NE(alice, nullptr);
  ASSERT_THAT(alice->Ask("CREATEFOLDER /kept"), Holds("OK"));
  ASSERT_THAT(alice->Ask("CREATEFILE /kept/f"), Holds("OK"));
  ASSERT_THAT(alice->Ask("WRITEFILE /kept/f\n0\nacknowledged"), Holds("OK 12"));
  EXPECT_THAT(alice->Ask("SETMETADATA colour\nblue"), Holds("OK"));
  ASSERT_OK(cluster().Kill("datamgr1"));
  EXPECT_TRUE(Eventually([&] {
    return absl::StartsWith(alice->Ask("READFILE /kept/f\n0\n12").value_or(""),
                            "FAIL STORAGEDOWN ");
  }));
  EXPECT_THAT(alice->Ask("SENDMESSAGE alice\nstill here"), Holds("OK 1"));
  ASSERT_OK(cluster().Restart("datamgr1"));
  EXPECT_TRUE(Eventually(
      [&] { return alice->Ask("READFILE /kept/f\n0\n12").value_or("") == "OK acknowledged"; }));
  EXPECT_THAT(alice->Ask("GETMETADATA alice\ncolour"), Holds("OK blue"));
}

}  // namespace
}  // namespace convergia::testing
