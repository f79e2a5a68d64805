// Streams over TLS on loopback: order, bounds, every way to end, and nothing after the end.
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "common/base/clock.h"
#include "common/base/limits.h"
#include "common/base/testing/status_testing.h"
#include "common/rpc/auth/credentials.h"
#include "common/rpc/server.h"
#include "common/rpc/streams/stream_reactor.h"
#include "common/rpc/testing/test_pki.h"
#include "convergia/v1/relay.grpc.pb.h"

namespace convergia::rpc {
namespace {

const identity::NodeIdentity kHere = {Role::kEdge, "here"};
const identity::NodeIdentity kThere = {Role::kEdge, "there"};

v1::Frame Ping(uint64_t number, size_t padding = 0) {
  v1::Frame frame;
  frame.set_ping(number);
  if (padding > 0) frame.add_segments()->add_envelopes()->set_body(std::string(padding, 'x'));
  return frame;
}

// The part of both ends: keeps the messages that came, and reports the end.
struct Record {
  absl::Mutex mu;
  std::vector<uint64_t> pings ABSL_GUARDED_BY(mu);
  absl::Notification closed;
  absl::Status status;
  std::atomic<int> writable = 0;

  void Keep(const v1::Frame& frame) {
    absl::MutexLock lock(&mu);
    EXPECT_FALSE(closed.HasBeenNotified());
    pings.push_back(frame.ping());
  }
  void End(const absl::Status& why) {
    status = why;
    closed.Notify();  // A second call would abort.
  }
  void AwaitPings(size_t count) {
    absl::MutexLock lock(&mu);
    const auto enough = [this, count]()
                            ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu) { return pings.size() >= count; };
    ASSERT_TRUE(mu.AwaitWithTimeout(absl::Condition(&enough), absl::Seconds(30)));
  }
};

using Behaviour = std::function<void(Stream<v1::Frame, v1::Frame>&, v1::Frame&)>;

class Near final : public ClientStream<v1::Frame, v1::Frame> {
 public:
  Near(std::shared_ptr<Record> record, const StreamOptions& options, bool merges = false)
      : ClientStream(options), record_(std::move(record)), merges_(merges) {}

 private:
  void OnMessage(v1::Frame& frame) override { record_->Keep(frame); }
  void OnClosed(const absl::Status& status) override { record_->End(status); }
  void OnWritable() override { ++record_->writable; }
  bool Merge(v1::Frame& waiting, v1::Frame& next) override {
    if (!merges_ || waiting.ByteSizeLong() > 1'000'000) return false;
    waiting.mutable_segments()->MergeFrom(next.segments());
    return true;
  }

  const std::shared_ptr<Record> record_;
  const bool merges_;
};

class Far final : public ServerStream<v1::Frame, v1::Frame> {
 public:
  Far(grpc::CallbackServerContext* context, std::shared_ptr<Record> record, Behaviour behaviour)
      : ServerStream(context, {.queue_bytes_max = 1 << 20}),
        record_(std::move(record)),
        behaviour_(std::move(behaviour)) {}

 private:
  void OnMessage(v1::Frame& frame) override {
    record_->Keep(frame);
    behaviour_(*this, frame);
  }
  void OnClosed(const absl::Status& status) override { record_->End(status); }

  const std::shared_ptr<Record> record_;
  const Behaviour behaviour_;
};

class FakeRelay final : public v1::Relay::CallbackService {
 public:
  explicit FakeRelay(const PinSet& pins) : pins_(pins) {}

  grpc::ServerBidiReactor<v1::Frame, v1::Frame>* Link(
      grpc::CallbackServerContext* context) override {
    const auto peer = PeerOf(*context, pins_);
    if (!peer.ok()) return RefuseStream<v1::Frame, v1::Frame>(peer.status());
    if (!refusal.ok()) return RefuseStream<v1::Frame, v1::Frame>(refusal);
    const auto kept = record_for_each ? std::make_shared<Record>() : record;
    const auto far = std::make_shared<Far>(context, kept, behaviour);
    {
      absl::MutexLock lock(&mu);
      records.push_back(kept);
      streams.push_back(far);
    }
    for (int i = 0; i < greeting; ++i) EXPECT_OK(far->Send(Ping(i)));
    return far->Start(pins_, peer->pin);
  }

  // Set before the first stream.
  Behaviour behaviour = [](auto&, auto&) {};
  absl::Status refusal;
  bool record_for_each = false;
  int greeting = 0;  // Messages that wait before the stream has begun.

