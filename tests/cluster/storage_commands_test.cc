// The built command `convergia` on stored data, against a cluster of real processes: its output and
// its exit codes.
#include <filesystem>
#include <fstream>
#include <random>

#include "absl/strings/str_split.h"
#include "client/testing/terminal_program.h"
#include "tests/cluster/cluster_test_base.h"
#include "tests/cluster/convergia_program.h"

namespace convergia::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr size_t kMiB = 1024 * 1024;

// Exit codes from `convergia --help`.
constexpr int kDone = 0, kWrong = 1, kNotFound = 5, kDenied = 6, kTaken = 9;

std::string RandomBytes(size_t count, uint32_t seed) {
  std::mt19937 rng(seed);
  std::string bytes(count, '\0');
  for (char& byte : bytes) byte = static_cast<char>(rng());
  return bytes;
}

MATCHER_P(ExitsWith, code, "") {
  *result_listener << "exits with " << arg.exit_code << ", printing \"" << arg.out << "\" and \""
                   << arg.err << "\"";
  return arg.exit_code == code;
}
// Matches a failure whose reason is on the standard error.
MATCHER_P2(FailsWith, code, text, "") {
  *result_listener << "exits with " << arg.exit_code << ", printing \"" << arg.out << "\" and \""
                   << arg.err << "\"";
  return arg.exit_code == code && absl::StrContains(arg.err, text) &&
         absl::StartsWith(arg.err, "convergia: ");
}

class StorageCommandsTest : public ClusterTest {
 public:
  static void SetUpTestSuite() {
    StartCluster({.counts = {.datamgr = 1, .edges = 1, .dataservers_nonvolatile = 1},
                  .accounts = Accounts({"alice", "bob"})});
  }

 protected:
  StorageCommandsTest()
      : dir_(fs::path(::testing::TempDir()) /
             ::testing::UnitTest::GetInstance()->current_test_info()->name()),
        folder_(absl::StrCat("/", dir_.filename().string())),
        alice_(For("alice")),
        bob_(For("bob")) {
    fs::create_directories(dir_);
    AwaitStorage();
    EXPECT_THAT(alice_.Run({"mkdir", folder_}), ExitsWith(kDone));
  }

  ConvergiaProgram For(const std::string& user) {
    return ConvergiaProgram({.user = user,
                             .password = PasswordOf(user),
                             .management = LineOf("mgmt"),
                             .ca_file = CaFile(),
                             .dir = (dir_ / absl::StrCat("as-", user)).string()});
  }
  // Waits until a data server has come and accepts writes.
  void AwaitStorage() {
    ASSERT_OK_AND_ASSIGN(const auto client, SignIn("edge1", "alice"));
    (void)client->Ask("CREATEFOLDER /ready");
    (void)client->Ask("CREATEFILE /ready/f");
    ASSERT_TRUE(
        Eventually([&] { return client->Ask("WRITEFILE /ready/f\n0\nx").value_or("") == "OK 1"; }));
  }
  std::string In(const std::string& name) const { return absl::StrCat(folder_, "/", name); }
  std::string Local(const std::string& name) const { return (dir_ / name).string(); }
  static void ExpectSame(const fs::path& tree, const fs::path& other) {
    size_t entries = 0;
    for (const auto& entry : fs::recursive_directory_iterator(other)) {
      EXPECT_TRUE(fs::exists(tree / fs::relative(entry.path(), other))) << entry.path();
      ++entries;
    }
    for (const auto& entry : fs::recursive_directory_iterator(tree)) {
      const fs::path twin = other / fs::relative(entry.path(), tree);
      EXPECT_EQ(fs::is_directory(entry.path()), fs::is_directory(twin)) << twin;
      EXPECT_TRUE(entry.is_directory() || ReadWholeFile(entry.path()) == ReadWholeFile(twin));
      --entries;
    }
    EXPECT_EQ(entries, 0u);
  }
  std::vector<std::string> LinesOf(const Outcome& outcome) {
    EXPECT_THAT(outcome, ExitsWith(kDone));
    return absl::StrSplit(outcome.out, '\n', absl::SkipEmpty());
  }

