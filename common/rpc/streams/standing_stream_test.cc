// A standing stream over TLS on loopback, to servers that the test controls.
#include "common/rpc/streams/standing_stream.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "common/base/clock.h"
#include "common/base/testing/status_testing.h"
#include "common/disk/testing/faulty_disk.h"
#include "common/rpc/auth/credentials.h"
#include "common/rpc/server.h"
#include "common/rpc/testing/test_pki.h"
#include "convergia/v1/relay.grpc.pb.h"

namespace convergia::rpc {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(30);
const identity::NodeIdentity kHere = {Role::kEdge, "here"};
const identity::NodeIdentity kThere = {Role::kEdge, "there"};

v1::Frame Ping(uint64_t number) {
  v1::Frame frame;
  frame.set_ping(number);
  return frame;
}

// Keeps events in order, and lets a test wait for them.
class Log {
 public:
  void Add(const std::string& line) {
    absl::MutexLock lock(&mu_);
    lines_.push_back(line);
  }
  // Waits for the next lines, which must be these.
  void Await(const std::vector<std::string>& lines) {
    absl::MutexLock lock(&mu_);
    const size_t end = read_ + lines.size();
    const auto enough = [&]() ABSL_SHARED_LOCKS_REQUIRED(mu_) { return lines_.size() >= end; };
    EXPECT_TRUE(mu_.AwaitWithTimeout(absl::Condition(&enough), kPatience));
    const std::vector<std::string> got(
        lines_.begin() + static_cast<ptrdiff_t>(read_),
        lines_.begin() + static_cast<ptrdiff_t>(std::min(end, lines_.size())));
    EXPECT_EQ(got, lines);
    read_ = end;
  }
  size_t unread() {
    absl::MutexLock lock(&mu_);
    return lines_.size() - read_;
  }

 private:
  absl::Mutex mu_;
  std::vector<std::string> lines_ ABSL_GUARDED_BY(mu_);
  size_t read_ ABSL_GUARDED_BY(mu_) = 0;
};

// The server's end of one stream. Logs the messages that arrive.
class Far final : public ServerStream<v1::Frame, v1::Frame> {
 public:
  Far(grpc::CallbackServerContext* context, Log* log)
      : ServerStream(context, {.queue_bytes_max = 1 << 20}), log_(*log) {}

 private:
  void OnMessage(v1::Frame& frame) override {
    log_.Add(frame.has_hello() ? "hello" : absl::StrCat("ping ", frame.ping()));
  }
  void OnClosed(const absl::Status&) override {}
  Log& log_;
};

// A server that greets with its epoch.
class FakeServer final : public v1::Relay::CallbackService {
 public:
  FakeServer(TestPki* pki, const PinSet* pins) : pins_(*pins) {
    server_ =
        *Server::Create({"127.0.0.1:0",
                         *MakeServerCredentials(pki->FilesOf(kThere), CallPolicy::Cluster(), *pins),
                         {this}});
  }
  ~FakeServer() override { server_->Stop(absl::ZeroDuration()); }

  grpc::ServerBidiReactor<v1::Frame, v1::Frame>* Link(
      grpc::CallbackServerContext* context) override {
    const auto peer = PeerOf(*context, pins_);
    absl::MutexLock lock(&mu_);
    SayEpoch(context, epoch_);
    ++dials_;
    if (!refusal_.ok()) return RefuseStream<v1::Frame, v1::Frame>(refusal_);
    newest_ = std::make_shared<Far>(context, &log);
    auto* const reactor = newest_->Start(pins_, peer->pin);
    v1::Frame greeting;
    greeting.mutable_hello()->set_epoch(epoch_);
    if (greets_) EXPECT_OK(newest_->Send(std::move(greeting)));
    return reactor;
  }

  void SetEpoch(Epoch epoch) {
    absl::MutexLock lock(&mu_);
    epoch_ = epoch;
  }
  void SetGreets(bool greets) {
    absl::MutexLock lock(&mu_);
    greets_ = greets;
  }
  void Refuse(const absl::Status& refusal) {
    absl::MutexLock lock(&mu_);
    refusal_ = refusal;
  }
  void Send(const v1::Frame& frame) {
    absl::MutexLock lock(&mu_);
    EXPECT_OK(newest_->Send(frame));
  }
  void End() {
    absl::MutexLock lock(&mu_);
    newest_->Close(absl::UnavailableError("told to"));
  }
  void AwaitDials(int count) {
    absl::MutexLock lock(&mu_);
    const auto enough = [&]() ABSL_SHARED_LOCKS_REQUIRED(mu_) { return dials_ >= count; };
    EXPECT_TRUE(mu_.AwaitWithTimeout(absl::Condition(&enough), kPatience));
  }

