#include "common/line/framer.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/limits.h"
#include "common/line/reply.h"

namespace convergia::line {
namespace {

constexpr size_t kLimit = 8;

// Everything `framer` makes of `bytes`; what was too long is shown as "!" and its prefix.
void Feed(Framer* framer, std::string bytes, std::vector<std::string>* packets) {
  absl::Span<char> rest = absl::MakeSpan(bytes);
  absl::string_view packet;
  while (true) {
    switch (framer->Pull(&rest, &packet)) {
      case Framer::Next::kNeedMore:
        EXPECT_TRUE(rest.empty());
        return;
      case Framer::Next::kPacket:
        packets->push_back(std::string(packet));
        break;
      case Framer::Next::kTooLong:
        packets->push_back(absl::StrCat("!", packet));
        break;
    }
  }
}

struct FramerCase {
  const char* name;
  std::string input;
  std::vector<std::string> packets;
  uint64_t empty_packets = 0;
  bool drops_cr = false;
};

void PrintTo(const FramerCase& c, std::ostream* out) { *out << c.name; }

class FramerTest : public testing::TestWithParam<FramerCase> {
 protected:
  Framer MakeFramer() const {
    Framer framer(kLimit);
    framer.set_drops_cr(GetParam().drops_cr);
    return framer;
  }
};

TEST_P(FramerTest, YieldsTheSamePacketsWhereverTheReadIsCut) {
  const FramerCase& c = GetParam();
  for (size_t cut = 0; cut <= c.input.size(); ++cut) {
    SCOPED_TRACE(absl::StrCat("cut before byte ", cut));
    Framer framer = MakeFramer();
    std::vector<std::string> packets;
    Feed(&framer, c.input.substr(0, cut), &packets);
    Feed(&framer, c.input.substr(cut), &packets);
    EXPECT_EQ(packets, c.packets);
    EXPECT_EQ(framer.empty_packets(), c.empty_packets);
  }
}

TEST_P(FramerTest, YieldsTheSamePacketsOneByteAtATime) {
  const FramerCase& c = GetParam();
  Framer framer = MakeFramer();
  std::vector<std::string> packets;
  for (const char byte : c.input) Feed(&framer, std::string(1, byte), &packets);
  EXPECT_EQ(packets, c.packets);
  EXPECT_EQ(framer.empty_packets(), c.empty_packets);
}

INSTANTIATE_TEST_SUITE_P(
    Packets, FramerTest,
    testing::ValuesIn<FramerCase>({
        {"NothingIsNoPacket", "", {}},
        {"OnePacket", "PING\n", {"PING"}},
        {"TwoPacketsInOneRead", "A\nBC\n", {"A", "BC"}},
        {"UnfinishedPacketIsHeldBack", "A\nB", {"A"}},
        {"EscapedNewlineStaysInThePacket", "A~\nB\n", {"A\nB"}},
        {"EscapedTildeIsOneTilde", "~~\n", {"~"}},
        {"AnyByteMayBeEscaped", "~P~I~N~G\n", {"PING"}},
        {"EscapesSideBySide", "a~\n~\n~~b\n", {"a\n\n~b"}},
        {"EscapedNewlineThenTheEndingOne", "a~\n\nb\n", {"a\n", "b"}},
        {"TildeThenEscapedNewline", "~~~\n\n", {"~\n"}},
        {"EscapedEndIsNoEnd", "A~\n", {}},
        {"EmptyPacketsAreSkippedAndCounted", "\n\nA\n\n", {"A"}, 3},
        {"EightBitBytesPass",
         std::string("\0\xff\x80~\x01\n", 6),
         {std::string("\0\xff\x80\x01", 4)}},
        {"ExactlyTheLimit", "12345678\n", {"12345678"}},
        {"EscapesDoNotCountTowardsTheLimit", "~1~2~3~4~5~6~7~8\n", {"12345678"}},
        {"OneOverTheLimit", "123456789\nA\n", {"!123456789", "A"}},
        {"TooLongHoldsItsEscapedNewlines", "1234567~\n~\n~~\nA\n", {"!1234567\n\n~", "A"}},
        {"TwoTooLong", "1234567890\nabcdefghij\nA\n", {"!1234567890", "!abcdefghij", "A"}},
        {"CrIsKept", "A\r\n", {"A\r"}},
        {"CrBeforeTheEndIsDropped", "A\r\nB\n", {"A", "B"}, 0, true},
        {"EscapedCrIsKept", "A~\r\n", {"A\r"}, 0, true},
        {"OnlyTheLastCrIsDropped", "A\r\r\n", {"A\r"}, 0, true},
        {"CrInsideIsKept", "A\rB\n", {"A\rB"}, 0, true},
        {"CrBeforeAnEscapedNewlineIsKept", "A\r~\n\n", {"A\r\n"}, 0, true},
        {"CrAloneIsAnEmptyPacket", "\r\nA\r\n", {"A"}, 1, true},
        {"DroppedCrCountsTowardsTheLimit", "12345678\r\n", {"!12345678\r"}, 0, true},
        {"CrOfATooLongPacketIsNotTheNextOnes",
         "123456789\r\n\nA\n",
         {"!123456789\r", "A"},
         1,
         true},
    }),
    [](const auto& info) { return std::string(info.param.name); });

TEST(FramerBufferTest, PacketThatLiesWholeInTheBufferIsNotCopied) {
  std::string bytes = "SEND a~~b~\nc\nPING\n";
  absl::Span<char> rest = absl::MakeSpan(bytes);
  Framer framer(kLimit * 2);
  absl::string_view packet;
  ASSERT_EQ(framer.Pull(&rest, &packet), Framer::Next::kPacket);
  EXPECT_EQ(packet, "SEND a~b\nc");
  EXPECT_EQ(packet.data(), bytes.data());
  ASSERT_EQ(framer.Pull(&rest, &packet), Framer::Next::kPacket);
  EXPECT_EQ(packet.data(), bytes.data() + 13);
  EXPECT_EQ(framer.Pull(&rest, &packet), Framer::Next::kNeedMore);
}

TEST(FramerBufferTest, HoldsNothingOnceThePacketHasEnded) {
  Framer framer(kLimit);
  std::vector<std::string> packets;
  Feed(&framer, "1234", &packets);
  EXPECT_EQ(framer.partial_bytes(), 4);
  Feed(&framer, "5\n", &packets);
  EXPECT_EQ(framer.partial_bytes(), 0);
  EXPECT_EQ(packets, std::vector<std::string>{"12345"});
}

TEST(FramerBufferTest, HoldsOnlyThePrefixOfWhatIsTooLong) {
  Framer framer(/*packet_bytes_max=*/1000);
  std::vector<std::string> packets;
  for (int i = 0; i < 1000; ++i) {
    Feed(&framer, std::string(100, 'x'), &packets);
    ASSERT_LE(framer.partial_bytes(), 1000);
  }
  EXPECT_TRUE(framer.skipping());
  EXPECT_EQ(framer.partial_bytes(), Framer::kTooLongPrefixBytes);
  Feed(&framer, "\nA\n", &packets);
  EXPECT_FALSE(framer.skipping());
  EXPECT_EQ(packets, (std::vector<std::string>{
                         absl::StrCat("!", std::string(Framer::kTooLongPrefixBytes, 'x')), "A"}));
}

TEST(FramerBufferTest, EndIsFoundAtEveryDistance) {
  for (size_t length = 1; length <= 200; ++length) {
    Framer framer(/*packet_bytes_max=*/1000);
    std::vector<std::string> packets;
    const std::string text(length, 'x');
    Feed(&framer, absl::StrCat(text, "~~", text, "\n", text, "\n"), &packets);
    EXPECT_EQ(packets, (std::vector<std::string>{absl::StrCat(text, "~", text), text}));
  }
}

TEST(FramerBufferTest, MillionTildesAreHalfAMillion) {
  constexpr size_t kTildes = 1'000'000;
  Framer framer(limits::kPacketBytesMax);
  std::vector<std::string> packets;
  Feed(&framer, absl::StrCat(std::string(kTildes, '~'), "\n"), &packets);
  ASSERT_EQ(packets.size(), 1);
  EXPECT_EQ(packets[0], std::string(kTildes / 2, '~'));
}

TEST(FramerBufferTest, MillionTildesInPiecesAreTheSame) {
  constexpr size_t kTildes = 1'000'000;
  Framer framer(limits::kPacketBytesMax);
  std::vector<std::string> packets;
  for (size_t sent = 0; sent < kTildes; sent += 125) Feed(&framer, std::string(125, '~'), &packets);
  Feed(&framer, "\n", &packets);
  ASSERT_EQ(packets.size(), 1);
  EXPECT_EQ(packets[0], std::string(kTildes / 2, '~'));
}

TEST(FramerBufferTest, PacketAtTheRealLimitPassesAndOneMoreByteIsTooLong) {
  Framer framer(limits::kPacketBytesMax);
  std::vector<std::string> packets;
  Feed(&framer, absl::StrCat(std::string(limits::kPacketBytesMax, '\r'), "\n"), &packets);
  Feed(&framer, absl::StrCat(std::string(limits::kPacketBytesMax + 1, 'x'), "\nA\n"), &packets);
  ASSERT_EQ(packets.size(), 3);
  EXPECT_EQ(packets[0].size(), limits::kPacketBytesMax);
  EXPECT_EQ(packets[1].substr(0, 3), "!xx");
  EXPECT_EQ(packets[2], "A");
}

TEST(FramerBufferTest, NewLimitMeasuresThePacketUnderWay) {
  Framer framer(/*packet_bytes_max=*/4);
  std::vector<std::string> packets;
  Feed(&framer, "LOGI\n123", &packets);
  framer.set_packet_bytes_max(8);
  Feed(&framer, "45678\n", &packets);
  EXPECT_EQ(packets, (std::vector<std::string>{"LOGI", "12345678"}));
}

TEST(FramerBufferTest, WhatIsEscapedComesBackWhole) {
  std::string every_byte;
  for (int i = 0; i < 256; ++i) every_byte.push_back(static_cast<char>(i));
  std::string wire;
  AppendEscaped(every_byte, &wire);
  wire.push_back('\n');
  Framer framer(every_byte.size());
  std::vector<std::string> packets;
  Feed(&framer, wire, &packets);
  EXPECT_EQ(packets, std::vector<std::string>{every_byte});
}

}  // namespace
}  // namespace convergia::line
