#include "client/output/cells.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"

namespace convergia::client {
namespace {

struct CellsCase {
  const char* name;
  const char* text;
  size_t cells;
};
void PrintTo(const CellsCase& c, std::ostream* out) { *out << c.name; }

class CellsTest : public testing::TestWithParam<CellsCase> {};

TEST_P(CellsTest, AreCounted) { EXPECT_EQ(CellsOf(GetParam().text), GetParam().cells); }

TEST_P(CellsTest, ACutFitsAndEndsBetweenCharacters) {
  const absl::string_view text = GetParam().text;
  for (size_t cells = 0; cells <= GetParam().cells + 1; ++cells) {
    SCOPED_TRACE(absl::StrCat(cells, " cells"));
    const absl::string_view cut = CutToCells(text, cells);
    EXPECT_LE(CellsOf(cut), cells);
    EXPECT_EQ(CellsOf(cut) + CellsOf(text.substr(cut.size())), GetParam().cells);
    // Nothing that would still fit is left.
    uint32_t code = 0;
    const absl::string_view rest = text.substr(cut.size());
    if (rest.empty()) continue;
    const size_t next = std::max<size_t>(ReadUtf8(rest, &code), 1);
    EXPECT_GT(CellsOf(text.substr(0, cut.size() + next)), cells);
  }
}

INSTANTIATE_TEST_SUITE_P(Texts, CellsTest,
                         testing::ValuesIn<CellsCase>({
                             {"Nothing", "", 0},
                             {"Ascii", "a b", 3},
                             {"Umlauts", "Grüße", 5},
                             {"WideCharacters", "你好", 4},
                             {"WideBetweenNarrow", "a你b", 4},
                             {"Emoji", "🎉!", 3},
                             {"FullWidthLetters", "Ａb", 3},
                             {"CombiningMark", "e\u0301x", 2},
                             {"BytesThatAreNotUtf8", "a\xff\xc3", 3},
                             {"ControlCharacter", "a\tb", 3},
                         }),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(CutToCellsTest, ShowsWhereItCuts) {
  EXPECT_EQ(CutToCells("a你b", 2), "a");  // Half of a wide character is none.
  EXPECT_EQ(CutToCells("a你b", 3), "a你");
  EXPECT_EQ(CutToCells("e\u0301x", 1), "e\u0301");  // The mark stays with its letter.
}

}  // namespace
}  // namespace convergia::client
