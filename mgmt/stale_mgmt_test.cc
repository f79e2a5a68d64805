// An mgmt that a later start has replaced ends no node. Over real TLS, with a real node's agent.
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "common/base/testing/status_testing.h"
#include "common/identity/files.h"
#include "common/node/node_agent.h"
#include "mgmt/testing/server_fixture.h"

namespace convergia::mgmt {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(30);

// An hour slow: a start with it gets its epoch from the store alone.
class LateClock final : public Clock {
 public:
  absl::Time Now() const override { return RealClock::Get().Now() - absl::Hours(1); }
  absl::Duration Elapsed() const override { return RealClock::Get().Elapsed(); }
};

class Node final : public node::AttachHandler {
 public:
  void OnAttached(const v1::Welcome& welcome) override {
    absl::MutexLock lock(&mu_);
    epoch_ = welcome.mgmt_epoch();
  }
  void OnMessage(v1::ToNode& /*message*/) override {}
  void OnDetached() override {
    absl::MutexLock lock(&mu_);
    epoch_ = 0;
  }
  // Waits until the node is attached; returns mgmt's epoch.
  Epoch Await() {
    absl::MutexLock lock(&mu_);
    const auto attached = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return epoch_ != 0; };
    EXPECT_TRUE(mu_.AwaitWithTimeout(absl::Condition(&attached), kPatience));
    return epoch_;
  }

  void AwaitDetached() {
    absl::MutexLock lock(&mu_);
    const auto detached = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return epoch_ == 0; };
    EXPECT_TRUE(mu_.AwaitWithTimeout(absl::Condition(&detached), kPatience));
  }

 private:
  absl::Mutex mu_;
  Epoch epoch_ ABSL_GUARDED_BY(mu_) = 0;
};

class StaleMgmtTest : public ServerFixture {
 protected:
  // Replaces the cluster's folder by a copy of `from`.
  void UseFolder(const std::string& from) {
    std::filesystem::remove_all(config_.dir());
    std::filesystem::copy(from, config_.dir(), std::filesystem::copy_options::recursive);
  }
  void KeepFolderAs(const std::string& copy) {
    std::filesystem::remove_all(copy);
    std::filesystem::copy(config_.dir(), copy, std::filesystem::copy_options::recursive);
  }

  std::unique_ptr<node::NodeAgent> Launch(const std::string& token, Node* node) {
    EXPECT_OK(identity::WriteFileAtomically(Root() + "/token", token, 0600));
    node::NodeAgent::Options options;
    options.role = Role::kEdge;
    options.name = "e1";
    options.dir = Root() + "/node";
    options.mgmt_addresses = {server_->grpc_address()};
    options.join_token_file = Root() + "/token";
    options.plan.backoff_first = absl::Milliseconds(5);
    options.plan.backoff_max = absl::Milliseconds(50);
    auto agent = node::NodeAgent::Create(options);
    EXPECT_OK(agent);
    EXPECT_OK((*agent)->EnsureEnrolled([] { return false; }));
    v1::Hello hello;
    hello.mutable_addresses()->set_grpc("127.0.0.1:1");
    hello.mutable_addresses()->set_line("127.0.0.1:2");
    (*agent)->Start(hello, node);
    return *std::move(agent);
  }

  // Waits until `agent` has tried to attach `more` times.
  static void AwaitAttaches(const node::NodeAgent& agent, uint64_t more) {
    const uint64_t enough = agent.attaches() + more;
    const absl::Duration start = RealClock::Get().Elapsed();
    while (agent.attaches() < enough && RealClock::Get().Elapsed() - start < kPatience) {
      absl::Notification never;
      never.WaitForNotificationWithTimeout(absl::Milliseconds(5));
    }
    ASSERT_GE(agent.attaches(), enough);
  }

  std::string Root() const { return std::filesystem::path(config_.dir()).parent_path(); }
};

TEST_F(StaleMgmtTest, WhatItDoesNotKnowItEndsNot) {
  const LateClock late;
  Start();
  Stop();
  const std::string stale = Root() + "/stale";
  KeepFolderAs(stale);  // With the same keys, but made before the node enrolled.
  Restart();
  Node node;
  const auto agent = Launch(MakeToken(v1::ROLE_EDGE), &node);
  const Epoch epoch = node.Await();
  Stop();
  node.AwaitDetached();
  const std::string latest = Root() + "/latest";
  KeepFolderAs(latest);

  UseFolder(stale);
  clock_ = &late;
  Restart();
  AwaitAttaches(*agent, 10);
  EXPECT_OK(agent->final_status());
  EXPECT_FALSE(agent->attached());
  Stop();

  UseFolder(latest);
  clock_ = nullptr;
  Restart();
  EXPECT_GT(node.Await(), epoch);
  EXPECT_OK(agent->final_status());
  agent->Stop();
}

// Nodes accept a restored mgmt at once: the clock is past the starts that the backup does not know.
TEST_F(StaleMgmtTest, ARestoredBackupIsALaterStart) {
  Start();
  Node node;
  const auto agent = Launch(MakeToken(v1::ROLE_EDGE), &node);
  node.Await();
  Stop();
  const std::string backup = Root() + "/backup";
  KeepFolderAs(backup);
  Epoch epoch = 0;
  for (int i = 0; i < 3; ++i) {
    node.AwaitDetached();
    Restart();
    EXPECT_GT(node.Await(), epoch);
    epoch = node.Await();
    Stop();
  }
  node.AwaitDetached();
  UseFolder(backup);
  Restart();
  EXPECT_GT(node.Await(), epoch);
  agent->Stop();
}

}  // namespace
}  // namespace convergia::mgmt
