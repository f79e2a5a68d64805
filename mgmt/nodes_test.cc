// Nodes and operators at mgmt, over real mutual TLS.

#include <set>

#include "common/base/fail.h"
#include "common/base/testing/status_testing.h"
#include "common/identity/certificate.h"
#include "common/identity/files.h"
#include "common/rpc/calls/status.h"
#include "mgmt/config.h"
#include "mgmt/init.h"
#include "mgmt/testing/server_fixture.h"

namespace convergia::mgmt {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class NodesTest : public ServerFixture {
 protected:
  static FailCode CodeOf(const grpc::Status& status) {
    return FailCodeOf(rpc::FromGrpcStatus(status));
  }
  grpc::Status Revoke(v1::Role role, const std::string& name) {
    v1::RevokeRequest request;
    request.set_role(role);
    request.set_name(name);
    v1::RevokeResponse response;
    return admin().Revoke(NewContext().get(), request, &response);
  }
  grpc::Status SignIn(FakeNode& edge, const std::string& user, const std::string& password,
                      v1::SignInResponse* response) {
    v1::SignInRequest request;
    request.set_username(user);
    request.set_password(password);
    request.set_client_address("192.0.2.1");
    return edge.accounts().SignIn(NewContext().get(), request, response);
  }
};

TEST_F(NodesTest, EnrolledEdgesAttachAndHearOfEachOther) {
  Start();
  FakeNode a(server_->grpc_address(), EnrolNode(v1::ROLE_EDGE, "a"));
  FakeNode b(server_->grpc_address(), EnrolNode(v1::ROLE_EDGE, "b"));
  a.Attach(1);
  const v1::Welcome welcome = a.Await(v1::ToNode::kWelcome).welcome();
  EXPECT_EQ(welcome.node_id(), 2);
  ASSERT_EQ(welcome.ticket_public_keys_size(), 1);
  const v1::Pins pins = a.Await(v1::ToNode::kPins).pins();
  EXPECT_TRUE(pins.whole());
  EXPECT_EQ(pins.valid_size(), 4);  // The pins of mgmt, the operator, a and b.
  a.Announce({"ann"});
  b.Attach(1);
  b.Announce({"bob"});
  int edges = 0;
  std::set<std::string> seen;
  EXPECT_TRUE(a.AwaitThat([&](const v1::ToNode& message) {
    if (message.has_edges()) edges = message.edges().edges_size();
    if (Names(message, "bob")) seen.insert("bob");
    return edges == 2 && seen.contains("bob");
  }));
  v1::FromNode links;
  v1::LinkState* const link = links.mutable_links()->add_links();
  link->set_peer(3);
  link->set_rtt_us(500);
  ASSERT_TRUE(a.Send(links));
  EXPECT_TRUE(a.AwaitThat([](const v1::ToNode& message) {
    return message.routes().destinations_size() == 1 && message.routes().destinations(0) == 3;
  }));
}

TEST_F(NodesTest, WhoLeadsIsSaidAtOnceAndOnChangeAndAStandbyRefuses) {
  Start();
  const rpc::TlsFiles files = EnrolNode(v1::ROLE_EDGE, "a");
  FakeNode a(server_->grpc_address(), files);
  a.Attach(1);
  const v1::Welcome welcome = a.Await(v1::ToNode::kWelcome).welcome();
  const auto context = NewContext();
  const auto leaders = a.cluster().WhoLeads(context.get());
  v1::Leader leader;
  ASSERT_TRUE(leaders->Read(&leader));
  EXPECT_EQ(leader.epoch(), welcome.mgmt_epoch());
  EXPECT_TRUE(leader.is_self());
  EXPECT_THAT(leader.grpc_addresses(), ElementsAre(server_->grpc_address()));

  v1::Leader other;
  other.set_epoch(leader.epoch() + 1);
  other.add_grpc_addresses("192.0.2.1:64478");
  server_->SetLeader(other);
  ASSERT_TRUE(leaders->Read(&leader));
  EXPECT_FALSE(leader.is_self());
  EXPECT_EQ(leader.epoch(), other.epoch());
  EXPECT_THAT(leader.grpc_addresses(), ElementsAre("192.0.2.1:64478"));
  FakeNode b(server_->grpc_address(), EnrolNode(v1::ROLE_EDGE, "b"));
  b.Attach(1);
  EXPECT_EQ(b.AwaitEnd().error_code(), grpc::UNAVAILABLE);
  EXPECT_EQ(b.said_leader(), "192.0.2.1:64478");
}

TEST_F(NodesTest, JoinTokensAreForOneUseAndTheirOwnName) {
  Start();
  rpc::TlsFiles files;
  const std::string token = MakeToken(v1::ROLE_EDGE, "edge1");
  EXPECT_EQ(FailCodeOf(Enrol(token, "edge2", &files)), FailCode::kDenied);
  EXPECT_EQ(FailCodeOf(Enrol(ForgedToken(), "edge1", &files)), FailCode::kDenied);
  ASSERT_OK(Enrol(token, "edge1", &files));
  EXPECT_EQ(FailCodeOf(Enrol(token, "edge1", &files)), FailCode::kDenied);
  EXPECT_EQ(FailCodeOf(Enrol(MakeToken(v1::ROLE_EDGE), "edge1", &files)), FailCode::kExists);
  v1::CreateJoinTokenRequest request;
  v1::CreateJoinTokenResponse response;
  request.set_role(v1::ROLE_OPERATOR);
  EXPECT_EQ(CodeOf(admin().CreateJoinToken(NewContext().get(), request, &response)),
            FailCode::kBadField);
  request.set_role(v1::ROLE_UNSPECIFIED);
  EXPECT_EQ(CodeOf(admin().CreateJoinToken(NewContext().get(), request, &response)),
            FailCode::kBadField);
}

TEST_F(NodesTest, EachRoleMayCallOnlyWhatIsItsOwn) {
  Start();
  FakeNode data(server_->grpc_address(), EnrolNode(v1::ROLE_DATASERVER, "data"));
  FakeNode boss(server_->grpc_address(),
                {ca_pem_path(), Path("operator.pem"), Path("operator.key")});
  v1::SignInResponse signed_in;
  EXPECT_EQ(SignIn(data, "ann", "x", &signed_in).error_code(), grpc::PERMISSION_DENIED);
  v1::ListNodesResponse nodes;
  EXPECT_EQ(data.admin().ListNodes(NewContext().get(), {}, &nodes).error_code(),
            grpc::PERMISSION_DENIED);
  boss.Attach(1);
  EXPECT_EQ(boss.AwaitEnd().error_code(), grpc::PERMISSION_DENIED);
  data.Attach(1);
  EXPECT_EQ(data.Await(v1::ToNode::kWelcome).welcome().node_id(), 2);
}

TEST_F(NodesTest, ARevokedNodeIsCutOffAndStaysOut) {
  Start();
  const rpc::TlsFiles files = EnrolNode(v1::ROLE_EDGE, "a");
  FakeNode a(server_->grpc_address(), files);
  FakeNode b(server_->grpc_address(), EnrolNode(v1::ROLE_EDGE, "b"));
  a.Attach(1);
  a.Await(v1::ToNode::kPins);
  b.Attach(1);
  b.Await(v1::ToNode::kPins);
  EXPECT_EQ(CodeOf(Revoke(v1::ROLE_EDGE, "nobody")), FailCode::kNotFound);
  EXPECT_EQ(CodeOf(Revoke(v1::ROLE_MGMT, "mgmt")), FailCode::kDenied);
  ASSERT_TRUE(Revoke(v1::ROLE_EDGE, "a").ok());
  EXPECT_FALSE(a.AwaitEnd().ok());
  EXPECT_EQ(b.Await(v1::ToNode::kPins).pins().revoked_size(), 1);
  FakeNode again(server_->grpc_address(), files);
  again.Attach(2);
  EXPECT_EQ(again.AwaitEnd().error_code(), grpc::UNAUTHENTICATED);
  Restart();
  FakeNode later(server_->grpc_address(), files);
  later.Attach(3);
  EXPECT_EQ(later.AwaitEnd().error_code(), grpc::UNAUTHENTICATED);
}

TEST_F(NodesTest, ANewerStartTakesThePlaceOfAnOlder) {
  Start();
  const rpc::TlsFiles files = EnrolNode(v1::ROLE_EDGE, "a");
  FakeNode old_start(server_->grpc_address(), files);
  old_start.Attach(1);
  old_start.Await(v1::ToNode::kWelcome);
  FakeNode new_start(server_->grpc_address(), files);
  new_start.Attach(2);
  new_start.Await(v1::ToNode::kWelcome);
  EXPECT_EQ(old_start.AwaitEnd().error_code(), grpc::FAILED_PRECONDITION);
  old_start.Attach(1);
  EXPECT_EQ(old_start.AwaitEnd().error_code(), grpc::FAILED_PRECONDITION);
}

TEST_F(NodesTest, AStreamBeginsWithHello) {
  Start();
  FakeNode a(server_->grpc_address(), EnrolNode(v1::ROLE_EDGE, "a"));
  a.Attach(1);
  a.Await(v1::ToNode::kWelcome);
  v1::FromNode hello;
  hello.mutable_hello()->set_epoch(2);
  a.Send(hello);
  EXPECT_FALSE(a.AwaitEnd().ok());
}

TEST_F(NodesTest, RenewsUnderTheNameOfTheCertificateShown) {
  Start();
  const rpc::TlsFiles files = EnrolNode(v1::ROLE_EDGE, "a");
  FakeNode a(server_->grpc_address(), files);
  const auto key = identity::PrivateKey::Generate(identity::KeyKind::kP256);
  v1::RenewRequest request;
  request.set_csr_pem(identity::MakeCsr(key, {Role::kMgmt, "impostor"}));
  v1::RenewResponse response;
  ASSERT_TRUE(a.cluster().Renew(NewContext().get(), request, &response).ok());
  ASSERT_OK_AND_ASSIGN(const auto facts,
                       identity::ReadCertificate(response.certificate_chain_pem()));
  EXPECT_EQ(facts.identity, (identity::NodeIdentity{Role::kEdge, "a"}));
  request.set_csr_pem("nonsense");
  EXPECT_EQ(CodeOf(a.cluster().Renew(NewContext().get(), request, &response)), FailCode::kBadField);
}

TEST_F(NodesTest, EdgesServeClientsWithTheSameRules) {
  Start();
  CreateAccount("ann", "secret");
  FakeNode edge(server_->grpc_address(), EnrolNode(v1::ROLE_EDGE, "a"));
  v1::SignInResponse signed_in;
  ASSERT_TRUE(SignIn(edge, "Ann", "secret", &signed_in).ok());
  EXPECT_EQ(signed_in.username(), "ann");
  EXPECT_EQ(signed_in.account_id(), 1);
  EXPECT_EQ(CodeOf(SignIn(edge, "ann", "wrong", &signed_in)), FailCode::kSignInFailed);
  EXPECT_EQ(CodeOf(SignIn(edge, "no name", "x", &signed_in)), FailCode::kBadField);
  v1::RegisterRequest wanted;
  wanted.set_username("bob");
  wanted.set_password("secret");
  v1::RegisterResponse registration;
  ASSERT_TRUE(edge.accounts().Register(NewContext().get(), wanted, &registration).ok());
  v1::ConfirmRequest confirm;
  confirm.set_registration_id(registration.registration_id());
  confirm.set_captcha_text(FakePainter::kWord);
  v1::ConfirmResponse confirmed;
  ASSERT_TRUE(edge.accounts().Confirm(NewContext().get(), confirm, &confirmed).ok());
  EXPECT_EQ(CodeOf(edge.accounts().Confirm(NewContext().get(), confirm, &confirmed)),
            FailCode::kNotFound);
  ASSERT_TRUE(SignIn(edge, "bob", "secret", &signed_in).ok());
  v1::GetServerMapRequest get;
  get.set_after("n2");
  v1::GetServerMapResponse map;
  ASSERT_TRUE(edge.accounts().GetServerMap(NewContext().get(), get, &map).ok());
  EXPECT_EQ(map.rows_size(), 2);
}

TEST_F(NodesTest, EdgesWatchTheMap) {
  Start();
  FakeNode edge(server_->grpc_address(), EnrolNode(v1::ROLE_EDGE, "a"));
  const auto context = NewContext();
  const auto watch = edge.accounts().WatchServerMap(context.get(), {});
  watch->WaitForInitialMetadata();
  CreateAccount("ann", "secret");
  v1::ServerMapUpdate update;
  ASSERT_TRUE(watch->Read(&update));
  EXPECT_EQ(update.rows(0).name(), "ann");
  context->TryCancel();
  while (watch->Read(&update)) continue;
  EXPECT_EQ(watch->Finish().error_code(), grpc::CANCELLED);
}

TEST_F(NodesTest, RevokedTicketsReachEdges) {
  Start();
  CreateAccount("ann", "secret");
  FakeNode edge(server_->grpc_address(), EnrolNode(v1::ROLE_EDGE, "a"));
  edge.Attach(1);
  EXPECT_TRUE(edge.Await(v1::ToNode::kRevocations).revocations().whole());
  v1::RevokeTicketsRequest request;
  request.set_username("ann");
  v1::RevokeTicketsResponse response;
  ASSERT_TRUE(admin().RevokeTickets(NewContext().get(), request, &response).ok());
  const v1::Revocations revocations = edge.Await(v1::ToNode::kRevocations).revocations();
  ASSERT_EQ(revocations.tickets_size(), 1);
  EXPECT_EQ(revocations.tickets(0).username(), "ann");
  request.set_username("nobody");
  EXPECT_EQ(CodeOf(admin().RevokeTickets(NewContext().get(), request, &response)),
            FailCode::kNoSuchUser);
}

TEST_F(NodesTest, ARestartKeepsWhatWasAcknowledgedAndHearsTheRestAgain) {
  Start();
  CreateAccount("ann", "secret");
  const rpc::TlsFiles files = EnrolNode(v1::ROLE_EDGE, "a");
  const std::string unused = MakeToken(v1::ROLE_EDGE);
  v1::SignInResponse before, after;
  Epoch epoch = 0;
  std::string ticket_keys;
  {
    FakeNode edge(server_->grpc_address(), files);
    edge.Attach(1);
    const v1::Welcome welcome = edge.Await(v1::ToNode::kWelcome).welcome();
    epoch = welcome.mgmt_epoch();
    ticket_keys = welcome.ticket_public_keys(0);
    ASSERT_TRUE(SignIn(edge, "ann", "secret", &before).ok());
  }
  Restart();
  FakeNode edge(server_->grpc_address(), files);
  edge.Attach(1);
  const v1::Welcome welcome = edge.Await(v1::ToNode::kWelcome).welcome();
  EXPECT_GT(welcome.mgmt_epoch(), epoch);
  EXPECT_EQ(welcome.ticket_public_keys(0), ticket_keys);
  edge.Announce({"ann"});
  EXPECT_TRUE(edge.AwaitThat([](const v1::ToNode& message) { return Names(message, "ann"); }));
  ASSERT_TRUE(SignIn(edge, "ann", "secret", &after).ok());
  EXPECT_EQ(after.account_id(), before.account_id());
  rpc::TlsFiles more;
  EXPECT_TRUE(Enrol(unused, "b", &more).ok());
}

TEST_F(NodesTest, OperatorsSeeTheClusterAndMakeMoreOperators) {
  Start();
  CreateAccount("ann", "secret");
  FakeNode edge(server_->grpc_address(), EnrolNode(v1::ROLE_EDGE, "a"));
  edge.Attach(1);
  edge.Announce({"ann"});
  EXPECT_TRUE(edge.AwaitThat([](const v1::ToNode& message) { return Names(message, "ann"); }));
  v1::GetClusterMapResponse map;
  ASSERT_TRUE(admin().GetClusterMap(NewContext().get(), {}, &map).ok());
  ASSERT_EQ(map.nodes_size(), 2);
  EXPECT_EQ(map.nodes(0).name(), "mgmt");
  EXPECT_EQ(map.nodes(0).addresses().grpc(), server_->grpc_address());
  EXPECT_EQ(map.nodes(1).liveness(), v1::LIVENESS_ALIVE);
  v1::ListAccountsResponse accounts;
  ASSERT_TRUE(admin().ListAccounts(NewContext().get(), {}, &accounts).ok());
  ASSERT_EQ(accounts.accounts_size(), 1);
  EXPECT_THAT(accounts.accounts(0).edges(), ElementsAre("a"));
  const auto key = identity::PrivateKey::Generate(identity::KeyKind::kP256);
  v1::CreateOperatorRequest request;
  request.set_name("second");
  request.set_csr_pem(identity::MakeCsr(key, {Role::kOperator, "second"}));
  v1::CreateOperatorResponse response;
  ASSERT_TRUE(admin().CreateOperator(NewContext().get(), request, &response).ok());
  const rpc::TlsFiles files = {ca_pem_path(), Path("second.pem"), Path("second.key")};
  ASSERT_OK(identity::WriteFileAtomically(files.certificate_chain, response.certificate_chain_pem(),
                                          0644));
  ASSERT_OK(identity::WriteFileAtomically(files.key, key.ToPem(), 0600));
  FakeNode second(server_->grpc_address(), files);
  v1::ListNodesResponse nodes;
  EXPECT_TRUE(second.admin().ListNodes(NewContext().get(), {}, &nodes).ok());
  ASSERT_TRUE(Revoke(v1::ROLE_OPERATOR, "second").ok());
  EXPECT_EQ(second.admin().ListNodes(NewContext().get(), {}, &nodes).error_code(),
            grpc::UNAUTHENTICATED);
  v1::RemoveNodeRequest remove;
  remove.set_name("a");
  v1::RemoveNodeResponse removed;
  ASSERT_TRUE(admin().RemoveNode(NewContext().get(), remove, &removed).ok());
  EXPECT_FALSE(edge.AwaitEnd().ok());
}

TEST_F(NodesTest, DataServersAreConfiguredWithoutRestartAndAcrossOne) {
  Start();
  const rpc::TlsFiles disk_files = EnrolNode(v1::ROLE_DATASERVER, "disk1");
  const rpc::TlsFiles data_files = EnrolNode(v1::ROLE_DATAMGR, "data");
  FakeNode disk(server_->grpc_address(), disk_files);
  FakeNode data(server_->grpc_address(), data_files);
  disk.Attach(1);
  data.Attach(1);
  EXPECT_EQ(disk.Await(v1::ToNode::kConfiguration).configuration().storage_class(),
            v1::STORAGE_CLASS_VOLATILE);
  v1::ConfigureDataServerRequest change;
  change.set_name("disk1");
  change.set_storage_class(v1::STORAGE_CLASS_NON_VOLATILE);
  change.set_capacity_bytes(1 << 30);
  v1::ConfigureDataServerResponse response;
  ASSERT_TRUE(admin().ConfigureDataServer(NewContext().get(), change, &response).ok());
  EXPECT_EQ(response.configuration().capacity_bytes(), 1 << 30);
  EXPECT_EQ(disk.Await(v1::ToNode::kConfiguration).configuration().storage_class(),
            v1::STORAGE_CLASS_NON_VOLATILE);
  EXPECT_TRUE(data.AwaitThat([](const v1::ToNode& message) {
    return message.data_servers().servers_size() == 1 &&
           message.data_servers().servers(0).configuration().capacity_bytes() == 1 << 30;
  }));
  change.set_name("nobody");
  EXPECT_EQ(CodeOf(admin().ConfigureDataServer(NewContext().get(), change, &response)),
            FailCode::kNotFound);
  Restart();
  v1::ListNodesResponse nodes;
  ASSERT_TRUE(admin().ListNodes(NewContext().get(), {}, &nodes).ok());
  ASSERT_EQ(nodes.nodes_size(), 3);
  EXPECT_EQ(nodes.nodes(1).configuration().capacity_bytes(), 1 << 30);
}

TEST_F(NodesTest, InitIsDoneOnceAndNeeded) {
  ASSERT_OK_AND_ASSIGN(config_, CompleteConfig(config_));
  const auto without = MgmtServer::Create({.config = config_, .painter = &painter_});
  ASSERT_FALSE(without.ok());
  EXPECT_THAT(std::string(without.status().message()), HasSubstr("--init"));
  ASSERT_OK(InitCluster(config_, RealClock::Get()));
  EXPECT_THAT(InitCluster(config_, RealClock::Get()), StatusIs(absl::StatusCode::kAlreadyExists));
  ASSERT_EQ(std::remove(Path("ca.pem").c_str()), 0);
  EXPECT_THAT(InitCluster(config_, RealClock::Get()),
              StatusIs(absl::StatusCode::kFailedPrecondition));
}

}  // namespace
}  // namespace convergia::mgmt
