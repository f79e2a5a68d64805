// Transfers of files and folders. Long because all tests share a server in memory and its faults.
#include "client/files/transfer.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/files/storage.h"
#include "client/files/tree_transfer.h"
#include "client/testing/fake_storage.h"
#include "common/base/fail.h"
#include "common/base/random.h"
#include "common/base/testing/status_testing.h"

namespace convergia::client {
namespace {

namespace fs = std::filesystem;

class Counts final : public TransferObserver {
 public:
  void OnExpected(uint64_t bytes) override { expected += bytes; }
  void OnBytes(uint64_t bytes) override { done += bytes; }
  void OnThere(uint64_t bytes) override {
    done += bytes;
    there += bytes;
  }
  void OnFile(absl::string_view name, bool moved) override { ++(moved ? files_moved : files_left); }
  void OnTrouble(absl::string_view name, const absl::Status& why) override {
    troubles.push_back(std::string(name));
  }

  uint64_t expected = 0;
  uint64_t done = 0;
  uint64_t there = 0;  // Of done.
  int files_moved = 0;
  int files_left = 0;
  std::vector<std::string> troubles;
};

class TransferTest : public testing::Test {
 protected:
  TransferTest() {
    dir_ = fs::path(testing::TempDir()) /
           testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::remove_all(dir_);
    fs::create_directories(dir_);
    server_.nodes()["/f"].is_folder = true;
    server_.set_now(clock_.Now());
  }

  Transfer MakeTransfer(const std::string& cluster = "") {
    TransferOptions options;
    options.cluster = cluster;
    options.patience = absl::Seconds(30);
    options.pause = [this](absl::Duration pause) { paused_ += pause; };
    options.clock = &clock_;
    counts_ = Counts();
    return Transfer(&server_, options, &counts_);
  }