  const fs::path dir_;
  const std::string folder_;
  const ConvergiaProgram alice_, bob_;
};

TEST_F(StorageCommandsTest, FoldersAreMadeListedMovedAndDeleted) {
  EXPECT_THAT(alice_.Run({"mkdir", folder_}), FailsWith(kTaken, "name"));
  EXPECT_THAT(alice_.Run({"mkdir", In("a/b")}), ExitsWith(kNotFound));
  EXPECT_THAT(alice_.Run({"mkdir", "-p", In("a/b/c"), In("a")}), ExitsWith(kDone));
  EXPECT_THAT(alice_.Run({"mkdir", "relative"}), ExitsWith(kWrong));
  EXPECT_THAT(alice_.Run({"mkdir", In("../x")}), ExitsWith(kWrong));
  WriteWholeFile(Local("f"), "12345");
  EXPECT_THAT(alice_.Run({"put", Local("f"), In("a")}), ExitsWith(kDone));
  EXPECT_THAT(LinesOf(alice_.Run({"ls", In("a")})), ElementsAre("b/", "f"));
  EXPECT_THAT(LinesOf(alice_.Run({"ls", "-l", In("a/f")})), ElementsAre(HasSubstr("5 B  20")));
  EXPECT_THAT(alice_.Run({"ls", In("nix")}), FailsWith(kNotFound, "`convergia ls`"));
  EXPECT_THAT(alice_.Run({"mv", In("a/f"), In("a/b")}), ExitsWith(kDone));
  EXPECT_THAT(alice_.Run({"mv", In("a/b/f"), In("a/b/g")}), ExitsWith(kDone));
  EXPECT_THAT(LinesOf(alice_.Run({"ls", In("a/b")})), ElementsAre("c/", "g"));
  EXPECT_THAT(alice_.Run({"mv", In("a"), In("a/b/c/d")}), ExitsWith(kWrong));
  EXPECT_THAT(alice_.Run({"rm", In("a")}), ExitsWith(kTaken));  // It is not empty.
  EXPECT_THAT(alice_.Run({"rm", In("a/b/g"), In("a/b/c")}), ExitsWith(kDone));
  EXPECT_THAT(alice_.Run({"rm", "-r", In("a")}), ExitsWith(kDone));
  EXPECT_THAT(LinesOf(alice_.Run({"ls", folder_})), IsEmpty());
  EXPECT_THAT(alice_.Run({"rm", In("a")}), ExitsWith(kNotFound));
  EXPECT_THAT(alice_.Run({"ls", "--nonsense"}), ExitsWith(kWrong));
}

TEST_F(StorageCommandsTest, FoldersAreSharedAndInfoShowsIt) {
  WriteWholeFile(Local("f"), "secret");
  EXPECT_THAT(alice_.Run({"put", Local("f"), In("f")}), ExitsWith(kDone));
  EXPECT_THAT(bob_.Run({"cat", In("f")}), FailsWith(kDenied, "admin"));
  EXPECT_THAT(bob_.Run({"info", In("nix")}), ExitsWith(kDenied));
  EXPECT_THAT(alice_.Run({"share", folder_, "nobody", "read"}), ExitsWith(kNotFound));
  EXPECT_THAT(alice_.Run({"share", folder_, "bob", "everything"}), ExitsWith(kWrong));
  EXPECT_THAT(alice_.Run({"share", folder_, "bob", "read"}), ExitsWith(kDone));
  EXPECT_EQ(bob_.Run({"cat", In("f")}).out, "secret");
  EXPECT_THAT(bob_.Run({"rm", In("f")}), ExitsWith(kDenied));
  EXPECT_THAT(bob_.Run({"put", Local("f"), In("mine")}), ExitsWith(kDenied));
  const Outcome info = alice_.Run({"info", In("f")});
  EXPECT_THAT(info, ExitsWith(kDone));
  for (const char* row : {"bytes", "owner", "alice", "bob read", "nonvolatile1", "modified"}) {
    EXPECT_THAT(info.out, HasSubstr(row));
  }
  EXPECT_THAT(alice_.Run({"share", folder_, "bob", "none"}), ExitsWith(kDone));
  EXPECT_THAT(bob_.Run({"cat", In("f")}), ExitsWith(kDenied));
  EXPECT_THAT(alice_.Run({"share", folder_, "alice", "none"}), ExitsWith(kDenied));
}

