#include "client/output/json.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>

namespace convergia::client {
namespace {

TEST(JsonTimeTest, IsRfc3339InUtc) {
  const struct {
    absl::Time time;
    const char* text;
  } kCases[] = {
      {absl::FromUnixMillis(0), "\"1970-01-01T00:00:00.000Z\"\n"},
      {absl::FromUnixMillis(1'700'000'000'123), "\"2023-11-14T22:13:20.123Z\"\n"},
      {absl::FromUnixMillis(-1), "\"1969-12-31T23:59:59.999Z\"\n"},
      {absl::FromUnixSeconds(-60'000'000'000), "\"0068-09-03T13:20:00.000Z\"\n"},
      {absl::FromUnixMillis(INT64_MAX), "null\n"},
      {absl::InfinitePast(), "null\n"},
  };
  for (const auto& c : kCases) EXPECT_EQ(JsonText(JsonTime(c.time)), c.text);
}

TEST(JsonTextTest, HoldsStringsThatAreSafeToShowAndReadAsTheyWere) {
  const struct {
    const char* name;
    std::string text;
    const char* shown;
    std::string read;
  } kCases[] = {
      {"plain", "Grüße 你好 🎉", "\"Grüße 你好 🎉\"\n", "Grüße 你好 🎉"},
      {"quotes", "a\"b\\c", "\"a\\\"b\\\\c\"\n", "a\"b\\c"},
      {"C0", "\033[2J\n\x7f", "\"\\u001b[2J\\n\\u007f\"\n", "\033[2J\n\x7f"},
      {"C1", "\u009b31m", "\"\\u009b31m\"\n", "\u009b31m"},
      {"writing direction", "a\u202eb", "\"a\\u202eb\"\n", "a\u202eb"},
      {"not UTF-8",
       "a\xff"
       "b",
       "\"a\ufffdb\"\n", "a\ufffdb"},
      {"cut UTF-8", "a\xe4\xbd", "\"a\ufffd\"\n", "a\ufffd"},
  };
  for (const auto& c : kCases) {
    SCOPED_TRACE(c.name);
    const std::string shown = JsonText(c.text);
    EXPECT_EQ(shown, c.shown);
    EXPECT_EQ(Json::parse(shown).get<std::string>(), c.read);
  }
}

TEST(JsonTextTest, NumbersAreExactAndKeysKeepTheirOrder) {
  EXPECT_EQ(JsonText({{"z", UINT64_MAX}, {"a", Json::array()}}),
            "{\n  \"z\": 18446744073709551615,\n  \"a\": []\n}\n");
}

}  // namespace
}  // namespace convergia::client
