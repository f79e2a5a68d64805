#include "common/node/program/program.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <string>

#include "absl/time/time.h"
#include "common/base/testing/status_testing.h"
#include "common/node/program/log_sampler.h"
#include "convergia/v1/config.pb.h"

namespace convergia::node {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(ParseConfigTest, ReadsATextproto) {
  v1::EdgeConfig config;
  ASSERT_OK(
      ParseConfig("name: \"e1\"  # a comment\nline_limits { messages_burst: 5 }\n", "f", &config));
  EXPECT_EQ(config.name(), "e1");
  EXPECT_EQ(config.line_limits().messages_burst(), 5u);
}

TEST(ParseConfigTest, NamesFileLineAndColumnOfAMistake) {
  v1::EdgeConfig config;
  const absl::Status unknown =
      ParseConfig("name: \"e1\"\nnmae: \"e1\"\n", "edge.textproto", &config);
  EXPECT_THAT(unknown, StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(std::string(unknown.message()),
              AllOf(HasSubstr("edge.textproto:2:"), HasSubstr("nmae")));
  EXPECT_THAT(std::string(ParseConfig("\n\nio_threads: \"x\"", "f", &config).message()),
              HasSubstr("f:3:"));
  EXPECT_FALSE(ParseConfig("line_limits {", "f", &config).ok());
  EXPECT_THAT(ReadConfig("/nonexistent/f", &config), StatusIs(absl::StatusCode::kNotFound));
}

TEST(ExitWithTest, TellsScriptsWhetherTheInputOrTheWorldIsWrong) {
  EXPECT_EQ(ExitWith(absl::OkStatus()), kExitOk);
  EXPECT_EQ(ExitWith(absl::InvalidArgumentError("x")), kExitUsage);
  EXPECT_EQ(ExitWith(absl::UnavailableError("x")), kExitFailed);
}

TEST(LogSamplerTest, EscapesWhatStrangersWrite) {
  LogSampler sampler;
  const auto line =
      sampler.Take("no match for \nI1128 operator: forged\x1b[2J\xff", absl::Seconds(1));
  ASSERT_TRUE(line.has_value());
  EXPECT_EQ(*line, "no match for \\nI1128 operator: forged\\033[2J\\377");
  EXPECT_LE(sampler.Take(std::string(100'000, '\n'), absl::Seconds(1))->size(),
            4 * LogSampler::kLineBytesMax);
}

TEST(LogSamplerTest, LeavesOutWhatIsTooMuchAndSaysHowMuch) {
  LogSampler sampler;
  for (int i = 0; i < LogSampler::kBurst; ++i) EXPECT_TRUE(sampler.Take("x", absl::Seconds(1)));
  for (int i = 0; i < 7; ++i) EXPECT_FALSE(sampler.Take("x", absl::Seconds(1)));
  const auto line = sampler.Take("x", absl::Seconds(2));
  ASSERT_TRUE(line.has_value());
  EXPECT_EQ(*line, "x (7 such lines before it left out)");
}

TEST(StartProgramTest, WrongFlagsAndHelpEndTheProgram) {
  ProgramFlags flags;
  const auto start = [&flags](std::vector<std::string> words) {
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    return StartProgram(static_cast<int>(argv.size()), argv.data(), {"edge", "Serves."}, &flags);
  };
  EXPECT_EQ(start({"edge"}), kExitUsage);
  EXPECT_EQ(start({"edge", "--config=f", "--nonsense"}), kExitUsage);
  EXPECT_EQ(start({"edge", "--config=f", "--init"}), kExitUsage);  // An edge has no --init.
  EXPECT_EQ(start({"edge", "--help"}), kExitOk);
  EXPECT_EQ(start({"edge", "--version"}), kExitOk);
  EXPECT_EQ(start({"edge", "--config=f", "--check"}), std::nullopt);
  EXPECT_EQ(flags.config, "f");
  EXPECT_TRUE(flags.check);
}

TEST(ShutdownSignalTest, IsAwaitedAndASecondOneKills) {
  EXPECT_EXIT(
      {
        ShutdownSignal shutdown;
        if (shutdown.pending()) _exit(1);
        shutdown.Trigger();
        if (!shutdown.pending()) _exit(2);
        shutdown.Await();
        if (shutdown.pending()) _exit(3);
        raise(SIGTERM);
        _exit(4);
      },
      testing::KilledBySignal(SIGTERM), "");
}

TEST(ShutdownSignalTest, ATriggerDuringTheStopLetsItEndInOrder) {
  EXPECT_EXIT(
      {
        ShutdownSignal shutdown;
        raise(SIGTERM);
        raise(SIGINT);
        shutdown.Await();
        shutdown.Trigger();
        _exit(5);
      },
      testing::ExitedWithCode(5), "");
}

}  // namespace
}  // namespace convergia::node
