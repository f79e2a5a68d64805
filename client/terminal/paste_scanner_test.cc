#include "client/terminal/paste_scanner.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"

namespace convergia::client {
namespace {

// The output: typed bytes as they are, a paste in brackets.
std::string Scanned(absl::string_view bytes) {
  PasteScanner scanner;
  std::string out;
  for (const char byte : bytes) {
    scanner.Add(byte, &out);
    if (const auto pasted = scanner.TakePasted()) absl::StrAppend(&out, "<", *pasted, ">");
  }
  return out;
}

TEST(PasteScannerTest, TypedBytesPass) {
  EXPECT_EQ(Scanned("hi\r"), "hi\r");
  EXPECT_EQ(Scanned("a\033[Ab\033[2~c\033\033[Dd"), "a\033[Ab\033[2~c\033\033[Dd");
}

TEST(PasteScannerTest, TextBetweenTheMarksIsPasted) {
  EXPECT_EQ(Scanned("a\033[200~b c\033[201~d"), "a<b c>d");
  EXPECT_EQ(Scanned("\033\033[200~x\033[201~\033[200~\033[201~"), "\033<x><>");
  EXPECT_EQ(Scanned("\033[200~never ended"), "");
}

TEST(PasteScannerTest, EndsOfLinesAreLfAndNoKeyIsPasted) {
  EXPECT_EQ(Scanned("\033[200~a\rb\r\nc\nd\033[201~"), "<a\nb\nc\nd>");
  EXPECT_EQ(Scanned("\033[200~a\tb\x03\x04\033[A\xff\x7f Gr\xc3\xbc\xc3\x9f\033[201~"),
            "<a\tb[A Gr\xc3\xbc\xc3\x9f>");
}

TEST(PasteScannerTest, AGiantPasteIsCut) {
  const std::string giant(PasteScanner::kBytesMax + 10, 'x');
  EXPECT_EQ(Scanned(absl::StrCat("\033[200~", giant, "\033[201~y")),
            absl::StrCat("<", giant.substr(10), ">y"));
}

}  // namespace
}  // namespace convergia::client
