// The parts of a session that need no socket.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/line/reply.h"
#include "common/lineserver/command_table.h"
#include "common/lineserver/pending_requests.h"

namespace convergia::lineserver {
namespace {

class PendingRequestsTest : public testing::Test {
 protected:
  RequestKey Begin(absl::string_view id) { return pending_.Begin(id).value(); }

  // The bytes that are written when `key` is answered with `text`.
  std::string Finish(RequestKey key, absl::string_view text) {
    std::string out;
    finished_ = pending_.Finish(
        key,
        [&](absl::string_view id, std::string* to) { absl::StrAppend(to, id, ":", text, ";"); },
        &out, &answers_);
    return out;
  }

  PendingRequests pending_;
  bool finished_ = false;
  size_t answers_ = 0;
};

TEST_F(PendingRequestsTest, AnswersWithIdsLeaveAsTheyCome) {
  const RequestKey one = Begin("1"), two = Begin("2");
  EXPECT_EQ(Finish(two, "b"), "2:b;");
  EXPECT_EQ(Finish(one, "a"), "1:a;");
  EXPECT_EQ(pending_.outstanding(), 0);
  EXPECT_EQ(answers_, 2);
}

TEST_F(PendingRequestsTest, AnswersWithoutIdsLeaveInOrderOfTheRequests) {
  const RequestKey first = Begin(""), with_id = Begin("7"), second = Begin(""), third = Begin("");
  EXPECT_EQ(Finish(third, "c"), "");
  EXPECT_EQ(Finish(second, "b"), "");
  EXPECT_EQ(pending_.outstanding(), 4) << "what is held still counts";
  EXPECT_EQ(pending_.held_bytes(), 6);
  EXPECT_EQ(Finish(with_id, "x"), "7:x;");
  EXPECT_EQ(Finish(first, "a"), ":a;:b;:c;");
  EXPECT_EQ(pending_.outstanding(), 0);
  EXPECT_EQ(pending_.held_bytes(), 0);
  EXPECT_EQ(answers_, 4);
}

TEST_F(PendingRequestsTest, AnIdCanBeUsedAgainOnlyOnceItIsAnswered) {
  const RequestKey one = Begin("1");
  EXPECT_FALSE(pending_.Begin("1"));
  Finish(one, "a");
  EXPECT_TRUE(pending_.Begin("1"));
}

TEST_F(PendingRequestsTest, AKeyIsGoodForOneAnswerAlsoWhenItsSlotIsUsedAgain) {
  const RequestKey one = Begin("1");
  Finish(one, "a");
  EXPECT_EQ(Finish(one, "again"), "");
  EXPECT_FALSE(finished_);
  Begin("2");
  EXPECT_EQ(Finish(one, "again"), "");
  EXPECT_FALSE(finished_);
  EXPECT_EQ(pending_.outstanding(), 1);
  const RequestKey first = Begin(""), second = Begin("");
  Finish(second, "b");
  EXPECT_EQ(Finish(second, "b"), "");
  EXPECT_FALSE(finished_);
  EXPECT_EQ(Finish(first, "a"), ":a;:b;");
}

TEST_F(PendingRequestsTest, ShrinkKeepsWhatIsOutstanding) {
  const RequestKey one = Begin("1");
  pending_.Shrink();
  EXPECT_EQ(Finish(one, "a"), "1:a;");
  pending_.Shrink();
  EXPECT_EQ(Finish(Begin("1"), "b"), "1:b;");
}

void Nothing(Session&, Fields, Responder) {}

TEST(CommandTableTest, KnowsItsWordsAndTheBuiltInsSorted) {
  const CommandTable table({{.word = "ZEBRA", .handler = Nothing, .help = "a"},
                            {.word = "APE", .handler = Nothing, .help = "b"}});
  std::string words;
  for (const CommandSpec& command : table.commands()) absl::StrAppend(&words, command.word, " ");
  EXPECT_EQ(words, "APE HELP LOGIN PING QUIT ZEBRA ");
  EXPECT_EQ(table.Find("APE")->help, "b");
  EXPECT_EQ(table.Find("ape"), nullptr);
  EXPECT_EQ(table.Find(""), nullptr);
}

TEST(CommandTableDeathTest, DiesOfMistakes) {
  const auto make = [](CommandSpec command) {
    std::vector<CommandSpec> commands;
    commands.push_back(std::move(command));
    CommandTable table(std::move(commands));
  };
  EXPECT_DEATH(make({.word = "PING", .handler = Nothing}), "given twice");
  EXPECT_DEATH(make({.word = "low", .handler = Nothing}), "not a command's word");
  EXPECT_DEATH(make({.word = "X", .fields_min = 2, .fields_max = 1, .handler = Nothing}), "X");
  EXPECT_DEATH(make({.word = "X"}), "X");
}

}  // namespace
}  // namespace convergia::lineserver
