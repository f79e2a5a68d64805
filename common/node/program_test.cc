#include "common/node/program.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <string>

#include "common/base/status_testing.h"
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

TEST(StartProgramTest, WrongFlagsAndHelpEndTheProgram) {
  ProgramFlags flags;
  const auto start = [&flags](std::vector<std::string> words) {
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    return StartProgram(static_cast<int>(argv.size()), argv.data(), {"edge", "Serves."}, &flags);
  };
  EXPECT_EQ(start({"edge"}), kExitUsage);
  EXPECT_EQ(start({"edge", "--config=f", "--nonsense"}), kExitUsage);
  EXPECT_EQ(start({"edge", "--config=f", "--init"}), kExitUsage);  // Only for those that have it.
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

}  // namespace
}  // namespace convergia::node