  const std::string& address() const { return server_->address(); }
  Log log;

 private:
  const PinSet& pins_;
  std::unique_ptr<Server> server_;
  absl::Mutex mu_;
  Epoch epoch_ ABSL_GUARDED_BY(mu_) = 5;
  bool greets_ ABSL_GUARDED_BY(mu_) = true;
  absl::Status refusal_ ABSL_GUARDED_BY(mu_);
  int dials_ ABSL_GUARDED_BY(mu_) = 0;
  std::shared_ptr<Far> newest_ ABSL_GUARDED_BY(mu_);
};

class StandingStreamTest : public testing::Test {
 protected:
  using Stream = StandingStream<v1::Frame, v1::Frame>;

  StandingStreamTest() {
    pins_.Replace({pki_.PinOf(kHere, 1), pki_.PinOf(kThere, 2)});
    epochs_ = *HighestEpoch::Open(disk_, "/epoch", "there");
  }
  ~StandingStreamTest() override { Stop(); }

  std::unique_ptr<Stream> Make(Log* log) {
    Stream::Options options;
    options.plan.backoff_first = absl::Milliseconds(5);
    options.plan.backoff_max = absl::Milliseconds(50);
    options.plan.greet_timeout = absl::Seconds(10);
    options.plan.final_codes = {absl::StatusCode::kPermissionDenied};
    options.queue = {.queue_bytes_max = 1 << 20};
    options.self = "here";
    options.server = "there";
    Stream::Hooks hooks;
    hooks.make_channel = [this](const ServerAddress& at) {
      return MakeChannel(at.address, pki_.FilesOf(kHere), {Role::kEdge, at.name});
    };
    hooks.open = [](const auto& channel, grpc::ClientContext* context, auto* reactor) {
      v1::Relay::NewStub(channel)->async()->Link(context, reactor);
    };
    hooks.hello = [] {
      v1::Frame hello;
      hello.mutable_hello();
      return hello;
    };
    hooks.epoch_of = [](const v1::Frame& first) -> absl::StatusOr<Epoch> {
      if (!first.has_hello()) return absl::UnavailableError("no greeting");
      return first.hello().epoch();
    };
    hooks.on_up = [log](Stream::Line& line, v1::Frame&) {
      log->Add(absl::StrCat("up ", line.epoch()));
    };
    hooks.on_message = [log](Stream::Line&, v1::Frame& frame) {
      log->Add(absl::StrCat("ping ", frame.ping()));
    };
    hooks.on_down = [log](const Stream::End& end) {
      if (end.was_up) log->Add(end.was_wanted ? "down" : "left");
    };
    hooks.on_final = [log](const absl::Status& why) {
      log->Add(absl::StrCat("final ", why.message()));
    };
    return std::make_unique<Stream>(
        StandingStreamBase::Deps{.executor = &executor_, .clock = &clock_, .epochs = epochs_.get()},
        std::move(options), std::move(hooks));
  }
  void Start(const std::vector<std::string>& addresses) {
    stream_ = Make(&log_);
    SetAddresses(addresses);
    stream_->Start();
  }
  void SetAddresses(const std::vector<std::string>& addresses) {
    std::vector<ServerAddress> ring;
    for (const std::string& address : addresses) ring.push_back({address, "there"});
    stream_->SetAddresses(std::move(ring));
  }
  void Stop() {
    if (stream_ != nullptr) stream_->Stop();
  }
  // Moves the clock over back-offs until `log` has these lines.
  void AwaitTurning(const std::vector<std::string>& lines) {
    const absl::Duration start = RealClock::Get().Elapsed();
    while (log_.unread() < lines.size() && RealClock::Get().Elapsed() - start < kPatience) {
      Turn();
    }
    log_.Await(lines);
  }
  void Turn() {
    clock_.Advance(absl::Milliseconds(50));
    stream_->Wake();
    absl::Notification never;
    never.WaitForNotificationWithTimeout(absl::Milliseconds(5));
  }

