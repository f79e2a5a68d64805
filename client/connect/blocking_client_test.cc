#include "client/connect/blocking_client.h"

#include <gtest/gtest.h>

#include <asio/executor_work_guard.hpp>
#include <asio/post.hpp>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "client/testing/fake_server.h"
#include "common/base/fail.h"
#include "common/base/limits.h"
#include "common/base/testing/status_testing.h"

namespace convergia::client {
namespace {

constexpr char kLoginRows[] = "ticket\tcvt1.a.b\nexpires\t1800000000000\nsession\t1";

// One main server and mgmt, on a thread of their own.
class BlockingClientTest : public testing::Test {
 protected:
  BlockingClientTest()
      : ca_(identity::CertificateAuthority::Create(RealClock::Get())),
        edge_(io_, ca_, {Role::kEdge, "a"},
              [this](absl::string_view word, absl::string_view data) -> FakeServer::Answer {
                if (word == "LOGIN") return std::string(kLoginRows);
                // The message returns to its sender.
                if (word == "SENDMESSAGE") {
                  const size_t newline = data.find('\n');
                  edge_.Push("RECEIVEMESSAGE",
                             absl::StrCat(data.substr(0, newline), "\n1700", data.substr(newline)));
                  return std::string("1");
                }
                return Fail(FailCode::kUnknownCommand, "no");
              }),
        mgmt_(io_, ca_, {Role::kMgmt, "mgmt"},
              [this](absl::string_view word, absl::string_view data) -> FakeServer::Answer {
                if (word == "LOGIN" && data != "alice\nsecret") {
                  return Fail(FailCode::kSignInFailed, "wrong password");
                }
                if (word == "LOGIN") return std::string(kLoginRows);
                const MainServer edge = edge_.AsMainServer();
                return absl::StrCat(edge.name, "\t", edge.address, "\t", edge.pin);
              }),
        work_(asio::make_work_guard(io_)),
        thread_([this] { io_.run(); }) {}

  ~BlockingClientTest() override {
    io_.stop();
    thread_.join();
  }

  ClientOptions MakeOptions(const std::string& password) {
    ClientOptions options;
    options.management = *Address::Parse(mgmt_.address());
    options.ca_pem = ca_.certificate_pem();
    options.user = "alice";
    options.password = password;
    return options;
  }

  asio::io_context io_{1};
  const identity::CertificateAuthority ca_;
  FakeServer edge_;
  FakeServer mgmt_;
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  std::thread thread_;
};

TEST_F(BlockingClientTest, ConnectsSendsAndReceives) {
  BlockingClient client(MakeOptions("secret"));
  ASSERT_OK(client.Connect(absl::Seconds(20)));
  ASSERT_OK_AND_ASSIGN(const int sessions, client.SendMessage("bob", "hi"));
  EXPECT_EQ(sessions, 1);
  ASSERT_OK_AND_ASSIGN(const Message message, client.NextMessage(absl::Seconds(20)));
  EXPECT_EQ(message.from, "bob");
  EXPECT_EQ(message.sent, absl::FromUnixMillis(1700));
  EXPECT_EQ(message.body, "hi");
  EXPECT_TRUE(absl::IsDeadlineExceeded(client.NextMessage(absl::ZeroDuration()).status()));
}

TEST_F(BlockingClientTest, WrongPasswordIsTold) {
  BlockingClient client(MakeOptions("wrong"));
  EXPECT_EQ(FailCodeOf(client.Connect(absl::Seconds(20))), FailCode::kSignInFailed);
  EXPECT_EQ(FailCodeOf(client.NextMessage(absl::Seconds(20)).status()), FailCode::kSignInFailed);
}

TEST_F(BlockingClientTest, MessagesSentWithoutWaitingKeepTheirOrder) {
  BlockingClient client(MakeOptions("secret"));
  ASSERT_OK(client.Connect(absl::Seconds(20)));
  absl::Notification done;
  for (int i = 0; i < 100; ++i) {
    client.SendMessageThen("bob", absl::StrCat(i), [i, &done](absl::StatusOr<int> sessions) {
      EXPECT_TRUE(sessions.ok());
      if (i == 99) done.Notify();
    });
  }
  done.WaitForNotification();
  for (int i = 0; i < 100; ++i) {
    ASSERT_OK_AND_ASSIGN(const Message message, client.NextMessage(absl::Seconds(20)));
    EXPECT_EQ(message.body, absl::StrCat(i));
  }
}

TEST_F(BlockingClientTest, FullQueueLosesNothing) {
  constexpr int kMessages = static_cast<int>(BlockingClient::kMessagesMax) + 2000;
  BlockingClient client(MakeOptions("secret"));
  ASSERT_OK(client.Connect(absl::Seconds(20)));
  absl::Notification pushed;
  asio::post(io_, [this, &pushed] {
    for (int i = 0; i < kMessages; ++i) {
      edge_.Push("RECEIVEMESSAGE", absl::StrCat("bob\n1\n", i));
    }
    pushed.Notify();
  });
  pushed.WaitForNotification();
  for (int i = 0; i < kMessages; ++i) {
    ASSERT_OK_AND_ASSIGN(const Message message, client.NextMessage(absl::Seconds(20)));
    ASSERT_EQ(message.body, absl::StrCat(i));
  }
}

TEST_F(BlockingClientTest, CloseEndsAWaitForMessages) {
  BlockingClient client(MakeOptions("secret"));
  ASSERT_OK(client.Connect(absl::Seconds(20)));
  std::thread closer([&client] { client.Close(); });
  EXPECT_TRUE(absl::IsCancelled(client.NextMessage(absl::InfiniteDuration()).status()));
  closer.join();
}

TEST_F(BlockingClientTest, CallsAfterCloseAreCancelled) {
  BlockingClient client(MakeOptions("secret"));
  ASSERT_OK(client.Connect(absl::Seconds(20)));
  client.Close();
  EXPECT_TRUE(absl::IsCancelled(client.Connect(absl::Seconds(20))));
  EXPECT_TRUE(absl::IsCancelled(client.SendMessage("bob", "hi").status()));
  EXPECT_TRUE(absl::IsCancelled(client.Request("WHOAMI", {}).status()));
  EXPECT_TRUE(absl::IsCancelled(client.RequestAtManagement("WHOAMI", {}).status()));
  bool done = false;
  client.SendMessageThen("bob", "hi", [&done](const absl::StatusOr<int>& sessions) {
    done = absl::IsCancelled(sessions.status());
  });
  EXPECT_TRUE(done);
}

// A client's largest packet returns with the sender's name and the time.
TEST_F(BlockingClientTest, TakesTheLargestMessageAServerPasses) {
  BlockingClient client(MakeOptions("secret"));
  ASSERT_OK(client.Connect(absl::Seconds(20)));
  const std::string head = "bob\n1700\n";
  const std::string body(
      limits::kPacketBytesMax + 60 - absl::string_view("RECEIVEMESSAGE ").size() - head.size(),
      'x');
  asio::post(io_, [&] { edge_.Push("RECEIVEMESSAGE", absl::StrCat(head, body)); });
  ASSERT_OK_AND_ASSIGN(const Message message, client.NextMessage(absl::Seconds(20)));
  EXPECT_EQ(message.body.size(), body.size());
}

}  // namespace
}  // namespace convergia::client
