// A second dialect over the real shard and TLS. It gets back-pressure, deadlines and limits without
// any code of its own.

#include "common/session/dialect.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "common/base/testing/status_testing.h"
#include "common/session/server.h"
#include "common/session/testing/raw_client.h"
#include "common/session/testing/session_testing.h"

namespace convergia::session {
namespace {

// The events of all echoes.
struct EchoLog {
  std::atomic<int> frames = 0;
  std::atomic<int> alive = 0;
  std::atomic<int> closed = 0;
};

// A frame is one byte, the number of bytes that follow, then those bytes. Each frame is echoed
// `times` times. The frame "me" signs in. An empty frame asks a silent peer whether it is there.
class Echo final : public Dialect {
 public:
  Echo(Connection& connection, EchoLog& log, int times)
      : connection_(connection), log_(log), times_(times) {
    ++log_.alive;
  }
  ~Echo() override { --log_.alive; }

  static std::string Frame(absl::string_view body) {
    return absl::StrCat(std::string(1, static_cast<char>(body.size())), body);
  }

  void OnOpen() override { connection_.out()->append(Frame("hello")); }

  bool OnBytes(absl::Span<char>* bytes) override {
    while (connection_.CanRead()) {
      if (bytes->empty()) return true;
      const size_t wanted = frame_.empty() ? 1 : 1 + FrameBytes() - frame_.size();
      const size_t taken = std::min(wanted, bytes->size());
      frame_.append(bytes->data(), taken);
      bytes->remove_prefix(taken);
      if (frame_.size() == 1 + FrameBytes()) OnFrame();
    }
    return false;
  }

  size_t held_bytes() const override { return frame_.size(); }
  void OnIdle() override { connection_.out()->append(Frame("")); }
  void OnClosing(FailCode code, absl::string_view /*text*/) override {
    connection_.out()->append(Frame(FailCodeWord(code)));
  }
  void OnClosed() override {
    ++log_.closed;
    frame_ = std::string();
  }

 private:
  size_t FrameBytes() const { return static_cast<unsigned char>(frame_[0]); }

  void OnFrame() {
    ++log_.frames;
    connection_.CountMessage(frame_.size());
    if (frame_ == Frame("me") && !connection_.SignIn()) {
      connection_.Close(FailCode::kBusy, "");
    } else {
      for (int i = 0; i < times_; ++i) connection_.out()->append(frame_);
    }
    frame_.clear();
  }

  Connection& connection_;
  EchoLog& log_;
  const int times_;
  std::string frame_;  // The bytes received so far.
};

class DialectTest : public testing::Test {
 protected:
  DialectTest() : tls_(MakeTestTls(clock_)) {
    options_.listen = {MakePort(1)};
    options_.shards = 2;
    options_.tick = absl::Milliseconds(1);
    options_.limits.messages.burst = 1e6;
  }
  ~DialectTest() override {
    if (server_ == nullptr) return;
    server_->Stop();
    EXPECT_EQ(log_.alive, 0);
  }

  PortOptions MakePort(int times) {
    return {.address = "127.0.0.1:0", .make_dialect = [this, times](Connection& connection) {
              return std::make_unique<Echo>(connection, log_, times);
            }};
  }

  void StartServer() {
    auto server = Server::Create({.tls = tls_.get(), .clock = &clock_}, options_);
    ASSERT_OK(server);
    server_ = *std::move(server);
    server_->Start();
  }

  std::unique_ptr<RawClient> Connect(size_t port = 0) {
    auto client = std::make_unique<RawClient>(server_->addresses()[port]);
    EXPECT_TRUE(client->Handshake());
    return client;
  }
  // A client that has read the greeting.
  std::unique_ptr<RawClient> ConnectAndGreet(size_t port = 0) {
    auto client = Connect(port);
    EXPECT_EQ(ReadFrame(*client), "hello");
    return client;
  }
  static std::string ReadFrame(RawClient& client) {
    const std::string size = client.Read(1);
    return size.empty() ? "<closed>" : client.Read(static_cast<unsigned char>(size[0]));
  }
  static std::string Ask(RawClient& client, absl::string_view body) {
    return client.Send(Echo::Frame(body)) ? ReadFrame(client) : "<lost>";
  }

  // Runs `fn` on the shard of the only connection.
  void OnConnection(const std::function<void(Connection& connection)>& fn) {
    for (const std::shared_ptr<Shard>& shard : server_->shards()) {
      absl::Notification done;
      shard->Post([&] {
        for (const auto& connection : shard->Connections()) fn(*connection);
        done.Notify();
      });
      done.WaitForNotification();
    }
  }
  void AdvanceBy(absl::Duration by) { Advance(server_->shards(), clock_, by); }
  void WaitForConnections(int64_t count) {
    WaitUntil(
        server_->shards(), [&] { return server_->connections() == count; }, "connections");
  }
  void WaitForCounter(Counter counter, uint64_t count) {
    const auto reached = [&] { return CounterOf(counter) >= count; };
    WaitUntil(server_->shards(), reached, std::string(CounterName(counter)).c_str());
  }
  uint64_t CounterOf(Counter counter) const {
    return server_->counters()[static_cast<size_t>(counter)];
  }

