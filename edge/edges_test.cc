// A few edges in one process: real line servers and links over TLS, and a mgmt of a few lines.
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "common/base/clock.h"
#include "common/base/fail.h"
#include "common/base/status_macros.h"
#include "common/base/testing/status_testing.h"
#include "common/lineserver/line_server.h"
#include "common/lineserver/testing/test_client.h"
#include "common/rpc/auth/call_policy.h"
#include "common/rpc/auth/credentials.h"
#include "common/rpc/server.h"
#include "common/rpc/testing/test_pki.h"
#include "edge/commands/line_session.h"
#include "edge/links/peer_links.h"
#include "edge/links/relay_service.h"
#include "edge/messages/message_shell.h"
#include "edge/relay/relay_loop.h"

namespace convergia::edge {
namespace {

using lineserver::TestClient;

// Longer than anything takes, on any machine.
constexpr absl::Duration kPatience = absl::Seconds(30);

std::string NameOf(NodeId id) { return absl::StrCat("edge", id); }

// An edge whose users sign in with any secret.
class TestEdge final : public lineserver::Authenticator, public lineserver::SessionObserver {
 public:
  using OnLocation = std::function<void(NodeId edge, const std::string& user, bool here)>;

  TestEdge(NodeId id, rpc::TestPki* pki, const rpc::PinSet* pins, OnLocation on_location)
      : id_(id), on_location_(std::move(on_location)) {
    const rpc::TlsFiles files = pki->FilesOf({Role::kEdge, NameOf(id)});
    hub_.set_self(id);
    MakeRelay(id);
    links_ = std::make_unique<PeerLinks>(
        7 + id,
        PeerLinks::Deps{
            .loop = loop_.get(),
            .pins = pins,
            .make_channel =
                [files, pins](const DialPlan::Dial& dial) {
                  return rpc::MakeChannel(dial.address, files, {Role::kEdge, dial.name}, pins);
                },
            .on_links =
                [this](const auto& links) {
                  absl::MutexLock lock(&mu_);
                  up_.clear();
                  for (const auto& link : links) up_.push_back(link.peer);
                }});
    StartLineServer(files);
    service_ = std::make_unique<RelayService>(pins, links_.get());
    rpc_ = *rpc::Server::Create(
        {.listen = "127.0.0.1:0",
         .credentials = *rpc::MakeServerCredentials(files, rpc::CallPolicy::Cluster(), *pins),
         .services = {service_.get()}});
    links_->Start(id);
    loop_->Start(id);
  }

  ~TestEdge() override {
    line_->Stop();
    links_->Stop();
    rpc_->Stop(absl::ZeroDuration());
    loop_->Stop();
  }

  EdgePeer AsPeer() const {
    return {.node = id_, .name = NameOf(id_), .epoch = 7 + id_, .addresses = {rpc_->address()}};
  }

  std::unique_ptr<TestClient> SignIn(const std::string& user) {
    auto client = std::make_unique<TestClient>(line_->addresses()[0]);
    EXPECT_TRUE(client->Handshake());
    client->ReadPacket();  // INFO.
    const std::string answer = client->Ask(absl::StrCat("LOGIN ", user, "~\nx\n"));
    EXPECT_EQ(answer.substr(0, 2), "OK") << answer;
    return client;
  }

  // Waits until exactly these are linked.
  void AwaitLinks(const std::vector<NodeId>& peers) {
    absl::MutexLock lock(&mu_);
    wanted_ = peers;
    EXPECT_TRUE(mu_.AwaitWithTimeout(absl::Condition(this, &TestEdge::HasWantedLinks), kPatience));
  }

  void StopClients() { line_->Stop(); }

  // Messages of `user`, signed in anywhere, wait for AnswerCheck().
  void CheckLater(const std::string& user) {
    absl::MutexLock lock(&mu_);
    checked_ = user;
  }
  // Waits for the next question, and answers it.
  void AnswerCheck(const absl::Status& answer) {
    MessageId message;
    {
      absl::MutexLock lock(&mu_);
      ASSERT_TRUE(mu_.AwaitWithTimeout(absl::Condition(this, &TestEdge::HasAsked), kPatience));
      message = asked_.front();
      asked_.erase(asked_.begin());
    }
    messages_->OnCheckAnswered(message, answer);
  }

  Directory& directory() { return directory_; }
  PeerLinks& links() { return *links_; }

