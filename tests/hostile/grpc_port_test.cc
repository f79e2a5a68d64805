// Attacks on gRPC ports by strangers and by thieves of a node's key. All processes survive, and
// messages still arrive.

#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/base/descriptors.h"
#include "tests/cluster/cluster_test_base.h"
#include "tests/hostile/h2_peer.h"

namespace convergia::testing {
namespace {

constexpr int kFewDescriptors = 1024;
constexpr char kHealth[] = "/grpc.health.v1.Health/Check";

class GrpcPortTest : public ClusterTest {
 public:
  static void SetUpTestSuite() {
    signal(SIGPIPE, SIG_IGN);  // Servers close while we still send.
    devcluster::Cluster::Options options = {
        .counts = {.datamgr = 1, .edges = 2, .dataservers_volatile = 1},
        .accounts = Accounts({"alice", "bob"})};
    options.launchers["edge1"] = {"/usr/bin/prlimit", absl::StrCat("--nofile=", kFewDescriptors)};
    StartCluster(options);
    RaiseDescriptorLimit();
  }

 protected:
  void SetUp() override {
    ClusterTest::SetUp();
    for (const auto& node : cluster().nodes()) pids_[node.name] = node.pid;
  }

  // Runs after each attack.
  void TearDown() override {
    for (const auto& node : cluster().nodes()) {
      EXPECT_EQ(node.pid, pids_[node.name]) << node.name << " ended";
      EXPECT_EQ(kill(node.pid, 0), 0) << node.name << " ended";
    }
    // A flood that was sent leaves seconds of work to each node, more on a busy machine.
    EXPECT_TRUE(Eventually([] { return SendAcross().ok(); }, absl::Minutes(3)))
        << "no message crosses";
  }

  // Sends a message from alice at edge1 to bob at edge2. Returns how long it took.
  static absl::StatusOr<absl::Duration> SendAcross() {
    auto bob = SignIn("edge2", "bob");
    auto alice = SignIn("edge1", "alice");
    if (!bob.ok()) return bob.status();
    if (!alice.ok()) return alice.status();
    const absl::Duration start = RealClock::Get().Elapsed();
    const auto answer = (*alice)->Ask("SENDMESSAGE bob\nhello");
    if (!answer.ok()) return answer.status();
    if (*answer != "OK 1") return absl::UnavailableError(*answer);
    return RealClock::Get().Elapsed() - start;
  }

  static std::vector<std::string> GrpcPorts() {
    std::vector<std::string> ports;
    for (const auto& node : cluster().nodes()) ports.push_back(node.grpc);
    return ports;
  }

  static H2Peer::Certificate StolenKey() {
    const std::string dir = cluster().node("edge1")->dir;
    return {dir + "/node.pem", dir + "/node.key"};
  }
  static H2Peer::Certificate OperatorsKey() {
    const auto files = cluster().operator_files();
    return {files.certificate_chain, files.key};
  }

  // Without a certificate the server ends the connection in the handshake. A TLS 1.3 client may see
  // this only right after the handshake. In any case the server sends no word of HTTP/2.
  static void ExpectDeaf(const std::string& port, absl::string_view bytes) {
    auto peer = H2Peer::Dial(port, {});
    if (!peer.ok()) return;
    (*peer)->Send(bytes);
    EXPECT_TRUE((*peer)->AwaitClosed()) << port;
    EXPECT_FALSE((*peer)->Saw(FrameType::kSettings)) << port;
  }

  // Runs `attack` at every node at the same time with a stolen key, while messages cross edges.
  // Prints the slowest message's time.
  static void AttackAll(const char* name, const std::function<void(const std::string&)>& attack) {
    std::atomic<int> at_work = 0;
    std::vector<std::thread> threads;
    for (const std::string& port : GrpcPorts()) {
      ++at_work;
      threads.emplace_back([&attack, &at_work, port] {
        attack(port);
        --at_work;
      });
    }
    absl::Duration slowest;
    int sent = 0;
    do {
      const auto took = SendAcross();
      if (took.ok()) slowest = std::max(slowest, *took);
      sent += took.ok();
    } while (at_work > 0);
    for (std::thread& thread : threads) thread.join();
    std::cout << name << ": " << sent << " messages meanwhile, the slowest took " << slowest
              << std::endl;
  }

