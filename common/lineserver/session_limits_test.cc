// Limits and time-outs of clients, over real TLS and with a fake clock.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "common/base/testing/status_testing.h"
#include "common/lineserver/testing/session_test_fixture.h"

namespace convergia::lineserver {
namespace {

using testing::StartsWith;

TEST_F(SessionTest, PlainTextOnTheTlsPortIsClosedAndCounted) {
  StartServer();
  uint64_t count = 0;
  for (const absl::string_view text :
       {"PING\nPING\nPING\n", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "alice~\nsecret\nPING\n"}) {
    TestClient client(address());
    ASSERT_TRUE(client.SendPlain(text));
    EXPECT_TRUE(client.ReadPlainToEnd());
    WaitForCounter(Counter::kPlainText, ++count);
  }
  WaitForConnections(0);
}

TEST_F(SessionTest, AHandshakeThatNeverEndsIsClosedAfterFiveSeconds) {
  StartServer();
  TestClient silent(address()), half(address());
  ASSERT_TRUE(half.SendPlain(absl::string_view("\x16\x03\x01\x02\x00\x01\x00", 7)));
  WaitForConnections(2);
  Advance(limits::kTlsHandshakeTimeout - absl::Seconds(1));
  EXPECT_EQ(server_->connections(), 2);
  Advance(absl::Seconds(2));
  EXPECT_TRUE(silent.ReadPlainToEnd());
  EXPECT_TRUE(half.ReadPlainToEnd());
  WaitForConnections(0);
  EXPECT_EQ(CounterOf(Counter::kClosedHandshakeTimeout), 2);
}

TEST_F(SessionTest, SignInHasFifteenSecondsAlsoForOneWhoTrickles) {
  StartServer();
  const auto client = Connect();
  for (int second = 0; second < 14; ++second) {
    ASSERT_TRUE(client->Send("E"));
    Advance(absl::Seconds(1));
  }
  EXPECT_EQ(server_->connections(), 1);
  Advance(absl::Seconds(2));
  EXPECT_THAT(client->ReadToEnd(), StartsWith("BYE EXPIRED\n"));
  WaitForConnections(0);
  EXPECT_EQ(CounterOf(Counter::kClosedSignInTimeout), 1);
}

TEST_F(SessionTest, APortMayGiveMoreTimeToSignIn) {
  options_.listen[0].sign_in_timeout = absl::Seconds(70);
  StartServer();
  const auto client = Connect();
  Advance(absl::Seconds(60));
  EXPECT_EQ(client->Ask("PING\n"), "OK");
  Advance(absl::Seconds(11));
  EXPECT_THAT(client->ReadToEnd(), StartsWith("BYE EXPIRED\n"));
}

TEST_F(SessionTest, TheTimeTheAuthenticatorTakesIsNotTheClients) {
  StartServer();
  const auto client = Connect();
  ASSERT_TRUE(client->Send("LOGIN alice~\nlater\n"));
  Advance(absl::Seconds(60));
  authenticator_.FinishLater();
  EXPECT_THAT(client->ReadPacket(), StartsWith("OK user\talice"));
  EXPECT_EQ(client->Ask("WHO\n"), "OK alice");
}

TEST_F(SessionTest, ASilentClientIsPingedAndThenClosed) {
  StartServer();
  const auto client = ConnectAndSignIn("alice");
  Advance(limits::kIdlePingAfter + absl::Seconds(1));
  EXPECT_EQ(client->ReadPacket(), "PING");
  Advance(absl::Seconds(50));
  EXPECT_EQ(client->Ask("ECHO here\n"), "OK here") << "any packet keeps it";
  Advance(limits::kIdlePingAfter + absl::Seconds(1));
  EXPECT_EQ(client->ReadPacket(), "PING");
  Advance(limits::kIdleCloseAfter - limits::kIdlePingAfter);
  EXPECT_THAT(client->ReadToEnd(), StartsWith("BYE EXPIRED\n"));
  WaitForConnections(0);
  EXPECT_EQ(CounterOf(Counter::kClosedIdle), 1);
  observer_.WaitForSessions("alice", 0);
}

TEST_F(SessionTest, APacketThatNeverEndsIsSilence) {
  StartServer();
  const auto client = ConnectAndSignIn("alice");
  ASSERT_TRUE(client->Send("1 ECHO half a pack"));
  Advance(limits::kIdleCloseAfter + absl::Seconds(1));
  Advance(absl::Seconds(1));
  EXPECT_THAT(client->ReadToEnd(), StartsWith("BYE EXPIRED\n"));
  WaitForConnections(0);
  WaitForNoMemory();
}

// More bytes than both kernels buffer, in few enough requests to be outstanding together.
std::string ManyBigRequests(int count) {
  std::string packets;
  for (int i = 0; i < count; ++i) absl::StrAppend(&packets, i, " BIG 200000\n");
  return packets;
}

TEST_F(SessionTest, WhoNeverReadsIsNoLongerReadAndThenClosed) {
  StartServer();
  const auto client = ConnectWithSmallBuffer("alice");
  ASSERT_TRUE(client->Send(ManyBigRequests(500)));
  WaitForCounter(Counter::kReadsPaused, 1);
  EXPECT_LT(CounterOf(Counter::kPacketsIn), 100) << "its own answers stop its reading";
  Advance(limits::kOutboxStallMax - absl::Seconds(1));
  EXPECT_EQ(server_->connections(), 1);
  // The kernel may still take some last bytes, which counts as progress.
  for (int i = 0; i < 1000 && server_->connections() > 0; ++i) {
    Advance(limits::kOutboxStallMax + absl::Seconds(1));
  }
  WaitForConnections(0);
  EXPECT_EQ(CounterOf(Counter::kClosedStalled), 1);
  WaitForNoMemory();
}

TEST_F(SessionTest, WhoReadsAgainInTimeGetsAllOfIt) {
  StartServer();
  const auto client = ConnectAndSignIn("alice");
  ASSERT_TRUE(client->Send(ManyBigRequests(100)));
  WaitForCounter(Counter::kReadsPaused, 1);
  Advance(limits::kOutboxStallMax - absl::Seconds(1));
  for (int i = 0; i < 100; ++i) {
    ASSERT_EQ(client->ReadPacket().size(), absl::StrCat(i, " OK ").size() + 200'000) << i;
  }
  EXPECT_EQ(client->Ask("PING\n"), "OK");
  Advance(limits::kOutboxStallMax + absl::Seconds(1));
  EXPECT_EQ(client->Ask("PING\n"), "OK") << "the stall is forgotten";
}

TEST_F(SessionTest, LargeAnswersWaitForOneAnother) {
  StartServer();
  const auto client = ConnectAndSignIn("alice");
  const int before = CounterOf(Counter::kPacketsIn);
  std::string packets;
  for (int i = 0; i < 64; ++i) absl::StrAppend(&packets, i, " PAGE\n");
  ASSERT_TRUE(client->Send(packets));
  WaitForCounter(Counter::kReadsPaused, 1);
  EXPECT_EQ(CounterOf(Counter::kPacketsIn), before + 4) << "four of the largest come to the bound";
  const std::string page(limits::kPacketBytesMax, 'x');
  for (int i = 0; i < 64; ++i) {
    AnswerLater(i, page);
    EXPECT_LE(CounterOf(Counter::kPacketsIn), before + 5u + i);
    EXPECT_EQ(client->ReadPacket(), absl::StrCat(i, " OK ", page));
  }
}

TEST_F(SessionTest, AsManySmallAnswersAsMayBeOutstandingAreWorkedOnAtOnce) {
  StartServer();
  const auto client = ConnectAndSignIn("alice");
  std::string packets;
  for (int i = 0; i < 65; ++i) absl::StrAppend(&packets, i, " LATER\n");
  ASSERT_TRUE(client->Send(packets));
  WaitForLater(64);
  for (int i = 0; i < 65; ++i) {
    AnswerLater(i, "x");
    EXPECT_EQ(client->ReadPacket(), absl::StrCat(i, " OK x"));
  }
}

TEST_F(SessionTest, MuchInOneTurnIsNoCongestion) {
  options_.limits.outbox_bytes_soft = 8'000;
  StartServer();
  const auto alice = ConnectAndSignIn("alice"), bob = ConnectAndSignIn("bob");
  EXPECT_EQ(alice->Ask("POUR bob~\n40\n"), "OK 40");
  for (int i = 0; i < 40; ++i) ASSERT_EQ(bob->ReadPacket().size(), 1015u) << i;
}

TEST_F(SessionTest, WhoeverAsksFirstNeverClosesOneWhoDoesNotRead) {
  StartServer();
  const auto alice = ConnectAndSignIn("alice");
  const auto bob = ConnectWithSmallBuffer("bob");
  std::string last;
  do {
    last = alice->Ask("POUR bob~\n1000\n");
  } while (last == "OK 1000");
  EXPECT_THAT(last, StartsWith("OK "));
  for (int i = 0; i < 10; ++i) ASSERT_THAT(alice->Ask("POUR bob~\n1000\n"), StartsWith("OK "));
  EXPECT_EQ(CounterOf(Counter::kClosedOutboxFull), 0);
  EXPECT_EQ(server_->connections(), 2);
}

TEST_F(SessionTest, PushesPastTheHardBoundCloseOnlyTheOneWhoDoesNotRead) {
  StartServer();
  const auto alice = ConnectAndSignIn("alice");
  const auto bob = ConnectWithSmallBuffer("bob");
  std::string last;
  do {
    last = alice->Ask("FLOOD bob~\n1000\n");
  } while (last == "OK 1000");
  EXPECT_THAT(last, StartsWith("OK "));
  WaitForCounter(Counter::kClosedOutboxFull, 1);
  observer_.WaitForSessions("bob", 0);
  WaitForConnections(1);
  EXPECT_EQ(alice->Ask("PING\n"), "OK");
  WaitForNoMemory();
}

TEST_F(SessionTest, ReadingAnswersMakesNoRoomForPushesBehindThem) {
  constexpr int kAnswerBytes = 16'000'000;  // More than the sockets hold.
  options_.limits.outbox_bytes_soft = 50'000;
  options_.limits.outbox_bytes_hard = 100'000;
  StartServer();
  const auto alice = ConnectAndSignIn("alice");
  const auto bob = ConnectWithSmallBuffer("bob");
  ASSERT_TRUE(bob->Send(absl::StrCat("BIG ", kAnswerBytes, "\n")));
  EXPECT_EQ(bob->Read(100).size(), 100u);  // The answer is in the outbox now.
  EXPECT_EQ(alice->Ask("FLOOD bob~\n90\n"), "OK 90");
  const uint64_t sent = CounterOf(Counter::kBytesOut);
  while (CounterOf(Counter::kBytesOut) < sent + 500'000) {
    ASSERT_EQ(bob->Read(10'000).size(), 10'000u);
  }
  EXPECT_EQ(alice->Ask("FLOOD bob~\n90\n"), "OK 8");
  WaitForCounter(Counter::kClosedOutboxFull, 1);
}

TEST_F(SessionTest, AllOutboxesTogetherAreBounded) {
  options_.limits.memory_bytes_max = 200'000;
  StartServer();
  const auto alice = ConnectAndSignIn("alice");
  const auto bob = ConnectWithSmallBuffer("bob");
  while (CounterOf(Counter::kClosedMemory) == 0) {
    ASSERT_THAT(alice->Ask("FLOOD bob~\n100\n"), StartsWith("OK "));
  }
  WaitForConnections(1);
  WaitForNoMemory();
  EXPECT_EQ(alice->Ask("PING\n"), "OK");
}

TEST_F(SessionTest, PastTheBoundOfAllTheOneThatHoldsMostIsClosed) {
  options_.limits.memory_bytes_max = 200'000;
  options_.shards = 3;
  StartServer();
  const auto alice = ConnectAndSignIn("alice");
  const auto hoarder = ConnectWithSmallBuffer("bob");
  const auto slow = ConnectWithSmallBuffer("carol");
  while (server_->memory_bytes() < 120'000) {
    ASSERT_THAT(alice->Ask("FLOOD bob~\n10\n"), StartsWith("OK "));
  }
  // Carol is the one that grows past the bound.
  while (CounterOf(Counter::kClosedMemory) == 0) {
    ASSERT_THAT(alice->Ask("FLOOD carol~\n10\n"), StartsWith("OK "));
  }
  observer_.WaitForSessions("bob", 0);
  WaitForConnections(2);
  EXPECT_EQ(CounterOf(Counter::kClosedMemory), 1u);
  EXPECT_EQ(alice->Ask("PING\n"), "OK");
}

TEST_F(SessionTest, BytesOfMessagesPastTheRateWait) {
  options_.limits.message_bytes = {.per_second = 100, .burst = 30};
  StartServer();
  const auto client = Connect();
  const std::string text(20, 'x');
  std::string packets;
  for (int i = 0; i < 4; ++i) absl::StrAppend(&packets, i, " SAY ", text, "\n");
  ASSERT_TRUE(client->Send(packets));
  for (int i = 0; i < 2; ++i) EXPECT_EQ(client->ReadPacket(), absl::StrCat(i, " OK ", text));
  EXPECT_EQ(CounterOf(Counter::kPacketsIn), 2);
  for (int i = 2; i < 4; ++i) {
    Advance(absl::Milliseconds(301));
    EXPECT_EQ(client->ReadPacket(), absl::StrCat(i, " OK ", text));
  }
}

TEST_F(SessionTest, MessagesPastTheRateWaitAndNobodyIsClosed) {
  options_.limits.messages = {.per_second = 10, .burst = 5};
  StartServer();
  const auto client = Connect();
  std::string packets;
  for (int i = 0; i < 20; ++i) absl::StrAppend(&packets, i, " SAY x\n");
  ASSERT_TRUE(client->Send(packets));
  for (int i = 0; i < 5; ++i) EXPECT_EQ(client->ReadPacket(), absl::StrCat(i, " OK x"));
  EXPECT_EQ(CounterOf(Counter::kPacketsIn), 5);
  for (int i = 5; i < 20; ++i) {
    Advance(absl::Milliseconds(101));
    EXPECT_EQ(client->ReadPacket(), absl::StrCat(i, " OK x"));
  }
}

TEST_F(SessionTest, OtherCommandsDoNotCountAsMessages) {
  options_.limits.messages.burst = 1;
  StartServer();
  const auto client = Connect();
  for (int i = 0; i < 50; ++i) EXPECT_EQ(client->Ask("PING\n"), "OK");
}

TEST_F(SessionTest, StrangersFromOneAddressAreBoundedAndTold) {
  options_.limits.unauthenticated_per_address_max = 2;
  StartServer();
  const auto one = Connect(), two = Connect();
  TestClient three(address());
  ASSERT_TRUE(three.Handshake());
  EXPECT_THAT(three.ReadToEnd(), StartsWith("BYE BUSY\n"));
  three.Close();
  WaitForConnections(2);
  EXPECT_THAT(one->Ask("alice~\nsecret\n"), StartsWith("OK "));
  const auto again = Connect();
  EXPECT_EQ(again->Ask("PING\n"), "OK");
}

TEST_F(SessionTest, PeopleSignedInFromOneAddressAreBounded) {
  options_.limits.signed_in_per_address_max = 1;
  StartServer();
  auto alice = ConnectAndSignIn("alice");
  const auto bob = Connect();
  EXPECT_THAT(bob->Ask("bob~\nsecret\n"), StartsWith("FAIL BUSY "));
  alice->Close();
  WaitForConnections(1);
  EXPECT_THAT(bob->Ask("bob~\nsecret\n"), StartsWith("OK "));
}

TEST_F(SessionTest, ManyConnectionsOpenedAndLeftAreClosedAndForgotten) {
  constexpr int kConnections = 300;
  options_.limits.unauthenticated_per_address_max = kConnections;
  StartServer();
  std::vector<std::unique_ptr<TestClient>> clients;
  for (int i = 0; i < kConnections; ++i) {
    clients.push_back(std::make_unique<TestClient>(address()));
  }
  WaitForConnections(kConnections);
  Advance(limits::kTlsHandshakeTimeout + absl::Seconds(1));
  for (const auto& client : clients) EXPECT_TRUE(client->ReadPlainToEnd());
  WaitForConnections(0);
  EXPECT_EQ(Connect()->Ask("PING\n"), "OK");
}

TEST_F(SessionTest, ClientsThatVanishInMidPacketAreForgotten) {
  StartServer();
  for (int i = 0; i < 100; ++i) {
    auto client = ConnectAndSignIn("alice");
    ASSERT_TRUE(client->Send("1 ECHO half"));
    client->Close();
  }
  WaitForConnections(0);
  observer_.WaitForSessions("alice", 0);
  WaitForNoMemory();
}

TEST_F(SessionTest, DrainAnswersWhatIsOutstandingAndSaysGoodbye) {
  StartServer();
  const auto busy = ConnectAndSignIn("alice"), idle = ConnectAndSignIn("bob");
  ASSERT_TRUE(busy->Send("1 LATER\n"));
  WaitForLater(1);
  server_->Drain(absl::ZeroDuration());
  EXPECT_THAT(idle->ReadToEnd(), StartsWith("BYE UNAVAILABLE\n"));
  ASSERT_TRUE(busy->Send("2 PING\n"));
  AnswerLater(0, "done");
  EXPECT_EQ(busy->ReadPacket(), "1 OK done");
  EXPECT_THAT(busy->ReadToEnd(), StartsWith("BYE UNAVAILABLE\n"));
  busy->Close();
  idle->Close();
  server_->Drain(absl::Seconds(20));
  EXPECT_EQ(server_->connections(), 0);
}

TEST_F(SessionTest, StopClosesAllAtOnceAndTellsTheObserver) {
  StartServer();
  const auto alice = ConnectAndSignIn("alice"), bob = ConnectAndSignIn("bob");
  server_->Stop();
  EXPECT_EQ(server_->connections(), 0);
  observer_.WaitForSessions("alice", 0);
  observer_.WaitForSessions("bob", 0);
  EXPECT_EQ(alice->ReadPacket(), "<closed>");
}

TEST_F(SessionTest, BadAndTakenAddressesAreErrors) {
  StartServer();
  for (const char* bad : {"", "127.0.0.1", "127.0.0.1:x", "127.0.0.1:70000", "nowhere:1", ":1"}) {
    options_.listen[0].address = bad;
    EXPECT_THAT(LineServer::Create(deps_, options_), StatusIs(absl::StatusCode::kInvalidArgument))
        << bad;
  }
  options_.listen[0].address = address();
  EXPECT_THAT(LineServer::Create(deps_, options_), StatusIs(absl::StatusCode::kUnavailable));
}

TEST_F(SessionTest, TwoPortsServeTwoTables) {
  const CommandTable small({});
  options_.listen.push_back({.address = "127.0.0.1:0", .table = &small});
  StartServer();
  TestClient client(server_->addresses()[1]);
  ASSERT_TRUE(client.Handshake());
  ASSERT_THAT(client.ReadPacket(), StartsWith("INFO "));
  EXPECT_THAT(client.Ask("ECHO x\n"), StartsWith("FAIL UNKNOWNCOMMAND "));
  EXPECT_EQ(Connect()->Ask("ECHO x\n"), "OK x");
  server_->Stop();
}

}  // namespace
}  // namespace convergia::lineserver