 private:
  void MakeRelay(NodeId id) {
    RelayLoop::Deps deps;
    deps.clock = &RealClock::Get();
    deps.deliver = [this](auto deliveries) { messages_->OnDeliveries(std::move(deliveries)); };
    deps.results = [this](auto& results, Switchboard& to) { messages_->OnResults(results, to); };
    deps.answer = [this](const auto& answers) { messages_->OnAnswers(answers); };
    deps.send_frame = [this](LinkId link, v1::Frame frame) {
      links_->SendFrame(link, std::move(frame));
    };
    deps.close_link = [this](LinkId link) { links_->CloseSilent(link); };
    deps.links_changed = [this](auto links) { links_->OnLinksChanged(std::move(links)); };
    deps.locations_taken = [](const auto&) {};
    deps.tick = [this](absl::Duration now) {
      links_->OnTick(now);
      messages_->OnTick(now);
    };
    loop_ = std::make_unique<RelayLoop>(7 + id, Switchboard::Options(), std::move(deps));
    messages_ = std::make_unique<MessageShell>(
        MessageShell::Deps{.hub = &hub_,
                           .loop = loop_.get(),
                           .clock = &RealClock::Get(),
                           .check = [this](const auto& question) { return Check(question); }});
  }

  // Asks later for whom SetSlowCheck() names, from another thread.
  std::optional<absl::Status> Check(const MessageCore::Question& question) {
    absl::MutexLock lock(&mu_);
    if (question.from != checked_) return absl::OkStatus();
    asked_.push_back(question.message);
    return std::nullopt;
  }
  bool HasAsked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return !asked_.empty(); }

  void StartLineServer(const rpc::TlsFiles& files) {
    tls_ = *tls::TlsContext::Server(rpc::ReadOrDie(files.certificate_chain),
                                    rpc::ReadOrDie(files.key));
    std::vector<lineserver::CommandSpec> commands;
    commands.push_back({.word = "SENDMESSAGE",
                        .fields_min = 2,
                        .fields_max = 2,
                        .handler = SendMessageHandler(messages_.get())});
    table_ = std::make_unique<lineserver::CommandTable>(std::move(commands));
    lineserver::LineServer::Options options;
    options.listen = {{.address = "127.0.0.1:0", .table = table_.get()}};
    options.shards = 3;
    line_ = *lineserver::LineServer::Create(
        {.tls = tls_.get(), .authenticator = this, .observer = this}, std::move(options));
    messages_->Start(line_->shards());
    line_->Start();
  }

  bool HasWantedLinks() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return up_ == wanted_; }

  void SignIn(const Username& user, absl::string_view, const std::string&, Done done) override {
    done(lineserver::SignedIn{.account = 1, .user = user});
  }
  absl::Status OnSignedIn(lineserver::Session& session) override {
    auto line_session = std::make_unique<LineSession>(session);
    CVG_RETURN_IF_ERROR(messages_->OnSignedIn(*line_session));
    session.set_extension(std::move(line_session));
    on_location_(id_, session.signed_in()->user.str(), true);
    return absl::OkStatus();
  }
  void OnClosed(lineserver::Session& session) override {
    messages_->OnClosed(*session.extension<LineSession>());
    const std::string& user = session.signed_in()->user.str();
    if (hub_.FindHere(user).empty()) on_location_(id_, user, false);
  }

  const NodeId id_;
  const OnLocation on_location_;
  Directory directory_;
  EdgeSessionHub hub_{&directory_, /*sessions_per_user_max=*/10};
  std::unique_ptr<RelayLoop> loop_;
  std::unique_ptr<MessageShell> messages_;
  std::unique_ptr<PeerLinks> links_;
  std::unique_ptr<tls::TlsContext> tls_;
  std::unique_ptr<lineserver::CommandTable> table_;
  std::unique_ptr<lineserver::LineServer> line_;
  std::unique_ptr<RelayService> service_;
  std::unique_ptr<rpc::Server> rpc_;

  absl::Mutex mu_;
  std::vector<NodeId> up_ ABSL_GUARDED_BY(mu_);
  std::vector<NodeId> wanted_ ABSL_GUARDED_BY(mu_);
  std::string checked_ ABSL_GUARDED_BY(mu_);
  std::vector<MessageId> asked_ ABSL_GUARDED_BY(mu_);
};

// Edges 1 and 2, linked, with a directory that is right at once.
class EdgesTest : public testing::Test {
 protected:
  EdgesTest() {
    std::vector<rpc::PinEntry> pins;
    for (NodeId id : {1, 2}) pins.push_back(pki_.PinOf({Role::kEdge, NameOf(id)}, id));
    pins_.Replace(pins);
    for (NodeId id : {1, 2}) {
      edges_.push_back(std::make_unique<TestEdge>(
          id, &pki_, &pins_, [this](NodeId edge, const std::string& user, bool here) {
            OnLocation(edge, user, here);
          }));
    }
    for (auto& edge : edges_) edge->links().SetPeers({edges_[0]->AsPeer(), edges_[1]->AsPeer()});
    edge(1).AwaitLinks({2});
    edge(2).AwaitLinks({1});
  }