TEST_F(StorageCommandsTest, AFileIsPutLeftAloneReplacedAndFetched) {
  const std::string bytes = RandomBytes(3 * kMiB + 7, 1);
  WriteWholeFile(Local("f"), bytes);
  EXPECT_EQ(alice_.Run({"put", Local("f"), folder_}).out, "1 file moved, 3.0 MiB\n");
  EXPECT_EQ(alice_.Run({"put", Local("f"), folder_}).out,
            "0 files moved, 1 already there, 3.0 MiB\n");
  EXPECT_EQ(alice_.Run({"cat", In("f")}).out, bytes);
  EXPECT_EQ(alice_.Run({"get", In("f"), Local("g")}).out, "1 file moved, 3.0 MiB\n");
  EXPECT_EQ(ReadWholeFile(Local("g")), bytes);
  EXPECT_EQ(alice_.Run({"get", In("f"), Local("g")}).out,
            "0 files moved, 1 already there, 3.0 MiB\n");
  const std::string others = RandomBytes(2 * kMiB, 2);
  WriteWholeFile(Local("f"), others);
  EXPECT_THAT(alice_.Run({"put", "-q", Local("f"), folder_}), ExitsWith(kDone));
  EXPECT_EQ(alice_.Run({"cat", In("f")}).out, others);
  EXPECT_THAT(LinesOf(alice_.Run({"ls", folder_})), ElementsAre("f"));
  EXPECT_THAT(alice_.Run({"put", Local("nix"), folder_}), ExitsWith(kNotFound));
  EXPECT_THAT(alice_.Run({"put", Local("f"), In("nix/f")}), ExitsWith(kNotFound));
  EXPECT_THAT(alice_.Run({"get", In("nix"), Local("h")}), ExitsWith(kNotFound));
  EXPECT_THAT(alice_.Run({"get", In("f"), Local("no/such/place")}), ExitsWith(kNotFound));
  EXPECT_THAT(alice_.Run({"cat", folder_}), ExitsWith(kWrong));
  EXPECT_FALSE(fs::exists(Local("h")));
}

// A file with other bytes of the same length and an older time is a different file. `mv`, `cp -p`
// and unpacked archives make such files.
TEST_F(StorageCommandsTest, AFileWithOtherBytesAndAnOldTimeIsPut) {
  for (const size_t size : {size_t{6}, 2 * kMiB}) {
    const std::string first = RandomBytes(size, 3), second = RandomBytes(size, 4);
    WriteWholeFile(Local("f"), first);
    EXPECT_THAT(alice_.Run({"put", Local("f"), In("f")}), ExitsWith(kDone));
    WriteWholeFile(Local("old"), second);
    fs::last_write_time(Local("old"), fs::last_write_time(Local("f")) - std::chrono::hours(24));
    fs::rename(Local("old"), Local("f"));
    EXPECT_EQ(alice_.Run({"put", Local("f"), In("f")}).out.substr(0, 12), "1 file moved");
    EXPECT_EQ(alice_.Run({"cat", In("f")}).out, second);
  }
}

