// Requests, answers and signing in, over real TLS.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/lineserver/testing/session_test_fixture.h"

namespace convergia::lineserver {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

TEST_F(SessionTest, GreetsAndAnswersWithTheIdOfTheRequest) {
  StartServer();
  const auto client = Connect();
  EXPECT_EQ(client->Ask("PING\n"), "OK");
  EXPECT_EQ(client->Ask("1 PING\n"), "1 OK");
  EXPECT_EQ(client->Ask("2.x ECHO a~~b~\nc\n"), "2.x OK a~b\nc");
  EXPECT_EQ(client->Ask("TWO a~\nb~\nc\n"), "OK a|b\nc");
  EXPECT_EQ(client->Ask("OPT\n"), "OK 0");
  EXPECT_EQ(client->Ask("OPT x\n"), "OK 1");
  EXPECT_EQ(client->Ask("OPT x~\ny~\nz\n"), "OK 2");
  EXPECT_THAT(client->Ask("HELP\n"), HasSubstr("\nTWO\ta LF b: both"));
  EXPECT_EQ(client->Ask("HELP ECHO\n"), "OK ECHO\tdata: says it back");
  EXPECT_THAT(client->Ask("HELP NONE\n"), StartsWith("FAIL NOTFOUND "));
}

TEST_F(SessionTest, EveryCutOfAPacketGivesTheSameAnswer) {
  StartServer();
  const auto client = Connect();
  const std::string packet = "7 TWO a~\nb~~c~\nd\n";
  for (size_t cut = 1; cut < packet.size(); ++cut) {
    ASSERT_TRUE(client->Send(packet.substr(0, cut)));
    EXPECT_EQ(client->Ask(packet.substr(cut)), "7 OK a|b~c\nd") << cut;
  }
  for (const char c : packet) ASSERT_TRUE(client->Send(std::string(1, c)));
  EXPECT_EQ(client->ReadPacket(), "7 OK a|b~c\nd");
}

TEST_F(SessionTest, BadPacketsGetACodeAndTheConnectionGoesOn) {
  StartServer();
  const auto client = ConnectAndSignIn("alice");
  const std::pair<absl::string_view, absl::string_view> cases[] = {
      {"NOSUCH\n", "FAIL UNKNOWNCOMMAND "},
      {"5 NOSUCH data\n", "5 FAIL UNKNOWNCOMMAND "},
      {"ping\n", "FAIL UNKNOWNCOMMAND "},
      {" PING\n", "FAIL BADPACKET "},
      {"6  PING\n", "6 FAIL BADPACKET "},
      {"6\n", "6 FAIL BADPACKET "},
      {"PI-NG\n", "FAIL BADPACKET "},
      {"\xff\xfe\n", "FAIL BADPACKET "},
      {"PING x\n", "FAIL BADFIELD PING takes no fields"},
      {"8 TWO a\n", "8 FAIL BADFIELD TWO takes 2 fields"},
      {"TWO\n", "FAIL BADFIELD "},
      {"ECHO\n", "FAIL BADFIELD "},
      {"HELP a~\nb\n", "FAIL NOTFOUND "},
  };
  for (const auto& [packet, answer] : cases) {
    EXPECT_THAT(client->Ask(packet), StartsWith(std::string(answer))) << packet;
    EXPECT_EQ(client->Ask("PING\n"), "OK") << packet;
  }
  EXPECT_EQ(client->Ask("\n\n\nPING\n"), "OK") << "empty packets are nothing";
  EXPECT_EQ(client->Ask(absl::StrCat(std::string(33, '1'), " PING\n")).substr(0, 14),
            "FAIL BADPACKET");
}

TEST_F(SessionTest, AMillionTildesAreHalfAMillion) {
  StartServer();
  const auto client = ConnectAndSignIn("alice");
  const std::string tildes(1'000'000, '~');
  EXPECT_TRUE(client->Ask(absl::StrCat("ECHO ", tildes, "\n")) ==
              absl::StrCat("OK ", tildes.substr(500'000)));
  EXPECT_THAT(client->Ask(absl::StrCat(tildes, "\n")), StartsWith("FAIL BADPACKET "));
  EXPECT_EQ(client->Ask("PING\n"), "OK");
}

TEST_F(SessionTest, PacketsAtTheLimitPassAndAboveAreSkipped) {
  StartServer();
  const auto client = ConnectAndSignIn("alice");
  const size_t max = limits::kPacketBytesMax;
  const std::string fits(max - 5, 'x');
  EXPECT_TRUE(client->Ask(absl::StrCat("ECHO ", fits, "\n")) == absl::StrCat("OK ", fits));
  EXPECT_THAT(client->Ask(absl::StrCat("ECHO ", fits, "x\n")), StartsWith("FAIL TOOLONG "));
  EXPECT_THAT(client->Ask(absl::StrCat("9 ECHO ", fits, fits, "\n")),
              StartsWith("9 FAIL TOOLONG "));
  EXPECT_EQ(client->Ask("PING\n"), "OK");
  EXPECT_EQ(CounterOf(Counter::kPacketsTooLong), 2);
}

TEST_F(SessionTest, BeforeSignInALongPacketEndsTheConnection) {
  StartServer();
  const auto client = Connect();
  const std::string fits(limits::kPacketBytesMaxBeforeSignIn - 5, 'x');
  EXPECT_EQ(client->Ask(absl::StrCat("ECHO ", fits, "\n")), absl::StrCat("OK ", fits));
  // The server does not wait for the end of the packet.
  EXPECT_THAT(client->Ask(absl::StrCat("ECHO ", fits, "xx")), StartsWith("FAIL TOOLONG "));
  EXPECT_THAT(client->ReadToEnd(), StartsWith("BYE TOOLONG\n"));
  WaitForConnections(0);
}

TEST_F(SessionTest, SignsInByTheBarePacketAndByLogin) {
  StartServer();
  for (const absl::string_view packet :
       {"alice~\nsecret\n", "LOGIN alice~\nsecret\n", "Alice~\nsecret\r\n"}) {
    const auto client = Connect();
    EXPECT_THAT(client->Ask("WHO\n"), StartsWith("FAIL NOTSIGNEDIN "));
    EXPECT_THAT(client->Ask(packet), testing::MatchesRegex("OK user\talice\nsession\t[0-9]+\n"
                                                           "ticket\tticket-of-alice\n"
                                                           "expires\t2000"));
    EXPECT_EQ(client->Ask("WHO\n"), "OK alice");
    for (const absl::string_view again : {"LOGIN bob~\nsecret\n", "bob~\nsecret\n"}) {
      EXPECT_THAT(client->Ask(again), StartsWith("FAIL DENIED "));
    }
    EXPECT_EQ(client->Ask("WHO\n"), "OK alice");
  }
  EXPECT_EQ(CounterOf(Counter::kSignIns), 3);
}

TEST_F(SessionTest, AWrongSecretOrNameFailsAndTheNextTryMaySucceed) {
  StartServer();
  const auto client = Connect();
  EXPECT_THAT(client->Ask("alice~\nwrong\n"), StartsWith("FAIL SIGNINFAILED "));
  EXPECT_THAT(client->Ask("1 LOGIN alice~\n\n"), StartsWith("1 FAIL SIGNINFAILED "));
  EXPECT_THAT(client->Ask("LOGIN alice\n"), StartsWith("FAIL BADFIELD "));
  EXPECT_THAT(client->Ask("LOGIN -alice~\nsecret\n"), StartsWith("FAIL BADFIELD "));
  EXPECT_THAT(client->Ask("-alice~\nsecret\n"), StartsWith("FAIL BADPACKET "));
  EXPECT_THAT(client->Ask("LOGIN refused~\nsecret\n"), StartsWith("FAIL BUSY "));
  EXPECT_THAT(client->Ask("WHO\n"), StartsWith("FAIL NOTSIGNEDIN "));
  EXPECT_EQ(server_->signed_in(), 0);
  EXPECT_THAT(client->Ask("7up~\nsecret\n"), StartsWith("OK user\t7up"));
  EXPECT_EQ(server_->signed_in(), 1);
}

TEST_F(SessionTest, AnExtensionLivesFromSignInUntilTheObserverIsToldOfTheEnd) {
  StartServer();
  const auto client = ConnectAndSignIn("alice");
  const auto other = Connect();
  EXPECT_THAT(other->Ask("LOGIN refused~\nsecret\n"), StartsWith("FAIL BUSY "));
  observer_.WaitForExtensions(1);
  EXPECT_EQ(client->Ask("QUIT\n"), "OK");
  observer_.WaitForExtensions(0);
}

TEST_F(SessionTest, ACrBeforeTheEndIsDroppedOnlyBeforeSignIn) {
  StartServer();
  const auto client = Connect();
  EXPECT_EQ(client->Ask("ECHO a\r\n"), "OK a");
  EXPECT_THAT(client->Ask("alice~\nsecret\r\n"), StartsWith("OK "));
  EXPECT_EQ(client->Ask("ECHO a\r\n"), "OK a\r");
}

TEST_F(SessionTest, WhileSigningInWhatFollowsWaits) {
  StartServer();
  const auto client = Connect();
  ASSERT_TRUE(client->Send("1 LOGIN alice~\nlater\n2 WHO\n3 ECHO x\n"));
  authenticator_.FinishLater();
  EXPECT_THAT(client->ReadPacket(), StartsWith("1 OK user\talice"));
  EXPECT_EQ(client->ReadPacket(), "2 OK alice");
  EXPECT_EQ(client->ReadPacket(), "3 OK x");
}

TEST_F(SessionTest, ASignInThatTheAuthenticatorLosesIsInternalAndTheSessionGoesOn) {
  StartServer();
  const auto client = Connect();
  ASSERT_TRUE(client->Send("LOGIN alice~\nlater\nPING\n"));
  authenticator_.DropLater();
  EXPECT_THAT(client->ReadPacket(), StartsWith("FAIL INTERNAL "));
  EXPECT_EQ(client->ReadPacket(), "OK");
}

TEST_F(SessionTest, AClientThatLeavesWhileSigningInIsNobody) {
  StartServer();
  auto client = Connect();
  ASSERT_TRUE(client->Send("LOGIN alice~\nlater\n"));
  authenticator_.FinishLater();
  client->Close();
  WaitForConnections(0);
  observer_.WaitForSessions("alice", 0);
  EXPECT_EQ(server_->signed_in(), 0);
}

TEST_F(SessionTest, AnswersWithoutIdLeaveInOrderAndThoseWithIdAsTheyCome) {
  StartServer();
  const auto client = Connect();
  ASSERT_TRUE(client->Send("LATER\n1 LATER\nECHO third\n2 ECHO two\n"));
  EXPECT_EQ(client->ReadPacket(), "2 OK two");
  AnswerLater(1, "one");
  EXPECT_EQ(client->ReadPacket(), "1 OK one");
  AnswerLater(0, "first");
  EXPECT_EQ(client->ReadPacket(), "OK first");
  EXPECT_EQ(client->ReadPacket(), "OK third");
}

TEST_F(SessionTest, AnIdThatIsOutstandingIsRefusedAndThenFreeAgain) {
  StartServer();
  const auto client = Connect();
  ASSERT_TRUE(client->Send("1 LATER\n"));
  EXPECT_THAT(client->Ask("1 PING\n"), StartsWith("1 FAIL BADFIELD "));
  AnswerLater(0, "x");
  EXPECT_EQ(client->ReadPacket(), "1 OK x");
  EXPECT_EQ(client->Ask("1 PING\n"), "1 OK");
}

TEST_F(SessionTest, SixtyFourOutstandingAndThenReadingStops) {
  StartServer();
  const auto client = Connect();
  std::string packets;
  for (int i = 0; i < 64; ++i) absl::StrAppend(&packets, i, " LATER\n");
  ASSERT_TRUE(client->Send(absl::StrCat(packets, "99 ECHO done\n")));
  WaitForLater(64);
  WaitForCounter(Counter::kReadsPaused, 1);
  EXPECT_EQ(CounterOf(Counter::kPacketsIn), 64) << "the next one is not looked at";
  AnswerLater(5, "");
  EXPECT_EQ(client->ReadPacket(), "5 OK");
  EXPECT_EQ(client->ReadPacket(), "99 OK done");
}

TEST_F(SessionTest, ARequestThatIsLostIsInternal) {
  StartServer();
  const auto client = Connect();
  EXPECT_THAT(client->Ask("4 NEVER\n"), StartsWith("4 FAIL INTERNAL "));
}

TEST_F(SessionTest, AnAnswerToOneWhoHasLeftGoesNowhere) {
  StartServer();
  auto client = Connect();
  ASSERT_TRUE(client->Send("LATER\n"));
  WaitForLater(1);
  client->Close();
  WaitForConnections(0);
  AnswerLater(0, "too late");
}

TEST_F(SessionTest, AnAnswerAfterTheServerHasEndedGoesNowhere) {
  StartServer();
  auto client = Connect();
  ASSERT_TRUE(client->Send("LATER\n"));
  WaitForLater(1);
  server_.reset();
  AnswerLater(0, "too late");
}

TEST_F(SessionTest, QuitAnswersAndCloses) {
  StartServer();
  const auto client = ConnectAndSignIn("alice");
  ASSERT_TRUE(client->Send("1 QUIT\n2 PING\n"));
  EXPECT_EQ(client->ReadToEnd(), "1 OK");
  observer_.WaitForSessions("alice", 0);
  client->Close();
  WaitForConnections(0);
}

TEST_F(SessionTest, QuitWaitsForTheAnswersOfEarlierRequests) {
  StartServer();
  const auto client = Connect();
  ASSERT_TRUE(client->Send("LATER\nQUIT\n"));
  WaitForLater(1);
  AnswerLater(0, "y");
  EXPECT_EQ(client->ReadPacket(), "OK y");
  EXPECT_EQ(client->ReadToEnd(), "OK");
  WaitForConnections(0);
}

TEST_F(SessionTest, WhoQuitsAndIsHeldStillGetsPushesUntilReleased) {
  observer_.set_holds_quits();
  StartServer();
  const auto alice = ConnectAndSignIn("alice");
  const auto bob = ConnectAndSignIn("bob");
  ASSERT_TRUE(alice->Send("1 QUIT\n2 PING\n"));
  EXPECT_EQ(alice->ReadPacket(), "1 OK");
  EXPECT_EQ(bob->Ask("FLOOD alice~\n1\n"), "OK 1");
  EXPECT_EQ(alice->ReadPacket().substr(0, 14), "RECEIVEMESSAGE");
  const SessionHandle held = observer_.Find("alice");
  held.shard->Post([session = held.session] {
    if (const auto alive = session.lock()) alive->Release();
  });
  EXPECT_EQ(alice->ReadToEnd(), "") << "what came after QUIT is not answered";
  observer_.WaitForSessions("alice", 0);
  const auto carol = ConnectAndSignIn("carol");
  ASSERT_TRUE(carol->Send("QUIT\n"));
  EXPECT_EQ(carol->ReadPacket(), "OK");
  server_->Drain(absl::Seconds(10));
  EXPECT_EQ(carol->ReadPacket().substr(0, 15), "BYE UNAVAILABLE") << "draining holds nobody";
}

TEST_F(SessionTest, WhoEndsTheirSideStillReadsTheAnswers) {
  StartServer();
  const auto client = Connect();
  ASSERT_TRUE(client->Send("1 LATER\n2 ECHO x\n"));
  client->ShutdownSend();
  EXPECT_EQ(client->ReadPacket(), "2 OK x");
  AnswerLater(0, "y");
  EXPECT_EQ(client->ReadToEnd(), "1 OK y");
  WaitForConnections(0);
}

TEST_F(SessionTest, PushesReachSessionsOnEveryShard) {
  StartServer();
  const auto alice = ConnectAndSignIn("alice"), bob = ConnectAndSignIn("bob");
  EXPECT_EQ(alice->Ask("FLOOD bob~\n3\n"), "OK 3");
  EXPECT_EQ(bob->Ask("FLOOD alice~\n1\n"), absl::StrCat("RECEIVEMESSAGE ", std::string(1000, 'x')));
  EXPECT_EQ(alice->ReadPacket(), absl::StrCat("RECEIVEMESSAGE ", std::string(1000, 'x')));
}

TEST_F(SessionTest, OnePacketIsSharedByManySessions) {
  StartServer();
  const auto alice = ConnectAndSignIn("alice"), bob = ConnectAndSignIn("bob");
  const auto packet =
      std::make_shared<const std::string>(absl::StrCat("NOTICE ", std::string(100'000, 'n'), "\n"));
  for (const std::string user : {"alice", "bob"}) {
    const SessionHandle handle = observer_.Find(user);
    handle.shard->Post([handle, packet] {
      const std::shared_ptr<Session> session = handle.session.lock();
      EXPECT_TRUE(session->Push("NOTICE", "before"));
      EXPECT_TRUE(session->PushShared(packet));
      EXPECT_TRUE(session->PushPacket(13, [](std::string* out) { out->append("NOTICE after\n"); }));
    });
  }
  for (TestClient* client : {alice.get(), bob.get()}) {
    EXPECT_EQ(client->ReadPacket(), "NOTICE before");
    EXPECT_EQ(client->ReadPacket().size(), 100'007);
    EXPECT_EQ(client->ReadPacket(), "NOTICE after");
  }
}

TEST_F(SessionTest, TheOwnerClosesWithAReason) {
  StartServer();
  const auto alice = ConnectAndSignIn("alice");
  const SessionHandle handle = observer_.Find("alice");
  handle.shard->Post([handle] {
    const std::shared_ptr<Session> session = handle.session.lock();
    session->Close(FailCode::kDenied, "your account is closed");
    EXPECT_FALSE(session->Push("NOTICE", "too late"));
  });
  EXPECT_EQ(alice->ReadToEnd(), "BYE DENIED\nyour account is closed");
  observer_.WaitForSessions("alice", 0);
}

TEST_F(SessionTest, AllThatGathersInATurnLeavesInOneWrite) {
  StartServer();
  const auto client = Connect();
  std::string packets;
  for (int i = 0; i < 60; ++i) absl::StrAppend(&packets, i, " PING\n");
  WaitForCounter(Counter::kWrites, 1);  // The greeting's.
  ASSERT_TRUE(client->Send(packets));
  for (int i = 0; i < 60; ++i) EXPECT_EQ(client->ReadPacket(), absl::StrCat(i, " OK"));
  WaitForCounter(Counter::kWrites, 2);
  EXPECT_EQ(CounterOf(Counter::kWrites), 2);
}

}  // namespace
}  // namespace convergia::lineserver