  ~EdgesTest() override {
    for (auto& edge : edges_) edge->StopClients();  // No report names them now.
  }

  TestEdge& edge(NodeId id) { return *edges_[id - 1]; }

  void OnLocation(NodeId at, const std::string& user, bool here) {
    absl::MutexLock lock(&mu_);
    std::vector<NodeId>& places = places_[user];
    std::erase(places, at);
    if (here) places.push_back(at);
    Tell(user, places);
  }
  void Place(const std::string& user, const std::vector<NodeId>& places) {
    absl::MutexLock lock(&mu_);
    Tell(user, places);
  }

 private:
  void Tell(const std::string& user, const std::vector<NodeId>& places)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    const UserHash hash = HashOfUser(user);
    for (auto& edge : edges_) {
      Directory& directory = edge->directory();
      for (const NodeId place : directory.Find(user)) directory.Erase(hash, place);
      for (const NodeId place : places) directory.Put(hash, place);
    }
  }

 protected:
  rpc::TestPki pki_;
  rpc::PinSet pins_;
  absl::Mutex mu_;
  absl::flat_hash_map<std::string, std::vector<NodeId>> places_ ABSL_GUARDED_BY(mu_);
  std::vector<std::unique_ptr<TestEdge>> edges_;
};

// Sender and body of a RECEIVEMESSAGE; its time is left out.
std::string Received(TestClient& client) {
  const std::string packet = client.ReadPacket();
  const size_t first = packet.find('\n'), second = packet.find('\n', first + 1);
  if (second == std::string::npos) return packet;
  return packet.substr(0, first) + " " + packet.substr(second + 1);
}

TEST_F(EdgesTest, OnOneEdge) {
  auto alice = edge(1).SignIn("alice");
  auto bob = edge(1).SignIn("bob");
  EXPECT_EQ(alice->Ask("7 SENDMESSAGE bob~\nhi ~~ there~\nyou\n"), "7 OK 1");
  EXPECT_EQ(Received(*bob), "RECEIVEMESSAGE alice hi ~ there\nyou");
}

TEST_F(EdgesTest, AcrossEdges) {
  auto alice = edge(1).SignIn("alice");
  auto bob = edge(2).SignIn("bob");
  EXPECT_EQ(alice->Ask("SENDMESSAGE Bob~\nhi ~~ there~\nyou\n"), "OK 1");
  EXPECT_EQ(Received(*bob), "RECEIVEMESSAGE alice hi ~ there\nyou");
  EXPECT_EQ(bob->Ask("SENDMESSAGE alice~\n\n"), "OK 1");
  EXPECT_EQ(Received(*alice), "RECEIVEMESSAGE bob ");
}

TEST_F(EdgesTest, EverySessionOfTheRecipientIsReachedAndCounted) {
  std::vector<std::unique_ptr<TestClient>> bobs;
  for (int i = 0; i < 4; ++i) bobs.push_back(edge(1).SignIn("bob"));  // On all shards.
  for (int i = 0; i < 4; ++i) bobs.push_back(edge(2).SignIn("bob"));
  auto alice = edge(1).SignIn("alice");
  EXPECT_EQ(alice->Ask("SENDMESSAGE bob~\nhi\n"), "OK 8");
  for (auto& bob : bobs) EXPECT_EQ(Received(*bob), "RECEIVEMESSAGE alice hi");
}

TEST_F(EdgesTest, ToOneselfReachesAllOwnSessions) {
  auto here = edge(1).SignIn("alice");
  auto there = edge(2).SignIn("alice");
  EXPECT_TRUE(here->Send("SENDMESSAGE alice~\nnote\n"));
  EXPECT_EQ(Received(*here), "RECEIVEMESSAGE alice note");
  EXPECT_EQ(here->ReadPacket(), "OK 2");
  EXPECT_EQ(Received(*there), "RECEIVEMESSAGE alice note");
}

TEST_F(EdgesTest, MessagesOfOneSenderArriveInOrder) {
  auto alice = edge(1).SignIn("alice");
  auto near = edge(1).SignIn("bob");
  auto far = edge(2).SignIn("bob");
  constexpr int kMessages = 500;  // Below the burst that a session may send at once.
  std::string packets;
  for (int i = 0; i < kMessages; ++i) absl::StrAppend(&packets, "SENDMESSAGE bob~\n", i, "\n");
  ASSERT_TRUE(alice->Send(packets));
  for (int i = 0; i < kMessages; ++i) {
    const std::string wanted = absl::StrCat("RECEIVEMESSAGE alice ", i);
    ASSERT_EQ(Received(*near), wanted);
    ASSERT_EQ(Received(*far), wanted);
    ASSERT_EQ(alice->ReadPacket(), "OK 2");
  }
}