  // Older than every time that the server sets.
  fs::path WriteLocal(const std::string& name, const std::string& bytes) {
    const fs::path path = dir_ / name;
    fs::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << bytes;
    return path;
  }
  static std::string ReadLocal(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  std::string In(const std::string& name) const { return (dir_ / name).string(); }
  std::string Stored(const std::string& path) { return server_.nodes().at(path).bytes; }
  int CountParts() {
    return std::count_if(server_.nodes().begin(), server_.nodes().end(),
                         [](const auto& node) { return node.second.is_part; });
  }
  // Parts on this machine are hidden files.
  int CountLocalParts() {
    return std::count_if(
        fs::directory_iterator(dir_), fs::directory_iterator(),
        [](const auto& at) { return at.path().filename().string().front() == '.'; });
  }

  FakeStorage server_;
  // Later than every time that this machine sets during the test.
  FakeClock clock_{RealClock::Get().Now() + absl::Hours(1)};
  Counts counts_;
  fs::path dir_;
  absl::Duration paused_;
};

std::string RandomBytes(size_t bytes) { return SecureRandomBytes(bytes); }

TEST_F(TransferTest, FilesOfAllSizesComeBackAsTheyWere) {
  for (const size_t bytes :
       {size_t{0}, size_t{1}, size_t{kPieceBytesMax - 1}, size_t{kPieceBytesMax},
        size_t{kPieceBytesMax + 1}, size_t{9 * kPieceBytesMax + 77}}) {
    SCOPED_TRACE(bytes);
    const std::string content = RandomBytes(bytes);
    const fs::path from = WriteLocal("from", content);
    const std::string remote = absl::StrCat("/f/", bytes);
    Transfer transfer = MakeTransfer();
    ASSERT_OK(transfer.Put(from, remote));
    EXPECT_EQ(Stored(remote), content);
    EXPECT_EQ(counts_.done, bytes);

    const fs::path to = dir_ / absl::StrCat("to", bytes);
    ASSERT_OK(transfer.Get(remote, to.string()));
    EXPECT_EQ(ReadLocal(to), content);
  }
  EXPECT_EQ(CountParts(), 0);
  EXPECT_EQ(CountLocalParts(), 0);
}

TEST_F(TransferTest, WhatIsThereIsLeftAlone) {
  const fs::path from = WriteLocal("from", "content");
  Transfer transfer = MakeTransfer();
  ASSERT_OK(transfer.Put(from, "/f/a"));
  ASSERT_OK(transfer.Put(from, "/f/a"));
  EXPECT_EQ(counts_.files_moved, 1);
  EXPECT_EQ(counts_.files_left, 1);
  ASSERT_OK(transfer.Get("/f/a", (dir_ / "to").string()));
  ASSERT_OK(transfer.Get("/f/a", (dir_ / "to").string()));
  EXPECT_EQ(server_.Count("WRITEFILE"), 1);
  EXPECT_EQ(server_.Count("READFILE"), 1);
}

TEST_F(TransferTest, AnotherContentReplacesTheFile) {
  Transfer transfer = MakeTransfer();
  ASSERT_OK(transfer.Put(WriteLocal("a", "a longer content"), "/f/a"));
  ASSERT_OK(transfer.Put(WriteLocal("b", "short"), "/f/a"));
  EXPECT_EQ(Stored("/f/a"), "short");
  ASSERT_OK(transfer.Get("/f/a", (dir_ / "a").string()));
  EXPECT_EQ(ReadLocal(dir_ / "a"), "short");
}

TEST_F(TransferTest, AnotherContentOfTheSameSizeIsPutWhateverItsTime) {
  Transfer transfer = MakeTransfer();
  ASSERT_OK(transfer.Put(WriteLocal("a", "before"), "/f/a"));
  // As after mv: the same name with an older time.
  clock_.Advance(-absl::Hours(1));  // The stored file is older than the next local one.
  server_.set_now(clock_.Now());
  server_.nodes()["/f/a"].modified = clock_.Now();
  const fs::path other = WriteLocal("other", "after!");
  fs::last_write_time(other, fs::last_write_time(other) - std::chrono::hours(48));
  fs::rename(other, dir_ / "a");
  ASSERT_OK(transfer.Put(dir_ / "a", "/f/a"));
  EXPECT_EQ(Stored("/f/a"), "after!");
}

TEST_F(TransferTest, AServerWhoseClockIsAheadIsNotBelieved) {
  clock_.Advance(-absl::Hours(1));
  server_.set_now(clock_.Now() + absl::Hours(3));
  Transfer transfer = MakeTransfer();
  ASSERT_OK(transfer.Put(WriteLocal("a", "before"), "/f/a"));
  ASSERT_OK(transfer.Put(WriteLocal("a", "after!"), "/f/a"));
  EXPECT_EQ(Stored("/f/a"), "after!");
  WriteLocal("tree/a", "before");
  ASSERT_OK(TreeTransfer(&transfer).Put(dir_ / "tree", "/f/tree"));
  WriteLocal("tree/a", "after!");
  ASSERT_OK(TreeTransfer(&transfer).Put(dir_ / "tree", "/f/tree"));
  EXPECT_EQ(Stored("/f/tree/a"), "after!");
  EXPECT_EQ(CountParts(), 0);
  EXPECT_EQ(CountLocalParts(), 0);
}

TEST_F(TransferTest, ASmallFileThatChangesWhileItIsStoredIsNotLeftAsItWas) {
  WriteLocal("tree/a", "before");
  server_.set_trouble([this](const std::string& word) {
    if (word == "WRITEFILE" && server_.Count(word) == 1) WriteLocal("tree/a", "after!");
    return absl::OkStatus();
  });
  Transfer transfer = MakeTransfer();
  ASSERT_OK(TreeTransfer(&transfer).Put(dir_ / "tree", "/f/tree"));
  ASSERT_OK(TreeTransfer(&transfer).Put(dir_ / "tree", "/f/tree"));
  EXPECT_EQ(Stored("/f/tree/a"), "after!");
  server_.set_trouble([this](const std::string& word) {
    if (word == "WRITEFILE") WriteLocal("b", absl::StrCat(server_.Count(word)));
    return absl::OkStatus();
  });
  const absl::Status growing = transfer.Put(WriteLocal("b", "x"), "/f/b");
  EXPECT_EQ(FailCodeOf(growing), FailCode::kBusy);
  EXPECT_TRUE(absl::StrContains(
      growing.message(), absl::StrCat("put it again, or `convergia put - PATH <", In("b"), "`")))
      << growing;
  EXPECT_FALSE(server_.nodes().contains("/f/b"));
  EXPECT_EQ(CountParts(), 0);
}

TEST_F(TransferTest, SamenessIsDecidedByContentWhateverTheTimes) {
  Transfer transfer = MakeTransfer();
  const fs::path old_file = WriteLocal("old", "enabled=0");
  ASSERT_OK(transfer.Put(WriteLocal("new", "enabled=1"), "/f/flag"));
  ASSERT_OK(transfer.Put(old_file, "/f/flag"));
  EXPECT_EQ(Stored("/f/flag"), "enabled=0");
  // The local file has the same size and time, too.
  ASSERT_OK(transfer.Get("/f/flag", (dir_ / "copy").string()));
  const auto time = fs::last_write_time(dir_ / "copy");
  WriteLocal("copy", "enabled=2");
  fs::last_write_time(dir_ / "copy", time);
  ASSERT_OK(transfer.Get("/f/flag", (dir_ / "copy").string()));
  EXPECT_EQ(ReadLocal(dir_ / "copy"), "enabled=0");
}

TEST_F(TransferTest, AFileOfTheFutureIsNotSentEachTime) {
  const fs::path from = WriteLocal("tree/from", "content");
  fs::last_write_time(from, fs::last_write_time(from) + std::chrono::hours(24 * 3650));
  Transfer transfer = MakeTransfer();
  ASSERT_OK(transfer.Put(from, "/f/a"));
  ASSERT_OK(transfer.Put(from, "/f/a"));
  EXPECT_EQ(counts_.files_left, 1);
  ASSERT_OK(TreeTransfer(&transfer).Put(dir_ / "tree", "/f/tree"));
  ASSERT_OK(TreeTransfer(&transfer).Put(dir_ / "tree", "/f/tree"));
  EXPECT_EQ(counts_.files_left, 2);
}

TEST_F(TransferTest, WithoutAHashTheContentItselfIsCompared) {
  const std::string content = RandomBytes(3 * kPieceBytesMax + 9);
  const fs::path from = WriteLocal("from", content);
  Transfer transfer = MakeTransfer();
  ASSERT_OK(transfer.Put(from, "/f/a"));
  server_.nodes()["/f/a"].hash_known = false;
  ASSERT_OK(transfer.Put(from, "/f/a"));
  EXPECT_EQ(counts_.files_left, 1);
  server_.nodes()["/f/a"].bytes[2 * kPieceBytesMax] ^= 1;
  ASSERT_OK(transfer.Put(from, "/f/a"));
  EXPECT_EQ(counts_.files_moved, 2);
  EXPECT_EQ(Stored("/f/a"), content);
}

TEST_F(TransferTest, WhoLooksWhileAFileIsReplacedSeesTheOldOrTheNew) {
  for (const size_t bytes : {size_t{5}, size_t{3 * kPieceBytesMax}}) {
    const std::string before(bytes, 'b'), after(bytes, 'a');
    Transfer transfer = MakeTransfer();
    ASSERT_OK(transfer.Put(WriteLocal("from", before), "/f/a"));
    server_.set_trouble([&](const std::string& word) {
      EXPECT_TRUE(Stored("/f/a") == before || Stored("/f/a") == after) << word;
      return absl::OkStatus();
    });
    ASSERT_OK(transfer.Put(WriteLocal("from", after), "/f/a"));
    server_.set_trouble(nullptr);
    EXPECT_EQ(Stored("/f/a"), after);
  }
}

TEST_F(TransferTest, APutRemovesPartsOfWhatTheFileWas) {
  server_.set_trouble([this](const std::string& word) {
    return server_.Count("WRITEFILE") > 6 ? Fail(FailCode::kStorageDown, "away") : absl::OkStatus();
  });
  Transfer first = MakeTransfer();
  EXPECT_FALSE(first.Put(WriteLocal("from", RandomBytes(10 * kPieceBytesMax)), "/f/a").ok());
  EXPECT_EQ(CountParts(), 1);
  server_.set_trouble(nullptr);
  Transfer second = MakeTransfer();
  ASSERT_OK(second.Put(WriteLocal("other", RandomBytes(2 * kPieceBytesMax)), "/f/other"));
  EXPECT_EQ(CountParts(), 1);  // A part of another file.
  ASSERT_OK(second.Put(WriteLocal("from", "short"), "/f/a"));
  EXPECT_EQ(CountParts(), 0);
  EXPECT_EQ(Stored("/f/a"), "short");
}

// Two programs at once, here one within a request of the other.
TEST_F(TransferTest, TwoPutsOfOneFileNeverShareAPart) {
  const std::string content = RandomBytes(8 * kPieceBytesMax);
  const fs::path from = WriteLocal("from", content);
  bool is_inside = false;
  server_.set_trouble([&](const std::string& word) {
    if (word != "WRITEFILE" || server_.Count(word) != 3 || is_inside) return absl::OkStatus();
    is_inside = true;
    EXPECT_EQ(CountParts(), 1);
    Counts counts;
    Transfer other(&server_, {.clock = &clock_}, &counts);
    EXPECT_OK(other.Put(from, "/f/a"));
    EXPECT_EQ(Stored("/f/a"), content);
    return absl::OkStatus();
  });
  Transfer transfer = MakeTransfer();
  ASSERT_OK(transfer.Put(from, "/f/a"));
  EXPECT_TRUE(is_inside);
  EXPECT_EQ(Stored("/f/a"), content);
  EXPECT_EQ(CountParts(), 0);
}

TEST_F(TransferTest, TwoGetsOfOneFileNeverShareAPart) {
  const std::string content = RandomBytes(8 * kPieceBytesMax);
  server_.nodes()["/f/a"] = {.bytes = content, .modified = absl::FromUnixSeconds(1'900'000'000)};
  const std::string to = (dir_ / "to").string();
  bool is_inside = false;
  server_.set_trouble([&](const std::string& word) {
    if (word != "READFILE" || server_.Count(word) != 6 || is_inside) return absl::OkStatus();
    is_inside = true;
    Counts counts;
    Transfer other(&server_, {.clock = &clock_}, &counts);
    EXPECT_OK(other.Get("/f/a", to));
    EXPECT_EQ(counts.done, content.size());
    EXPECT_EQ(ReadLocal(to), content);
    return absl::OkStatus();
  });
  Transfer transfer = MakeTransfer();
  ASSERT_OK(transfer.Get("/f/a", to));
  EXPECT_TRUE(is_inside);
  EXPECT_EQ(ReadLocal(to), content);
  EXPECT_EQ(CountLocalParts(), 0);
}

TEST_F(TransferTest, FilesAreReadToTheirEndWhateverSizeTheSystemTells) {
  Transfer transfer = MakeTransfer();
  ASSERT_OK(transfer.Put("/proc/version", "/f/version"));
  EXPECT_EQ(Stored("/f/version"), ReadLocal("/proc/version"));
  EXPECT_NE(Stored("/f/version"), "");
  EXPECT_EQ(counts_.done, Stored("/f/version").size());
  ASSERT_OK(transfer.Put("/proc/version", "/f/version"));
  EXPECT_EQ(counts_.files_left, 1);
  EXPECT_EQ(counts_.done, 2 * Stored("/f/version").size());
  EXPECT_EQ(counts_.expected, counts_.done);
}

TEST_F(TransferTest, NoRoomEndsAFolderAtOnceAndNamesTheFile) {
  for (int i = 0; i < 100; ++i) WriteLocal(absl::StrCat("tree/", i), absl::StrCat("content ", i));
  server_.set_trouble([this](const std::string& word) {
    return word == "WRITEFILE" && server_.Count(word) > 40 ? Fail(FailCode::kNoSpace, "no room")
                                                           : absl::OkStatus();
  });
  Transfer transfer = MakeTransfer();
  const absl::Status put = TreeTransfer(&transfer).Put(dir_ / "tree", "/f/tree");
  EXPECT_EQ(FailCodeOf(put), FailCode::kNoSpace);
  EXPECT_TRUE(absl::StrContains(put.message(), "/tree/")) << put;
  EXPECT_TRUE(counts_.troubles.empty());
}

TEST_F(TransferTest, WhatComesFromAPipeIsStoredWhole) {
  const std::string content = RandomBytes(2 * kPieceBytesMax + 5);
  const fs::path from = WriteLocal("from", content);
  server_.set_trouble([this](const std::string& word) {
    return word == "WRITEFILE" && server_.Count(word) == 2 ? Fail(FailCode::kUnconfirmed, "lost")
                                                           : absl::OkStatus();
  });
  const Descriptor fd(open(from.c_str(), O_RDONLY | O_CLOEXEC));
  Transfer transfer = MakeTransfer();
  ASSERT_OK(transfer.PutStream(fd.get(), "/f/a"));
  EXPECT_EQ(Stored("/f/a"), content);
  EXPECT_EQ(CountParts(), 0);
}

TEST_F(TransferTest, ThePartOfABrokenOffStreamIsRemovedByTheNextPut) {
  const fs::path from = WriteLocal("from", RandomBytes(5 * kPieceBytesMax));
  for (const bool is_stream : {true, false}) {
    const int written = server_.Count("WRITEFILE");
    server_.set_trouble([this, written](const std::string& word) {
      return server_.Count("WRITEFILE") > written + 2 ? Fail(FailCode::kUnavailable, "away")
                                                      : absl::OkStatus();
    });
    const Descriptor fd(open(from.c_str(), O_RDONLY | O_CLOEXEC));
    Transfer first = MakeTransfer();
    EXPECT_FALSE(first.PutStream(fd.get(), "/f/a").ok());
    EXPECT_EQ(CountParts(), 1);
    server_.set_trouble(nullptr);
    const Descriptor again(open(from.c_str(), O_RDONLY | O_CLOEXEC));
    Transfer second = MakeTransfer();
    ASSERT_OK(second.PutStream(again.get(), "/f/other"));
    EXPECT_EQ(CountParts(), 1);  // It is of another path.
    const Descriptor last(open(from.c_str(), O_RDONLY | O_CLOEXEC));
    ASSERT_OK(is_stream ? second.PutStream(last.get(), "/f/a") : second.Put(from, "/f/a"));
    EXPECT_EQ(CountParts(), 0);
    EXPECT_EQ(Stored("/f/a"), ReadLocal(from));
    server_.nodes().erase("/f/a");
  }
}

TEST_F(TransferTest, APartThatAStreamIsWritingIsNotRemoved) {
  const fs::path from = WriteLocal("from", RandomBytes(5 * kPieceBytesMax));
  const fs::path other_from = WriteLocal("other", "short");
  bool is_inside = false;
  server_.set_trouble([&](const std::string& word) {
    if (word != "WRITEFILE" || server_.Count(word) != 3 || is_inside) return absl::OkStatus();
    is_inside = true;
    Counts counts;
    Transfer other(&server_, {.clock = &clock_}, &counts);
    const Descriptor fd(open(other_from.c_str(), O_RDONLY | O_CLOEXEC));
    EXPECT_OK(other.PutStream(fd.get(), "/f/a"));
    EXPECT_OK(other.Put(other_from, "/f/a"));
    EXPECT_EQ(Stored("/f/a"), "short");
    EXPECT_EQ(CountParts(), 1);
    return absl::OkStatus();
  });
  const Descriptor fd(open(from.c_str(), O_RDONLY | O_CLOEXEC));
  Transfer transfer = MakeTransfer();
  ASSERT_OK(transfer.PutStream(fd.get(), "/f/a"));
  EXPECT_TRUE(is_inside);
  EXPECT_EQ(Stored("/f/a"), ReadLocal(from));
  EXPECT_EQ(CountParts(), 0);
}

TEST_F(TransferTest, InputThatCannotBeReadIsAnErrorAndStoresNothing) {
  const fs::path from = WriteLocal("from", "bytes");
  const Descriptor fd(open(from.c_str(), O_WRONLY | O_CLOEXEC));
  Transfer transfer = MakeTransfer();
  const absl::Status status = transfer.PutStream(fd.get(), "/f/a");
  EXPECT_TRUE(absl::StrContains(status.message(), "Bad file descriptor")) << status;
  EXPECT_FALSE(server_.nodes().contains("/f/a"));
  EXPECT_EQ(CountParts(), 0);
}

TEST_F(TransferTest, ANameThatLeadsElsewhereIsRefused) {
  for (const char* name : {"..", ".", "a/../../b"}) {
    server_.set_listing(absl::StrCat(name, "\tfile\t1\t0"));
    EXPECT_EQ(FailCodeOf(Storage(&server_).ListPage("/f", "", 10).status()), FailCode::kInternal);
  }
}

// The server goes away after some requests. A second Put, as after a restart of the client, sends
// only the missing bytes.
TEST_F(TransferTest, PutGoesOnWhereItWasBrokenOff) {
  const std::string content = RandomBytes(10 * kPieceBytesMax);
  const fs::path from = WriteLocal("from", content);
  server_.set_trouble([this](const std::string& word) {
    return server_.Count("WRITEFILE") > 6 ? Fail(FailCode::kStorageDown, "away") : absl::OkStatus();
  });
  Transfer first = MakeTransfer();
  EXPECT_EQ(FailCodeOf(first.Put(from, "/f/a")), FailCode::kStorageDown);
  EXPECT_GE(paused_, absl::Seconds(30));
  EXPECT_FALSE(server_.nodes().contains("/f/a"));

  server_.set_trouble(nullptr);
  const int before = server_.Count("WRITEFILE");
  Transfer second = MakeTransfer();
  ASSERT_OK(second.Put(from, "/f/a"));
  EXPECT_EQ(server_.Count("WRITEFILE") - before, 4);
  EXPECT_EQ(Stored("/f/a"), content);
  EXPECT_EQ(counts_.done, content.size());
  EXPECT_EQ(counts_.there, 6 * kPieceBytesMax);
}

TEST_F(TransferTest, GetGoesOnWhereItWasBrokenOff) {
  const std::string content = RandomBytes(10 * kPieceBytesMax);
  server_.nodes()["/f/a"] = {.bytes = content, .modified = absl::FromUnixSeconds(1'900'000'000)};
  server_.set_trouble([this](const std::string& word) {
    return server_.Count("READFILE") > 6 ? Fail(FailCode::kUnavailable, "away") : absl::OkStatus();
  });
  Transfer first = MakeTransfer();
  EXPECT_EQ(FailCodeOf(first.Get("/f/a", (dir_ / "to").string())), FailCode::kUnavailable);
  EXPECT_FALSE(fs::exists(dir_ / "to"));

  server_.set_trouble(nullptr);
  const int before = server_.Count("READFILE");
  Transfer second = MakeTransfer();
  ASSERT_OK(second.Get("/f/a", (dir_ / "to").string()));
  EXPECT_LE(server_.Count("READFILE") - before, 6);
  EXPECT_EQ(ReadLocal(dir_ / "to"), content);
  EXPECT_EQ(counts_.done, content.size());
  EXPECT_GE(counts_.there, 4 * kPieceBytesMax);
  EXPECT_LT(counts_.there, counts_.done);
}

// As after a cluster was built again: numbers of files and versions begin at 1 again.
TEST_F(TransferTest, BytesOfAnotherClusterAreNotGoneOnWith) {
  const std::string before(10 * kPieceBytesMax, 'b'), after(10 * kPieceBytesMax, 'a');
  FakeStorage::Node node = {.bytes = before, .modified = absl::FromUnixSeconds(1'900'000'000)};
  node.id = node.version = 1;
  node.hash_known = false;
  server_.nodes()["/f/a"] = node;
  server_.set_trouble([this](const std::string& word) {
    return server_.Count("READFILE") > 6 ? Fail(FailCode::kUnavailable, "away") : absl::OkStatus();
  });
  Transfer first = MakeTransfer("one");
  EXPECT_FALSE(first.Get("/f/a", In("to")).ok());
  EXPECT_EQ(CountLocalParts(), 1);
  server_.set_trouble(nullptr);
  node.bytes = after;
  server_.nodes()["/f/a"] = node;
  Transfer second = MakeTransfer("another");
  ASSERT_OK(second.Get("/f/a", In("to")));
  EXPECT_TRUE(ReadLocal(dir_ / "to") == after);
  EXPECT_EQ(CountLocalParts(), 0);
}

TEST_F(TransferTest, ShortTroubleIsWaitedFor) {
  Rng rng(1);
  server_.set_trouble([&rng](const std::string& word) {
    return rng() % 4 == 0 ? Fail(FailCode::kUnconfirmed, "the connection broke") : absl::OkStatus();
  });
  const std::string content = RandomBytes(7 * kPieceBytesMax);
  Transfer transfer = MakeTransfer();
  ASSERT_OK(transfer.Put(WriteLocal("from", content), "/f/a"));
  EXPECT_EQ(Stored("/f/a"), content);
}

TEST_F(TransferTest, AFileThatChangesMeanwhileIsBegunAgain) {
  const std::string before(6 * kPieceBytesMax, 'b'), after(6 * kPieceBytesMax, 'a');
  server_.nodes()["/f/a"] = {.bytes = before, .modified = absl::FromUnixSeconds(1'900'000'000)};
  server_.set_trouble([&](const std::string& word) {
    if (word == "READFILE" && server_.Count(word) == 5) {
      server_.nodes()["/f/a"] = {.bytes = after, .modified = absl::FromUnixSeconds(1'900'000'000)};
    }
    return absl::OkStatus();
  });
  Transfer transfer = MakeTransfer();
  ASSERT_OK(transfer.Get("/f/a", (dir_ / "to").string()));
  EXPECT_TRUE(ReadLocal(dir_ / "to") == after);
  // Bytes that went to a stream cannot be taken back.
  server_.nodes()["/f/a"] = {.bytes = before};
  const int read = server_.Count("READFILE");
  server_.set_trouble([&, read](const std::string& word) {
    if (word == "READFILE" && server_.Count(word) == read + 6) {
      server_.nodes()["/f/a"] = {.bytes = after};
    }
    return absl::OkStatus();
  });
  EXPECT_EQ(FailCodeOf(transfer.Get("/f/a", "/dev/null")), FailCode::kBusy);
  server_.set_trouble([&](const std::string& word) {
    if (word == "READFILE") server_.nodes()["/f/a"].version = 0;
    return absl::OkStatus();
  });
  EXPECT_EQ(FailCodeOf(transfer.Get("/f/a", (dir_ / "never").string())), FailCode::kBusy);
  EXPECT_FALSE(fs::exists(dir_ / "never"));
}

TEST_F(TransferTest, WhatIsNoFileIsSaidSo) {
  Transfer transfer = MakeTransfer();
  EXPECT_EQ(FailCodeOf(transfer.Put(dir_ / "nothing", "/f/a")), FailCode::kNotFound);
  EXPECT_EQ(FailCodeOf(transfer.Put(dir_, "/f/a")), FailCode::kNotAFile);
  const absl::Status device = transfer.Put("/dev/zero", "/f/a");
  EXPECT_EQ(device.message(), "/dev/zero is a device, not a file");
  EXPECT_EQ(FailCodeOf(transfer.Get("/f/nothing", (dir_ / "to").string())), FailCode::kNotFound);
  EXPECT_EQ(FailCodeOf(transfer.Get("/f", (dir_ / "to").string())), FailCode::kNotAFile);
  const fs::path from = WriteLocal("from", "x");
  EXPECT_EQ(FailCodeOf(transfer.Put(from, "/f")), FailCode::kNotAFile);
}

TEST_F(TransferTest, FoldersComeBackAsTheyWere) {
  std::vector<std::string> names = {"tree/empty", "tree/big", "tree/a/b/c/deep"};
  for (int i = 0; i < 300; ++i) names.push_back(absl::StrCat("tree/many/", i));
  WriteLocal(names[0], "");
  WriteLocal(names[1], RandomBytes(2 * kPieceBytesMax + 5));
  for (size_t i = 2; i < names.size(); ++i) WriteLocal(names[i], RandomBytes(1 + i));
  Transfer transfer = MakeTransfer();
  ASSERT_OK(TreeTransfer(&transfer).Put(dir_ / "tree", "/f/tree"));
  EXPECT_EQ(counts_.files_moved, static_cast<int>(names.size()));
  ASSERT_OK(TreeTransfer(&transfer).Get("/f/tree", (dir_ / "back/tree").string()));
  for (const std::string& name : names) {
    EXPECT_EQ(ReadLocal(dir_ / name), ReadLocal(dir_ / "back" / name)) << name;
  }
  counts_ = Counts();
  ASSERT_OK(TreeTransfer(&transfer).Put(dir_ / "tree", "/f/tree"));
  ASSERT_OK(TreeTransfer(&transfer).Get("/f/tree", (dir_ / "back/tree").string()));
  EXPECT_EQ(counts_.files_moved, 0);
}

TEST_F(TransferTest, OneBadFileDoesNotEndTheFolder) {
  WriteLocal("tree/a", "a");
  WriteLocal("tree/b", "b");
  fs::create_symlink("a", dir_ / "tree/link");
  ASSERT_EQ(mkfifo((dir_ / "tree/pipe").c_str(), 0600), 0);
  Transfer transfer = MakeTransfer();
  TreeTransfer tree(&transfer);
  const absl::Status put = tree.Put(dir_ / "tree", "/f/tree");
  EXPECT_EQ(FailCodeOf(put), FailCode::kNotAFile);
  EXPECT_TRUE(absl::StrContains(put.message(), "tree/link: is a symbolic link")) << put;
  EXPECT_EQ(counts_.troubles.size(), 2u);
  EXPECT_EQ(tree.failed(), 2u);
  EXPECT_EQ(Stored("/f/tree/a"), "a");
  EXPECT_EQ(Stored("/f/tree/b"), "b");
}

TEST_F(TransferTest, FoldersThatMeetOverwriteNoFileOfEachOther) {
  for (const char* const tree : {"one/", "two/"}) {
    WriteLocal(absl::StrCat(tree, "small"), absl::StrCat("small of ", tree));
    WriteLocal(absl::StrCat(tree, "large"), std::string(2 * kPieceBytesMax, tree[0]));
    WriteLocal(absl::StrCat(tree, "in/deep"), absl::StrCat("deep of ", tree));
    WriteLocal(absl::StrCat(tree, "only ", absl::string_view(tree, 3)), tree);
  }
  Transfer transfer = MakeTransfer();
  CreatedNames put, got;
  ASSERT_OK(TreeTransfer(&transfer, {.created = &put}).Put(dir_ / "one", "/f/e"));
  TreeTransfer second(&transfer, {.created = &put});
  const absl::Status status = second.Put(dir_ / "two", "/f/e");
  EXPECT_EQ(FailCodeOf(status), FailCode::kBadField);
  EXPECT_TRUE(absl::StrContains(status.message(), "will not overwrite just-created /f/e/"))
      << status;
  EXPECT_EQ(second.failed(), 3u);
  EXPECT_EQ(Stored("/f/e/small"), "small of one/");
  EXPECT_EQ(Stored("/f/e/in/deep"), "deep of one/");
  EXPECT_EQ(Stored("/f/e/large").front(), 'o');
  EXPECT_EQ(Stored("/f/e/only two"), "two/");
  // Without the names, another command overwrites.
  ASSERT_OK(TreeTransfer(&transfer).Put(dir_ / "two", "/f/e2"));
  ASSERT_OK(TreeTransfer(&transfer, {.created = &got}).Get("/f/e", dir_ / "to"));
  fs::create_symlink("to", dir_ / "link");
  TreeTransfer back(&transfer, {.created = &got});
  EXPECT_EQ(FailCodeOf(back.Get("/f/e2", dir_ / "link")), FailCode::kBadField);
  EXPECT_EQ(back.failed(), 4u);  // Of "/f/e2", all that "/f/e" has too.
  EXPECT_EQ(ReadLocal(dir_ / "to/small"), "small of one/");
  EXPECT_EQ(ReadLocal(dir_ / "to/in/deep"), "deep of one/");
  ASSERT_OK(TreeTransfer(&transfer).Get("/f/e2", dir_ / "link"));
  EXPECT_EQ(ReadLocal(dir_ / "to/small"), "small of two/");
}

TEST_F(TransferTest, LinksAreFollowedOnRequestAndLoopsEnd) {
  WriteLocal("far/a", "a of far");
  WriteLocal("tree/in/b", "b");
  WriteLocal("c", "c");
  fs::create_directory_symlink(dir_ / "far", dir_ / "tree/far");
  fs::create_symlink(dir_ / "c", dir_ / "tree/c");
  fs::create_symlink("nothing", dir_ / "tree/dangling");
  fs::create_symlink("self", dir_ / "tree/self");
  fs::create_directory_symlink("..", dir_ / "tree/in/up");
  fs::create_directory_symlink(dir_ / "tree", dir_ / "far/back");
  Transfer transfer = MakeTransfer();
  TreeTransfer tree(&transfer, {.follow_links = true});
  EXPECT_FALSE(tree.Put(dir_ / "tree", "/f/tree").ok());
  EXPECT_EQ(Stored("/f/tree/far/a"), "a of far");
  EXPECT_EQ(Stored("/f/tree/in/b"), "b");
  EXPECT_EQ(Stored("/f/tree/c"), "c");
  std::sort(counts_.troubles.begin(), counts_.troubles.end());
  const std::vector<std::string> left_out = {In("tree/dangling"), In("tree/far/back"),
                                             In("tree/in/up"), In("tree/self")};
  EXPECT_EQ(counts_.troubles, left_out);
  EXPECT_EQ(counts_.files_moved, 3);
}

TEST_F(TransferTest, AClosedWayEndsTheFolderAndTheNextTryGoesOn) {
  for (int i = 0; i < 100; ++i) WriteLocal(absl::StrCat("tree/", i), absl::StrCat("content ", i));
  server_.set_trouble([this](const std::string& word) {
    return server_.Count("WRITEFILE") > 40 ? Fail(FailCode::kStorageDown, "away")
                                           : absl::OkStatus();
  });
  Transfer first = MakeTransfer();
  EXPECT_EQ(FailCodeOf(TreeTransfer(&first).Put(dir_ / "tree", "/f/tree")), FailCode::kStorageDown);
  server_.set_trouble(nullptr);
  Transfer second = MakeTransfer();
  ASSERT_OK(TreeTransfer(&second).Put(dir_ / "tree", "/f/tree"));
  EXPECT_EQ(counts_.files_left, 40);
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(Stored(absl::StrCat("/f/tree/", i)), absl::StrCat("content ", i));
  }
}

}  // namespace
}  // namespace convergia::client
