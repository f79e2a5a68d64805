// Mistakes of people and scripts with the built `convergia` command, on a cluster of real
// processes: nothing is lost, and each error says what to do.
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "client/testing/terminal_program.h"
#include "tests/cluster/convergia_commands_base.h"

namespace convergia::testing {
namespace {

namespace fs = std::filesystem;
using client::TerminalProgram;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

// Bytes that a terminal sends around pasted text.
std::string Pasted(const std::string& text) { return absl::StrCat("\033[200~", text, "\033[201~"); }

TEST_F(ConvergiaCommandsTest, MvOverwritesNothingThatItHasMoved) {
  ASSERT_THAT(alice_.Run({"mkdir", In("1"), In("2"), In("in")}), ExitsWith(kDone));
  for (const char* const folder : {"1", "2"}) fs::create_directories(Local(folder));
  Put("1/s", "first");
  Put("2/s", "second");
  EXPECT_THAT(alice_.Run({"mv", In("1/s"), In("2/s"), In("in")}),
              FailsWith(kWrong, absl::StrCat("will not overwrite just-created ", In("in/s"))));
  EXPECT_EQ(alice_.Run({"cat", In("in/s")}).out, "first");
  EXPECT_EQ(alice_.Run({"cat", In("2/s")}).out, "second");
  EXPECT_THAT(alice_.Run({"mv", "-f", In("2/s"), In("in")}), ExitsWith(kDone));
  EXPECT_EQ(alice_.Run({"cat", In("in/s")}).out, "second");
}

TEST_F(ConvergiaCommandsTest, ALineBreakEndsNoField) {
  const std::vector<std::vector<std::string>> commands = {{"meta", "set", "a\nb", "v"},
                                                          {"meta", "get", "a\nb"},
                                                          {"meta", "delete", "a\nb"},
                                                          {"meta", "list", "a\nb"},
                                                          {"share", folder_, "b\nob", "read"}};
  for (const auto& command : commands) {
    EXPECT_THAT(alice_.Run(command), FailsWith(kWrong, "b\" cannot contain a line break"))
        << command[1];
  }
  EXPECT_EQ(alice_.Run({"meta", "list"}).out, "KEY  SIZE\n");
  EXPECT_THAT(alice_.Run({"meta", "set", "a", "b\nv"}), ExitsWith(kDone));
  EXPECT_EQ(alice_.Run({"meta", "get", "a"}).out, "b\nv\n");
  EXPECT_THAT(alice_.Run({"meta", "delete", "a"}), ExitsWith(kDone));
}

TEST_F(ConvergiaCommandsTest, AProfileKeepsTheTicketOfItsUser) {
  ASSERT_THAT(alice_.Run({"ls"}), ExitsWith(kDone));
  const std::string home = OptionsFor("alice", "1").dir + "/home";
  const std::string before = ReadWholeFile(home + "/default/ticket");
  EXPECT_THAT(before, HasSubstr("user\talice\n"));
  ConvergiaProgram::Options options = OptionsFor("bob", "2");
  options.launcher = {"/usr/bin/env", absl::StrCat("CONVERGIA_HOME=", home)};
  EXPECT_THAT(ConvergiaProgram(options).Run({"ls"}), ExitsWith(kDone));
  EXPECT_EQ(ReadWholeFile(home + "/default/ticket"), before);
}

TEST_F(ConvergiaCommandsTest, AProfileThatCannotBeReadIsOneWarningIfTheOptionsSuffice) {
  const std::string home = OptionsFor("alice", "3").dir + "/home";
  fs::create_directories(home + "/default/profile");  // A folder cannot be read as a file.
  const Outcome listed = Launched({}).Run({"ls", folder_});
  EXPECT_THAT(listed, FailsWith(kDone, "nothing is saved"));
  EXPECT_EQ(LinesIn(listed.err), 1) << listed.err;
  const Outcome without = Launched({"/bin/sh", "-c", "exec \"$0\" ls / < /dev/null"}).Run({});
  EXPECT_THAT(without, Not(ExitsWith(kDone)));
  EXPECT_THAT(without.err, HasSubstr("profile"));
}

TEST_F(ConvergiaCommandsTest, WithoutAPasswordThePersonIsToldToSignIn) {
  const Outcome listed =
      Launched({"/bin/sh", "-c", "exec \"$0\" \"$1\" \"$2\" \"$3\" ls / < /dev/null"}).Run({});
  EXPECT_THAT(listed, FailsWith(kNotSignedIn, "--password-file"));
}

TEST_F(ConvergiaCommandsTest, ErrorsNameTheirThing) {
  for (const char* const key : {"e", "such"}) {
    EXPECT_THAT(alice_.Run({"meta", "get", key}),
                FailsWith(kNotFound, absl::StrCat("\"", key, "\": ")));
  }
  const ConvergiaProgram from_folder = Launched({"/bin/sh", "-c", "exec \"$0\" \"$@\" < ."});
  for (const std::vector<std::string>& command :
       {std::vector<std::string>{"send", "bob", "-"}, {"mail", "send", "bob"}, {"chat"}}) {
    const Outcome outcome = from_folder.Run(command);
    EXPECT_THAT(outcome, Not(ExitsWith(kDone))) << command.front();
    EXPECT_THAT(outcome.err, HasSubstr("standard input")) << command.front();
    EXPECT_THAT(outcome.err, HasSubstr("Is a directory")) << command.front();
  }
  const Outcome mail = alice_.Run({"mail", "send", "bob", "my text"});
  EXPECT_THAT(mail, FailsWith(kWrong, "\"my text\" is not a recipient"));
  EXPECT_THAT(mail.err, HasSubstr("standard input"));
  EXPECT_THAT(mail.err, HasSubstr("-f"));
  EXPECT_THAT(alice_.Run({"send", "b/b", "hi"}), FailsWith(kWrong, "\"b/b\" is not a recipient"));
  EXPECT_THAT(alice_.Run({"mkdir", In("n1/n2")}), FailsWith(kNotFound, "-p makes it"));
}

TEST_F(ConvergiaCommandsTest, AMailThatIsTooLargeIsNotOneToTryAgain) {
  EXPECT_THAT(alice_.Run({"mail", "send", "bob"}, std::string((16 << 20) + 1, 'x')),
              FailsWith(kWrong, "a message has at most 16777216 bytes"));
  EXPECT_THAT(alice_.Run({"mail", "send", "--help"}).out, HasSubstr("16 MiB"));
}

TEST_F(ConvergiaCommandsTest, LsAndCatTakeSeveralPaths) {
  ASSERT_THAT(alice_.Run({"mkdir", In("d"), In("e")}), ExitsWith(kDone));
  fs::create_directories(Local("d"));
  Put("f", "one\n");
  Put("d/g", "two\n");
  const Outcome listed = alice_.Run({"ls", "-1", In("d"), In("nix"), In("f"), In("e")});
  EXPECT_THAT(listed, FailsWith(kNotFound, In("nix")));
  EXPECT_EQ(LinesIn(listed.err), 1) << listed.err;
  EXPECT_EQ(listed.out, absl::StrCat(In("f"), "\n\n", In("d"), ":\ng\n\n", In("e"), ":\n"));
  EXPECT_EQ(alice_.Run({"ls", In("d"), In("e")}).out,
            absl::StrCat(In("d"), ":\ng\n\n", In("e"), ":\n"));
  EXPECT_THAT(alice_.Run({"ls", "--json", In("d"), In("e")}).out,
              HasSubstr(absl::StrCat("\"path\": \"", In("e"), "\"")));
  const Outcome shown = alice_.Run({"cat", In("f"), In("nix"), In("d/g")});
  EXPECT_THAT(shown, FailsWith(kNotFound, In("nix")));
  EXPECT_EQ(shown.out, "one\ntwo\n");
  EXPECT_THAT(alice_.Run({"cat", In("f"), In("d/g"), "-o", Local("out")}), ExitsWith(kWrong));
}

TEST_F(ConvergiaCommandsTest, WrongOptionsAndSurplusArgumentsAreNamed) {
  struct Case {
    std::vector<std::string> arguments;
    const char* error;
  };
  const Case cases[] = {
      {{"ls", "-lh"}, "-lh: -h is the help and stands alone"},
      {{"put", "-dash", "/t"}, "there is no option -dash; write -- before a name"},
      {{"put", "-qdash", "f", "/t"}, "there is no option -qdash"},
      {{"send", "bob", "a", "b", "-c"}, "too many arguments: b -c;"},
      {{"mv", "-n", "-f", "/a", "/b"}, "--"},
  };
  for (const auto& [arguments, error] : cases) {
    const Outcome outcome = alice_.Run(arguments);
    EXPECT_THAT(outcome, FailsWith(kWrong, error));
    EXPECT_THAT(outcome.out, IsEmpty()) << error;
  }
  EXPECT_THAT(alice_.Run({"ls", "-l", "-h"}).out, HasSubstr("--help"));
}

TEST_F(ConvergiaCommandsTest, PastedTextIsText) {
  ASSERT_OK_AND_ASSIGN(const auto bob, SignIn("edge1", "bob"));
  ASSERT_OK_AND_ASSIGN(const auto chat, TerminalProgram::Start(alice_.CommandOf({"chat"})));
  ASSERT_THAT(chat->AwaitShown("connected to"), Holds(HasSubstr("\033[?2004h")));
  ASSERT_OK(chat->Type("/to bob\r"));
  ASSERT_OK(chat->AwaitShown("to bob> "));
  ASSERT_OK(
      chat->Type(absl::StrCat("typed, ", Pasted("pasted\r/quit\r//\ttab\r/half"), " line\r")));
  for (const char* const text : {"typed, pasted", "/quit", "//\ttab", "/half line"}) {
    EXPECT_THAT(bob->NextPush(), Holds(EndsWith(absl::StrCat("\n", text)))) << text;
  }
  ASSERT_OK(chat->Type(absl::StrCat("/msg bob ", Pasted("once"), "\r")));
  EXPECT_THAT(bob->NextPush(), Holds(EndsWith("\nonce")));
  // Between two prompts the kernel edits what is typed, and it knows nothing of pasted text.
  ASSERT_OK(chat->AwaitShown("/msg bob once"));
  ASSERT_OK(chat->AwaitShown("to bob> "));
  ASSERT_OK(chat->Type(absl::StrCat(Pasted("/x"), "\177\177/quit\r")));
  EXPECT_THAT(chat->AwaitExit(), Holds(kDone));
}

// Disabled: on a loaded machine the line is sometimes not shown again, and the cause is not found.
TEST_F(ConvergiaCommandsTest, DISABLED_AHalfTypedLineIsShownAgainAfterCtrlZ) {
  // A shell with job control stops the chat twice and continues it.
  std::vector<std::string> command = {"/bin/sh", "-c",
                                      "set -m; \"$0\" \"$@\"; echo away; fg; echo away; fg"};
  for (const std::string& word : alice_.CommandOf({"chat"})) command.push_back(word);
  ASSERT_OK_AND_ASSIGN(const auto chat, TerminalProgram::Start(command));
  ASSERT_OK(chat->AwaitShown("connected to"));
  ASSERT_OK(chat->Type("/to bob\r"));
  ASSERT_OK(chat->AwaitShown("to bob> "));
  ASSERT_OK(chat->Type("half a li"));
  ASSERT_OK(chat->AwaitShown("half a li"));
  for (int i = 0; i < 2; ++i) {
    ASSERT_OK(chat->Type("\032"));
    ASSERT_OK(chat->AwaitShown("away"));
    ASSERT_OK(chat->AwaitShown("to bob> half a li"));
  }
  ASSERT_OK(chat->Type("ne that is longer than what is quoted of it\r"));
  EXPECT_OK(chat->AwaitShown("not delivered to bob: \"half a line that is longer tha…\": bob is"));
  ASSERT_OK(chat->Type("/quit\r"));
  EXPECT_THAT(chat->AwaitExit(), Holds(kDone));
}

}  // namespace
}  // namespace convergia::testing
