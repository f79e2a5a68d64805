#include "tests/tidy/cxx_scan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace convergia::tidy {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

TEST(BlankTest, TakesCommentsAndWhatIsInsideLiteralsAndKeepsPositions) {
  EXPECT_EQ(BlankCommentsAndLiterals("a // b\nc"), "a     \nc");
  EXPECT_EQ(BlankCommentsAndLiterals("a /* b\nc */ d"), "a     \n     d");
  EXPECT_EQ(BlankCommentsAndLiterals("f(\"a//b\\\"c\", '\"', d)"), "f(\"       \", ' ', d)");
  EXPECT_EQ(BlankCommentsAndLiterals("R\"x(a\"b)\" )x\" c"), "R\"x(      )x\" c");
  EXPECT_EQ(BlankCommentsAndLiterals("1'000 + 'a'"), "1'000 + ' '");
  EXPECT_EQ(BlankCommentsAndLiterals("#include \"a.h\"\n"), "#include \"a.h\"\n");
  EXPECT_EQ(BlankCommentsAndLiterals("/* open"), "       ");
  EXPECT_EQ(BlankCommentsAndLiterals("\"open"), "\"    ");
}

TEST(BlankTest, OfCommentsAloneLeavesLiterals) {
  EXPECT_EQ(BlankComments("f(\"//a\"); // b"), "f(\"//a\");     ");
}

TEST(FindFunctionsTest, SpansFromTheHeadToTheClosingBrace) {
  const std::vector<FunctionSpan> functions = FindFunctions(
      "namespace a {\n"
      "#define M(x) { x\n"
      "struct S { int a = 1; };\n"
      "int F(int a,\n"
      "      int b) {\n"
      "  if (a) { for (;;) {} }\n"
      "}\n"
      "template <typename T>\n"
      "auto G() -> int { return 1; }\n"
      "constexpr int kTable[] = {1, 2};\n"
      "SUITE(Values({{1, f(2)}, {3, 4}}));\n"
      "}  // namespace a\n");
  ASSERT_THAT(functions, SizeIs(2));
  EXPECT_EQ(functions[0].first_line, 4);
  EXPECT_EQ(functions[0].last_line, 7);
  EXPECT_EQ(functions[1].first_line, 8);
  EXPECT_EQ(functions[1].last_line, 9);
}

TEST(FirstCommentTest, IsTheOneBeforeAnyCode) {
  EXPECT_EQ(FirstComment("#pragma once\n\n// A.\n// B.\nint a;\n"), "// A.\n// B.\n");
  EXPECT_EQ(FirstComment("int a;\n// A.\n"), "");
}

TEST(LinesWithWordTest, LooksAtBothEndsOfTheWord) {
  EXPECT_THAT(LinesWithWord("usleep(1)\nmy_usleep(1)\nusleeper\n x.usleep", "usleep"),
              ElementsAre(1, 4));
  EXPECT_THAT(LinesWithWord("absl::Now()", "absl::Now("), ElementsAre(1));
  EXPECT_THAT(LinesWithWord("absl::Nowhere()", "absl::Now("), IsEmpty());
}

}  // namespace
}  // namespace convergia::tidy