TEST_F(StorageCommandsTest, FoldersGoThereAndBackWhateverIsInThem) {
  const fs::path tree = Local("tree dir");
  fs::create_directories(tree / "empty");
  fs::create_directories(tree / "größe ~ 'x' \"y\"/deep");
  const std::vector<std::string> names = {
      "plain", "with space", "-dash", "ünïcödé \xe2\x82\xac", "~tilde~~", "empty\"file", "a;b|c"};
  for (const std::string& name : names) {
    WriteWholeFile(tree / name, RandomBytes(name.size() * 100, 5));
    WriteWholeFile(tree / "größe ~ 'x' \"y\"/deep" / name, name);
  }
  WriteWholeFile(tree / "none", "");
  WriteWholeFile(tree / "large", RandomBytes(2 * kMiB + 1, 6));
  const Outcome put = alice_.Run({"put", tree.string(), folder_});
  EXPECT_THAT(put, ExitsWith(kDone));
  EXPECT_THAT(put.out, HasSubstr("16 files moved"));
  EXPECT_THAT(put.err, IsEmpty());  // Without a terminal there is no progress bar.
  EXPECT_THAT(LinesOf(alice_.Run({"ls", folder_})), ElementsAre("tree dir/"));
  EXPECT_THAT(alice_.Run({"put", tree.string(), folder_}).out,
              HasSubstr("0 files moved, 16 already there"));
  const fs::path back = Local("back");
  EXPECT_THAT(alice_.Run({"get", In("tree dir"), back.string()}), ExitsWith(kDone));
  ExpectSame(tree, back / "tree dir");
  // Repeating the command has the same result, although the target exists now.
  EXPECT_THAT(alice_.Run({"get", In("tree dir"), back.string()}).out,
              HasSubstr("0 files moved, 16 already there"));
  // Only the folder's content, without its name.
  EXPECT_THAT(alice_.Run({"put", tree.string() + "/", In("content")}), ExitsWith(kDone));
  EXPECT_THAT(alice_.Run({"put", tree.string() + "/", In("content/")}).out,
              HasSubstr("0 files moved, 16 already there"));
  EXPECT_THAT(alice_.Run({"get", In("content/"), Local("content")}), ExitsWith(kDone));
  ExpectSame(tree, Local("content"));
  // Into a folder that does not exist yet.
  EXPECT_THAT(alice_.Run({"put", tree.string(), In("new")}), ExitsWith(kDone));
  EXPECT_THAT(LinesOf(alice_.Run({"ls", In("new")})), ElementsAre("tree dir/"));
}

TEST_F(StorageCommandsTest, WhatCannotBeStoredIsNamedAndTheRestIs) {
  const fs::path tree = Local("tree");
  fs::create_directories(tree);
  WriteWholeFile(tree / "good", "1");
  WriteWholeFile(tree / "with\ttab", "2");
  fs::create_symlink("good", tree / "link");
  const Outcome put = alice_.Run({"put", tree.string() + "/", In("t")});
  EXPECT_THAT(put, FailsWith(kWrong, "link"));
  EXPECT_THAT(put.err, HasSubstr("tab"));
  EXPECT_THAT(put.err, Not(HasSubstr("\t")));
  EXPECT_THAT(LinesOf(alice_.Run({"ls", In("t")})), ElementsAre("good"));
  EXPECT_THAT(alice_.Run({"mkdir", In("with\ttab")}), ExitsWith(kWrong));
  EXPECT_THAT(alice_.Run({"mkdir", In("\xff\xfe")}), ExitsWith(kWrong));
}

TEST_F(StorageCommandsTest, OnATerminalThereIsABar) {
  WriteWholeFile(Local("f"), RandomBytes(4 * kMiB, 7));
  auto program = client::TerminalProgram::Start(alice_.CommandOf({"put", Local("f"), folder_}));
  ASSERT_OK(program);
  EXPECT_THAT((*program)->AwaitShown("100%"), Holds(HasSubstr("[###")));
  EXPECT_THAT((*program)->AwaitShown("1 file moved, 4.0 MiB"), Holds(HasSubstr("of 4.0 MiB")));
  EXPECT_THAT((*program)->AwaitExit(), Holds(kDone));
  const Outcome put = alice_.Run({"put", Local("f"), In("g")});
  EXPECT_THAT(put.err, IsEmpty());
}