  TestPki pki_;
  PinSet pins_;
  disk::FaultyDisk disk_;
  std::unique_ptr<HighestEpoch> epochs_;
  FakeClock clock_;
  FakeServer a_{&pki_, &pins_};
  FakeServer b_{&pki_, &pins_};
  Log log_;
  ThreadExecutor executor_;
  std::unique_ptr<Stream> stream_;
};

TEST_F(StandingStreamTest, GreetsSendsAndReceives) {
  Start({a_.address()});
  log_.Await({"up 5"});
  EXPECT_OK(stream_->Send(Ping(7)));
  a_.log.Await({"hello", "ping 7"});
  a_.Send(Ping(8));
  log_.Await({"ping 8"});
  Stop();
  log_.Await({"left"});
  EXPECT_THAT(stream_->Send(Ping(9)), StatusIs(absl::StatusCode::kUnavailable));
}

TEST_F(StandingStreamTest, AnEndIsHeardAndDialledAgain) {
  Start({a_.address()});
  log_.Await({"up 5"});
  a_.End();
  AwaitTurning({"down", "up 5"});
  EXPECT_OK(stream_->Send(Ping(7)));
  a_.log.Await({"hello", "hello", "ping 7"});
}

TEST_F(StandingStreamTest, TheNextAddressIsTakenAtOnceIfOneCannotBeReachedOrRefuses) {
  a_.Refuse(absl::UnavailableError("not I"));
  Start({"127.0.0.1:1", a_.address(), b_.address()});
  log_.Await({"up 5"});  // The clock stands still, so there was no back-off.
  a_.AwaitDials(1);
  EXPECT_EQ(stream_->dials(), 3);
}

TEST_F(StandingStreamTest, AServerThatDoesNotGreetIsLeftForTheNext) {
  a_.SetGreets(false);
  Start({a_.address(), b_.address()});
  a_.log.Await({"hello"});
  clock_.Advance(absl::Seconds(10));
  stream_->Wake();
  log_.Await({"up 5"});
  b_.log.Await({"hello"});
}

TEST_F(StandingStreamTest, AnEarlierStartIsNotListenedTo) {
  b_.SetEpoch(4);
  Start({a_.address(), b_.address()});
  log_.Await({"up 5"});
  a_.Refuse(absl::UnavailableError("not I"));
  a_.End();
  log_.Await({"down"});
  while (stream_->refusals() < 2) Turn();
  EXPECT_EQ(log_.unread(), 0);
  b_.SetEpoch(6);
  AwaitTurning({"up 6"});
}

TEST_F(StandingStreamTest, AnEndCountsWithItsEpoch) {
  Start({a_.address()});
  log_.Await({"up 5"});
  a_.SetEpoch(4);
  a_.Refuse(absl::PermissionDeniedError("unknown"));
  a_.End();
  log_.Await({"down"});
  const uint64_t dials = stream_->dials();
  while (stream_->dials() < dials + 3) Turn();
  EXPECT_OK(stream_->final_status());
  a_.SetEpoch(6);
  AwaitTurning({"final unknown"});
  EXPECT_EQ(epochs_->highest(), 6);
  EXPECT_THAT(stream_->final_status(), StatusIs(absl::StatusCode::kPermissionDenied));
}

TEST_F(StandingStreamTest, OfTwoStreamsTheOneToTheEarlierStartIsEnded) {
  Start({a_.address()});
  log_.Await({"up 5"});
  b_.SetEpoch(6);
  Log other_log;
  const auto other = Make(&other_log);
  other->SetAddresses({{b_.address(), "there"}});
  other->Start();
  other_log.Await({"up 6"});
  other->EndBelow(6);
  stream_->EndBelow(6);
  log_.Await({"down"});
  EXPECT_TRUE(other->is_up());
  other->Stop();
}

TEST_F(StandingStreamTest, ANewListMovesTheStream) {
  Start({a_.address()});
  log_.Await({"up 5"});
  SetAddresses({b_.address(), a_.address()});
  EXPECT_TRUE(stream_->is_up());
  SetAddresses({b_.address()});
  log_.Await({"left", "up 5"});
  b_.log.Await({"hello"});
}

TEST_F(StandingStreamTest, GivingUpEndsInOrderAndIsFinal) {
  Start({a_.address()});
  log_.Await({"up 5"});
  EXPECT_OK(stream_->Send(Ping(7)));
  stream_->GiveUp(absl::InternalError("enough"));
  log_.Await({"left", "final enough"});
  a_.log.Await({"hello", "ping 7"});
}

TEST_F(StandingStreamTest, RetiringSendsWhatWaitsAndDialsNoMore) {
  Start({a_.address()});
  log_.Await({"up 5"});
  EXPECT_OK(stream_->Send(Ping(7)));
  stream_->Retire(kPatience);
  log_.Await({"left"});
  a_.log.Await({"hello", "ping 7"});
  Turn();
  EXPECT_EQ(stream_->dials(), 1);
}

}  // namespace
}  // namespace convergia::rpc
