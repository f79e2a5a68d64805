// 100,000 messages between 50 pairs across two main servers, while the link between these is cut
// and mended again and again: none lost, none doubled, each pair in order.

#include <poll.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "tests/cluster/cluster_test_base.h"
#include "tests/testing/tcp_proxy.h"

namespace convergia::testing {
namespace {

constexpr int kPairs = 50;
constexpr int kMessagesEach = 2000;
constexpr int kWindow = 32;  // Unanswered at a time, for each pair.
constexpr int kCuts = 8;
// When nothing has moved for so long, the cut has taken effect and is mended.
constexpr int kStillMilliseconds = 300;

// Both edges are reached by others only through one of these.
std::map<std::string, std::unique_ptr<TcpProxy>>& Wires() {
  static auto* const wires = new std::map<std::string, std::unique_ptr<TcpProxy>>();
  return *wires;
}

// One sender and its recipient. Every attempt to send has a number of its own, counting up; an
// attempt that failed is not repeated, another one takes its place.
class Pair {
 public:
  enum class Outcome : char { kUnanswered, kOk, kFailed, kUnconfirmed };

  Pair(std::string name, std::unique_ptr<LineClient> sender, std::unique_ptr<LineClient> recipient)
      : name_(std::move(name)), sender_(std::move(sender)), recipient_(std::move(recipient)) {}

  LineClient& sender() { return *sender_; }
  LineClient& recipient() { return *recipient_; }
  int ok() const { return ok_; }
  int unconfirmed() const { return unconfirmed_; }
  bool done() const { return ok_ >= kMessagesEach && unanswered_ == 0; }

  // While the wire is cut, no attempt follows one that failed.
  void set_mended() { holds_back_ = false; }

  void SendSome() {
    while (!holds_back_ && unanswered_ < kWindow && ok_ + unanswered_ < kMessagesEach) {
      sender_->Queue(
          absl::StrCat(outcomes_.size(), " SENDMESSAGE to-", name_, "\n", outcomes_.size()));
      outcomes_.push_back(Outcome::kUnanswered);
      received_.push_back(0);
      ++unanswered_;
    }
  }

  // True if anything moved.
  bool Take(bool is_cut) {
    bool moved = false;
    std::string packet;
    while (sender_->TakeArrived(&packet)) {
      moved = true;
      TakeAnswer(packet, is_cut);
    }
    while (recipient_->TakeArrived(&packet)) {
      moved = true;
      TakeMessage(packet);
    }
    return moved;
  }

  // Nothing on its way to the recipient any more.
  bool HasAll() const {
    for (size_t i = 0; i < outcomes_.size(); ++i) {
      if (outcomes_[i] == Outcome::kOk && received_[i] == 0) return false;
    }
    return true;
  }

  void Check() const {
    SCOPED_TRACE(name_);
    int lost = 0, doubled = 0, ghosts = 0;
    for (size_t i = 0; i < outcomes_.size(); ++i) {
      lost += outcomes_[i] == Outcome::kOk && received_[i] == 0;
      doubled += received_[i] > 1;
      ghosts += outcomes_[i] == Outcome::kFailed && received_[i] > 0;
    }
    EXPECT_EQ(ok_, kMessagesEach);
    EXPECT_EQ(lost, 0);
    EXPECT_EQ(doubled, 0);
    EXPECT_EQ(ghosts, 0) << "answered FAIL and delivered all the same";
    EXPECT_EQ(out_of_order_, 0);
    EXPECT_EQ(strange_, "");
  }

 private:
  // "12 OK 1" or "12 FAIL BUSY ...".
  void TakeAnswer(const std::string& packet, bool is_cut) {
    const std::vector<std::string> parts = absl::StrSplit(packet, absl::MaxSplits(' ', 3));
    size_t number = 0;
    if (parts.size() < 3 || !absl::SimpleAtoi(parts[0], &number) || number >= outcomes_.size() ||
        outcomes_[number] != Outcome::kUnanswered) {
      if (packet != "PING") strange_ = packet;
      return;
    }
    --unanswered_;
    if (parts[1] == "OK" && parts[2] == "1") {
      outcomes_[number] = Outcome::kOk;
      ++ok_;
    } else {
      const bool is_unsure = parts[2] == "UNCONFIRMED";
      outcomes_[number] = is_unsure ? Outcome::kUnconfirmed : Outcome::kFailed;
      unconfirmed_ += is_unsure;
      holds_back_ = is_cut;
      if (parts[1] == "OK") strange_ = packet;
    }
  }

