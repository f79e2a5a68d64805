// The agent and several mgmts. One of them leads.
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "common/base/testing/status_testing.h"
#include "common/node/node_agent.h"
#include "common/node/testing/agent_fixture.h"
#include "common/node/testing/fake_mgmt.h"

namespace convergia::node {
namespace {

class SeveralMgmtsTest : public NodeAgentTest {
 protected:
  SeveralMgmtsTest() {
    mgmt_.SetEpoch(5);
    second_.SetEpoch(6);
  }

  // Makes an agent that is attached to the first mgmt and listens to both.
  std::unique_ptr<NodeAgent> LaunchAttached() {
    NodeAgent::Options options = Options();
    options.mgmt_addresses = {mgmt_.address(), second_.address()};
    options.plan.backoff_first = options.plan.backoff_max = absl::Minutes(1);  // Beyond the test.
    auto agent = Launch(options);
    second_.pins().Replace(mgmt_.pins().All());
    listener_.Await(&Listener::attached, 1);
    mgmt_.AwaitListeners(1);
    second_.AwaitListeners(1);
    return agent;
  }
  static v1::Leader LeaderAt(Epoch epoch, const std::string& address = "") {
    v1::Leader leader;
    leader.set_epoch(epoch);
    leader.set_is_self(address.empty());
    if (!address.empty()) leader.add_grpc_addresses(address);
    return leader;
  }

  FakeMgmt second_{&mgmt_.pki()};
};

TEST_F(SeveralMgmtsTest, OneThatSaysNothingIsLeftAsSoonAsAnotherLeads) {
  const auto agent = LaunchAttached();
  const auto channel = agent->mgmt_channel();
  second_.Announce(LeaderAt(6));  // The first keeps its streams, like a frozen process.
  listener_.Await(&Listener::attached, 2);
  EXPECT_EQ(second_.AwaitHellos(1).size(), 1u);
  EXPECT_EQ(listener_.Get(&Listener::detached), 1);
  EXPECT_EQ(agent->attaches(), 2u);
  EXPECT_NE(agent->mgmt_channel(), channel);
}

TEST_F(SeveralMgmtsTest, AnEarlierStartThatSaysItLeadsIsNotFollowed) {
  const auto agent = LaunchAttached();
  second_.Announce(LeaderAt(4));
  second_.Announce(LeaderAt(5));  // This could be another address of the first mgmt.
  second_.Announce(LeaderAt(6));
  listener_.Await(&Listener::attached, 2);
  EXPECT_EQ(agent->attaches(), 2u);
}

TEST_F(SeveralMgmtsTest, ALeaderThatIsNotInTheListIsFoundByTheWordOfAnother) {
  FakeMgmt third(&mgmt_.pki());
  third.SetEpoch(6);
  const auto agent = LaunchAttached();
  third.pins().Replace(mgmt_.pins().All());
  second_.Announce(LeaderAt(6, third.address()));
  listener_.Await(&Listener::attached, 2);
  EXPECT_EQ(third.AwaitHellos(1).size(), 1u);
  third.AwaitListeners(1);
  agent->Stop();
}

TEST_F(SeveralMgmtsTest, OneThatDoesNotLeadNamesTheOneThatDoes) {
  NodeAgent::Options options = Options();
  Launch(options)->Stop();
  second_.pins().Replace(mgmt_.pins().All());
  mgmt_.RefuseAttach(absl::UnavailableError("this mgmt does not lead"));
  mgmt_.RedirectTo(second_.address());
  options.mgmt_addresses = {mgmt_.address(), "127.0.0.1:1", second_.address()};
  options.plan.backoff_first = options.plan.backoff_max = absl::Minutes(1);
  Listener listener;
  auto agent = NodeAgent::Create(options);
  ASSERT_OK(agent);
  ASSERT_OK((*agent)->EnsureEnrolled(Never));
  (*agent)->Start(v1::Hello(), &listener);
  listener.Await(&Listener::attached, 1);
  EXPECT_EQ((*agent)->attaches(), 2u);  // It skips the address in the middle.
  (*agent)->Stop();
}

TEST_F(SeveralMgmtsTest, ANodeThatKnowsOnlyOneThatDoesNotLeadLearnsOfTheOneThatDoes) {
  {
    const auto before = Launch();
    listener_.Await(&Listener::attached, 1);
  }
  second_.pins().Replace(mgmt_.pins().All());
  mgmt_.RefuseAttach(absl::UnavailableError("this mgmt does not lead"));
  mgmt_.RedirectTo(second_.address());
  const auto agent = Launch();
  second_.AwaitHellos(1);
  listener_.Await(&Listener::attached, 2);
  agent->Stop();
}

}  // namespace
}  // namespace convergia::node
