#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "common/base/testing/status_testing.h"
#include "tests/testing/eventually.h"
#include "tests/testing/line_client.h"
#include "tests/testing/run_command.h"
#include "tests/testing/tcp_proxy.h"

namespace convergia::testing {
namespace {

// Sends back what it receives, one connection after the other.
class EchoServer {
 public:
  EchoServer() : listener_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in here = {};
    here.sin_family = AF_INET;
    here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t bytes = sizeof(here);
    EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&here), bytes), 0);
    EXPECT_EQ(listen(listener_, 8), 0);
    EXPECT_EQ(getsockname(listener_, reinterpret_cast<sockaddr*>(&here), &bytes), 0);
    address_ = absl::StrCat("127.0.0.1:", ntohs(here.sin_port));
    thread_ = std::thread([this] { EchoLoop(); });
  }
  ~EchoServer() {
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    close(listener_);
  }
  const std::string& address() const { return address_; }

 private:
  void EchoLoop() {
    for (int fd = accept(listener_, nullptr, nullptr); fd >= 0;
         fd = accept(listener_, nullptr, nullptr)) {
      char bytes[4096];
      ssize_t count;
      while ((count = recv(fd, bytes, sizeof(bytes), 0)) > 0) {
        if (send(fd, bytes, count, MSG_NOSIGNAL) < 0) break;
      }
      close(fd);
    }
  }

  const int listener_;
  std::string address_;
  std::thread thread_;
};

TEST(EscapeTest, GoesThereAndBack) {
  EXPECT_EQ(Escape("a~b\nc\r"), "a~~b~\nc\r");
  EXPECT_EQ(Unescape("a~~b~\nc~x"), "a~b\ncx");
}

TEST(LineClientTest, TellsAnswersFromPushes) {
  EchoServer echo;
  ASSERT_OK_AND_ASSIGN(auto client, LineClient::ConnectPlain(echo.address()));
  ASSERT_OK(client->Write("PING\nRECEIVEMESSAGE a~\n1~\nb\n7 OK x~~y\nFAIL BUSY z\n"));
  EXPECT_EQ(*client->NextAnswer(), "7 OK x~y");
  EXPECT_EQ(*client->NextPush(), "RECEIVEMESSAGE a\n1\nb");
  EXPECT_EQ(*client->NextAnswer(), "FAIL BUSY z");
}

TEST(LineClientTest, SaysWhenNothingComes) {
  EchoServer echo;
  ASSERT_OK_AND_ASSIGN(auto client, LineClient::ConnectPlain(echo.address()));
  client->set_patience(absl::Milliseconds(1));
  EXPECT_THAT(client->Next(), StatusIs(absl::StatusCode::kDeadlineExceeded));
}

TEST(TcpProxyTest, PassesBothWays) {
  EchoServer echo;
  ASSERT_OK_AND_ASSIGN(auto proxy, TcpProxy::Create(echo.address()));
  ASSERT_OK_AND_ASSIGN(auto client, LineClient::ConnectPlain(proxy->address()));
  const std::string big(1'000'000, 'x');
  ASSERT_OK(client->Send(big));
  ASSERT_OK_AND_ASSIGN(const std::string back, client->Next());
  EXPECT_EQ(back.size(), big.size());
}

TEST(TcpProxyTest, BreaksWhatIsThereAndWhatComesWhileCut) {
  EchoServer echo;
  ASSERT_OK_AND_ASSIGN(auto proxy, TcpProxy::Create(echo.address()));
  ASSERT_OK_AND_ASSIGN(auto before, LineClient::ConnectPlain(proxy->address()));
  ASSERT_OK(before->Send("1"));
  EXPECT_EQ(*before->Next(), "1");
  proxy->SetMode(TcpProxy::Mode::kCut);
  EXPECT_TRUE(before->IsClosedByServer());
  ASSERT_OK_AND_ASSIGN(auto during, LineClient::ConnectPlain(proxy->address()));
  EXPECT_TRUE(during->IsClosedByServer());
  proxy->SetMode(TcpProxy::Mode::kPass);
  ASSERT_OK_AND_ASSIGN(auto after, LineClient::ConnectPlain(proxy->address()));
  ASSERT_OK(after->Send("2"));
  EXPECT_EQ(*after->Next(), "2");
  EXPECT_EQ(proxy->accepted(), 3);
}

TEST(TcpProxyTest, HoldsBackAndThenDelivers) {
  EchoServer echo;
  ASSERT_OK_AND_ASSIGN(auto proxy, TcpProxy::Create(echo.address()));
  ASSERT_OK_AND_ASSIGN(auto client, LineClient::ConnectPlain(proxy->address()));
  ASSERT_OK(client->Send("1"));
  EXPECT_EQ(*client->Next(), "1");
  proxy->SetMode(TcpProxy::Mode::kHold);
  ASSERT_OK(client->Send("2"));
  client->set_patience(absl::Milliseconds(20));
  EXPECT_THAT(client->Next(), StatusIs(absl::StatusCode::kDeadlineExceeded));
  client->set_patience(absl::Seconds(30));
  proxy->SetMode(TcpProxy::Mode::kPass);
  EXPECT_EQ(*client->Next(), "2");
}

TEST(RunCommandTest, GivesBothStreamsAndTheStatus) {
  const CommandResult result = RunCommand("echo out; echo err >&2; exit 3");
  EXPECT_EQ(result.output, "out\nerr\n");
  EXPECT_EQ(result.status, 3);
  EXPECT_EQ(RunCommand("kill -9 $$").status, 128);
}

TEST(EventuallyTest, StopsAtOnceWhenItHoldsAndAtTheEndOfItsPatience) {
  int asked = 0;
  EXPECT_TRUE(Eventually([&] { return ++asked == 3; }));
  EXPECT_EQ(asked, 3);
  EXPECT_FALSE(Eventually([] { return false; }, absl::Milliseconds(30)));
}

}  // namespace
}  // namespace convergia::testing
