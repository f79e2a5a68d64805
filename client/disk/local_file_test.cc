#include "client/disk/local_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "absl/strings/match.h"
#include "common/base/fail.h"
#include "common/base/hash/tree_hash.h"
#include "common/base/testing/status_testing.h"

namespace convergia::client {
namespace {

namespace fs = std::filesystem;

class LocalFileTest : public testing::Test {
 protected:
  LocalFileTest() {
    dir_ = fs::path(testing::TempDir()) /
           testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::remove_all(dir_);
    fs::create_directories(dir_);
  }
  std::string In(const std::string& name) const { return (dir_ / name).string(); }
  void WriteTo(const std::string& name, const std::string& bytes) {
    std::ofstream(In(name), std::ios::binary) << bytes;
  }
  std::string ReadFrom(const std::string& name) {
    std::ifstream in(In(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  int CountFiles() {
    return static_cast<int>(std::distance(fs::directory_iterator(dir_), fs::directory_iterator()));
  }
  static std::unique_ptr<LocalOutput> Open(const std::string& path,
                                           absl::string_view content = "") {
    const auto target = LocalTarget::Find(path);
    EXPECT_OK(target);
    auto output = LocalOutput::Open(*target, content);
    EXPECT_OK(output);
    return *std::move(output);
  }
  static absl::Status WriteWhole(const std::string& path, absl::string_view bytes) {
    const auto output = Open(path);
    const absl::Status written = output->Write(bytes);
    return written.ok() ? output->Commit(std::nullopt, false) : written;
  }

  fs::path dir_;
};

TEST_F(LocalFileTest, TheTargetStaysAsItIsUntilAllIsThere) {
  WriteTo("f", "before");
  {
    const auto output = Open(In("f"));
    ASSERT_OK(output->Write("aft"));
    EXPECT_EQ(ReadFrom("f"), "before");
  }
  EXPECT_EQ(ReadFrom("f"), "before");
  EXPECT_EQ(CountFiles(), 1);
  ASSERT_OK(WriteWhole(In("f"), "after"));
  EXPECT_EQ(ReadFrom("f"), "after");
  EXPECT_EQ(CountFiles(), 1);
}

TEST_F(LocalFileTest, ASignalRemovesWhatIsUnfinished) {
  for (const int signal : {SIGINT, SIGTERM}) {
    int ready[2];
    ASSERT_EQ(pipe(ready), 0);
    const pid_t child = fork();
    if (child == 0) {
      const auto output = Open(In("f"));
      if (!output->Write("half").ok() || write(ready[1], "x", 1) != 1) _exit(3);
      while (true) pause();
    }
    char byte = 0;
    ASSERT_EQ(read(ready[0], &byte, 1), 1);
    EXPECT_EQ(CountFiles(), 1);
    ASSERT_EQ(kill(child, signal), 0);
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == signal);
    EXPECT_EQ(CountFiles(), 0);
    close(ready[0]);
    close(ready[1]);
  }
}

TEST_F(LocalFileTest, LinksAreWrittenThrough) {
  fs::create_directories(dir_ / "far");
  WriteTo("far/real", "before");
  fs::create_symlink("far/real", dir_ / "link");
  ASSERT_OK(WriteWhole(In("link"), "after"));
  EXPECT_TRUE(fs::is_symlink(dir_ / "link"));
  EXPECT_EQ(ReadFrom("far/real"), "after");
  fs::create_symlink("nothing", dir_ / "dangling");
  EXPECT_EQ(FailCodeOf(LocalTarget::Find(In("dangling")).status()), FailCode::kNotFound);
}

TEST_F(LocalFileTest, WhatIsNoRegularFileIsNeverReplaced) {
  ASSERT_OK(WriteWhole("/dev/null", "bytes"));
  EXPECT_TRUE(fs::is_character_file("/dev/null"));
  ASSERT_EQ(mkfifo(In("pipe").c_str(), 0600), 0);
  const Descriptor reader(open(In("pipe").c_str(), O_RDWR | O_CLOEXEC));
  ASSERT_OK(WriteWhole(In("pipe"), "bytes"));
  char bytes[5];
  EXPECT_EQ(read(reader.get(), bytes, 5), 5);
  EXPECT_TRUE(fs::is_fifo(dir_ / "pipe"));
  EXPECT_EQ(FailCodeOf(LocalTarget::Find(dir_.string()).status()), FailCode::kNotAFile);
  EXPECT_EQ(FailCodeOf(LocalTarget::Find(In("none/")).status()), FailCode::kNotFound);
  const absl::Status full = WriteWhole("/dev/full", "bytes");
  EXPECT_EQ(full.message(), "cannot write /dev/full: No space left on device");
  EXPECT_EQ(FailCodeOf(full), FailCode::kNoSpace);
}

TEST_F(LocalFileTest, StandardOutputIsAStreamByAllOfItsNames) {
  for (const char* const name : {"-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"}) {
    const auto target = LocalTarget::Find(name);
    ASSERT_OK(target);
    EXPECT_EQ(target->stream, STDOUT_FILENO) << name;
  }
}

TEST_F(LocalFileTest, AFileThatIsReplacedKeepsItsMode) {
  WriteTo("f", "before");
  ASSERT_EQ(chmod(In("f").c_str(), 0640), 0);
  ASSERT_OK(WriteWhole(In("f"), "after"));
  EXPECT_EQ(fs::status(dir_ / "f").permissions(), fs::perms(0640));
}

TEST_F(LocalFileTest, OnlyTheOwnerReadsAPartAndANewFileGetsTheModeOfTheUmask) {
  const auto mode_of_part = [this] {
    return fs::status(fs::directory_iterator(dir_)->path()).permissions();
  };
  const mode_t before = umask(027);
  for (const char* const content : {"", "kept"}) {
    {
      const auto output = Open(In("f"), content);
      ASSERT_OK(output->Write("secret"));
      EXPECT_EQ(mode_of_part(), fs::perms(0600)) << content;
      ASSERT_OK(output->Commit(std::nullopt, false));
    }
    EXPECT_EQ(mode_of_part(), fs::perms(0640)) << content;
    fs::remove(dir_ / "f");
  }
  // A part of an earlier version.
  { ASSERT_OK(Open(In("f"), "kept")->Write("secret")); }
  ASSERT_EQ(chmod(fs::directory_iterator(dir_)->path().c_str(), 0644), 0);
  const auto output = Open(In("f"), "kept");
  EXPECT_EQ(output->bytes(), 6u);
  EXPECT_EQ(mode_of_part(), fs::perms(0600));
  umask(before);
}

TEST_F(LocalFileTest, NewContentDoesNotRunWithTheRightsOfTheOld) {
  WriteTo("f", "before");
  ASSERT_EQ(chmod(In("f").c_str(), 07755), 0);
  ASSERT_OK(WriteWhole(In("f"), "after"));
  EXPECT_EQ(fs::status(dir_ / "f").permissions(), fs::perms(0755));
}

TEST_F(LocalFileTest, WhatIsKeptIsGoneOnWithByOneAtATime) {
  const std::string content = "one", other = "another";
  { ASSERT_OK(Open(In("f"), content)->Write("half")); }
  EXPECT_EQ(Open(In("f"), other)->bytes(), 0u);
  const auto first = Open(In("f"), content);
  EXPECT_EQ(first->bytes(), 4u);
  const auto second = Open(In("f"), content);
  EXPECT_EQ(second->bytes(), 0u) << "two are at one part";
  { ASSERT_OK(Open(In("f"), other)->Write("x")); }
  ASSERT_OK(second->Write("whole"));
  ASSERT_OK(second->Commit(std::nullopt, false));
  EXPECT_EQ(ReadFrom("f"), "whole");
  ASSERT_OK(first->Write("+half"));
  ASSERT_OK(first->Commit(std::nullopt, false));
  EXPECT_EQ(ReadFrom("f"), "half+half");
  EXPECT_EQ(CountFiles(), 1) << "a part of another content is left";
}

TEST_F(LocalFileTest, NoRoomIsSaidWithTheNameOfTheFile) {
  WriteTo("f", "before");
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before = {};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const rlimit little = {.rlim_cur = 10, .rlim_max = before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &little), 0);
  const absl::Status status = WriteWhole(In("f"), std::string(100, 'x'));
  const absl::Status kept = Open(In("f"), "kept")->Write(std::string(100, 'x'));
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
  EXPECT_EQ(FailCodeOf(kept), FailCode::kNoSpace);
  EXPECT_EQ(FailCodeOf(status), FailCode::kNoSpace);
  EXPECT_TRUE(absl::StrContains(status.message(), In("f"))) << status;
  EXPECT_EQ(ReadFrom("f"), "before");
  EXPECT_EQ(CountFiles(), 1) << "a part fills the disk";
}

TEST_F(LocalFileTest, APipeIsRefusedWithTheCommandThatStoresIt) {
  ASSERT_EQ(mkfifo(In("pipe").c_str(), 0600), 0);
  const absl::Status pipe = OpenRegular(In("pipe")).status();
  EXPECT_EQ(FailCodeOf(pipe), FailCode::kNotAFile);
  EXPECT_TRUE(absl::EndsWith(
      pipe.message(), "is a named pipe, not a file; `convergia put - PATH` stores what it gives"))
      << pipe;
}

TEST_F(LocalFileTest, HashesAreTheServers) {
  for (const size_t bytes :
       {size_t{0}, size_t{7}, size_t{kHashLeafBytes}, 3 * kHashLeafBytes + 1}) {
    const std::string content(bytes, 'c');
    WriteTo("f", content);
    const auto fd = OpenRegular(In("f"));
    ASSERT_OK(fd);
    const auto hash = HashOf(fd->get());
    ASSERT_OK(hash);
    EXPECT_EQ(hash->bytes, bytes);
    EXPECT_EQ(hash->hash, HexTreeHash(content));
  }
}

}  // namespace
}  // namespace convergia::client
