#include "client/connect/client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/connect/management.h"
#include "client/testing/fake_server.h"
#include "common/base/clock.h"
#include "common/base/fail.h"
#include "common/base/testing/status_testing.h"
#include "common/line/rows.h"

namespace convergia::client {
namespace {

using testing::ElementsAre;

constexpr char kTicket[] = "cvt1.ticket.one";

// Records each call of an observer as text.
class Diary : public ClientObserver {
 public:
  void OnMessage(const Message& message) override {
    entries.push_back(absl::StrCat("message ", message.from, " ", absl::ToUnixMillis(message.sent),
                                   " ", message.body));
    messages.push_back(message.body);
  }
  void OnPush(absl::string_view word, absl::string_view data) override {
    if (word != "INFO") entries.push_back(absl::StrCat("push ", word, " ", data));
  }
  void OnUp(const MainServer& server) override {
    entries.push_back(absl::StrCat("up ", server.name));
    up = server.name;
  }
  void OnDown(const absl::Status& why) override {
    entries.push_back(absl::StrCat("down ", FailCodeWord(FailCodeOf(why))));
    up.clear();
  }
  void OnGaveUp(const absl::Status& why) override {
    entries.push_back(absl::StrCat("gave up ", FailCodeWord(FailCodeOf(why))));
    gave_up = true;
  }
  void OnTicket(absl::string_view ticket, absl::Time) override { tickets.emplace_back(ticket); }
  void OnMemory(const StartMemory& memory) override { last_memory = memory; }

  std::vector<std::string> entries;
  std::vector<std::string> messages;
  std::vector<std::string> tickets;
  StartMemory last_memory;
  std::string up;
  bool gave_up = false;
};

// A management server and two main servers, all fake, and one client.
class ClientTest : public testing::Test {
 protected:
  ClientTest()
      : ca_(identity::CertificateAuthority::Create(RealClock::Get())),
        mgmt_(MakeServer(ca_, Role::kMgmt, "mgmt")),
        edge_a_(MakeServer(ca_, Role::kEdge, "a")),
        edge_b_(MakeServer(ca_, Role::kEdge, "b")),
        assigned_({edge_a_->AsMainServer(), edge_b_->AsMainServer()}) {}

  ~ClientTest() override {
    if (client_ == nullptr) return;
    bool closed = false;
    asio::co_spawn(io_, client_->Close(), [&closed](std::exception_ptr) { closed = true; });
    RunUntil([&closed] { return closed; });
  }

  std::unique_ptr<FakeServer> MakeServer(const identity::CertificateAuthority& ca, Role role,
                                         const std::string& name) {
    return std::make_unique<FakeServer>(
        io_, ca, identity::NodeIdentity{role, name},
        [this, role](absl::string_view word, absl::string_view data) {
          return role == Role::kMgmt ? AnswerOfManagement(word, data) : AnswerOfEdge(word, data);
        });
  }

  FakeServer::Answer AnswerOfManagement(absl::string_view word, absl::string_view data) {
    if (word == "LOGIN") {
      if (data == "alice\nsecret" ||
          (ticket_is_good_ && data == absl::StrCat("alice\n", kTicket))) {
        return LoginRows();
      }
      return Fail(FailCode::kSignInFailed, "wrong password");
    }
    if (word == "LISTMAINSERVERS") return Rows(listed_.empty() ? assigned_ : listed_, "alive");
    if (word == "REPORTMAINSERVERS") return Rows(assigned_, "");
    if (word == "CHECKKEY") {
      if (key_is_good_) return std::string();
      return Fail(FailCode::kDenied, "no such key");
    }
    return Fail(FailCode::kUnknownCommand, std::string(word));
  }

