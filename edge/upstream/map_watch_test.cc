// Sessions of a real line server that watch the map of a mgmt that the test controls.
#include "edge/upstream/map_watch.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "common/base/clock.h"
#include "common/base/limits.h"
#include "common/lineserver/line_server.h"
#include "common/lineserver/testing/test_client.h"
#include "common/rpc/testing/test_pki.h"
#include "convergia/v1/accounts.grpc.pb.h"
#include "edge/commands/edge_commands.h"

namespace convergia::edge {
namespace {

using lineserver::TestClient;

constexpr absl::Duration kPatience = absl::Seconds(30);
constexpr char kNotice[] =
    "NOTICE changes of the server map may have been missed; read it again with GETSERVERMAP";

// One stream of the fake mgmt. It deletes itself in OnDone().
class FakeStream final : public grpc::ServerWriteReactor<v1::ServerMapUpdate> {
 public:
  explicit FakeStream(std::function<void(FakeStream*)> done) : done_(std::move(done)) {}
  void SayThatItWatches() { StartSendInitialMetadata(); }
  void Tell(const std::string& id) {
    update_.add_rows()->set_id(id);
    StartWrite(&update_);
  }
  void End() { Finish(grpc::Status(grpc::StatusCode::UNAVAILABLE, "told to")); }

 private:
  void OnCancel() override { Finish(grpc::Status::CANCELLED); }
  void OnDone() override {
    done_(this);
    delete this;
  }
  const std::function<void(FakeStream*)> done_;
  v1::ServerMapUpdate update_;
};

class FakeMgmt final : public v1::Accounts::CallbackService {
 public:
  grpc::ServerWriteReactor<v1::ServerMapUpdate>* WatchServerMap(
      grpc::CallbackServerContext*, const v1::WatchServerMapRequest*) override {
    auto* const stream = new FakeStream([this](FakeStream* gone) {
      absl::MutexLock lock(&mu_);
      alive_.erase(gone);
    });
    absl::MutexLock lock(&mu_);
    alive_.insert(stream);
    opened_.push_back(RealClock::Get().Now());
    if (refuses_) {
      stream->End();
    } else {
      newest_ = stream;
    }
    return stream;
  }

  // Waits for the next stream that is not refused.
  FakeStream* AwaitStream() {
    absl::MutexLock lock(&mu_);
    const auto is_there = [this]() ABSL_SHARED_LOCKS_REQUIRED(mu_) { return newest_ != nullptr; };
    EXPECT_TRUE(mu_.AwaitWithTimeout(absl::Condition(&is_there), kPatience));
    return std::exchange(newest_, nullptr);
  }
  std::vector<absl::Time> AwaitOpened(size_t count) {
    absl::MutexLock lock(&mu_);
    const auto are_there = [&]()
                               ABSL_SHARED_LOCKS_REQUIRED(mu_) { return opened_.size() >= count; };
    EXPECT_TRUE(mu_.AwaitWithTimeout(absl::Condition(&are_there), kPatience));
    return opened_;
  }
  void set_refuses(bool refuses) {
    absl::MutexLock lock(&mu_);
    refuses_ = refuses;
  }

