#include "client/testing/terminal_program.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

namespace convergia::client {
namespace {

using testing::HasSubstr;

auto Shell(const std::string& script) { return TerminalProgram::Start({"/bin/sh", "-c", script}); }

TEST(TerminalProgramTest, ShowsAndTakesAndEnds) {
  const auto program = Shell("read -r line; echo \"got $line\"; exit 3");
  ASSERT_TRUE(program.ok()) << program.status();
  ASSERT_TRUE((*program)->Type("words\r").ok());
  EXPECT_TRUE((*program)->AwaitShown("got words").ok());
  EXPECT_EQ((*program)->AwaitExit().value_or(-2), 3);
}

TEST(TerminalProgramTest, AProgramThatEndsWithoutAWordIsToldAtOnce) {
  const auto program = Shell("echo other; exit 0");
  ASSERT_TRUE(program.ok()) << program.status();
  const auto shown = (*program)->AwaitShown("words", absl::InfiniteDuration());
  EXPECT_TRUE(absl::IsNotFound(shown.status())) << shown.status();
  EXPECT_THAT(std::string(shown.status().message()), HasSubstr("other"));
}

TEST(TerminalProgramTest, OneThatNeverEndsIsKilledAndTold) {
  const auto program = Shell("echo begun; sleep 1000");
  ASSERT_TRUE(program.ok()) << program.status();
  ASSERT_TRUE((*program)->AwaitShown("begun").ok());
  const auto shown = (*program)->AwaitShown("more", absl::Milliseconds(10));
  EXPECT_TRUE(absl::IsDeadlineExceeded(shown.status())) << shown.status();
  const auto code = (*program)->AwaitExit(absl::Milliseconds(10));
  EXPECT_TRUE(absl::IsDeadlineExceeded(code.status())) << code.status();
}

TEST(TerminalProgramTest, WhatItShowsAtTheEndCannotHoldItUp) {
  const auto program = Shell("head -c 1000000 /dev/zero | tr '\\0' x; exit 4");
  ASSERT_TRUE(program.ok()) << program.status();
  EXPECT_EQ((*program)->AwaitExit().value_or(-2), 4);
}

TEST(TerminalProgramTest, WithoutATerminalItIsToldAtOnce) {
  rlimit before;
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  const int next_fd = dup(STDIN_FILENO);
  ASSERT_GE(next_fd, 0);
  close(next_fd);
  rlimit none = before;
  none.rlim_cur = next_fd;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  const auto program = Shell("echo begun");
  setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_TRUE(absl::IsResourceExhausted(program.status())) << program.status();
}

}  // namespace
}  // namespace convergia::client