  FakeServer::Answer AnswerOfEdge(absl::string_view word, absl::string_view data) {
    if (word == "LOGIN" && data == absl::StrCat("alice\n", kTicket)) return LoginRows();
    if (word == "SENDMESSAGE" && data == "bob\nhi") return std::string("2");
    if (word == "SENDMESSAGE") return Fail(FailCode::kOffline, "bob is not signed in");
    if (word == "SILENCE") return std::nullopt;
    return Fail(FailCode::kSignInFailed, "no");
  }

  static std::string LoginRows() {
    line::RowWriter rows;
    rows.Add({"user", "alice"});
    rows.Add({"ticket", kTicket});
    rows.Add({"expires", "1800000000000"});
    rows.Add({"session", "1"});
    return rows.data();
  }
  static std::string Rows(const std::vector<MainServer>& servers, absl::string_view state) {
    line::RowWriter rows;
    for (const MainServer& server : servers) {
      rows.Add({server.name, server.address, server.pin, state});
    }
    return rows.data();
  }

  // Short pauses for a fast test, long timeouts for a busy machine.
  ClientOptions MakeOptions() {
    ClientOptions options;
    options.management = *Address::Parse(mgmt_->address());
    options.ca_pem = ca_.certificate_pem();
    options.user = "alice";
    options.password = "secret";
    options.retry_first = absl::Milliseconds(1);
    options.retry_max = absl::Milliseconds(5);
    options.move_grace = absl::Milliseconds(200);
    return options;
  }

  void Start(ClientOptions options) {
    client_ = std::make_unique<Client>(io_, std::move(options), &diary_);
    client_->Start();
  }
  void StartAndWaitUp() {
    Start(MakeOptions());
    RunUntil([this] { return !diary_.up.empty(); });
    ASSERT_EQ(diary_.up, "a");
  }

  void RunUntil(const std::function<bool()>& done) {
    const absl::Duration deadline = RealClock::Get().Elapsed() + absl::Seconds(20);
    while (!done()) {
      ASSERT_LT(RealClock::Get().Elapsed(), deadline) << "it never happened";
      io_.restart();
      io_.run_one_for(std::chrono::seconds(1));
    }
  }

  template <typename T>
  T Run(asio::awaitable<T> work) {
    std::optional<T> result;
    asio::co_spawn(io_, std::move(work),
                   [&result](std::exception_ptr, T value) { result = std::move(value); });
    RunUntil([&result] { return result.has_value(); });
    return result.has_value() ? *std::move(result) : T(absl::InternalError("test"));
  }

