// Which connections reach gRPC, and how many.
#include "common/rpc/acceptor.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "common/base/testing/status_testing.h"

namespace convergia::rpc {
namespace {

// Stands for gRPC: keeps the connections that it gets.
struct Sink {
  absl::Mutex mu;
  std::vector<int> fds;

  std::vector<int> Await(size_t count) {
    absl::MutexLock lock(&mu);
    const auto enough = [&] { return fds.size() >= count; };
    EXPECT_TRUE(mu.AwaitWithTimeout(absl::Condition(&enough), absl::Seconds(30)));
    return fds;
  }
};

class Handle final : public grpc::experimental::ExternalConnectionAcceptor {
 public:
  explicit Handle(Sink* sink) : sink_(sink) {}
  void HandleNewConnection(NewConnectionParameters* p) override {
    absl::MutexLock lock(&sink_->mu);
    sink_->fds.push_back(p->fd);
  }

 private:
  Sink* const sink_;
};

class AcceptorTest : public testing::Test {
 protected:
  ~AcceptorTest() override {
    for (const int fd : callers_) close(fd);
  }

  void Listen(const DescriptorShares& shares) {
    auto acceptor = Acceptor::Create("127.0.0.1:0", shares);
    ASSERT_OK(acceptor);
    acceptor_ = *std::move(acceptor);
    acceptor_->Start(std::make_unique<Handle>(&sink_));
  }

  // From 127.0.0.`last`.
  int Connect(int last = 1) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    callers_.push_back(fd);
    sockaddr_in own = {};
    own.sin_family = AF_INET;
    own.sin_addr.s_addr = htonl(0x7f000000u + static_cast<unsigned>(last));
    EXPECT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&own), sizeof(own)), 0);
    sockaddr_in far = own;
    far.sin_addr.s_addr = htonl(0x7f000001u);
    far.sin_port = htons(static_cast<uint16_t>(acceptor_->port()));
    EXPECT_EQ(connect(fd, reinterpret_cast<sockaddr*>(&far), sizeof(far)), 0);
    return fd;
  }

  // Waits for the other side to close.
  static bool IsClosed(int fd) {
    char byte;
    return recv(fd, &byte, 1, 0) <= 0;
  }

  Sink sink_;
  std::unique_ptr<Acceptor> acceptor_;
  std::vector<int> callers_;
};

TEST_F(AcceptorTest, OneAddressGetsAQuarterAndOthersTheRest) {
  Listen({.clients_end = 100'000, .nodes_end = 100'000, .nodes_max = 8});
  Connect();
  Connect();
  EXPECT_TRUE(IsClosed(Connect()));
  Connect(/*last=*/2);
  EXPECT_EQ(sink_.Await(3).size(), 3u);
}

TEST_F(AcceptorTest, WhatGrpcHasClosedMakesRoom) {
  Listen({.clients_end = 100'000, .nodes_end = 100'000, .nodes_max = 4});
  Connect();
  EXPECT_TRUE(IsClosed(Connect()));
  close(sink_.Await(1)[0]);
  Connect();
  EXPECT_EQ(sink_.Await(2).size(), 2u);
}

TEST_F(AcceptorTest, AllTogetherAreBounded) {
  Listen({.clients_end = 100'000, .nodes_end = 100'000, .nodes_max = 4});
  for (int last = 1; last <= 4; ++last) Connect(last);
  sink_.Await(4);
  EXPECT_TRUE(IsClosed(Connect(5)));
}

TEST_F(AcceptorTest, TheLastDescriptorsAreForOthers) {
  Listen({.clients_end = 0, .nodes_end = 3, .nodes_max = 100});  // All above 2 are taken.
  EXPECT_TRUE(IsClosed(Connect()));
  EXPECT_TRUE(sink_.Await(0).empty());
}

TEST_F(AcceptorTest, BadAndTakenAddressesAreNamed) {
  Listen(SharesOf(1024));
  const std::string taken = absl::StrCat("127.0.0.1:", acceptor_->port());
  EXPECT_THAT(Acceptor::Create(taken, SharesOf(1024)).status(),
              StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(Acceptor::Create("nonsense", SharesOf(1024)).status(),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(DescriptorSharesTest, ClientsAndNodesAndFilesEachHaveSome) {
  const DescriptorShares shares = SharesOf(1024);
  EXPECT_EQ(shares.clients_end, 768);
  EXPECT_EQ(shares.nodes_end, 960);
  EXPECT_EQ(shares.nodes_max, 256);
  EXPECT_LE(shares.clients_end + shares.nodes_max, 1024);
}

}  // namespace
}  // namespace convergia::rpc
