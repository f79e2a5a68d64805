// The fixture for tests of the agent, against a fake mgmt over real TLS on loopback.
#pragma once

#include <glog/logging.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "common/base/random.h"
#include "common/identity/certificate.h"
#include "common/identity/files.h"
#include "common/node/node_agent.h"
#include "common/node/testing/fake_mgmt.h"

namespace convergia::node {

inline bool Never() { return false; }

// Counts the calls of the agent, and lets a test wait for them.
class Listener final : public AttachHandler {
 public:
  void OnRestored(const v1::Welcome& welcome, const v1::Revocations& revocations) override {
    absl::MutexLock lock(&mu_);
    restored_node = welcome.node_id();
    restored_revocations = revocations.tickets_size();
  }
  void OnAttached(const v1::Welcome&) override { Count(&attached); }
  void OnMessage(v1::ToNode& message) override {
    {
      absl::MutexLock lock(&mu_);
      if (message.has_edges()) last_edges = message.edges();
    }
    Count(&messages);
  }
  void OnDetached() override { Count(&detached); }
  void FillHeartbeat(v1::Heartbeat* heartbeat) override { heartbeat->set_sessions(42); }
  void OnRenewed(const std::string& chain) override {
    {
      absl::MutexLock lock(&mu_);
      renewed_chain = chain;
    }
    Count(&renewed);
  }
  void OnExpelled(const absl::Status& why) override {
    {
      absl::MutexLock lock(&mu_);
      expelled_why = why;
    }
    Count(&expelled);
  }

  void Await(const int Listener::*what, int count) {
    absl::MutexLock lock(&mu_);
    const auto enough = [&] { return this->*what >= count; };
    CHECK(mu_.AwaitWithTimeout(absl::Condition(&enough), absl::Seconds(30))) << "it did not come";
  }
  int Get(const int Listener::*what) {
    absl::MutexLock lock(&mu_);
    return this->*what;
  }

  absl::Mutex mu_;
  int attached = 0, messages = 0, detached = 0, renewed = 0, expelled = 0;
  uint32_t restored_node = 0;
  int restored_revocations = -1;
  v1::Edges last_edges;
  std::string renewed_chain;
  absl::Status expelled_why;

 private:
  void Count(int* what) {
    absl::MutexLock lock(&mu_);
    ++*what;
  }
};

class NodeAgentTest : public testing::Test {
 protected:
  NodeAgentTest() : dir_(absl::StrCat(testing::TempDir(), "/node-", SecureRandomHex(6))) {
    PCHECK(mkdir(dir_.c_str(), 0700) == 0);
    WriteToken(mgmt_.MakeToken(Role::kEdge));
  }

  void WriteToken(const std::string& token) {
    CHECK(identity::WriteFileAtomically(dir_ + "/token", token + "\n", 0600).ok());
  }

  NodeAgent::Options Options() {
    NodeAgent::Options options;
    options.role = Role::kEdge;
    options.name = "e1";
    options.dir = dir_ + "/node";
    options.mgmt_addresses = {mgmt_.address()};
    options.join_token_file = dir_ + "/token";
    options.version = "test";
    options.plan.backoff_first = absl::Milliseconds(5);
    options.plan.backoff_max = absl::Milliseconds(50);
    options.plan.beat = absl::Milliseconds(20);
    return options;
  }

  // Makes an agent, enrols it and starts it.
  std::unique_ptr<NodeAgent> Launch(const NodeAgent::Options& options) {
    auto agent = NodeAgent::Create(options);
    CHECK(agent.ok()) << agent.status();
    const absl::Status enrolled = (*agent)->EnsureEnrolled(Never);
    CHECK(enrolled.ok()) << enrolled;
    v1::Hello hello;
    hello.mutable_addresses()->set_grpc("127.0.0.1:1");
    (*agent)->Start(hello, &listener_);
    return *std::move(agent);
  }
  std::unique_ptr<NodeAgent> Launch() { return Launch(Options()); }

  identity::Pin OwnPin(const NodeAgent& agent) {
    return *identity::PinOfPem(rpc::ReadOrDie(agent.tls_files().certificate_chain));
  }

  static v1::ToNode PinsMessage(const std::vector<std::string>& valid,
                                const std::vector<std::string>& revoked) {
    v1::ToNode message;
    message.mutable_pins()->set_whole(revoked.empty());
    for (const std::string& pin : valid) {
      v1::PinEntry* const entry = message.mutable_pins()->add_valid();
      entry->set_pin(pin);
      entry->set_role(v1::ROLE_EDGE);
      entry->set_name("e2");
      entry->set_node_id(9);
    }
    for (const std::string& pin : revoked) message.mutable_pins()->add_revoked(pin);
    return message;
  }

  FakeMgmt mgmt_;
  const std::string dir_;
  Listener listener_;
};

}  // namespace convergia::node
