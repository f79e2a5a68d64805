// 50 pairs exchange 100,000 messages across two main servers, while the link between these is cut
// and restored repeatedly. No message is lost or doubled, and each pair's messages are in order.

#include <poll.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/cluster/cluster_test_base.h"
#include "tests/testing/message_pair.h"
#include "tests/testing/tcp_proxy.h"

namespace convergia::testing {
namespace {

constexpr int kPairs = 50;
constexpr int kMessagesEach = 2000;
constexpr int kWindow = 32;  // The most unanswered messages of each pair.
constexpr int kCuts = 8;
// If nothing has moved for so long, the cut is in effect and can end.
constexpr int kStillMilliseconds = 300;

// The proxies through which alone each edge can be reached by others.
std::map<std::string, std::unique_ptr<TcpProxy>>& Wires() {
  static auto* const wires = new std::map<std::string, std::unique_ptr<TcpProxy>>();
  return *wires;
}

class LinkCutTest : public ClusterTest {
 public:
  static void SetUpTestSuite() {
    std::vector<std::string> names;
    for (int i = 0; i < kPairs; ++i) {
      names.push_back(absl::StrCat("from-", i));
      names.push_back(absl::StrCat("to-", i));
    }
    devcluster::Cluster::Options options = {.counts = {.edges = 2}, .accounts = Accounts(names)};
    options.ready_timeout = absl::Seconds(120);
    options.config_changes.edge = [](v1::EdgeConfig* config) {
      auto wire = TcpProxy::Create(config->grpc_listen());
      ASSERT_OK(wire.status());
      config->mutable_advertise()->add_grpc((*wire)->address());
      config->mutable_line_limits()->set_messages_per_second(1'000'000);
      config->mutable_line_limits()->set_messages_burst(1'000'000);
      config->mutable_line_limits()->set_message_bytes_per_second(1'000'000'000);
      config->mutable_line_limits()->set_message_bytes_burst(1'000'000'000);
      Wires()[config->name()] = *std::move(wire);
    };
    StartCluster(std::move(options));
  }
  static void TearDownTestSuite() {
    ClusterTest::TearDownTestSuite();
    Wires().clear();
  }

 protected:
  static void SetWires(TcpProxy::Mode mode) {
    for (auto& [name, wire] : Wires()) wire->SetMode(mode);
  }

  // Half of the pairs send from edge1 to edge2, the other half in the other direction.
  void SignInPairs() {
    for (int i = 0; i < kPairs; ++i) {
      const char* const near = i % 2 == 0 ? "edge1" : "edge2";
      const char* const far = i % 2 == 0 ? "edge2" : "edge1";
      ASSERT_OK_AND_ASSIGN(auto sender, SignIn(near, absl::StrCat("from-", i)));
      ASSERT_OK_AND_ASSIGN(auto recipient, SignIn(far, absl::StrCat("to-", i)));
      // Waits until the sender's edge knows the recipient's place.
      ASSERT_TRUE(Eventually([&] {
        const auto answer = sender->Ask(absl::StrCat("SENDMESSAGE to-", i, "\nwarming up"));
        return answer.ok() && *answer == "OK 1";
      }));
      ASSERT_OK(recipient->NextPush().status());
      pairs_.push_back(std::make_unique<MessagePair>(
          absl::StrCat("from-", i), absl::StrCat("to-", i), std::move(sender), std::move(recipient),
          MessagePair::Options{kMessagesEach, kWindow}));
    }
  }

  // One turn: sends, waits until something can be read, and reads it. False if nothing moved.
  bool Turn(bool is_cut) {
    std::vector<pollfd> polls;
    for (auto& pair : pairs_) {
      pair->HoldBackAfterFailure(is_cut);
      pair->SendSome();
      for (LineClient* const client : {&pair->sender(), &pair->recipient()}) {
        EXPECT_OK(client->Pump());
        polls.push_back({client->fd(), POLLIN, 0});
      }
    }
    bool moved = false;
    for (auto& pair : pairs_) moved |= pair->Take();
    if (moved) return true;
    return poll(polls.data(), polls.size(), kStillMilliseconds) > 0;
  }

  int TotalOk() const {
    int total = 0;
    for (const auto& pair : pairs_) total += pair->ok();
    return total;
  }

  template <typename Holds>
  bool All(Holds holds) const {
    for (const auto& pair : pairs_) {
      if (!holds(*pair)) return false;
    }
    return true;
  }

  std::vector<std::unique_ptr<MessagePair>> pairs_;
};

TEST_F(LinkCutTest, NoneLostNoneDoubledEachPairInOrder) {
  SignInPairs();
  ASSERT_EQ(pairs_.size(), kPairs);
  bool is_cut = false;
  int cuts = 0;
  while (!HasFailure() && !All([](const MessagePair& pair) { return pair.done(); })) {
    const bool moved = Turn(is_cut);
    if (is_cut && !moved) {
      SetWires(TcpProxy::Mode::kPass);
      is_cut = false;
    } else if (!is_cut && cuts < kCuts &&
               TotalOk() > (cuts + 1) * kPairs * kMessagesEach / (kCuts + 1)) {
      // Every second time nothing breaks and nothing moves, like a firewall that lost its state.
      SetWires(cuts % 2 == 0 ? TcpProxy::Mode::kCut : TcpProxy::Mode::kHold);
      is_cut = true;
      ++cuts;
    }
  }
  EXPECT_EQ(cuts, kCuts);
  EXPECT_GT(Wires().at("edge1")->accepted() + Wires().at("edge2")->accepted(), kCuts / 2)
      << "the link did not run over the wire that was cut";
  while (!HasFailure() && !All([](const MessagePair& pair) { return pair.HasAll(); })) {
    if (!Turn(is_cut)) break;
  }
  int unconfirmed = 0;
  for (const auto& pair : pairs_) {
    pair->Check();
    unconfirmed += pair->unconfirmed();
  }
  EXPECT_EQ(TotalOk(), kPairs * kMessagesEach);
  std::printf("%d messages delivered over %d cuts, %d unconfirmed\n", TotalOk(), cuts, unconfirmed);
}

}  // namespace
}  // namespace convergia::testing
