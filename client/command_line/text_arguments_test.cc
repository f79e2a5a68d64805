#include "client/command_line/text_arguments.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace convergia::client {
namespace {

using testing::ElementsAre;
using testing::ElementsAreArray;

class TextArgumentsTest : public testing::Test {
 protected:
  TextArgumentsTest() {
    app_.add_option("--user", value_);
    CLI::App* send = app_.add_subcommand("send");
    send->add_option("to", value_);
    send->add_option("text", value_);
    send->add_flag("-q,--quiet", flag_);
    CLI::App* mail = app_.add_subcommand("mail");
    mail->add_subcommand("send")->add_option("to", value_);
    CLI::App* meta = app_.add_subcommand("meta");
    CLI::App* set = meta->add_subcommand("set");
    set->add_option("key", value_);
    set->add_option("value", value_);
    CLI::App* ls = app_.add_subcommand("ls");
    ls->add_option("path", value_);
    ls->add_flag("-l", flag_);
    ls->add_option("-o", value_);
  }
  std::vector<std::string> Marked(const std::vector<std::string>& arguments) {
    return WithTextMarked(app_, arguments);
  }

  CLI::App app_;
  std::string value_;
  bool flag_ = false;
};

TEST_F(TextArgumentsTest, TheArgumentAfterTheNameIsText) {
  EXPECT_THAT(Marked({"send", "bob", "-host is down"}),
              ElementsAre("send", "--", "bob", "-host is down"));
  EXPECT_THAT(Marked({"--user", "al", "send", "bob", "--nothing"}),
              ElementsAre("--user", "al", "send", "--", "bob", "--nothing"));
  EXPECT_THAT(Marked({"meta", "set", "mood", "-5"}),
              ElementsAre("meta", "set", "--", "mood", "-5"));
  for (const char* const text :
       {"-h", "--help", "-q", "--quiet", "--user", "--user=al is away", "-"}) {
    EXPECT_THAT(Marked({"send", "bob", text}), ElementsAre("send", "--", "bob", text));
  }
}

TEST_F(TextArgumentsTest, OptionsBeforeTheNameAndAfterTheTextStayOptions) {
  EXPECT_THAT(Marked({"send", "-q", "bob", "hi", "--user=al"}),
              ElementsAre("send", "-q", "--user=al", "--", "bob", "hi"));
  EXPECT_THAT(Marked({"send", "bob", "-x", "--user", "al"}),
              ElementsAre("send", "--user", "al", "--", "bob", "-x"));
  // A mistake that the parser reports: "al" is too much.
  EXPECT_THAT(Marked({"send", "bob", "--user", "al"}),
              ElementsAre("send", "--", "bob", "--user", "al"));
  EXPECT_THAT(Marked({"send", "bob", "--", "-q"}), ElementsAre("send", "--", "bob", "-q"));
}

TEST_F(TextArgumentsTest, AllElseStaysAsItIs) {
  const std::vector<std::vector<std::string>> kCases = {{},
                                                        {"ls", "-x"},
                                                        {"send", "--halp", "bob"},
                                                        {"mail", "send", "bob", "-x"},
                                                        {"nonsense", "-x"}};
  for (const auto& arguments : kCases) EXPECT_THAT(Marked(arguments), ElementsAreArray(arguments));
}

TEST_F(TextArgumentsTest, AnOptionWithAnEmptyValueIsFound) {
  EXPECT_EQ(OptionWithoutValue(app_, {"--user=", "ls", "/"}), "--user=");
  EXPECT_EQ(OptionWithoutValue(app_, {"ls", "--user=", "/"}), "--user=");
  const std::vector<std::vector<std::string>> kRight = {{},
                                                        {"--user=al", "ls"},
                                                        {"--user=al=", "ls"},
                                                        {"--user", "=", "ls"},
                                                        {"--user", "--user=", "ls"},
                                                        {"ls", "x="},
                                                        {"ls", "--nothing="},
                                                        {"send", "--", "bob", "--user="}};
  for (const auto& arguments : kRight) EXPECT_EQ(OptionWithoutValue(app_, arguments), "");
}

TEST_F(TextArgumentsTest, HelpAmongOtherLettersIsFound) {
  const std::vector<std::vector<std::string>> kWrong = {
      {"ls", "-lh"}, {"ls", "x", "-hl"}, {"--user", "-lh", "ls", "-lh"}};
  for (const auto& arguments : kWrong) {
    EXPECT_EQ(HelpAmongFlags(app_, arguments), arguments.back());
  }
  const std::vector<std::vector<std::string>> kRight = {
      {}, {"ls", "-h"}, {"ls", "-l", "-h"}, {"ls", "--", "-lh"}, {"ls", "-lx"}, {"ls", "-lohm"}};
  for (const auto& arguments : kRight) EXPECT_EQ(HelpAmongFlags(app_, arguments), "");
}

}  // namespace
}  // namespace convergia::client
