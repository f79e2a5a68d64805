#include <gtest/gtest.h>

#include <string>
#include <variant>

#include "absl/strings/str_cat.h"
#include "client/commands/chat_line.h"
#include "client/commands/exit_code.h"
#include "client/commands/text.h"
#include "client/commands/trust.h"
#include "common/base/clock.h"
#include "common/base/fail.h"
#include "common/base/testing/status_testing.h"
#include "common/identity/certificate_authority.h"

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

TEST(PrintableTest, PlainTextAndOtherScriptsPass) {
  EXPECT_EQ(Printable("a\tb\nGrüße 你好 🎉"), "a\tb\nGrüße 你好 🎉");
}

TEST(PrintableTest, NothingSteersTheTerminal) {
  EXPECT_EQ(Printable("\033[2J\007\r\x7f"), "?[2J???");
  EXPECT_EQ(Printable("\u009b31m"), "?31m");         // CSI as one character.
  EXPECT_EQ(Printable("a\u202eb\u2066c"), "a?b?c");  // Writing direction.
}

TEST(PrintableTest, WhatIsNoUtf8IsReplaced) {
  EXPECT_EQ(Printable("\xff"), "?");
  EXPECT_EQ(Printable("\xc3"), "?");
  EXPECT_EQ(Printable("\xc0\x80"), "??");            // Overlong.
  EXPECT_EQ(Printable("\xed\xa0\x80"), "???");       // A surrogate.
  EXPECT_EQ(Printable("\xf4\x90\x80\x80"), "????");  // Beyond the last character.
}

TEST(ErrorLineTest, IsOneLine) {
  EXPECT_EQ(ErrorLine("/a\nb\tc: nothing"), "convergia: /a?b c: nothing\n");
}

TEST(InCommandsTest, TranslatesCommandsAndLeavesNames) {
  EXPECT_EQ(InCommands("nothing; LISTFOLDER shows what there is"),
            "nothing; `convergia ls` shows what there is");
  EXPECT_EQ(InCommands("try MOVE."), "try `convergia mv`.");
  for (const char* const name : {"REMOVED", "/r/MOVE", "MOVE.txt", "MOVE/x", "MOVE_2", "MOVE-2",
                                 "\xc3\xa4MOVE", "MOVE\xc3\xa4", ".MOVE"}) {
    EXPECT_EQ(InCommands(name), name);
  }
}

TEST(FormatTest, FurtherLinesOfAMessageAreIndented) {
  const std::string text =
      FormatMessage({"bob", absl::FromUnixMillis(0), "one\n[00:00:00] eve: two"}, "%S");
  EXPECT_EQ(text, "[00] bob: one\n    [00:00:00] eve: two");
}

TEST(ExitCodeTest, EachKindOfFailureHasItsOwn) {
  EXPECT_EQ(ExitCodeOf(absl::OkStatus()), 0);
  EXPECT_EQ(ExitCodeOf(Fail(FailCode::kBadField, "")), 1);
  EXPECT_EQ(ExitCodeOf(Fail(FailCode::kSignInFailed, "")), 2);
  EXPECT_EQ(ExitCodeOf(Fail(FailCode::kManagementDown, "")), 3);
  EXPECT_EQ(ExitCodeOf(Fail(FailCode::kOffline, "")), 4);
  EXPECT_EQ(ExitCodeOf(Fail(FailCode::kNoSuchUser, "")), 5);
  EXPECT_EQ(ExitCodeOf(Fail(FailCode::kDenied, "")), 6);
  EXPECT_EQ(ExitCodeOf(Fail(FailCode::kUnconfirmed, "")), 7);
  EXPECT_EQ(ExitCodeOf(Fail(FailCode::kRate, "")), 8);
  EXPECT_EQ(ExitCodeOf(Fail(FailCode::kExists, "")), 9);
  EXPECT_EQ(ExitCodeOf(absl::InternalError("")), 10);
}

class TrustTest : public testing::Test {
 protected:
  std::string ChainOf(Role role) {
    const identity::NodeIdentity identity = {role, "one"};
    const auto key = identity::PrivateKey::Generate(identity::KeyKind::kP256);
    return *ca_.Issue(identity::MakeCsr(key, identity), identity, absl::Hours(1));
  }
  const identity::CertificateAuthority ca_ =
      identity::CertificateAuthority::Create(RealClock::Get());
};

TEST_F(TrustTest, CaOfManagementIsTheLastOfItsChain) {
  ASSERT_OK_AND_ASSIGN(const std::string ca,
                       CaOfChain(ChainOf(Role::kMgmt), RealClock::Get().Now()));
  ASSERT_OK_AND_ASSIGN(const std::string fingerprint, identity::FingerprintOfPem(ca));
  EXPECT_EQ(fingerprint, ca_.fingerprint());
}

TEST_F(TrustTest, OtherRolesAndStrangersAreDenied) {
  const absl::Time now = RealClock::Get().Now();
  EXPECT_EQ(FailCodeOf(CaOfChain(ChainOf(Role::kEdge), now).status()), FailCode::kDenied);
  EXPECT_EQ(FailCodeOf(CaOfChain("", now).status()), FailCode::kDenied);
  const std::string chain = ChainOf(Role::kMgmt);
  const std::string leaf = chain.substr(0, chain.rfind("-----BEGIN"));
  EXPECT_EQ(FailCodeOf(CaOfChain(leaf, now).status()), FailCode::kDenied);
  const auto other = identity::CertificateAuthority::Create(RealClock::Get());
  EXPECT_EQ(FailCodeOf(CaOfChain(leaf + other.certificate_pem(), now).status()), FailCode::kDenied);
}

TEST(FingerprintTest, IsReadInAnyUsualSpelling) {
  const std::string digits(64, 'a');
  ASSERT_OK_AND_ASSIGN(const std::string plain, ParseFingerprint(digits));
  EXPECT_EQ(plain, digits);
  std::string colons;
  for (int i = 0; i < 32; ++i) absl::StrAppend(&colons, i == 0 ? "" : ":", "AA");
  ASSERT_OK_AND_ASSIGN(const std::string read, ParseFingerprint(colons));
  EXPECT_EQ(read, digits);
  EXPECT_FALSE(ParseFingerprint("").ok());
  EXPECT_FALSE(ParseFingerprint(digits + "a").ok());
  EXPECT_FALSE(ParseFingerprint(std::string(64, 'g')).ok());
}

}  // namespace
}  // namespace convergia::client