  const std::shared_ptr<Record> record = std::make_shared<Record>();
  absl::Mutex mu;
  std::vector<std::shared_ptr<Record>> records ABSL_GUARDED_BY(mu);
  std::vector<std::shared_ptr<Far>> streams ABSL_GUARDED_BY(mu);

 private:
  const PinSet& pins_;
};

class StreamTest : public testing::Test {
 protected:
  void SetUp() override {
    pins_.Replace({pki_.PinOf(kHere, 1), pki_.PinOf(kThere, 2)});
    auto credentials = MakeServerCredentials(pki_.FilesOf(kThere), CallPolicy::Cluster(), pins_);
    ASSERT_OK(credentials);
    auto server = Server::Create({"127.0.0.1:0", *credentials, {&relay_}});
    ASSERT_OK(server);
    server_ = *std::move(server);
    stub_ = v1::Relay::NewStub(MakeChannel(server_->address(), pki_.FilesOf(kHere), kThere));
  }

  std::shared_ptr<Near> Dial(StreamOptions options = {.queue_bytes_max = 64 << 20},
                             bool merges = false) {
    near_ = std::make_shared<Record>();
    auto stream = std::make_shared<Near>(near_, options, merges);
    stream->Start([this](grpc::ClientContext* context, auto* reactor) {
      stub_->async()->Link(context, reactor);
    });
    return stream;
  }

  std::vector<uint64_t> FarPings() {
    absl::MutexLock lock(&relay_.record->mu);
    return relay_.record->pings;
  }

  TestPki pki_;
  PinSet pins_;
  FakeRelay relay_{pins_};
  std::unique_ptr<Server> server_;
  std::unique_ptr<v1::Relay::Stub> stub_;
  std::shared_ptr<Record> near_;
};

TEST_F(StreamTest, MessagesOfManyThreadsArriveWholeAndEachThreadsInOrder) {
  relay_.behaviour = [](auto& stream, v1::Frame& frame) { EXPECT_OK(stream.Send(frame)); };
  const auto stream = Dial();
  constexpr int kThreads = 4, kEach = 500;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&stream, t] {
      for (int i = 0; i < kEach; ++i) EXPECT_OK(stream->Send(Ping(t * 10'000 + i)));
    });
  }
  for (std::thread& thread : threads) thread.join();
  near_->AwaitPings(kThreads * kEach);
  stream->Close();
  stream->AwaitClosed();
  EXPECT_OK(near_->status);
  relay_.record->closed.WaitForNotification();
  EXPECT_OK(relay_.record->status);
  std::vector<uint64_t> next(kThreads, 0);
  absl::MutexLock lock(&near_->mu);
  ASSERT_EQ(near_->pings.size(), kThreads * kEach);
  for (const uint64_t ping : near_->pings) EXPECT_EQ(ping % 10'000, next[ping / 10'000]++);
}