  std::map<std::string, pid_t> pids_;
};

std::string CallWithLoadReport() {
  return FrameOf(FrameType::kHeaders, kEndHeaders | kEndStream, 1,
                 absl::StrCat(CallHeaders(kHealth), LiteralHeader("grpclb_client_stats", "x")));
}

TEST_F(GrpcPortTest, AStrangersLoadReportMeetsNobody) {
  for (const std::string& port : GrpcPorts()) {
    ExpectDeaf(port, absl::StrCat(Preface(), CallWithLoadReport()));
  }
}

TEST_F(GrpcPortTest, ALoadReportWithAKeyOfTheClusterEndsNoProcess) {
  for (const H2Peer::Certificate& key : {StolenKey(), OperatorsKey()}) {
    for (const std::string& port : GrpcPorts()) {
      ASSERT_OK_AND_ASSIGN(auto peer, H2Peer::Dial(port, key));
      ASSERT_TRUE(peer->Send(absl::StrCat(Preface(), CallWithLoadReport())));
      EXPECT_TRUE(peer->AwaitFrame(FrameType::kHeaders)) << "no answer from " << port;
    }
  }
}

// The first frame of a header of 400 MiB; endless CONTINUATION frames follow it.
std::string BombHead() {
  return FrameOf(FrameType::kHeaders, 0, 1,
                 absl::StrCat(CallHeaders(kHealth), absl::string_view("\0", 1), LiteralLength(4),
                              "bomb", LiteralLength(400u << 20)));
}

TEST_F(GrpcPortTest, AStrangersHeaderBombMeetsNobody) {
  const std::string more = FrameOf(FrameType::kContinuation, 0, 1, std::string(16 * 1024, 'x'));
  for (const std::string& port : GrpcPorts()) {
    for (int i = 0; i < 4; ++i) ExpectDeaf(port, absl::StrCat(Preface(), BombHead(), more, more));
  }
}

TEST_F(GrpcPortTest, AHeaderBombWithAStolenKeyEndsNoProcess) {
  const std::string more = FrameOf(FrameType::kContinuation, 0, 1, std::string(16 * 1024, 'x'));
  const H2Peer::Certificate key = StolenKey();
  AttackAll("header bomb", [&](const std::string& port) {
    std::vector<std::unique_ptr<H2Peer>> peers;
    for (int i = 0; i < 4; ++i) {
      auto peer = H2Peer::Dial(port, key);
      if (peer.ok() && (*peer)->Send(absl::StrCat(Preface(), BombHead()))) {
        peers.push_back(*std::move(peer));
      }
    }
    for (int i = 0; i < 500; ++i) {
      for (const auto& peer : peers) peer->Send(more);
    }
  });
}

TEST_F(GrpcPortTest, ARapidResetWithAStolenKeyEndsNoProcess) {
  constexpr int kStreams = 100'000;
  constexpr int kBatch = 500;
  const H2Peer::Certificate key = StolenKey();
  AttackAll("rapid reset", [&](const std::string& port) {
    auto peer = H2Peer::Dial(port, key);
    if (!peer.ok() || !(*peer)->Send(Preface())) return;
    uint32_t stream = 1;
    for (int sent = 0; sent < kStreams; sent += kBatch) {
      std::string batch;
      for (int i = 0; i < kBatch; ++i, stream += 2) {
        batch += FrameOf(FrameType::kHeaders, kEndHeaders, stream, CallHeaders(kHealth));
        batch += FrameOf(FrameType::kRstStream, 0, stream, std::string("\0\0\0\x8", 4));
      }
      if (!(*peer)->Send(batch)) return;
    }
  });
}

TEST_F(GrpcPortTest, FloodsOfSettingsAndPingsWithAStolenKeyEndNoProcess) {
  constexpr int kFrames = 100'000;
  constexpr int kBatch = 1'000;
  const H2Peer::Certificate key = StolenKey();
  for (const std::string& frame : {FrameOf(FrameType::kSettings, 0, 0, ""),
                                   FrameOf(FrameType::kPing, 0, 0, std::string(8, 'p'))}) {
    std::string batch;
    for (int i = 0; i < kBatch; ++i) batch += frame;
    AttackAll("flood of frames", [&](const std::string& port) {
      auto peer = H2Peer::Dial(port, key);
      if (!peer.ok() || !(*peer)->Send(Preface())) return;
      for (int sent = 0; sent < kFrames && (*peer)->Send(batch); sent += kBatch) continue;
    });
  }
}

uint64_t MemoryOf(pid_t pid) {
  std::ifstream statm(absl::StrCat("/proc/", pid, "/statm"));
  uint64_t total_pages = 0, resident_pages = 0;
  statm >> total_pages >> resident_pages;
  return resident_pages * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

TEST_F(GrpcPortTest, MessagesThatNeverEndTakeNoMoreMemoryThanTheirBound) {
  constexpr size_t kMessageBytes = 7'500'000;
  constexpr int kStreams = 60;
  const auto mgmt = *cluster().node("mgmt");
  const uint64_t before = MemoryOf(mgmt.pid);
  ASSERT_OK_AND_ASSIGN(auto peer, H2Peer::Dial(mgmt.grpc, StolenKey()));
  std::string opening = Preface();
  std::vector<uint32_t> streams;
  for (int i = 0; i < kStreams; ++i) {
    const uint32_t stream = static_cast<uint32_t>(2 * i + 1);
    opening += FrameOf(FrameType::kHeaders, kEndHeaders, stream,
                       CallHeaders("/convergia.v1.Cluster/Renew"));
    streams.push_back(stream);
  }
  ASSERT_TRUE(peer->Send(opening));
  const std::string head("\0\0\x7a\x12\0", 5);  // The head of a message of 8,000,000 bytes.
  const size_t sent = peer->SendData(streams, head, kMessageBytes);
  const uint64_t after = MemoryOf(mgmt.pid);
  std::cout << "unfinished messages: " << sent / 1'000'000 << " MB were taken, mgmt grew from "
            << before / 1'000'000 << " to " << after / 1'000'000 << " MB" << std::endl;
  EXPECT_LT(after - before, 400'000'000u);
}

TEST_F(GrpcPortTest, HalfFramesHoldUpNobody) {
  const std::string half =
      absl::StrCat(FrameHead(16 * 1024, FrameType::kHeaders, kEndHeaders, 1), "a");
  std::vector<std::unique_ptr<H2Peer>> peers;
  for (const std::string& port : GrpcPorts()) {
    ExpectDeaf(port, absl::StrCat(Preface(), half));
    ExpectDeaf(port, "PRI * HT");
    for (int i = 0; i < 20; ++i) {
      ASSERT_OK_AND_ASSIGN(auto peer, H2Peer::Dial(port, StolenKey()));
      ASSERT_TRUE(peer->Send(absl::StrCat(Preface(), half)));
      peers.push_back(std::move(peer));
    }
  }
  EXPECT_TRUE(Eventually([] { return SendAcross().ok(); }));
}

TEST_F(GrpcPortTest, IdleConnectionsLeaveDescriptorsToClientsAndFiles) {
  const std::string port = cluster().node("edge1")->grpc;
  std::vector<int> idle;
  for (int i = 0; i < kFewDescriptors + 100; ++i) {
    const int fd = ConnectTo(port);
    ASSERT_GE(fd, 0);
    idle.push_back(fd);
  }
  EXPECT_TRUE(Eventually([] { return SendAcross().ok(); })) << "the line port is dead";
  for (const int fd : idle) {
    EXPECT_TRUE(AwaitTcpClosed(fd)) << "a handshake that does not begin does not end either";
    close(fd);
  }
}

TEST_F(GrpcPortTest, HandshakesThatNeverEndAreEnded) {
  constexpr char kHello[] = "\x16\x03\x01\x02\x00\x01";
  for (const std::string& port : GrpcPorts()) {
    const int fd = ConnectTo(port);
    ASSERT_GE(fd, 0);
    ASSERT_EQ(send(fd, kHello, sizeof(kHello) - 1, MSG_NOSIGNAL), 6);
    EXPECT_TRUE(AwaitTcpClosed(fd)) << port;
    close(fd);
  }
}

}  // namespace
}  // namespace convergia::testing
