#include "tests/transcripts/transcript.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "common/base/testing/status_testing.h"

namespace convergia::testing {
namespace {

using ::testing::ElementsAre;

constexpr absl::string_view kText =
    "# What it shows.\n"
    "cluster edges=2 accounts=alice,bob\n"
    "\n"
    "# First.\n"
    "alice = sign in edge1\n"
    "alice> 1 PING\n"
    "----\n"
    "alice< 1 OK\n"
    "\n"
    "close alice\n"
    "----\n";

TEST(TranscriptTest, IsPrintedAsItWasRead) {
  ASSERT_OK_AND_ASSIGN(const Transcript transcript, ParseTranscript(kText));
  EXPECT_EQ(transcript.edges, 2);
  EXPECT_THAT(transcript.accounts, ElementsAre("alice", "bob"));
  ASSERT_EQ(transcript.steps.size(), 2);
  EXPECT_THAT(transcript.steps[0].commands, ElementsAre("alice = sign in edge1", "alice> 1 PING"));
  EXPECT_THAT(transcript.steps[0].results, ElementsAre("alice< 1 OK"));
  EXPECT_EQ(PrintTranscript(transcript), kText);
}

TEST(TranscriptTest, WithoutStepsIsAMistake) {
  EXPECT_THAT(ParseTranscript("cluster edges=1 accounts=a\n"),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(ParseTranscript("cluster bridges=1\n\na> PING\n"),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(TextTest, GoesThereAndBackForAllBytes) {
  std::string bytes;
  for (int byte = 0; byte < 256; ++byte) bytes.push_back(static_cast<char>(byte));
  EXPECT_EQ(FromText(ToText(bytes)), bytes);
  EXPECT_EQ(ToText("a~\nb\tc\r\\\x01"), "a~\\nb\\tc\\r\\\\\\x01");
}

TEST(WithoutChanceTest, NamesWhatDiffersFromRunToRun) {
  EXPECT_EQ(WithoutChance("OK user\\talice~\\nticket\\tcvt2.a-b.c_d~\\nexpires\\t1700000000000~"
                          "\\nsession\\t12"),
            "OK user\\talice~\\nticket\\t<ticket>~\\nexpires\\t<time>~\\nsession\\t<session>");
  EXPECT_EQ(WithoutChance("1 OK 0123456789abcdef~\\n\\xff\\xd8\\xff\\xe0JFIF"),
            "1 OK <registration>~\\n<picture>");
  EXPECT_EQ(WithoutChance("edge1\\t127.0.0.1:4000\\t" + std::string(64, 'a')),
            "edge1\\t<address>\\t<pin>");
  EXPECT_EQ(WithoutChance("7 OK 12"), "7 OK 12");
}

}  // namespace
}  // namespace convergia::testing
