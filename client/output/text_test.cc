#include "client/output/text.h"

#include <gtest/gtest.h>

namespace convergia::client {
namespace {

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

}  // namespace
}  // namespace convergia::client
