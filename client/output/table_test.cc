#include "client/output/table.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace convergia::client {
namespace {

using Align = Table::Align;

struct TableCase {
  const char* name;
  std::vector<Table::Column> columns;
  std::vector<std::vector<std::string>> rows;
  std::string text;
};
void PrintTo(const TableCase& c, std::ostream* out) { *out << c.name; }

class TableTest : public testing::TestWithParam<TableCase> {};

TEST_P(TableTest, LinesUp) {
  Table table(GetParam().columns);
  for (const auto& row : GetParam().rows) table.Add(row);
  EXPECT_EQ(table.Text(/*for_terminal=*/true), GetParam().text);
  EXPECT_EQ(table.Text(/*for_terminal=*/false), GetParam().text);
}

const std::string kLong(500, 'x');

INSTANTIATE_TEST_SUITE_P(
    Tables, TableTest,
    testing::ValuesIn<TableCase>({
        {"HeadingsAreTheFirstLine",
         {{"NAME"}, {"TYPE"}},
         {{"ä", "x"}, {"edge1", ""}},
         "NAME   TYPE\nä      x\nedge1\n"},
        {"WithoutHeadingsThereAreOnlyRows", {{}, {}}, {{"a", "b"}}, "a  b\n"},
        {"HeadingsStandAlone", {{"KEY"}, {"SIZE", Align::kRight}}, {}, "KEY  SIZE\n"},
        {"NoRowsAndNoHeadingsAreNothing", {{}, {}}, {}, ""},
        {"NumbersStandRight",
         {{"SIZE", Align::kRight}, {"NAME"}},
         {{"9 B", "a"}, {"10.0 MiB", "b"}},
         "    SIZE  NAME\n     9 B  a\n10.0 MiB  b\n"},
        {"EmptyCellOnTheLeft",
         {{"", Align::kRight}, {}},
         {{"", "d/"}, {"1 B", "f"}},
         "     d/\n1 B  f\n"},
        {"AColumnWithoutTextTakesNoRoom", {{}, {}, {}}, {{"", "a", ""}}, "a\n"},
        {"WideCharactersTakeTwoCells",
         {{"NAME"}, {"TYPE"}},
         {{"你好", "x"}, {"e\u0301", "y"}, {"🎉", "z"}},
         "NAME  TYPE\n你好  x\ne\u0301     y\n🎉    z\n"},
        {"RowsMayBeShort",
         {{}, {}, {}},
         {{"a"}, {"b", "xx", "c"}, {"d", "", "e"}},
         "a\nb  xx  c\nd      e\n"},
        {"NothingIsCutOrWrapped", {{}, {}}, {{kLong, kLong}}, kLong + "  " + kLong + "\n"},
        {"ALineBreakStartsNoRow", {{}, {}}, {{"a\nb", "c"}}, "a?b  c\n"},
    }),
    [](const auto& info) { return std::string(info.param.name); });

TEST(TableForTerminalTest, NothingSteersTheTerminal) {
  Table table({{}, {}});
  table.Add({"\033[2J", "x"});
  table.Add({"abcd", "y"});
  EXPECT_EQ(table.Text(/*for_terminal=*/true), "?[2J  x\nabcd  y\n");
  EXPECT_EQ(table.Text(/*for_terminal=*/false), "\033[2J  x\nabcd  y\n");
}

}  // namespace
}  // namespace convergia::client