TEST_F(StorageCommandsTest, MailWaitsIsReadAndDeleted) {
  EXPECT_EQ(bob_.Run({"mail", "list"}).out, "no messages wait\n");
  EXPECT_THAT(alice_.Run({"mail", "send", "bob"}, "hello\nbob"), ExitsWith(kDone));
  const std::string bytes = RandomBytes(kMiB + 9, 8);
  WriteWholeFile(Local("f"), bytes);
  EXPECT_THAT(alice_.Run({"mail", "send", "bob", "alice", "-f", Local("f")}), ExitsWith(kDone));
  EXPECT_THAT(alice_.Run({"mail", "send", "nobody"}, "x"), ExitsWith(kNotFound));
  EXPECT_THAT(alice_.Run({"mail", "send", "no body"}, "x"), ExitsWith(kWrong));
  EXPECT_THAT(alice_.Run({"mail", "send", "bob", "-f", Local("nix")}), ExitsWith(kNotFound));
  const auto lines = LinesOf(bob_.Run({"mail", "list"}));
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_THAT(lines[1], HasSubstr("alice"));
  EXPECT_THAT(lines[1], HasSubstr("9 B"));
  const std::string first(lines[1].substr(0, lines[1].find(' ')));
  const std::string second(lines[2].substr(0, lines[2].find(' ')));
  EXPECT_EQ(bob_.Run({"mail", "read", first}).out, "hello\nbob");
  EXPECT_THAT(bob_.Run({"mail", "read", second, "-o", Local("got")}), ExitsWith(kDone));
  EXPECT_EQ(ReadWholeFile(Local("got")), bytes);
  EXPECT_THAT(alice_.Run({"mail", "read", first}), ExitsWith(kNotFound));
  EXPECT_THAT(bob_.Run({"mail", "delete", first, second}), ExitsWith(kDone));
  EXPECT_THAT(bob_.Run({"mail", "delete", first}), ExitsWith(kNotFound));
  EXPECT_EQ(bob_.Run({"mail", "list"}).out, "no messages wait\n");
  EXPECT_EQ(alice_.Run({"mail", "read", second}).out, bytes);  // Each recipient has a copy.
  EXPECT_THAT(alice_.Run({"mail"}), ExitsWith(kWrong));
}

TEST_F(StorageCommandsTest, MetadataIsSetShownAndTakenBack) {
  EXPECT_THAT(alice_.Run({"meta", "set", "colour", "light blue"}), ExitsWith(kDone));
  EXPECT_THAT(alice_.Run({"meta", "set", "größe", "1,80"}), ExitsWith(kDone));
  EXPECT_EQ(bob_.Run({"meta", "get", "colour", "alice"}).out, "light blue\n");
  EXPECT_EQ(alice_.Run({"meta", "get", "größe"}).out, "1,80\n");
  EXPECT_THAT(bob_.Run({"meta", "get", "colour"}), ExitsWith(kNotFound));
  EXPECT_THAT(LinesOf(bob_.Run({"meta", "list", "alice"})),
              ElementsAre("KEY     SIZE", "colour  10 B", "größe    4 B"));
  EXPECT_THAT(alice_.Run({"meta", "set", "a\tb", "x"}), ExitsWith(kWrong));
  EXPECT_THAT(alice_.Run({"meta", "set", "k", std::string(100'000, 'x')}), ExitsWith(kWrong));
  EXPECT_THAT(alice_.Run({"meta", "delete", "colour"}), ExitsWith(kDone));
  EXPECT_THAT(alice_.Run({"meta", "delete", "colour"}), ExitsWith(kNotFound));
}

}  // namespace
}  // namespace convergia::testing
