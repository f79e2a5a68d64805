#include "client/output/format.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <string>

#include "absl/time/time.h"
#include "client/connect/client.h"

namespace convergia::client {
namespace {

TEST(FormatTest, FurtherLinesOfAMessageAreIndented) {
  const std::string text =
      FormatMessage({"bob", absl::FromUnixMillis(0), "one\n[00:00:00] eve: two"}, "%S");
  EXPECT_EQ(text, "[00] bob: one\n    [00:00:00] eve: two");
}

TEST(FormatBytesTest, ShowsTheUnitThatFits) {
  const struct {
    uint64_t bytes;
    const char* shown;
  } kCases[] = {
      {0, "0 B"},
      {1023, "1023 B"},
      {1024, "1.0 KiB"},
      {1536, "1.5 KiB"},
      {1024 * 1024 - 1, "1.0 MiB"},
      {5ull << 30, "5.0 GiB"},
      {UINT64_MAX, "16.0 EiB"},
  };
  for (const auto& c : kCases) EXPECT_EQ(FormatBytes(c.bytes), c.shown);
}

TEST(FormatLocalTimeTest, IsLongIsoInTheZoneOfTheUser) {
  const absl::Time time = absl::FromUnixSeconds(1'700'000'000);
  setenv("TZ", "UTC", 1);
  EXPECT_EQ(FormatLocalTime(time), "2023-11-14 22:13");
  setenv("TZ", "Fixed/UTC+09:00:00", 1);
  EXPECT_EQ(FormatLocalTime(time), "2023-11-15 07:13");
  unsetenv("TZ");
}

}  // namespace
}  // namespace convergia::client