  asio::io_context io_{1};
  const identity::CertificateAuthority ca_;
  bool ticket_is_good_ = true;
  bool key_is_good_ = false;
  std::vector<MainServer> listed_;  // Empty: the assigned ones.
  const std::unique_ptr<FakeServer> mgmt_;
  const std::unique_ptr<FakeServer> edge_a_;
  const std::unique_ptr<FakeServer> edge_b_;
  std::vector<MainServer> assigned_;
  Diary diary_;
  std::unique_ptr<Client> client_;
};

TEST_F(ClientTest, FirstStartAsksProbesReportsAndSignsInByTicket) {
  StartAndWaitUp();
  const auto& requests = mgmt_->requests();
  ASSERT_EQ(requests.size(), 3);
  EXPECT_EQ(requests[0], "LOGIN alice\nsecret");
  EXPECT_EQ(requests[1], "LISTMAINSERVERS");
  EXPECT_THAT(requests[2], testing::StartsWith("REPORTMAINSERVERS "));
  EXPECT_THAT(requests[2], testing::Not(testing::HasSubstr("unreachable")));
  EXPECT_THAT(edge_a_->requests(), ElementsAre(absl::StrCat("LOGIN alice\n", kTicket)));
  EXPECT_THAT(diary_.tickets, ElementsAre(kTicket));
  EXPECT_EQ(diary_.last_memory.assigned, assigned_);
  EXPECT_EQ(diary_.last_memory.report.size(), 2);
  RunUntil([this] { return mgmt_->connections() == 0; });
}

TEST_F(ClientTest, AFieldThatWouldArriveAsTwoIsNotSent) {
  StartAndWaitUp();
  const size_t before = edge_a_->requests().size();
  const std::vector<std::pair<std::string, std::vector<std::string>>> kRequests = {
      {"SETMETADATA", {"a\nb", "v"}},
      {"GETMETADATA", {"alice", "a\nb"}},
      {"MOVE", {"/a", "/b\nreplace"}},
      {"SENDMESSAGE", {"b\nob", "hi"}}};
  for (const auto& [word, fields] : kRequests) {
    const absl::Status status = Run(client_->Request(word, fields)).status();
    EXPECT_EQ(FailCodeOf(status), FailCode::kBadField) << word;
    EXPECT_THAT(std::string(status.message()), testing::HasSubstr("\n")) << word;
  }
  EXPECT_EQ(edge_a_->requests().size(), before);
  const std::string value = "v\nw";  // The last field takes the rest.
  Run(client_->Request("SETMETADATA", {"a", value})).IgnoreError();
  EXPECT_EQ(edge_a_->requests().back(), "SETMETADATA a\nv\nw");
}

TEST_F(ClientTest, UnreachableServerIsReportedSo) {
  edge_b_->StopListening();
  StartAndWaitUp();
  EXPECT_THAT(mgmt_->requests()[2], testing::HasSubstr("b\tunreachable"));
}

TEST_F(ClientTest, SendsMessagesAndReadsAnswers) {
  StartAndWaitUp();
  ASSERT_OK_AND_ASSIGN(const int sessions, Run(client_->SendMessage("bob", "hi")));
  EXPECT_EQ(sessions, 2);
  const auto offline = Run(client_->SendMessage("bob", "again"));
  ASSERT_FALSE(offline.ok());
  EXPECT_EQ(FailCodeOf(offline.status()), FailCode::kOffline);
  EXPECT_EQ(offline.status().message(), "bob is not signed in");
}

TEST_F(ClientTest, PushesReachTheObserver) {
  StartAndWaitUp();
  edge_a_->Push("RECEIVEMESSAGE", "bob\n1700000000123\ntwo\nlines ~");
  edge_a_->Push("NOTICE", "be well");
  RunUntil([this] { return diary_.entries.size() >= 3; });
  EXPECT_THAT(diary_.entries,
              ElementsAre("up a", "message bob 1700000000123 two\nlines ~", "push NOTICE be well"));
}

TEST_F(ClientTest, PingOfTheServerIsAnswered) {
  StartAndWaitUp();
  edge_a_->Push("PING", "");
  RunUntil([this] { return edge_a_->CountRequests("PING") == 1; });
}

TEST_F(ClientTest, LostMainServerIsReplacedWithTheRememberedReport) {
  StartAndWaitUp();
  edge_a_->StopListening();
  edge_a_->CloseAll();
  RunUntil([this] { return diary_.up == "b"; });
  EXPECT_EQ(mgmt_->CountRequests("LISTMAINSERVERS"), 1);
  EXPECT_EQ(mgmt_->CountRequests("REPORTMAINSERVERS"), 2);
  EXPECT_THAT(diary_.entries, ElementsAre("up a", "down UNAVAILABLE", "up b"));
  ASSERT_OK(Run(client_->SendMessage("bob", "hi")).status());
}

TEST_F(ClientTest, ReasonOfByeIsTold) {
  StartAndWaitUp();
  edge_a_->Push("BYE", "RATE\nslow down");
  edge_a_->CloseAll();
  RunUntil([this] { return diary_.entries.size() >= 3; });
  EXPECT_EQ(diary_.entries[2], "down RATE");
}

TEST_F(ClientTest, RequestUnderWayWhenTheServerDiesIsUnconfirmed) {
  StartAndWaitUp();
  std::optional<absl::StatusOr<std::string>> answer;
  asio::co_spawn(io_, client_->Request("SILENCE", {}),
                 [&answer](std::exception_ptr, absl::StatusOr<std::string> result) {
                   answer = std::move(result);
                 });
  RunUntil([this] { return edge_a_->CountRequests("SILENCE") == 1; });
  edge_a_->CloseAll();
  RunUntil([&answer] { return answer.has_value(); });
  EXPECT_EQ(FailCodeOf(answer->status()), FailCode::kUnconfirmed);
}

TEST_F(ClientTest, AnswerThatNeverComesIsUnconfirmed) {
  ClientOptions options = MakeOptions();
  options.connection.request_timeout = absl::Milliseconds(300);
  Start(std::move(options));
  RunUntil([this] { return !diary_.up.empty(); });
  EXPECT_EQ(FailCodeOf(Run(client_->Request("SILENCE", {})).status()), FailCode::kUnconfirmed);
  ASSERT_OK(Run(client_->SendMessage("bob", "hi")).status());
}

TEST_F(ClientTest, ServerWithAnotherKeyIsLeftForTheNext) {
  assigned_[0].pin = std::string(64, '0');
  Start(MakeOptions());
  RunUntil([this] { return diary_.up == "b"; });
  EXPECT_THAT(mgmt_->requests().back(), absl::StrCat("CHECKKEY a\n", edge_a_->pin()));
  EXPECT_TRUE(edge_a_->requests().empty());  // The ticket was not sent to it.
}

TEST_F(ClientTest, OtherKeyThatManagementConfirmsIsAccepted) {
  assigned_[0].pin = std::string(64, '0');
  key_is_good_ = true;
  Start(MakeOptions());
  RunUntil([this] { return diary_.up == "a"; });
  EXPECT_EQ(mgmt_->CountRequests("CHECKKEY"), 1);
}

TEST_F(ClientTest, ManagementOfAnotherAuthorityIsNotTrusted) {
  const auto other = identity::CertificateAuthority::Create(RealClock::Get());
  ClientOptions options = MakeOptions();
  options.ca_pem = other.certificate_pem();
  Start(std::move(options));
  const absl::Status status = Run(client_->WaitUp(absl::Minutes(1)));
  EXPECT_EQ(FailCodeOf(status), FailCode::kDenied);
  EXPECT_TRUE(mgmt_->requests().empty());  // The password was not sent to it.
}

TEST_F(ClientTest, MainServerIsNotTrustedAsManagement) {
  ClientOptions options = MakeOptions();
  options.management = *Address::Parse(edge_a_->address());
  Start(std::move(options));
  const absl::Status status = Run(client_->WaitUp(absl::Minutes(1)));
  EXPECT_EQ(FailCodeOf(status), FailCode::kDenied);
  EXPECT_TRUE(edge_a_->requests().empty());
}

TEST_F(ClientTest, WrongPasswordGivesUpAndANewOneBeginsAgain) {
  ClientOptions options = MakeOptions();
  options.password = "wrong";
  Start(std::move(options));
  const absl::Status status = Run(client_->WaitUp(absl::Minutes(1)));
  EXPECT_EQ(FailCodeOf(status), FailCode::kSignInFailed);
  EXPECT_EQ(mgmt_->requests().size(), 1);
  client_->set_password("secret");
  client_->Start();
  RunUntil([this] { return diary_.up == "a"; });
}

TEST_F(ClientTest, RefusedTicketFallsBackToThePassword) {
  ticket_is_good_ = false;
  ClientOptions options = MakeOptions();
  options.ticket = "cvt1.old.one";
  Start(std::move(options));
  RunUntil([this] { return diary_.up == "a"; });
  EXPECT_EQ(mgmt_->requests()[0], "LOGIN alice\ncvt1.old.one");
  EXPECT_EQ(mgmt_->requests()[1], "LOGIN alice\nsecret");
}

TEST_F(ClientTest, WithManagementAwayTicketAndMemoryAreEnough) {
  mgmt_->StopListening();
  ClientOptions options = MakeOptions();
  options.ticket = kTicket;
  options.memory.report = {{"a", absl::Microseconds(1)}};
  options.memory.assigned = assigned_;
  Start(std::move(options));
  RunUntil([this] { return diary_.up == "a"; });
}

TEST_F(ClientTest, MuteServersAreGivenUpInTime) {
  edge_a_->set_mute(true);
  ClientOptions options = MakeOptions();
  options.connection.handshake_timeout = absl::Milliseconds(100);
  Start(std::move(options));
  RunUntil([this] { return diary_.up == "b"; });
}

TEST_F(ClientTest, QuietServerThatAnswersPingsIsKept) {
  ClientOptions options = MakeOptions();
  options.connection.ping_after = absl::Milliseconds(10);
  options.connection.ping_timeout = absl::Milliseconds(300);
  Start(std::move(options));
  RunUntil([this] { return edge_a_->CountRequests("PING") >= 2; });
  EXPECT_THAT(diary_.entries, ElementsAre("up a"));
}

TEST_F(ClientTest, FrozenServerIsFoundOutByItsSilence) {
  ClientOptions options = MakeOptions();
  options.connection.ping_after = absl::Milliseconds(10);
  options.connection.ping_timeout = absl::Milliseconds(100);
  options.connection.request_timeout = absl::Milliseconds(200);
  options.quit_timeout = absl::Milliseconds(100);
  Start(std::move(options));
  RunUntil([this] { return diary_.up == "a"; });
  edge_a_->set_frozen(true);
  RunUntil([this] { return diary_.up == "b"; });
  EXPECT_THAT(diary_.entries, ElementsAre("up a", "down UNAVAILABLE", "up b"));
}

TEST_F(ClientTest, WhatIsNotTheProtocolEndsTheConnection) {
  for (const std::string& bytes :
       {std::string("HTTP/1.1 400 Bad Request\r\n"), std::string("7 NOTICE x\n")}) {
    SCOPED_TRACE(bytes);
    diary_.entries.clear();
    Start(MakeOptions());
    RunUntil([this] { return !diary_.up.empty(); });
    FakeServer& server = diary_.up == "a" ? *edge_a_ : *edge_b_;
    server.SendRaw(bytes);
    RunUntil([this] { return diary_.entries.size() >= 3; });
    EXPECT_EQ(diary_.entries[1], "down UNAVAILABLE");
    bool closed = false;
    asio::co_spawn(io_, client_->Close(), [&closed](std::exception_ptr) { closed = true; });
    RunUntil([&closed] { return closed; });
    client_.reset();
    diary_.up.clear();
  }
}

TEST_F(ClientTest, MovesWhenToldAndSeesEachMessageOnce) {
  StartAndWaitUp();
  const MainServer b = edge_b_->AsMainServer();
  edge_a_->Push("USEMAINSERVER", absl::StrCat(b.name, "\n", b.address, "\n", b.pin));
  RunUntil([this] { return edge_b_->CountRequests("LOGIN") == 1; });
  // The client is signed in at both now. The old one still brings two messages; the second arrives
  // over both.
  edge_a_->Push("RECEIVEMESSAGE", "bob\n1\nfirst");
  edge_a_->Push("RECEIVEMESSAGE", "bob\n2\nsecond");
  edge_b_->Push("RECEIVEMESSAGE", "bob\n2\nsecond");
  edge_b_->Push("RECEIVEMESSAGE", "bob\n3\nthird");
  RunUntil([this] { return diary_.up == "b" && diary_.messages.size() >= 3; });
  EXPECT_THAT(diary_.messages, ElementsAre("first", "second", "third"));
  EXPECT_EQ(edge_a_->CountRequests("QUIT"), 1);
  EXPECT_EQ(edge_a_->connections(), 0);
  ASSERT_OK(Run(client_->SendMessage("bob", "hi")).status());
  EXPECT_EQ(edge_b_->CountRequests("SENDMESSAGE"), 1);
}

TEST_F(ClientTest, TalksOverTheOldOneUntilAllKnowThatItMoves) {
  StartAndWaitUp();
  const MainServer b = edge_b_->AsMainServer();
  edge_a_->Push("USEMAINSERVER", absl::StrCat(b.name, "\n", b.address, "\n", b.pin));
  RunUntil([this] { return edge_b_->CountRequests("LOGIN") == 1; });
  ASSERT_OK(Run(client_->SendMessage("bob", "hi")).status());
  EXPECT_EQ(edge_a_->CountRequests("SENDMESSAGE"), 1);
  RunUntil([this] { return diary_.up == "b"; });
  EXPECT_EQ(edge_a_->CountRequests("QUIT"), 1);
}

TEST_F(ClientTest, WhenTheOldOneEndsWhileItMovesItIsThereAlready) {
  ClientOptions options = MakeOptions();
  options.move_grace = absl::Seconds(60);
  Start(options);
  RunUntil([this] { return !diary_.up.empty(); });
  ASSERT_EQ(diary_.up, "a");
  const MainServer b = edge_b_->AsMainServer();
  edge_a_->Push("USEMAINSERVER", absl::StrCat(b.name, "\n", b.address, "\n", b.pin));
  RunUntil([this] { return edge_b_->CountRequests("LOGIN") == 1; });
  edge_a_->Push("RECEIVEMESSAGE", "bob\n1\nfirst");
  edge_b_->Push("RECEIVEMESSAGE", "bob\n1\nfirst");
  edge_b_->Push("RECEIVEMESSAGE", "bob\n2\nsecond");
  RunUntil([this] { return diary_.messages.size() == 1; });
  edge_a_->CloseAll();
  RunUntil([this] { return diary_.up == "b" && diary_.messages.size() >= 2; });
  EXPECT_THAT(diary_.messages, ElementsAre("first", "second"));
  EXPECT_THAT(diary_.entries, testing::Not(testing::Contains(testing::HasSubstr("down"))));
}

TEST_F(ClientTest, StaysWhenTheServerItIsSentToIsNotThere) {
  StartAndWaitUp();
  const MainServer b = edge_b_->AsMainServer();
  edge_a_->Push("USEMAINSERVER", absl::StrCat(b.name, "\n", b.address, "\n", "another pin"));
  RunUntil([this] { return edge_b_->connections() == 1; });
  RunUntil([this] { return edge_b_->connections() == 0; });
  ASSERT_OK(Run(client_->SendMessage("bob", "hi")).status());
  EXPECT_EQ(edge_a_->CountRequests("SENDMESSAGE"), 1);
  EXPECT_EQ(edge_b_->CountRequests("LOGIN"), 0);
}

TEST_F(ClientTest, RequestAtManagementNeedsNoMainServer) {
  client_ = std::make_unique<Client>(io_, MakeOptions(), &diary_);
  ASSERT_OK_AND_ASSIGN(const std::string data,
                       Run(client_->RequestAtManagement("LISTMAINSERVERS", {})));
  EXPECT_EQ(data, Rows(assigned_, "alive"));
  EXPECT_TRUE(edge_a_->requests().empty());
}

TEST_F(ClientTest, CloseWhileConnectingEndsAtOnce) {
  mgmt_->set_mute(true);
  Start(MakeOptions());
  RunUntil([this] { return mgmt_->connections() == 1; });
  bool closed = false;
  asio::co_spawn(io_, client_->Close(), [&closed](std::exception_ptr) { closed = true; });
  RunUntil([&closed] { return closed; });
  EXPECT_TRUE(diary_.entries.empty());
  client_.reset();
}

}  // namespace
}  // namespace convergia::client
