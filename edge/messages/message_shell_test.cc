// Sessions of no dialect on real shards.
#include "edge/messages/message_shell.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "common/base/clock.h"
#include "common/base/fail.h"
#include "common/base/testing/status_testing.h"

namespace convergia::edge {
namespace {

// Only on its shard, but for what the test reads while nothing is under way.
class FakeSession final : public EdgeSession {
 public:
  FakeSession(const SessionRef& ref, absl::string_view user)
      : EdgeSession(ref), user_(*Username::Parse(user)) {}

  const Username& user() const override { return user_; }
  AccountId account() const override { return 7; }
  Generation generation() const override { return 0; }
  bool OnMessage(const ReceivedMessage& message) override {
    if (!reads) return false;
    received.push_back(absl::StrCat(message.from, ": ", message.body));
    return true;
  }
  bool OnWaitingMessage(const WaitingMessage&) override { return true; }
  bool OnMoveOrder(const MoveOrder&) override { return true; }
  void Close(FailCode, absl::string_view) override {}
  void Drain() override {}
  void Release() override {}

  bool reads = true;
  std::vector<std::string> received;

 private:
  const Username user_;
};

class MessageShellTest : public testing::Test {
 protected:
  MessageShellTest() {
    for (int index : {0, 1}) {
      shards_.push_back(
          std::make_shared<session::Shard>(index, RealClock::Get(), absl::Milliseconds(100)));
    }
    shell_.Start(shards_);
    for (const auto& shard : shards_) shard->Start();
  }
  ~MessageShellTest() override {
    for (const auto& shard : shards_) shard->Stop();
  }

  // Runs `fn` on a shard, and waits for it.
  void RunOn(uint32_t shard, const std::function<void()>& fn) {
    absl::Notification done;
    shards_[shard]->Post([&] {
      fn();
      done.Notify();
    });
    done.WaitForNotification();
  }

  FakeSession& SignIn(uint32_t shard, absl::string_view user) {
    sessions_.push_back(
        std::make_unique<FakeSession>(SessionRef{shard, sessions_.size() + 1}, user));
    FakeSession& session = *sessions_.back();
    RunOn(shard, [&] { EXPECT_OK(shell_.OnSignedIn(session)); });
    return session;
  }

  absl::StatusOr<uint32_t> Send(FakeSession& from, absl::string_view to, absl::string_view body) {
    absl::Notification done;
    absl::StatusOr<uint32_t> sessions = 0;
    RunOn(from.ref().shard, [&] {
      shell_.Send(from, {.to = to, .body = body}, [&](absl::StatusOr<Sent> sent) {
        if (sent.ok()) {
          sessions = sent->sessions;
        } else {
          sessions = sent.status();
        }
        done.Notify();
      });
    });
    done.WaitForNotification();
    return sessions;
  }

  // Messages of "slow" are never checked.
  static std::optional<absl::Status> Check(const MessageCore::Question& question) {
    if (question.from == "slow") return std::nullopt;
    return absl::OkStatus();
  }

  Directory directory_;
  EdgeSessionHub hub_{&directory_, /*sessions_per_user_max=*/10};
  MessageShell shell_{{.hub = &hub_, .clock = &RealClock::Get(), .check = Check}};
  std::vector<std::shared_ptr<session::Shard>> shards_;
  std::vector<std::unique_ptr<FakeSession>> sessions_;
};

TEST_F(MessageShellTest, AMessageReachesEverySessionOfItsRecipientOnAllShards) {
  FakeSession& alice = SignIn(0, "alice");
  const std::vector<FakeSession*> bobs = {&SignIn(0, "bob"), &SignIn(1, "bob"), &SignIn(1, "bob")};
  ASSERT_OK_AND_ASSIGN(const uint32_t sessions, Send(alice, "bob", "hi~\n"));
  EXPECT_EQ(sessions, 3);
  for (const FakeSession* bob : bobs) {
    EXPECT_EQ(bob->received, std::vector<std::string>{"alice: hi~\n"});
  }
  EXPECT_TRUE(alice.received.empty());
}

TEST_F(MessageShellTest, TheSenderReadsWhyNobodyGotIt) {
  FakeSession& alice = SignIn(0, "alice");
  FakeSession& bob = SignIn(1, "bob");
  EXPECT_EQ(FailCodeOf(Send(alice, "carol", "hi").status()), FailCode::kOffline);
  EXPECT_EQ(FailCodeOf(Send(alice, "no such name", "hi").status()), FailCode::kBadField);
  bob.reads = false;
  EXPECT_EQ(FailCodeOf(Send(alice, "bob", "hi").status()), FailCode::kBusy);
  RunOn(1, [&] { shell_.OnClosed(bob); });
  EXPECT_EQ(FailCodeOf(Send(alice, "bob", "hi").status()), FailCode::kOffline);
  EXPECT_TRUE(bob.received.empty());
}

TEST_F(MessageShellTest, WhenTheSenderClosesNobodyIsToldOfItsMessages) {
  FakeSession& slow = SignIn(0, "slow");
  FakeSession& bob = SignIn(0, "bob");
  const auto held = std::make_shared<int>(0);
  RunOn(0, [&] {
    shell_.Send(slow, {.to = "bob", .body = "hi"},
                [held](absl::StatusOr<Sent>) { ADD_FAILURE() << "it was never checked"; });
  });
  EXPECT_EQ(held.use_count(), 2);
  RunOn(0, [&] { shell_.OnClosed(slow); });
  EXPECT_EQ(held.use_count(), 1);
  EXPECT_TRUE(bob.received.empty());
}

TEST_F(MessageShellTest, SessionsAreFoundByTheirUser) {
  SignIn(0, "bob");
  SignIn(1, "bob");
  SignIn(1, "alice");
  absl::Mutex mu;
  std::vector<uint64_t> found;
  shell_.ForEachOf("bob", [&](EdgeSession& session) {
    absl::MutexLock lock(&mu);
    found.push_back(session.caller().session);
  });
  for (uint32_t shard : {0, 1}) RunOn(shard, [] {});
  std::sort(found.begin(), found.end());
  EXPECT_EQ(found, (std::vector<uint64_t>{1, 2}));
}

}  // namespace
}  // namespace convergia::edge
