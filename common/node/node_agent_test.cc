// The agent against a fake mgmt over real TLS on loopback.
#include "common/node/node_agent.h"

#include <glog/logging.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "common/base/clock.h"
#include "common/base/fail.h"
#include "common/base/random.h"
#include "common/base/testing/status_testing.h"
#include "common/identity/certificate_authority.h"
#include "common/identity/files.h"
#include "common/identity/join_token.h"
#include "common/identity/key.h"
#include "common/node/enrolment/enrolment.h"
#include "common/node/testing/agent_fixture.h"
#include "common/node/testing/fake_mgmt.h"
#include "common/rpc/server.h"

namespace convergia::node {
namespace {

using ::testing::HasSubstr;

TEST_F(NodeAgentTest, EnrolsOnceAttachesAndBeats) {
  const auto agent = Launch();
  listener_.Await(&Listener::attached, 1);
  EXPECT_TRUE(agent->attached());
  EXPECT_EQ(agent->node_id(), 7u);
  const v1::Hello hello = mgmt_.AwaitHellos(1)[0];
  EXPECT_EQ(hello.epoch(), 1u);
  EXPECT_EQ(hello.version(), "test");
  EXPECT_EQ(hello.addresses().grpc(), "127.0.0.1:1");
  mgmt_.AwaitHeartbeats(3);
  EXPECT_EQ(mgmt_.last_heartbeat().sessions(), 42u);
  EXPECT_GT(mgmt_.last_heartbeat().memory_bytes(), 1'000'000u);
  struct stat key_file;
  ASSERT_EQ(stat(agent->tls_files().key.c_str(), &key_file), 0);
  EXPECT_EQ(key_file.st_mode & 0777, 0600u);
  agent->Stop();
  EXPECT_EQ(listener_.Get(&Listener::detached), 1);
  EXPECT_EQ(mgmt_.enrol_calls(), 1);
}

TEST_F(NodeAgentTest, TheNextStartNeedsNoTokenAndHasAHigherEpoch) {
  {
    const auto first = Launch();
    listener_.Await(&Listener::attached, 1);
  }
  NodeAgent::Options options = Options();
  options.join_token_file = "";
  const auto agent = Launch(options);
  EXPECT_EQ(mgmt_.AwaitHellos(2)[1].epoch(), 2u);
  EXPECT_EQ(mgmt_.enrol_calls(), 1);
}

TEST_F(NodeAgentTest, AUsedTokenIsRefusedWithItsReason) {
  Launch()->Stop();
  NodeAgent::Options options = Options();
  options.dir = dir_ + "/other";
  auto agent = NodeAgent::Create(options);
  ASSERT_OK(agent);
  const absl::Status refused = (*agent)->EnsureEnrolled(Never);
  EXPECT_EQ(FailCodeOf(refused), FailCode::kDenied);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("used already"));
}

TEST_F(NodeAgentTest, AServerOfAnotherClusterIsNotToldTheToken) {
  WriteToken(mgmt_.MakeToken(Role::kEdge, std::string(64, 'a')));
  auto agent = NodeAgent::Create(Options());
  ASSERT_OK(agent);
  const absl::Status refused = (*agent)->EnsureEnrolled(Never);
  EXPECT_THAT(refused, StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(std::string(refused.message()), HasSubstr("fingerprint"));
  EXPECT_EQ(mgmt_.enrol_calls(), 0);
}

TEST_F(NodeAgentTest, ATokenOfAnotherRoleAMissingAndABrokenOneAreNamed) {
  const auto refusal = [this] {
    auto agent = NodeAgent::Create(Options());
    CHECK(agent.ok());
    return (*agent)->EnsureEnrolled(Never);
  };
  WriteToken(mgmt_.MakeToken(Role::kDataserver));
  EXPECT_THAT(std::string(refusal().message()), HasSubstr("for the role dataserver"));
  WriteToken("cvj2.nonsense");
  EXPECT_EQ(FailCodeOf(refusal()), FailCode::kBadField);
  ASSERT_EQ(remove((dir_ + "/token").c_str()), 0);
  EXPECT_THAT(refusal(), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_EQ(mgmt_.enrol_calls(), 0);
}

TEST_F(NodeAgentTest, EnrolmentWaitsForMgmtUntilGivenUp) {
  mgmt_.Stop();
  auto agent = NodeAgent::Create(Options());
  ASSERT_OK(agent);
  int asked = 0;
  EXPECT_THAT((*agent)->EnsureEnrolled([&asked] { return ++asked == 3; }),
              StatusIs(absl::StatusCode::kCancelled));
  asked = 0;
  EXPECT_OK((*agent)->EnsureEnrolled([this, &asked] {
    if (++asked == 3) mgmt_.Start();
    return false;
  }));
  EXPECT_GE(asked, 3);
}

TEST_F(NodeAgentTest, AFolderOfAnotherNodeIsRefused) {
  Launch()->Stop();
  NodeAgent::Options options = Options();
  options.name = "e2";
  const absl::Status refused = NodeAgent::Create(options).status();
  EXPECT_THAT(refused, StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(std::string(refused.message()), HasSubstr("belongs to edge e1"));
}

TEST_F(NodeAgentTest, ReattachesAndAnnouncesAgainAfterTheStreamEnds) {
  const auto agent = Launch();
  listener_.Await(&Listener::attached, 1);
  mgmt_.EndStreams(absl::OkStatus());
  listener_.Await(&Listener::attached, 2);
  mgmt_.EndStreams(absl::InternalError("x"));
  listener_.Await(&Listener::attached, 3);
  EXPECT_EQ(mgmt_.AwaitHellos(3).size(), 3u);
  EXPECT_EQ(listener_.Get(&Listener::detached), 2);
}

TEST_F(NodeAgentTest, ReattachesAfterMgmtDiesAndComesBack) {
  const auto agent = Launch();
  listener_.Await(&Listener::attached, 1);
  mgmt_.Stop();
  listener_.Await(&Listener::detached, 1);
  EXPECT_THAT(agent->Send(v1::FromNode()), StatusIs(absl::StatusCode::kUnavailable));
  mgmt_.Start();
  listener_.Await(&Listener::attached, 2);
  v1::FromNode report;
  report.mutable_links();
  EXPECT_OK(agent->Send(report));
  EXPECT_TRUE(mgmt_.AwaitOthers(1)[0].has_links());
}

TEST_F(NodeAgentTest, AStreamThatIsNeverWelcomedIsTriedAgain) {
  FakeClock clock(RealClock::Get().Now());
  NodeAgent::Options options = Options();
  options.clock = &clock;
  options.plan.backoff_first = absl::ZeroDuration();  // The fake clock would never end a back-off.
  mgmt_.SetWelcomes(false);
  const auto agent = Launch(options);
  mgmt_.AwaitHellos(1);
  mgmt_.SetWelcomes(true);
  clock.Advance(absl::Seconds(11));
  agent->Wake();
  EXPECT_EQ(mgmt_.AwaitHellos(2).size(), 2u);
  listener_.Await(&Listener::attached, 1);
  EXPECT_EQ(listener_.Get(&Listener::detached), 0);
}

TEST_F(NodeAgentTest, ServesWithWhatItRemembersWhileMgmtIsAway) {
  {
    const auto agent = Launch();
    listener_.Await(&Listener::attached, 1);
    mgmt_.Push(PinsMessage({"peer", "gone"}, {}));
    mgmt_.Push(PinsMessage({}, {"gone"}));
    v1::ToNode revocations;
    v1::TicketRevocation* const ticket = revocations.mutable_revocations()->add_tickets();
    ticket->set_account_id(5);
    ticket->set_generation(1);
    ticket->set_raised_ms(absl::ToUnixMillis(RealClock::Get().Now()));
    mgmt_.Push(revocations);
    v1::ToNode ways;
    ways.mutable_edges()->add_edges()->add_grpc_addresses("there:1");
    mgmt_.Push(ways);
    ways.mutable_edges()->mutable_edges(0)->set_grpc_addresses(0, "there:2");
    mgmt_.Push(ways);
    ways.mutable_routes()->add_destinations(3);
    mgmt_.Push(ways);
    listener_.Await(&Listener::messages, 4);
    agent->Stop();
  }
  mgmt_.Stop();
  Listener second;
  auto agent = NodeAgent::Create(Options());
  ASSERT_OK(agent);
  ASSERT_OK((*agent)->EnsureEnrolled(Never));
  (*agent)->Start(v1::Hello(), &second);
  EXPECT_TRUE((*agent)->pins().Find("peer").has_value());
  EXPECT_EQ((*agent)->pins().Find("peer")->node, 9u);
  EXPECT_FALSE((*agent)->pins().Find("gone").has_value());
  EXPECT_EQ((*agent)->node_id(), 7u);
  EXPECT_EQ(second.restored_node, 7u);
  EXPECT_EQ(second.restored_revocations, 1);
  ASSERT_EQ(second.Get(&Listener::messages), 2);
  EXPECT_EQ(second.last_edges.edges(0).grpc_addresses(0), "there:2");
  EXPECT_FALSE((*agent)->attached());
}

TEST_F(NodeAgentTest, PeersWhosePinIsRevokedAreReported) {
  const auto agent = Launch();
  absl::Notification revoked;
  const auto token = agent->pins().AddRevocationListener([&](const identity::Pin& pin) {
    EXPECT_EQ(pin, "peer");
    revoked.Notify();
  });
  listener_.Await(&Listener::attached, 1);
  mgmt_.Push(PinsMessage({"peer", "other"}, {}));
  mgmt_.Push(PinsMessage({}, {"peer"}));
  EXPECT_TRUE(revoked.WaitForNotificationWithTimeout(absl::Seconds(30)));
}

TEST_F(NodeAgentTest, BeingRevokedIsTheEnd) {
  const auto agent = Launch();
  listener_.Await(&Listener::attached, 1);
  mgmt_.pins().Apply({}, {OwnPin(*agent)});  // Cuts the stream, and refuses the next.
  listener_.Await(&Listener::expelled, 1);
  EXPECT_THAT(agent->final_status(), StatusIs(absl::StatusCode::kPermissionDenied));
  EXPECT_EQ(listener_.Get(&Listener::detached), 1);
}

TEST_F(NodeAgentTest, BeingToldOfOnesOwnRevocationIsTheEndToo) {
  const auto agent = Launch();
  listener_.Await(&Listener::attached, 1);
  mgmt_.Push(PinsMessage({}, {OwnPin(*agent)}));
  listener_.Await(&Listener::expelled, 1);
  EXPECT_THAT(agent->final_status(), StatusIs(absl::StatusCode::kPermissionDenied));
  EXPECT_EQ(listener_.Get(&Listener::detached), 1);
}

TEST_F(NodeAgentTest, ANewerStartOfTheSameNodeIsTheEndOfThisOne) {
  mgmt_.RefuseAttach(absl::FailedPreconditionError("a newer start of e1 is attached"));
  const auto agent = Launch();
  listener_.Await(&Listener::expelled, 1);
  EXPECT_EQ(listener_.Get(&Listener::attached), 0);
  EXPECT_THAT(std::string(agent->final_status().message()), HasSubstr("newer start"));
}

TEST_F(NodeAgentTest, ARefusalOfAMgmtThatWasReplacedEndsNoNode) {
  mgmt_.SetEpoch(5);
  const auto agent = Launch();
  listener_.Await(&Listener::attached, 1);
  // An earlier start of mgmt has the address now. It does not know this node.
  mgmt_.SetEpoch(4);
  int refusals = 0;
  for (const absl::Status& refusal :
       {absl::PermissionDeniedError("revoked"), absl::UnauthenticatedError("unknown key"),
        absl::FailedPreconditionError("a newer start")}) {
    mgmt_.RefuseAttach(refusal);
    if (refusals == 0) mgmt_.EndStreams(absl::OkStatus());
    mgmt_.AwaitRefusals(refusals += 3);
  }
  mgmt_.SetEpoch(std::nullopt);
  mgmt_.AwaitRefusals(refusals += 3);
  EXPECT_OK(agent->final_status());
  EXPECT_EQ(listener_.Get(&Listener::expelled), 0);
  mgmt_.RefuseAttach(absl::OkStatus());
  mgmt_.SetEpoch(5);
  listener_.Await(&Listener::attached, 2);
  mgmt_.RefuseAttach(absl::PermissionDeniedError("revoked"));
  mgmt_.EndStreams(absl::OkStatus());
  listener_.Await(&Listener::expelled, 1);
}

TEST_F(NodeAgentTest, AnEarlierStartOfMgmtIsNotListenedToAlsoAfterARestart) {
  mgmt_.SetEpoch(5);
  {
    const auto agent = Launch();
    listener_.Await(&Listener::attached, 1);
  }
  mgmt_.SetEpoch(4);
  const auto agent = Launch();
  const size_t hellos = mgmt_.AwaitHellos(1).size();
  mgmt_.Push(PinsMessage({}, {OwnPin(*agent)}));  // Its other messages do not count either.
  mgmt_.AwaitHellos(hellos + 3);
  EXPECT_EQ(listener_.Get(&Listener::attached), 1);
  EXPECT_EQ(listener_.Get(&Listener::messages), 0);
  EXPECT_OK(agent->final_status());
  mgmt_.SetEpoch(6);
  listener_.Await(&Listener::attached, 2);
}

// The serial number of the certificate that the server at `address` shows to a new connection.
std::string ServedSerial(const std::string& address) {
  return identity::ReadCertificate(rpc::ServedCertificate(address))->serial;
}

TEST_F(NodeAgentTest, RenewsAndServesTheNewCertificateWithoutARestart) {
  FakeClock clock(RealClock::Get().Now());
  NodeAgent::Options options = Options();
  options.clock = &clock;
  const auto agent = Launch(options);
  listener_.Await(&Listener::attached, 1);
  const auto credentials =
      rpc::MakeServerCredentials(agent->tls_files(), rpc::CallPolicy::Cluster(), agent->pins());
  ASSERT_OK(credentials);
  const auto server = rpc::Server::Create({"127.0.0.1:0", *credentials, {}});
  ASSERT_OK(server);
  const std::string old_serial = ServedSerial((*server)->address());
  const identity::Pin pin = OwnPin(*agent);

  mgmt_.RefuseRenew(absl::UnavailableError("later"));
  clock.Advance(absl::Minutes(90));
  agent->Wake();
  mgmt_.AwaitRenewCalls(1);
  EXPECT_EQ(listener_.Get(&Listener::renewed), 0);
  mgmt_.RefuseRenew(absl::OkStatus());
  clock.Advance(options.renew_retry);
  agent->Wake();
  listener_.Await(&Listener::renewed, 1);
  const auto renewed = identity::ReadCertificate(listener_.renewed_chain);
  ASSERT_OK(renewed);
  EXPECT_NE(renewed->serial, old_serial);
  EXPECT_EQ(renewed->pin, pin);
  std::string served = old_serial;
  const absl::Time deadline = RealClock::Get().Now() + absl::Seconds(20);
  while (served == old_serial && RealClock::Get().Now() < deadline) {
    served = ServedSerial((*server)->address());
  }
  EXPECT_EQ(served, renewed->serial);
  EXPECT_EQ(listener_.Get(&Listener::detached), 0);
}

TEST_F(NodeAgentTest, ANodeThatIsAwayTooLongIsToldSo) {
  FakeClock clock(RealClock::Get().Now());
  NodeAgent::Options options = Options();
  options.clock = &clock;
  const auto agent = Launch(options);
  listener_.Await(&Listener::attached, 1);
  mgmt_.Stop();
  listener_.Await(&Listener::detached, 1);
  clock.Advance(absl::Hours(24));
  agent->Wake();
  listener_.Await(&Listener::expelled, 1);
  EXPECT_EQ(FailCodeOf(agent->final_status()), FailCode::kExpired);
}

TEST_F(NodeAgentTest, ANodeWhoseCertificateHasExpiredComesBackWithANewToken) {
  Launch()->Stop();
  // Replaces its certificate by one for the same key that ended yesterday.
  const std::string key_pem = rpc::ReadOrDie(Options().dir + "/node.key");
  ASSERT_OK_AND_ASSIGN(const auto key, identity::PrivateKey::FromPem(key_pem));
  const FakeClock past(RealClock::Get().Now() - absl::Hours(48));
  ASSERT_OK_AND_ASSIGN(const auto ca,
                       identity::CertificateAuthority::Load(mgmt_.pki().ca().certificate_pem(),
                                                            mgmt_.pki().ca().key_pem(), past));
  const identity::NodeIdentity who = {Role::kEdge, "e1"};
  ASSERT_OK_AND_ASSIGN(const std::string ended,
                       ca.Issue(identity::MakeCsr(key, who), who, absl::Hours(24)));
  ASSERT_OK(identity::WriteFileAtomically(Options().dir + "/node.pem", ended, 0644));
  {
    ASSERT_OK_AND_ASSIGN(const auto agent, NodeAgent::Create(Options()));
    EXPECT_THAT(std::string(agent->EnsureEnrolled(Never).message()),
                testing::AllOf(HasSubstr("has expired"), HasSubstr("was used already"),
                               HasSubstr("Admin.CreateJoinToken")));
  }
  WriteToken(mgmt_.MakeToken(Role::kEdge));
  const auto agent = Launch();
  listener_.Await(&Listener::attached, 1);
  EXPECT_EQ(rpc::ReadOrDie(Options().dir + "/node.key"), key_pem);
  EXPECT_OK(agent->final_status());
}

TEST_F(NodeAgentTest, WhatCannotBeReadFromDiskIsNamedOrWaitedFor) {
  Launch()->Stop();
  const std::string epoch = Options().dir + "/epoch";
  ASSERT_OK(identity::WriteFileAtomically(Options().dir + "/pins.textproto", "\x01garbage", 0600));
  ASSERT_OK(NodeAgent::Create(Options()));
  ASSERT_OK(identity::WriteFileAtomically(epoch, "many\n", 0600));
  const absl::Status refused = NodeAgent::Create(Options()).status();
  EXPECT_THAT(refused, StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(std::string(refused.message()), HasSubstr(epoch));
}

TEST_F(NodeAgentTest, MgmtIsFoundWhereItSaidAtTheEnrolment) {
  NodeAgent::Options options = Options();
  options.mgmt_addresses.clear();
  const auto agent = Launch(options);
  EXPECT_EQ(agent->mgmt_address(), mgmt_.address());
  listener_.Await(&Listener::attached, 1);
}

TEST_F(NodeAgentTest, ATokensAddressesAreTriedInTurn) {
  auto token = identity::DecodeJoinToken(mgmt_.MakeToken(Role::kEdge));
  ASSERT_OK(token);
  token->addresses.insert(token->addresses.begin(), "127.0.0.1:1");
  WriteToken(identity::EncodeJoinToken(*token));
  EXPECT_OK((*NodeAgent::Create(Options()))->EnsureEnrolled(Never));
}

TEST(EnrolmentTest, AnEdgeCannotPlayMgmtToANewNode) {
  rpc::TestPki pki;
  const rpc::TlsFiles edge = pki.FilesOf({Role::kEdge, "e1"});
  int calls = 0;
  FakeEnrolment impostor("127.0.0.1:0", rpc::ReadOrDie(edge.certificate_chain),
                         rpc::ReadOrDie(edge.key), [&calls](const auto&) {
                           ++calls;
                           return absl::StatusOr<std::string>("7\n\nno certificate");
                         });
  const std::string token = identity::EncodeJoinToken({.secret = "s",
                                                       .role = Role::kEdge,
                                                       .ca_fingerprint = pki.ca().fingerprint(),
                                                       .addresses = {impostor.address()}});
  const absl::Status refused =
      AskToEnrol(impostor.address(), token, "e2", "csr", RealClock::Get().Now()).status();
  EXPECT_THAT(refused, StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_EQ(calls, 0);
  EXPECT_THAT(AskToEnrol("nonsense", token, "e2", "csr", RealClock::Get().Now()).status(),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(AskToEnrol("127.0.0.1:1", token, "e2", "csr", RealClock::Get().Now()).status(),
              StatusIs(absl::StatusCode::kUnavailable));
}

}  // namespace
}  // namespace convergia::node