TEST_F(StreamTest, CloseSendsWhatWaitsFirst) {
  const auto stream = Dial();
  for (int i = 0; i < 200; ++i) ASSERT_OK(stream->Send(Ping(i, 10'000)));
  stream->Close();
  EXPECT_THAT(stream->Send(Ping(1)), StatusIs(absl::StatusCode::kUnavailable));
  stream->AwaitClosed();
  EXPECT_OK(near_->status);
  EXPECT_EQ(FarPings().size(), 200u);
  stream->Close();
  stream->Cancel();
  EXPECT_EQ(stream->queued_bytes(), 0u);
}

TEST_F(StreamTest, AServerClosesWithItsReasonAfterWhatWaits) {
  relay_.behaviour = [](auto& stream, v1::Frame&) {
    for (int i = 0; i < 100; ++i) EXPECT_OK(stream.Send(Ping(i)));
    stream.Close(Fail(FailCode::kExists, "another link is kept"));
  };
  const auto stream = Dial();
  ASSERT_OK(stream->Send(Ping(1)));
  stream->AwaitClosed();
  EXPECT_EQ(FailCodeOf(near_->status), FailCode::kExists);
  absl::MutexLock lock(&near_->mu);
  EXPECT_EQ(near_->pings.size(), 100u);
}

// gRPC holds a first message back if a hint says that others follow. A busy connection hides that,
// so the test has several streams.
TEST_F(StreamTest, WhatAServerQueuedBeforeTheStartArrivesAtOnce) {
  relay_.greeting = 3;
  relay_.record_for_each = true;
  for (int i = 0; i < 5; ++i) {
    const absl::Duration before = RealClock::Get().Elapsed();
    const auto stream = Dial();
    near_->AwaitPings(3);
    EXPECT_LT(RealClock::Get().Elapsed() - before, limits::kRpcKeepalive / 2);
    stream->Close();
    stream->AwaitClosed();
    EXPECT_OK(near_->status);
  }
}

TEST_F(StreamTest, ARefusedStreamEndsWithTheReason) {
  relay_.refusal = Fail(FailCode::kExists, "no");
  const auto stream = Dial();
  stream->AwaitClosed();
  EXPECT_EQ(FailCodeOf(near_->status), FailCode::kExists);
  EXPECT_THAT(stream->Send(Ping(1)), StatusIs(absl::StatusCode::kUnavailable));
}

TEST_F(StreamTest, CancelHereEndsBothSides) {
  const auto stream = Dial();
  ASSERT_OK(stream->Send(Ping(1)));
  relay_.record->AwaitPings(1);
  stream->Cancel(absl::AbortedError("enough"));
  stream->AwaitClosed();
  EXPECT_EQ(near_->status, absl::AbortedError("enough"));
  relay_.record->closed.WaitForNotification();
  EXPECT_THAT(relay_.record->status, StatusIs(absl::StatusCode::kCancelled));
}

TEST_F(StreamTest, NobodyThereIsUnavailable) {
  server_->Stop(absl::ZeroDuration());
  const auto stream = Dial();
  stream->AwaitClosed();
  EXPECT_THAT(near_->status, StatusIs(absl::StatusCode::kUnavailable));
}

TEST_F(StreamTest, StoppingTheServerEndsItsStreams) {
  const auto stream = Dial();
  ASSERT_OK(stream->Send(Ping(1)));
  relay_.record->AwaitPings(1);
  server_->Stop(absl::ZeroDuration());
  EXPECT_TRUE(relay_.record->closed.HasBeenNotified());
  stream->AwaitClosed();
  EXPECT_FALSE(near_->status.ok());
}

TEST_F(StreamTest, ARevokedPeersStreamEnds) {
  const auto stream = Dial();
  ASSERT_OK(stream->Send(Ping(1)));
  relay_.record->AwaitPings(1);
  pins_.Apply({}, {pki_.PinOf(kHere).pin});
  relay_.record->closed.WaitForNotification();
  EXPECT_THAT(relay_.record->status, StatusIs(absl::StatusCode::kPermissionDenied));
  stream->AwaitClosed();
  EXPECT_THAT(near_->status, StatusIs(absl::StatusCode::kPermissionDenied));
}

// The refusal comes first, even if messages wait and the owner closes the stream meanwhile.
TEST_F(StreamTest, ARevokedPeerHearsThatItIsOne) {
  relay_.record_for_each = true;
  relay_.behaviour = [](auto& stream, v1::Frame&) {
    for (int i = 0; i < 50; ++i) (void)stream.Send(Ping(i, 10'000));
  };
  for (int round = 0; round < 20; ++round) {
    const auto stream = Dial();
    ASSERT_OK(stream->Send(Ping(1)));
    near_->AwaitPings(1 + round);
    std::shared_ptr<Far> far;
    {
      absl::MutexLock lock(&relay_.mu);
      far = relay_.streams.back();
    }
    std::thread closer([far] { far->Close(absl::PermissionDeniedError("dismissed")); });
    pins_.Apply({}, {pki_.PinOf(kHere).pin});
    stream->AwaitClosed();
    closer.join();
    EXPECT_THAT(near_->status, StatusIs(absl::StatusCode::kPermissionDenied));
    pins_.Apply({pki_.PinOf(kHere, 1)}, {});
  }
}

TEST_F(StreamTest, ARevokedPeerThatDoesNotReadIsCutAfterAll) {
  relay_.behaviour = [](auto& stream, v1::Frame&) {
    while (stream.Send(Ping(1, 100'000)).ok()) continue;
  };
  const auto stream = Dial();
  stream->PauseReading();
  ASSERT_OK(stream->Send(Ping(1)));
  relay_.record->AwaitPings(1);
  pins_.Apply({}, {pki_.PinOf(kHere).pin});
  relay_.record->closed.WaitForNotification();
  EXPECT_THAT(relay_.record->status, StatusIs(absl::StatusCode::kPermissionDenied));
  stream->ResumeReading();
  stream->AwaitClosed();
  EXPECT_FALSE(near_->status.ok());
}

TEST_F(StreamTest, AFullQueueRefusesAndTellsWhenThereIsRoomAgain) {
  relay_.behaviour = [](auto& stream, v1::Frame&) { stream.PauseReading(); };
  const auto stream = Dial({.queue_bytes_max = 1 << 20});
  absl::Status status;
  ASSERT_OK(stream->Send(Ping(0)));
  relay_.record->AwaitPings(1);
  uint64_t sent = 1;
  // The flow control of gRPC takes some megabytes before the queue fills.
  while ((status = stream->Send(Ping(sent, 100'000))).ok()) {
    ++sent;
    ASSERT_LT(sent, 1000u);
  }
  EXPECT_EQ(FailCodeOf(status), FailCode::kBusy);
  EXPECT_LE(stream->queued_bytes(), 1u << 20);
  std::shared_ptr<Far> far;
  {
    absl::MutexLock lock(&relay_.mu);
    far = relay_.streams.front();
  }
  const absl::Time deadline = RealClock::Get().Now() + absl::Seconds(30);
  while (near_->writable == 0 && RealClock::Get().Now() < deadline) far->ResumeReading();
  EXPECT_EQ(near_->writable, 1);
  // Each message pauses again. A stream that closes still reads its peer to the end.
  stream->Close();
  while (!near_->closed.HasBeenNotified() && RealClock::Get().Now() < deadline)
    far->ResumeReading();
  stream->AwaitClosed();
  EXPECT_OK(near_->status);
  EXPECT_EQ(FarPings().size(), sent);
}

TEST_F(StreamTest, APeerThatReadsTooSlowlyIsGivenUpWhereAskedFor) {
  relay_.behaviour = [](auto& stream, v1::Frame&) { stream.PauseReading(); };
  const auto stream =
      Dial({.queue_bytes_max = 1 << 20, .when_full = StreamOptions::WhenFull::kCancel});
  ASSERT_OK(stream->Send(Ping(0)));  // Without a connection the server would never see the call.
  relay_.record->AwaitPings(1);
  uint64_t sent = 1;
  while (stream->Send(Ping(sent, 100'000)).ok()) ASSERT_LT(++sent, 1000u);
  stream->AwaitClosed();
  EXPECT_EQ(FailCodeOf(near_->status), FailCode::kBusy);
  relay_.record->closed.WaitForNotification();
}

TEST_F(StreamTest, WhatWaitsIsPackedIntoOneMessage) {
  relay_.behaviour = [](auto& stream, v1::Frame&) { stream.PauseReading(); };
  const auto stream = Dial({.queue_bytes_max = 32 << 20}, /*merges=*/true);
  for (int i = 0; i < 200; ++i) ASSERT_OK(stream->Send(Ping(i, 100'000)));
  relay_.record->AwaitPings(1);
  std::shared_ptr<Far> far;
  {
    absl::MutexLock lock(&relay_.mu);
    far = relay_.streams.front();
  }
  stream->Cancel();
  stream->AwaitClosed();
  far->ResumeReading();
  far->AwaitClosed();
  EXPECT_LT(FarPings().size(), 200u);
}

TEST_F(StreamTest, AMessageLargerThanTheBoundPassesAnEmptyQueue) {
  const auto stream = Dial({.queue_bytes_max = 1000});
  ASSERT_OK(stream->Send(Ping(1, 100'000)));
  relay_.record->AwaitPings(1);
  stream->Close();
  stream->AwaitClosed();
  EXPECT_OK(near_->status);
}

// Both sides send, close and cancel from several threads at once, and drop their handles.
TEST_F(StreamTest, EndsOnceWhateverHappensAtTheSameMoment) {
  constexpr uint64_t kCloseThere = 100, kCancelThere = 101;
  relay_.record_for_each = true;
  relay_.behaviour = [](auto& stream, v1::Frame& frame) {
    (void)stream.Send(frame);
    if (frame.ping() == kCloseThere) stream.Close(absl::AbortedError("x"));
    if (frame.ping() == kCancelThere) stream.Cancel();
  };
  for (int round = 0; round < 60; ++round) {
    auto stream = Dial();
    std::vector<std::thread> threads;
    for (int t = 0; t < 3; ++t) {
      threads.emplace_back([stream, t, round] {
        for (int i = 0; i < 20; ++i) (void)stream->Send(Ping(i));
        if (t == round % 4) stream->Close();
        if (t == (round / 4) % 4) stream->Cancel();
        (void)stream->Send(Ping(round % 2 == 0 ? kCloseThere : kCancelThere));
      });
    }
    for (std::thread& thread : threads) thread.join();
    stream->Close();
    stream.reset();
    near_->closed.WaitForNotification();
  }
  server_->Stop(absl::ZeroDuration());
  absl::MutexLock lock(&relay_.mu);
  EXPECT_GT(relay_.records.size(), 0u);
  for (const auto& record : relay_.records) EXPECT_TRUE(record->closed.HasBeenNotified());
}

}  // namespace
}  // namespace convergia::rpc