TEST_F(EdgesTest, NobodyThereIsOffline) {
  auto alice = edge(1).SignIn("alice");
  EXPECT_EQ(alice->Ask("SENDMESSAGE bob~\nhi\n").substr(0, 12), "FAIL OFFLINE");
  EXPECT_EQ(alice->Ask("SENDMESSAGE not a name~\nhi\n").substr(0, 13), "FAIL BADFIELD");
  // The directory may lag behind: edge 2 knows that nobody is there.
  Place("bob", {2});
  EXPECT_EQ(alice->Ask("SENDMESSAGE bob~\nhi\n").substr(0, 12), "FAIL OFFLINE");
}

TEST_F(EdgesTest, WithoutAWayThereItIsUnroutableAtOnce) {
  auto alice = edge(1).SignIn("alice");
  Place("bob", {9});
  EXPECT_EQ(alice->Ask("SENDMESSAGE bob~\nhi\n").substr(0, 15), "FAIL UNROUTABLE");
}

TEST_F(EdgesTest, ReachedSomewhereIsReached) {
  auto alice = edge(1).SignIn("alice");
  auto bob = edge(2).SignIn("bob");
  Place("bob", {2, 9});
  EXPECT_EQ(alice->Ask("SENDMESSAGE bob~\nhi\n"), "OK 1");
  EXPECT_EQ(Received(*bob), "RECEIVEMESSAGE alice hi");
}

TEST_F(EdgesTest, WhoLeavesIsOfflineAndMayComeBackElsewhere) {
  auto alice = edge(1).SignIn("alice");
  auto bob = edge(2).SignIn("bob");
  EXPECT_EQ(alice->Ask("SENDMESSAGE bob~\n1\n"), "OK 1");
  EXPECT_EQ(Received(*bob), "RECEIVEMESSAGE alice 1");
  EXPECT_EQ(bob->Ask("QUIT\n"), "OK");
  bob->ReadToEnd();
  bob = edge(1).SignIn("bob");
  EXPECT_EQ(alice->Ask("SENDMESSAGE bob~\n2\n"), "OK 1");
  EXPECT_EQ(Received(*bob), "RECEIVEMESSAGE alice 2");
}

TEST_F(EdgesTest, ACheckThatAnswersLaterHoldsUpItsSenderAlone) {
  auto alice = edge(1).SignIn("alice");
  auto carol = edge(1).SignIn("carol");
  auto bob = edge(2).SignIn("bob");
  for (const NodeId checking : {1, 2}) {  // The sender's edge, then the recipient's.
    edge(checking).CheckLater("alice");
    ASSERT_TRUE(alice->Send("1 SENDMESSAGE bob~\n1\n2 SENDMESSAGE bob~\n2\n"));
    ASSERT_TRUE(carol->Send("SENDMESSAGE bob~\nhi\n"));
    EXPECT_EQ(Received(*bob), "RECEIVEMESSAGE carol hi");
    if (checking == 1) {
      EXPECT_EQ(carol->ReadPacket(), "OK 1");
    }
    edge(checking).AnswerCheck(Fail(FailCode::kDenied, "bob does not want to hear from you"));
    EXPECT_EQ(alice->ReadPacket().substr(0, 13), "1 FAIL DENIED");
    edge(checking).AnswerCheck(absl::OkStatus());
    EXPECT_EQ(Received(*bob), "RECEIVEMESSAGE alice 2");
    EXPECT_EQ(alice->ReadPacket(), "2 OK 1");
    // Results of one relay channel go back in order.
    if (checking == 2) {
      EXPECT_EQ(carol->ReadPacket(), "OK 1");
    }
    edge(checking).CheckLater("");
  }
}

TEST_F(EdgesTest, ARevokedEdgeIsCutOffAndComesBackWhenItsKeyDoes) {
  auto alice = edge(1).SignIn("alice");
  auto bob = edge(2).SignIn("bob");
  const rpc::PinEntry pin = pki_.PinOf({Role::kEdge, NameOf(2)}, 2);
  pins_.Apply({}, {pin.pin});
  edge(1).AwaitLinks({});  // Whichever side dialled.
  edge(2).AwaitLinks({});
  EXPECT_EQ(alice->Ask("SENDMESSAGE bob~\nhi\n").substr(0, 15), "FAIL UNROUTABLE");
  pins_.Apply({pin}, {});
  edge(1).AwaitLinks({2});
  edge(2).AwaitLinks({1});
  EXPECT_EQ(alice->Ask("SENDMESSAGE bob~\nhi\n"), "OK 1");
  EXPECT_EQ(Received(*bob), "RECEIVEMESSAGE alice hi");
}

}  // namespace
}  // namespace convergia::edge