 private:
  absl::Mutex mu_;
  bool refuses_ ABSL_GUARDED_BY(mu_) = false;
  FakeStream* newest_ ABSL_GUARDED_BY(mu_) = nullptr;
  std::set<FakeStream*> alive_ ABSL_GUARDED_BY(mu_);
  std::vector<absl::Time> opened_ ABSL_GUARDED_BY(mu_);
};

class MapWatchTest : public testing::Test,
                     public lineserver::Authenticator,
                     public lineserver::SessionObserver {
 protected:
  MapWatchTest() {
    int port = 0;
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(&mgmt_);
    server_ = builder.BuildAndStart();
    const auto channel =
        grpc::CreateChannel(absl::StrCat("127.0.0.1:", port), grpc::InsecureChannelCredentials());
    watch_ = std::make_unique<MapWatch>([channel] { return channel; }, absl::Seconds(2));
    watch_->OnAttached();
    StartLineServer();
  }
  ~MapWatchTest() override {
    line_->Stop();
    watch_->Stop();
    server_->Shutdown();
  }

  std::unique_ptr<TestClient> SignIn(const std::string& user) {
    auto client = std::make_unique<TestClient>(line_->addresses()[0]);
    EXPECT_TRUE(client->Handshake());
    client->ReadPacket();  // INFO.
    const std::string answer = client->Ask(absl::StrCat("LOGIN ", user, "~\nx\n"));
    EXPECT_EQ(answer.substr(0, 2), "OK") << answer;
    return client;
  }

  // Makes `client` watch, and returns the new stream of mgmt for it.
  FakeStream* Watch(TestClient* client) {
    client->Send("1 WATCHSERVERMAP on\n");
    FakeStream* const stream = mgmt_.AwaitStream();
    stream->SayThatItWatches();
    EXPECT_EQ(client->ReadPacket(), "1 OK");
    return stream;
  }

  FakeMgmt mgmt_;
  std::unique_ptr<MapWatch> watch_;

 private:
  void StartLineServer() {
    const rpc::TlsFiles files = pki_.FilesOf({Role::kEdge, "edge1"});
    tls_ = *tls::TlsContext::Server(rpc::ReadOrDie(files.certificate_chain),
                                    rpc::ReadOrDie(files.key));
    std::vector<lineserver::CommandSpec> commands;
    commands.push_back({.word = "WATCHSERVERMAP",
                        .fields_min = 1,
                        .fields_max = 1,
                        .handler = [this](lineserver::Session& session, lineserver::Fields fields,
                                          lineserver::Responder responder) {
                          HandleWatchServerMap(*watch_, session, fields, std::move(responder));
                        }});
    table_ = std::make_unique<lineserver::CommandTable>(std::move(commands));
    lineserver::LineServer::Options options;
    options.listen = {{.address = "127.0.0.1:0", .table = table_.get()}};
    options.shards = 1;
    line_ = *lineserver::LineServer::Create(
        {.tls = tls_.get(), .authenticator = this, .observer = this}, std::move(options));
    line_->Start();
  }

  void SignIn(const Username& user, absl::string_view, const std::string&, Done done) override {
    done(lineserver::SignedIn{.account = 1, .user = user});
  }
  absl::Status OnSignedIn(lineserver::Session&) override { return absl::OkStatus(); }
  void OnClosed(lineserver::Session& session) override { watch_->Remove(session); }

  rpc::TestPki pki_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<tls::TlsContext> tls_;
  std::unique_ptr<lineserver::CommandTable> table_;
  std::unique_ptr<lineserver::LineServer> line_;
};

TEST_F(MapWatchTest, IsAnsweredWhenMgmtWatchesAndNotBefore) {
  const auto alice = SignIn("alice");
  alice->Send("1 WATCHSERVERMAP on\n");
  FakeStream* const stream = mgmt_.AwaitStream();
  EXPECT_EQ(alice->Ask("2 PING\n"), "2 OK");
  stream->SayThatItWatches();
  EXPECT_EQ(alice->ReadPacket(), "1 OK");
  stream->Tell("n7");
  EXPECT_EQ(alice->ReadPacket().substr(0, 18), "SERVERMAPUPDATE n7");
}

TEST_F(MapWatchTest, AnMgmtThatRefusesOrSaysNothingIsDown) {
  const auto alice = SignIn("alice");
  alice->Send("1 WATCHSERVERMAP on\n");
  mgmt_.AwaitStream();  // mgmt never confirms it.
  EXPECT_EQ(alice->ReadPacket().substr(0, 21), "1 FAIL MANAGEMENTDOWN");
  mgmt_.set_refuses(true);
  EXPECT_EQ(alice->Ask("2 WATCHSERVERMAP on\n").substr(0, 21), "2 FAIL MANAGEMENTDOWN");
  watch_->OnDetached();
  EXPECT_EQ(alice->Ask("3 WATCHSERVERMAP on\n").substr(0, 21), "3 FAIL MANAGEMENTDOWN");
}

TEST_F(MapWatchTest, AfterAGapThoseWhoWatchedAreToldToReadTheMap) {
  const auto alice = SignIn("alice");
  Watch(alice.get())->End();
  mgmt_.AwaitStream()->SayThatItWatches();
  EXPECT_EQ(alice->ReadPacket(), kNotice);
  watch_->OnDetached();
  watch_->OnAttached();
  FakeStream* const stream = mgmt_.AwaitStream();
  stream->SayThatItWatches();
  EXPECT_EQ(alice->ReadPacket(), kNotice);
  stream->Tell("n7");
  EXPECT_EQ(alice->ReadPacket().substr(0, 18), "SERVERMAPUPDATE n7");
}

TEST_F(MapWatchTest, OffAndOnAgainIsAnsweredByANewStream) {
  const auto alice = SignIn("alice");
  Watch(alice.get());
  EXPECT_EQ(alice->Ask("2 WATCHSERVERMAP off\n"), "2 OK");
  FakeStream* const stream = Watch(alice.get());
  stream->Tell("n7");
  EXPECT_EQ(alice->ReadPacket().substr(0, 18), "SERVERMAPUPDATE n7");
}

TEST_F(MapWatchTest, AnMgmtThatRefusesIsAskedAgainAfterAWhile) {
  const auto alice = SignIn("alice");
  FakeStream* const stream = Watch(alice.get());
  mgmt_.set_refuses(true);
  stream->End();
  const std::vector<absl::Time> opened = mgmt_.AwaitOpened(4);
  for (size_t i = 2; i < 4; ++i) {
    EXPECT_GE(opened[i] - opened[i - 1], limits::kRpcReconnectFirst / 4);
  }
  mgmt_.set_refuses(false);
  mgmt_.AwaitStream()->SayThatItWatches();
  EXPECT_EQ(alice->ReadPacket(), kNotice);
}

}  // namespace
}  // namespace convergia::edge