  FakeClock clock_;
  const std::unique_ptr<tls::TlsContext> tls_;
  EchoLog log_;
  Server::Options options_;
  std::unique_ptr<Server> server_;
};

TEST_F(DialectTest, EchoesFramesWhereverTheStreamIsCut) {
  StartServer();
  const auto client = ConnectAndGreet();
  const std::string stream = Echo::Frame("one") + Echo::Frame("") + Echo::Frame("three");
  for (size_t cut = 0; cut <= stream.size(); ++cut) {
    for (const std::string& half : {stream.substr(0, cut), stream.substr(cut)}) {
      ASSERT_TRUE(half.empty() || client->Send(half));
    }
    EXPECT_EQ(client->Read(stream.size()), stream) << "cut at " << cut;
  }
}

TEST_F(DialectTest, APeerThatDoesNotReadIsNotReadAndLosesNothing) {
  constexpr int kFrames = 100, kTimes = 10'000;
  options_.listen = {MakePort(kTimes)};
  StartServer();
  const auto client = ConnectAndGreet();
  const std::string frame = Echo::Frame("twenty bytes of text");
  std::string stream;
  for (int i = 0; i < kFrames; ++i) stream += frame;
  ASSERT_TRUE(client->Send(stream));
  WaitForCounter(Counter::kReadsPaused, 1);
  EXPECT_LT(log_.frames, kFrames) << "its own answers stop its reading";
  const size_t answer_bytes = frame.size() * kTimes;
  OnConnection([&](Connection& connection) {
    EXPECT_LE(connection.outbox_bytes(), options_.limits.outbox_bytes_soft + answer_bytes);
  });
  for (int i = 0; i < kFrames; ++i) {
    ASSERT_EQ(client->Read(answer_bytes).substr(answer_bytes - frame.size()), frame) << i;
  }
  EXPECT_EQ(log_.frames, kFrames);
  WaitUntil(
      server_->shards(), [&] { return server_->memory_bytes() == 0; }, "memory");
}

TEST_F(DialectTest, APeerThatNeverReadsIsClosed) {
  options_.listen = {MakePort(1'000'000)};
  StartServer();
  const auto client = ConnectAndGreet();
  ASSERT_TRUE(client->Send(Echo::Frame("twenty bytes of text")));
  WaitForCounter(Counter::kReadsPaused, 1);
  // The kernel may still take some last bytes, which counts as progress.
  for (int i = 0; i < 1000 && server_->connections() > 0; ++i) {
    AdvanceBy(options_.limits.outbox_stall_max + absl::Seconds(1));
  }
  WaitForConnections(0);
  EXPECT_EQ(CounterOf(Counter::kClosedStalled), 1u);
  EXPECT_EQ(server_->memory_bytes(), 0);
}

TEST_F(DialectTest, PushesPastTheHardBoundCloseThePeer) {
  StartServer();
  const auto client = ConnectAndGreet();
  OnConnection([&](Connection& connection) {
    const std::string push(100'000, 'p');
    const auto write = [&](std::string* out) { out->append(push); };
    size_t pushed = 0;
    while (connection.Push(push.size(), write)) pushed += push.size();
    EXPECT_GE(pushed + push.size(), options_.limits.outbox_bytes_hard);
    EXPECT_LE(connection.outbox_bytes(), options_.limits.outbox_bytes_hard);
  });
  WaitForCounter(Counter::kClosedOutboxFull, 1);
  WaitForConnections(0);
}

TEST_F(DialectTest, MessagesPastTheRateWait) {
  options_.limits.messages = {.per_second = 10, .burst = 3};
  StartServer();
  const auto client = ConnectAndGreet();
  std::string stream;
  for (int i = 0; i < 5; ++i) stream += Echo::Frame(absl::StrCat(i));
  ASSERT_TRUE(client->Send(stream));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(ReadFrame(*client), absl::StrCat(i));
  EXPECT_EQ(log_.frames, 3);
  for (int i = 3; i < 5; ++i) {
    AdvanceBy(absl::Milliseconds(101));
    EXPECT_EQ(ReadFrame(*client), absl::StrCat(i));
  }
}

TEST_F(DialectTest, BytesPastTheRateWait) {
  options_.limits.message_bytes = {.per_second = 100, .burst = 25};
  StartServer();
  const auto client = ConnectAndGreet();
  const std::string body(19, 'b');  // With its length, twenty bytes.
  std::string stream;
  for (int i = 0; i < 5; ++i) stream += Echo::Frame(body);
  ASSERT_TRUE(client->Send(stream));
  // The second one goes into debt: 15 bytes, and one must be left to read on.
  for (int i = 0; i < 2; ++i) EXPECT_EQ(ReadFrame(*client), body);
  AdvanceBy(absl::Milliseconds(140));
  OnConnection([](Connection&) {});  // The tick has passed.
  EXPECT_EQ(log_.frames, 2);
  for (int i = 2; i < 5; ++i) {
    AdvanceBy(absl::Milliseconds(201));
    EXPECT_EQ(ReadFrame(*client), body);
  }
}

TEST_F(DialectTest, AStrangerIsClosedInTimeAndAKnownPeerStays) {
  options_.listen[0].sign_in_timeout = absl::Seconds(15);
  StartServer();
  const auto stranger = ConnectAndGreet(), known = ConnectAndGreet();
  EXPECT_EQ(Ask(*known, "me"), "me");
  EXPECT_EQ(Ask(*stranger, "you"), "you");
  EXPECT_EQ(server_->signed_in(), 1);
  AdvanceBy(absl::Seconds(16));
  EXPECT_EQ(ReadFrame(*stranger), "EXPIRED");
  EXPECT_EQ(ReadFrame(*stranger), "<closed>");
  EXPECT_EQ(Ask(*known, "still"), "still");
  EXPECT_EQ(CounterOf(Counter::kClosedSignInTimeout), 1u);
}

TEST_F(DialectTest, ASilentPeerIsAskedAndThenClosed) {
  options_.listen[0].sign_in_timeout = absl::InfiniteDuration();
  StartServer();
  const auto client = ConnectAndGreet();
  AdvanceBy(options_.limits.idle_ping_after + absl::Seconds(1));
  EXPECT_EQ(ReadFrame(*client), "");
  EXPECT_EQ(Ask(*client, "here"), "here");
  AdvanceBy(options_.limits.idle_ping_after + absl::Seconds(1));
  EXPECT_EQ(ReadFrame(*client), "");
  AdvanceBy(options_.limits.idle_close_after - options_.limits.idle_ping_after);
  EXPECT_EQ(ReadFrame(*client), "EXPIRED");
  EXPECT_EQ(ReadFrame(*client), "<closed>");
  EXPECT_EQ(CounterOf(Counter::kClosedIdle), 1u);
}

TEST_F(DialectTest, AHandshakeThatNeverEndsIsClosedAndHasNoDialect) {
  StartServer();
  RawClient silent(server_->addresses()[0]);
  WaitForConnections(1);
  AdvanceBy(options_.limits.handshake_timeout + absl::Seconds(1));
  EXPECT_TRUE(silent.ReadPlainToEnd());
  WaitForConnections(0);
  EXPECT_EQ(log_.closed, 0);
}

TEST_F(DialectTest, ThePortsOfAServerShareTheLimitsOfAnAddress) {
  options_.listen.push_back(MakePort(2));
  options_.limits.unauthenticated_per_address_max = 2;
  options_.limits.signed_in_per_address_max = 1;
  StartServer();
  const auto one = ConnectAndGreet(0), two = ConnectAndGreet(1);
  EXPECT_EQ(Ask(*two, "2"), "2");
  EXPECT_EQ(ReadFrame(*two), "2");
  {
    const auto three = Connect(1);
    EXPECT_EQ(ReadFrame(*three), "BUSY");
    EXPECT_EQ(ReadFrame(*three), "<closed>");
  }
  WaitForConnections(2);
  EXPECT_EQ(Ask(*one, "me"), "me");
  const auto four = ConnectAndGreet(0);
  EXPECT_EQ(Ask(*four, "me"), "BUSY") << "one is signed in";
}

TEST_F(DialectTest, UnfinishedInputCountsAsMemoryUntilTheEnd) {
  StartServer();
  const auto client = ConnectAndGreet();
  ASSERT_TRUE(client->Send(Echo::Frame("cut short").substr(0, 5)));
  WaitUntil(
      server_->shards(), [&] { return server_->memory_bytes() == 5; }, "memory");
  client->Close();
  WaitForConnections(0);
  EXPECT_EQ(server_->memory_bytes(), 0);
  EXPECT_EQ(log_.closed, 1);
}

TEST_F(DialectTest, ADrainSaysALastWord) {
  StartServer();
  const auto client = ConnectAndGreet();
  server_->Drain(absl::ZeroDuration());
  EXPECT_EQ(ReadFrame(*client), "UNAVAILABLE");
  EXPECT_EQ(ReadFrame(*client), "<closed>");
  client->Close();
  server_->Drain(absl::Seconds(20));
  EXPECT_EQ(server_->connections(), 0);
}

}  // namespace
}  // namespace convergia::session
