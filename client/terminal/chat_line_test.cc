#include "client/terminal/chat_line.h"

#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <variant>

#include "absl/strings/str_cat.h"

namespace convergia::client {
namespace {

std::string Describe(const ChatLine& line) {
  struct Visitor {
    std::string operator()(const ChatNothing&) { return "nothing"; }
    std::string operator()(const ChatQuit&) { return "quit"; }
    std::string operator()(const ChatHelp&) { return "help"; }
    std::string operator()(const ChatTo& typed) { return absl::StrCat("to ", typed.user); }
    std::string operator()(const ChatSend& typed) {
      return absl::StrCat("send ", typed.to, "|", typed.body);
    }
    std::string operator()(const ChatMistake&) { return "mistake"; }
  };
  return std::visit(Visitor(), line);
}

struct ChatCase {
  const char* name;
  const char* line;
  const char* to;
  const char* meaning;
};
void PrintTo(const ChatCase& c, std::ostream* out) { *out << c.name; }

class ChatLineTest : public testing::TestWithParam<ChatCase> {};

TEST_P(ChatLineTest, IsReadAsMeant) {
  EXPECT_EQ(Describe(ParseChatLine(GetParam().line, GetParam().to)), GetParam().meaning);
}

INSTANTIATE_TEST_SUITE_P(Lines, ChatLineTest,
                         testing::ValuesIn<ChatCase>({
                             {"EmptyLine", "   ", "bob", "nothing"},
                             {"TextGoesToTheRecipient", "hi there", "bob", "send bob|hi there"},
                             {"BlanksAtTheEndAreText", "a\tb\t ", "bob", "send bob|a\tb\t "},
                             {"BlanksAfterAMessageAreText", "/msg bob a\t", "", "send bob|a\t"},
                             {"CrOfAnotherSystemIsNone", "hi\r", "bob", "send bob|hi"},
                             {"ColonIsTextWhileThereIsARecipient", "note: x", "bob",
                              "send bob|note: x"},
                             {"NameAndColonNameTheRecipient", "Bob: hi", "", "send bob|hi"},
                             {"TextToNobodyIsAMistake", "hi", "", "mistake"},
                             {"NameWithSpacesIsNoName", "dear bob: hi", "", "mistake"},
                             {"ToSetsTheRecipient", "/to Bob", "", "to bob"},
                             {"ToAloneEndsIt", "/to", "bob", "to "},
                             {"ToTakesOneName", "/to bob hi", "", "mistake"},
                             {"ToTakesANameOnly", "/to b/b", "", "mistake"},
                             {"MsgSendsOnce", "/msg bob  hi there", "carol", "send bob|hi there"},
                             {"MsgWithoutText", "/msg bob", "", "mistake"},
                             {"MsgWithoutName", "/msg", "", "mistake"},
                             {"DoubleSlashIsText", "//shrug", "bob", "send bob|/shrug"},
                             {"Quit", "/quit", "", "quit"},
                             {"Help", "/help", "bob", "help"},
                             {"UnknownSlashIsNeverSent", "/qiut", "bob", "mistake"},
                         }),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(PastedLineTest, IsTextAndNeverACommand) {
  EXPECT_EQ(Describe(ParsePastedLine("/quit", "bob")), "send bob|/quit");
  EXPECT_EQ(Describe(ParsePastedLine("//x", "bob")), "send bob|//x");
  EXPECT_EQ(Describe(ParsePastedLine("bob: hi\r", "")), "send bob|hi");
  EXPECT_EQ(Describe(ParsePastedLine(" ", "bob")), "nothing");
  EXPECT_EQ(Describe(ParsePastedLine("/quit", "")), "mistake");
}

TEST(QuoteTest, HasTheBeginningOfALongMessage) {
  EXPECT_EQ(QuoteOf("hi\n\033there"), "\"hi??there\"");
  EXPECT_EQ(QuoteOf(std::string(30, 'x')), absl::StrCat("\"", std::string(30, 'x'), "\""));
  EXPECT_EQ(QuoteOf(std::string(31, 'x')), absl::StrCat("\"", std::string(30, 'x'), "…\""));
}

}  // namespace
}  // namespace convergia::client