  // "RECEIVEMESSAGE from LF time LF number".
  void TakeMessage(const std::string& packet) {
    const std::vector<std::string> fields = absl::StrSplit(packet, '\n');
    int number = -1;
    if (fields.size() != 3 || fields[0] != absl::StrCat("RECEIVEMESSAGE from-", name_) ||
        !absl::SimpleAtoi(fields[2], &number) || number < 0 ||
        number >= static_cast<int>(received_.size())) {
      if (packet != "PING") strange_ = packet;
      return;
    }
    ++received_[number];
    if (number <= last_received_) ++out_of_order_;
    last_received_ = number;
  }

  const std::string name_;
  const std::unique_ptr<LineClient> sender_;
  const std::unique_ptr<LineClient> recipient_;
  std::vector<Outcome> outcomes_;  // By attempt.
  std::vector<int> received_;      // How often each attempt arrived.
  int unanswered_ = 0;
  int ok_ = 0;
  int unconfirmed_ = 0;
  bool holds_back_ = false;
  int last_received_ = -1;
  int out_of_order_ = 0;
  std::string strange_;  // The last packet that nobody expected.
};

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

  // Half of the pairs talk from edge1 to edge2, half the other way.
  void SignInPairs() {
    for (int i = 0; i < kPairs; ++i) {
      const char* const near = i % 2 == 0 ? "edge1" : "edge2";
      const char* const far = i % 2 == 0 ? "edge2" : "edge1";
      ASSERT_OK_AND_ASSIGN(auto sender, SignIn(near, absl::StrCat("from-", i)));
      ASSERT_OK_AND_ASSIGN(auto recipient, SignIn(far, absl::StrCat("to-", i)));
      // Until the sender's edge knows where the recipient is.
      ASSERT_TRUE(Eventually([&] {
        const auto answer = sender->Ask(absl::StrCat("SENDMESSAGE to-", i, "\nwarming up"));
        return answer.ok() && *answer == "OK 1";
      }));
      ASSERT_OK(recipient->NextPush().status());
      pairs_.push_back(
          std::make_unique<Pair>(absl::StrCat(i), std::move(sender), std::move(recipient)));
    }
  }

  // One turn: send, wait until something can be read, take it. False if nothing moved.
  bool Turn(bool is_cut) {
    std::vector<pollfd> polls;
    for (auto& pair : pairs_) {
      pair->SendSome();
      for (LineClient* const client : {&pair->sender(), &pair->recipient()}) {
        EXPECT_OK(client->Pump());
        polls.push_back({client->fd(), POLLIN, 0});
      }
    }
    bool moved = false;
    for (auto& pair : pairs_) moved |= pair->Take(is_cut);
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

  std::vector<std::unique_ptr<Pair>> pairs_;
};

TEST_F(LinkCutTest, NoneLostNoneDoubledEachPairInOrder) {
  SignInPairs();
  ASSERT_EQ(pairs_.size(), kPairs);
  bool is_cut = false;
  int cuts = 0;
  while (!HasFailure() && !All([](const Pair& pair) { return pair.done(); })) {
    const bool moved = Turn(is_cut);
    if (is_cut && !moved) {
      SetWires(TcpProxy::Mode::kPass);
      is_cut = false;
      for (auto& pair : pairs_) pair->set_mended();
    } else if (!is_cut && cuts < kCuts &&
               TotalOk() > (cuts + 1) * kPairs * kMessagesEach / (kCuts + 1)) {
      // Every other time nothing breaks and nothing moves, as behind a firewall that forgot.
      SetWires(cuts % 2 == 0 ? TcpProxy::Mode::kCut : TcpProxy::Mode::kHold);
      is_cut = true;
      ++cuts;
    }
  }
  EXPECT_EQ(cuts, kCuts);
  EXPECT_GT(Wires().at("edge1")->accepted() + Wires().at("edge2")->accepted(), kCuts / 2)
      << "the link did not run over the wire that was cut";
  while (!HasFailure() && !All([](const Pair& pair) { return pair.HasAll(); })) {
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
