#include "common/line/packet.h"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

#include "common/base/fail.h"
#include "common/base/testing/status_testing.h"

namespace convergia::line {
namespace {

const std::string k32 = "1234567890abcdefABCDEF.._--_..99";
const std::string k33 = k32 + "x";

struct GoodCase {
  const char* name;
  std::string packet;
  std::string id;
  std::string word;
  std::string data;
  bool has_data = false;
};
void PrintTo(const GoodCase& c, std::ostream* out) { *out << c.name; }

class GoodRequestTest : public testing::TestWithParam<GoodCase> {};

TEST_P(GoodRequestTest, IsReadInItsParts) {
  const GoodCase& c = GetParam();
  absl::string_view id;
  ASSERT_OK_AND_ASSIGN(const Request request, ParseRequest(c.packet, &id));
  EXPECT_EQ(request.id, c.id);
  EXPECT_EQ(id, c.id);
  EXPECT_EQ(request.word, c.word);
  EXPECT_EQ(request.data, c.data);
  EXPECT_EQ(request.has_data, c.has_data);
}

INSTANTIATE_TEST_SUITE_P(
    Packets, GoodRequestTest,
    testing::ValuesIn<GoodCase>({
        {"WordAlone", "PING", "", "PING", ""},
        {"IdAndWord", "7 PING", "7", "PING", ""},
        {"WordAndData", "SENDMESSAGE bob\nhi there", "", "SENDMESSAGE", "bob\nhi there", true},
        {"IdWordAndData", "1a.b_c-D X y", "1a.b_c-D", "X", "y", true},
        {"IdOf32Characters", k32 + " PING", k32, "PING", ""},
        {"EmptyDataIsData", "GETSERVERMAP ", "", "GETSERVERMAP", "", true},
        {"SpacesInDataStay", "X  y ", "", "X", " y ", true},
        {"DataMayBeginWithADigit", "X 1 2", "", "X", "1 2", true},
        {"LowerCaseIsAWordOfItsOwn", "ping", "", "ping", ""},
        {"EightBitDataPasses", "X \xff\x80\r\t", "", "X", "\xff\x80\r\t", true},
    }),
    [](const auto& info) { return std::string(info.param.name); });

struct BadCase {
  const char* name;
  std::string packet;
  std::string readable_id;
};
void PrintTo(const BadCase& c, std::ostream* out) { *out << c.name; }

class BadRequestTest : public testing::TestWithParam<BadCase> {};

TEST_P(BadRequestTest, IsABadPacketWhoseIdIsStillKnown) {
  absl::string_view id = "left over";
  const absl::StatusOr<Request> request = ParseRequest(GetParam().packet, &id);
  ASSERT_FALSE(request.ok());
  EXPECT_EQ(FailCodeOf(request.status()), FailCode::kBadPacket);
  EXPECT_FALSE(request.status().message().empty());
  EXPECT_EQ(id, GetParam().readable_id);
}

INSTANTIATE_TEST_SUITE_P(Packets, BadRequestTest,
                         testing::ValuesIn<BadCase>({
                             {"Empty", "", ""},
                             {"SpaceFirst", " PING", ""},
                             {"IdAlone", "7", "7"},
                             {"IdAndSpace", "7 ", "7"},
                             {"TwoSpacesAfterTheId", "7  PING", "7"},
                             {"TwoIds", "7 8 PING", "7"},
                             {"IdOf33Characters", k33 + " PING", ""},
                             {"IdWithASlash", "7/1 PING", ""},
                             {"IdWithANewline", "7\n PING", ""},
                             {"IdWithEightBits", "7\xff PING", ""},
                             {"WordWithADigit", "PING2", ""},
                             {"WordWithANewline", "PING\nx", ""},
                             {"WordWithACr", "PING\r", ""},
                             {"WordWithEightBits", "PING\xc3\x84", ""},
                             {"WordWithATab", "3 PING\tx", "3"},
                             {"PunctuationFirst", "-PING", ""},
                             {"HttpRequestIsNone", "\x16\x03\x01", ""},
                         }),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(BareSignInTest, IsANameALineFeedAndTheSecret) {
  const auto parts = ParseBareSignIn("alice\nopen sesame\n2");
  ASSERT_TRUE(parts.has_value());
  EXPECT_EQ(parts->first, "alice");
  EXPECT_EQ(parts->second, "open sesame\n2");
}

TEST(BareSignInTest, NeedsALineFeed) { EXPECT_FALSE(ParseBareSignIn("PING").has_value()); }

TEST(BareSignInTest, HasNoSpaceBeforeTheFirstLineFeed) {
  EXPECT_FALSE(ParseBareSignIn("LOGIN alice\nsecret").has_value());
  EXPECT_FALSE(ParseBareSignIn("1 LOGIN alice\nsecret").has_value());
}

TEST(BareSignInTest, EmptyNameAndSecretAreForTheCallerToRefuse) {
  const auto parts = ParseBareSignIn("\n");
  ASSERT_TRUE(parts.has_value());
  EXPECT_EQ(parts->first, "");
  EXPECT_EQ(parts->second, "");
}

std::vector<std::string> Split(absl::string_view data, bool has_data, size_t count) {
  std::vector<absl::string_view> fields(count);
  if (!SplitFields(data, has_data, absl::MakeSpan(fields))) return {"too few or too many"};
  return std::vector<std::string>(fields.begin(), fields.end());
}

TEST(SplitFieldsTest, LastFieldTakesTheRest) {
  EXPECT_EQ(Split("bob\nhi\nthere", true, 2), (std::vector<std::string>{"bob", "hi\nthere"}));
  EXPECT_EQ(Split("bob\n", true, 2), (std::vector<std::string>{"bob", ""}));
  EXPECT_EQ(Split("", true, 1), std::vector<std::string>{""});
}

TEST(SplitFieldsTest, MissingFieldsAreRefused) {
  const std::vector<std::string> refused = {"too few or too many"};
  EXPECT_EQ(Split("bob", true, 2), refused);
  EXPECT_EQ(Split("a\nb", true, 3), refused);
  EXPECT_EQ(Split("", false, 1), refused);
}

TEST(SplitFieldsTest, ExtraDataIsRefusedWhereNoneIsTaken) {
  EXPECT_EQ(Split("x", true, 0), std::vector<std::string>{"too few or too many"});
  EXPECT_TRUE(Split("", false, 0).empty());
}

TEST(CountFieldsTest, CountsFields) {
  EXPECT_EQ(CountFields("", false), 0);
  EXPECT_EQ(CountFields("", true), 1);
  EXPECT_EQ(CountFields("a\nb\n", true), 3);
}

}  // namespace
}  // namespace convergia::line
