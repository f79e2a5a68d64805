#include "mgmt/testing/server_fixture.h"

#include <cstdlib>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/base/hash/user_hash.h"
#include "common/base/random.h"
#include "common/base/status_macros.h"
#include "common/base/testing/status_testing.h"
#include "common/identity/certificate.h"
#include "common/identity/files.h"
#include "common/identity/join_token.h"
#include "common/node/enrolment/enrolment.h"
#include "mgmt/config.h"
#include "mgmt/init.h"

namespace convergia::mgmt {
namespace {

constexpr absl::Duration kDeadline = absl::Seconds(20);

std::string ReadOrDie(const std::string& path) {
  const auto contents = identity::ReadFileToString(path);
  EXPECT_TRUE(contents.ok()) << contents.status();
  return contents.ok() ? *contents : "";
}

}  // namespace

std::unique_ptr<grpc::ClientContext> NewContext() {
  auto context = std::make_unique<grpc::ClientContext>();
  context->set_deadline(absl::ToChronoTime(RealClock::Get().Now() + kDeadline));
  context->set_wait_for_ready(true);
  return context;
}

bool Names(const v1::ToNode& message, const std::string& user) {
  const UserHash hash = HashOfUser(user);
  for (const v1::EdgeUsers& change : message.directory().edges()) {
    if (absl::c_linear_search(change.here(), hash)) return true;
  }
  for (const v1::DirectoryBucket& bucket : message.directory_buckets().buckets()) {
    if (absl::c_linear_search(bucket.users(), hash)) return true;
  }
  return false;
}

FakeNode::FakeNode(const std::string& mgmt_address, const rpc::TlsFiles& files) {
  const auto channel = rpc::MakeChannel(mgmt_address, files, {Role::kMgmt, "mgmt"});
  accounts_ = v1::Accounts::NewStub(channel);
  cluster_ = v1::Cluster::NewStub(channel);
  admin_ = v1::Admin::NewStub(channel);
}

FakeNode::~FakeNode() {
  if (stream_ == nullptr) return;
  context_->TryCancel();
  stream_->Finish();
}

void FakeNode::Attach(uint64_t epoch, const std::string& line_address) {
  if (stream_ != nullptr) {
    context_->TryCancel();
    stream_->Finish();
  }
  context_ = NewContext();
  stream_ = cluster_->Attach(context_.get());
  v1::FromNode message;
  message.mutable_hello()->set_epoch(epoch);
  message.mutable_hello()->mutable_addresses()->set_grpc("127.0.0.1:2");
  message.mutable_hello()->mutable_addresses()->set_line(line_address);
  Send(message);
}

void FakeNode::Announce(const std::vector<std::string>& users, bool whole) {
  v1::FromNode message;
  message.mutable_locations()->set_whole(whole);
  message.mutable_locations()->set_version(++version_);
  for (const std::string& user : users) {
    v1::LocationChange* change = message.mutable_locations()->add_changes();
    change->set_username(user);
    change->set_sessions(1);
  }
  EXPECT_TRUE(Send(message));
}

bool FakeNode::Read(v1::ToNode* message) {
  if (!stream_->Read(message)) return false;
  if (!message->has_directory_check()) return true;
  v1::FromNode answer;
  answer.mutable_directory_digests()->set_digests(EncodeDigests(DirectoryDigests()));
  return Send(answer);
}

v1::ToNode FakeNode::Await(v1::ToNode::KindCase kind) {
  v1::ToNode message;
  while (Read(&message)) {
    if (message.kind_case() == kind) return message;
  }
  ADD_FAILURE() << "the stream has ended without message " << kind;
  return {};
}

bool FakeNode::AwaitThat(const std::function<bool(const v1::ToNode&)>& is_it) {
  v1::ToNode message;
  while (Read(&message)) {
    if (is_it(message)) return true;
  }
  return false;
}

grpc::Status FakeNode::AwaitEnd() {
  v1::ToNode message;
  while (stream_->Read(&message)) continue;
  grpc::Status status = stream_->Finish();
  stream_ = nullptr;
  return status;
}

ServerFixture::ServerFixture() {
  const char* root = std::getenv("TEST_TMPDIR");
  config_.set_dir(
      absl::StrCat(root == nullptr ? "/tmp" : root, "/mgmt-", SecureRandomHex(6), "/cluster"));
  config_.set_grpc_listen("127.0.0.1:0");
  config_.set_line_listen("127.0.0.1:0");
  config_.set_open_line_listen("127.0.0.1:0");
  config_.set_password_bytes_min(1);
  ca_pem_path_ = Path("ca.pem");
}

void ServerFixture::Start() {
  ASSERT_OK_AND_ASSIGN(config_, CompleteConfig(config_));
  ASSERT_OK(InitCluster(config_, RealClock::Get()));
  Serve();
}

void ServerFixture::Restart() {
  Stop();
  Serve();
}

void ServerFixture::Stop() {
  if (server_ == nullptr) return;
  // The same port as before: nodes and clients know no other.
  config_.set_grpc_listen(server_->grpc_address());
  server_ = nullptr;
}

void ServerFixture::Serve() {
  auto server = MgmtServer::Create({.config = config_,
                                    .clock = clock_,
                                    .painter = &painter_,
                                    .hash_cost = {1, 8192},
                                    .hash_threads = 1});
  ASSERT_TRUE(server.ok()) << server.status();
  server_ = *std::move(server);
  server_->Start();
  admin_ = v1::Admin::NewStub(rpc::MakeChannel(
      server_->grpc_address(), {ca_pem_path_, Path("operator.pem"), Path("operator.key")},
      {Role::kMgmt, "mgmt"}));
}

void ServerFixture::CreateAccount(const std::string& user, const std::string& password) {
  v1::CreateAccountRequest request;
  request.set_username(user);
  request.set_password(password);
  v1::CreateAccountResponse response;
  const grpc::Status status = admin().CreateAccount(NewContext().get(), request, &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
}

std::string ServerFixture::MakeToken(v1::Role role, const std::string& name) {
  v1::CreateJoinTokenRequest request;
  request.set_role(role);
  request.set_name(name);
  v1::CreateJoinTokenResponse response;
  const grpc::Status status = admin().CreateJoinToken(NewContext().get(), request, &response);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return response.token();
}

std::string ServerFixture::ForgedToken() const {
  const auto fingerprint = identity::FingerprintOfPem(ReadOrDie(ca_pem_path_));
  EXPECT_TRUE(fingerprint.ok()) << fingerprint.status();
  return identity::EncodeJoinToken({.secret = "guess",
                                    .role = Role::kEdge,
                                    .ca_fingerprint = *fingerprint,
                                    .addresses = {server_->open_line_address()}});
}

absl::Status ServerFixture::Enrol(const std::string& token, const std::string& name,
                                  rpc::TlsFiles* files) {
  const auto key = identity::PrivateKey::Generate(identity::KeyKind::kP256);
  CVG_ASSIGN_OR_RETURN(
      const node::Admission admission,
      node::AskToEnrol(server_->open_line_address(), token, name,
                       identity::MakeCsr(key, {Role::kEdge, name}), RealClock::Get().Now()));
  EXPECT_THAT(admission.grpc_addresses, testing::ElementsAre(server_->grpc_address()));
  *files = {ca_pem_path_, Path(name + ".node.pem"), Path(name + ".node.key")};
  CVG_RETURN_IF_ERROR(
      identity::WriteFileAtomically(files->key, key.ToPem(), identity::kSecretFileMode));
  return identity::WriteFileAtomically(files->certificate_chain, admission.chain_pem,
                                       identity::kPublicFileMode);
}

rpc::TlsFiles ServerFixture::EnrolNode(v1::Role role, const std::string& name) {
  rpc::TlsFiles files;
  EXPECT_OK(Enrol(MakeToken(role), name, &files));
  return files;
}

std::unique_ptr<lineserver::TestClient> ServerFixture::Connect(const std::string& address) {
  auto client = std::make_unique<lineserver::TestClient>(address);
  EXPECT_TRUE(client->Handshake());
  EXPECT_THAT(client->ReadPacket(), testing::StartsWith("INFO "));
  return client;
}

std::unique_ptr<lineserver::TestClient> ServerFixture::SignIn(const std::string& user,
                                                              const std::string& password) {
  auto client = Connect(server_->line_address());
  EXPECT_THAT(client->Ask(absl::StrCat(user, "~\n", password, "\n")),
              testing::StartsWith("OK user\t" + user));
  return client;
}

}  // namespace convergia::mgmt
