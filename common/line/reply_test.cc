#include "common/line/reply.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/base/testing/status_testing.h"
#include "common/line/rows.h"

namespace convergia::line {
namespace {

TEST(ReplyTest, WritersAppendWholeEscapedPackets) {
  std::string out;
  AppendOk("", &out);
  AppendOk("1", &out);
  AppendOk("2", "a\nb~", &out);
  AppendOk("3", "", &out);
  AppendFail("4", Fail(FailCode::kOffline, "bob is ~away~\nnow"), &out);
  AppendFail("", Fail(FailCode::kBusy, ""), &out);
  AppendPush("PING", "", &out);
  AppendPush("RECEIVEMESSAGE", "alice\n0\nhi", &out);
  EXPECT_EQ(out,
            "OK\n"
            "1 OK\n"
            "2 OK a~\nb~~\n"
            "3 OK\n"
            "4 FAIL OFFLINE bob is ~~away~~~\nnow\n"
            "FAIL BUSY \n"
            "PING\n"
            "RECEIVEMESSAGE alice~\n0~\nhi\n");
}

TEST(ReplyTest, StatusThatFailDidNotMakeGetsTheNearestCode) {
  std::string out;
  AppendFail("", absl::UnavailableError("x"), &out);
  EXPECT_EQ(out, "FAIL UNAVAILABLE x\n");
}

TEST(ReplyTest, LongTextIsCut) {
  std::string out;
  AppendFail("", Fail(FailCode::kBusy, std::string(10'000, 'x')), &out);
  EXPECT_EQ(out.size(), std::string("FAIL BUSY \n").size() + kFailTextBytesMax);
}

TEST(ReplyTest, RequestJoinsItsFields) {
  std::string out;
  AppendRequest("9", "SENDMESSAGE", {"bob", "one\ntwo~"}, &out);
  AppendRequest("", "PING", {}, &out);
  AppendRequest("", "X", {""}, &out);
  EXPECT_EQ(out, "9 SENDMESSAGE bob~\none~\ntwo~~\nPING\nX \n");
}

TEST(ReplyTest, EveryByteEscapesInEveryPlace) {
  for (const std::string special : {"~", "\n"}) {
    for (size_t at = 0; at <= 5; ++at) {
      std::string text = "abcde";
      text.insert(at, special);
      std::string expected = "abcde";
      expected.insert(at, "~" + special);
      std::string out;
      AppendEscaped(text, &out);
      EXPECT_EQ(out, expected);
    }
  }
}

TEST(ServerPacketTest, OkIsReadWithItsIdAndData) {
  ASSERT_OK_AND_ASSIGN(const ServerPacket packet, ParseServerPacket("7 OK a\nb"));
  EXPECT_EQ(packet.kind, ServerPacket::Kind::kOk);
  EXPECT_EQ(packet.id, "7");
  EXPECT_EQ(packet.data, "a\nb");
}

TEST(ServerPacketTest, FailIsReadWithItsCodeAndText) {
  ASSERT_OK_AND_ASSIGN(const ServerPacket packet, ParseServerPacket("FAIL OFFLINE bob is away"));
  EXPECT_EQ(packet.kind, ServerPacket::Kind::kFail);
  EXPECT_EQ(packet.id, "");
  EXPECT_EQ(packet.code, FailCode::kOffline);
  EXPECT_EQ(packet.text, "bob is away");
}

TEST(ServerPacketTest, CodeOfANewerServerIsInternal) {
  ASSERT_OK_AND_ASSIGN(const ServerPacket packet, ParseServerPacket("1 FAIL FULLMOON wait"));
  EXPECT_EQ(packet.code, FailCode::kInternal);
  EXPECT_EQ(packet.text, "wait");
}

TEST(ServerPacketTest, AnyOtherWordIsAPush) {
  ASSERT_OK_AND_ASSIGN(const ServerPacket packet, ParseServerPacket("NOTICE be well"));
  EXPECT_EQ(packet.kind, ServerPacket::Kind::kPush);
  EXPECT_EQ(packet.word, "NOTICE");
  EXPECT_EQ(packet.data, "be well");
}

TEST(ServerPacketTest, WhatIsNotTheProtocolIsRefused) {
  for (const char* packet :
       {"", "HTTP/1.1 400 Bad Request", "7", "7 NOTICE x", "FAIL", "FAIL  x"}) {
    const absl::StatusOr<ServerPacket> parsed = ParseServerPacket(packet);
    ASSERT_FALSE(parsed.ok()) << packet;
    EXPECT_EQ(FailCodeOf(parsed.status()), FailCode::kBadPacket);
  }
}

TEST(RowsTest, RowsComeBackAsTheyWereWritten) {
  RowWriter rows;
  EXPECT_TRUE(rows.empty());
  rows.Add({"a1", "127.0.0.1:1", ""});
  rows.Add({"b1"});
  EXPECT_FALSE(rows.empty());
  EXPECT_EQ(rows.data(), "a1\t127.0.0.1:1\t\nb1");
  EXPECT_EQ(ParseRows(rows.data()),
            (std::vector<std::vector<absl::string_view>>{{"a1", "127.0.0.1:1", ""}, {"b1"}}));
}

TEST(RowsTest, NothingIsNoRows) { EXPECT_TRUE(ParseRows("").empty()); }

TEST(RowsTest, ControlCharactersCannotMakeColumnsOrRows) {
  RowWriter rows;
  rows.Add({"a\tb\nc\x7f", "d"});
  EXPECT_EQ(rows.data(), "a b c \td");
}

TEST(RowsTest, ValueIsFoundByItsKey) {
  EXPECT_EQ(ValueInRows("a\t1\nb\t2\t3\nb\t4", "b"), "2");
  EXPECT_EQ(ValueInRows("a\t1", "b"), "");
  EXPECT_EQ(ValueInRows("", "b"), "");
}

}  // namespace
}  // namespace convergia::line
