#include "common/node/testing/fake_mgmt.h"

#include <glog/logging.h>

#include "absl/strings/str_cat.h"
#include "common/base/fail.h"
#include "common/base/random.h"
#include "common/base/status_macros.h"
#include "common/identity/join_token.h"
#include "common/rpc/auth/credentials.h"
#include "common/rpc/auth/peer.h"
#include "common/rpc/calls/reply.h"
#include "common/rpc/epochs/epoch_metadata.h"
#include "common/rpc/streams/stream_reactor.h"

namespace convergia::node {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(30);
constexpr absl::Duration kCertificateLifetime = absl::Hours(2);
constexpr NodeId kNodeId = 7;

}  // namespace

class FakeSession final : public rpc::ServerStream<v1::FromNode, v1::ToNode> {
 public:
  FakeSession(grpc::CallbackServerContext* context, FakeMgmt* mgmt)
      : ServerStream(context, {.queue_bytes_max = 1 << 20}), mgmt_(mgmt) {}

 private:
  void OnMessage(v1::FromNode& message) override { mgmt_->Heard(*this, message); }
  void OnClosed(const absl::Status& /*status*/) override {}

  FakeMgmt* const mgmt_;
};

class FakeListener final : public rpc::ServerStream<v1::WhoLeadsRequest, v1::Leader> {
 public:
  explicit FakeListener(grpc::CallbackServerContext* context)
      : ServerStream(context, {.queue_bytes_max = 1 << 20}) {}

 private:
  void OnMessage(v1::WhoLeadsRequest& /*message*/) override {}
  void OnClosed(const absl::Status& /*status*/) override {}
};

FakeMgmt::FakeMgmt(rpc::TestPki* pki)
    : own_pki_(pki == nullptr ? std::make_unique<rpc::TestPki>() : nullptr),
      pki_(pki == nullptr ? own_pki_.get() : pki) {
  pins_.Replace({});
  Start();
}

FakeMgmt::~FakeMgmt() { Stop(); }

void FakeMgmt::Start() {
  const auto credentials =
      rpc::MakeServerCredentials(pki_->FilesOf({Role::kMgmt, "mgmt"}), rpc::CallPolicy::Cluster(),
                                 pins_, rpc::Handshake::kOurCa);
  CHECK(credentials.ok()) << credentials.status();
  auto server = rpc::Server::Create({address_, *credentials, {this}});
  CHECK(server.ok()) << server.status();
  server_ = *std::move(server);
  address_ = server_->address();
  const rpc::TlsFiles files = pki_->FilesOf({Role::kMgmt, "mgmt"});
  enrolment_ = std::make_unique<FakeEnrolment>(
      enrol_address_, rpc::ReadOrDie(files.certificate_chain), rpc::ReadOrDie(files.key),
      [this](const std::vector<absl::string_view>& fields) {
        return Enrol(fields[0], std::string(fields[1]), fields[2]);
      });
  enrol_address_ = enrolment_->address();
}

void FakeMgmt::Stop() {
  enrolment_.reset();
  server_.reset();
}

std::string FakeMgmt::MakeToken(Role role, const std::string& ca_fingerprint) {
  const std::string secret = SecureRandomHex(16);
  {
    absl::MutexLock lock(&mu_);
    tokens_[secret] = role;
  }
  return identity::EncodeJoinToken(
      {.secret = secret,
       .role = role,
       .ca_fingerprint = ca_fingerprint.empty() ? pki_->ca().fingerprint() : ca_fingerprint,
       .addresses = {enrol_address_}});
}

absl::StatusOr<std::string> FakeMgmt::Enrol(absl::string_view token_text, const std::string& name,
                                            absl::string_view csr_pem) {
  CVG_ASSIGN_OR_RETURN(const identity::JoinToken read, identity::DecodeJoinToken(token_text));
  Role role;
  {
    absl::MutexLock lock(&mu_);
    ++enrol_calls_;
    const auto token = tokens_.find(read.secret);
    if (token == tokens_.end()) {
      return Fail(FailCode::kDenied, "this join token was used already; ask for another");
    }
    role = token->second;
    tokens_.erase(token);
  }
  CVG_ASSIGN_OR_RETURN(const std::string chain,
                       pki_->ca().Issue(csr_pem, {role, name}, kCertificateLifetime));
  CVG_ASSIGN_OR_RETURN(const identity::Pin pin, identity::PinOfPem(chain));
  pins_.Apply({{pin, role, name, kNodeId}}, {});
  return absl::StrCat(kNodeId, "\n", address_, "\n", chain);
}

grpc::ServerUnaryReactor* FakeMgmt::Renew(grpc::CallbackServerContext* context,
                                          const v1::RenewRequest* request,
                                          v1::RenewResponse* response) {
  return rpc::Reply(context, [&]() -> absl::Status {
    {
      absl::MutexLock lock(&mu_);
      ++renew_calls_;
      CVG_RETURN_IF_ERROR(renew_answer_);
    }
    CVG_ASSIGN_OR_RETURN(const rpc::Peer peer, rpc::PeerOf(*context));
    CVG_ASSIGN_OR_RETURN(
        const std::string chain,
        pki_->ca().Issue(request->csr_pem(), {peer.role, peer.name}, kCertificateLifetime));
    response->set_certificate_chain_pem(chain);
    return absl::OkStatus();
  });
}

grpc::ServerBidiReactor<v1::FromNode, v1::ToNode>* FakeMgmt::Attach(
    grpc::CallbackServerContext* context) {
  const auto peer = rpc::PeerOf(*context, pins_);
  absl::MutexLock lock(&mu_);
  if (epoch_.has_value()) rpc::SayEpoch(context, *epoch_);
  const absl::Status& answer = peer.ok() ? attach_answer_ : peer.status();
  if (!answer.ok()) {
    ++refusals_;
    if (!redirect_.empty()) rpc::SayLeader(context, redirect_);
    return rpc::RefuseStream<v1::FromNode, v1::ToNode>(answer);
  }
  auto session = std::make_shared<FakeSession>(context, this);
  sessions_.push_back(session);
  return session->Start(pins_, peer->pin);
}

grpc::ServerBidiReactor<v1::WhoLeadsRequest, v1::Leader>* FakeMgmt::WhoLeads(
    grpc::CallbackServerContext* context) {
  const auto peer = rpc::PeerOf(*context, pins_);
  if (!peer.ok()) return rpc::RefuseStream<v1::WhoLeadsRequest, v1::Leader>(peer.status());
  absl::MutexLock lock(&mu_);
  auto listener = std::make_shared<FakeListener>(context);
  listeners_.push_back(listener);
  return listener->Start(pins_, peer->pin);
}

void FakeMgmt::RedirectTo(const std::string& address) {
  absl::MutexLock lock(&mu_);
  redirect_ = address;
}

void FakeMgmt::Announce(const v1::Leader& leader) {
  absl::MutexLock lock(&mu_);
  for (const auto& listener : listeners_) (void)listener->Send(leader);
}

void FakeMgmt::AwaitListeners(size_t count) {
  absl::MutexLock lock(&mu_);
  AwaitOrDie([this, count]()
                 ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return listeners_.size() >= count; });
}

void FakeMgmt::Heard(FakeSession& session, const v1::FromNode& message) {
  absl::MutexLock lock(&mu_);
  if (message.has_heartbeat()) {
    ++heartbeats_;
    last_heartbeat_ = message.heartbeat();
  } else if (!message.has_hello()) {
    others_.push_back(message);
  } else {
    hellos_.push_back(message.hello());
    if (!welcomes_) return;
    v1::ToNode answer;
    answer.mutable_welcome()->set_node_id(kNodeId);
    answer.mutable_welcome()->set_mgmt_epoch(epoch_.value_or(0));
    answer.mutable_welcome()->add_ticket_public_keys("a key");
    // Sent under the lock, so it comes before all that a test pushes after AwaitHellos().
    (void)session.Send(answer);
  }
}

void FakeMgmt::Push(const v1::ToNode& message) {
  std::vector<std::shared_ptr<FakeSession>> sessions;
  {
    absl::MutexLock lock(&mu_);
    for (const auto& weak : sessions_) {
      if (auto session = weak.lock()) sessions.push_back(std::move(session));
    }
  }
  for (const auto& session : sessions) (void)session->Send(message);
}

void FakeMgmt::EndStreams(const absl::Status& status) {
  std::vector<std::shared_ptr<FakeSession>> sessions;
  {
    absl::MutexLock lock(&mu_);
    for (const auto& weak : sessions_) {
      if (auto session = weak.lock()) sessions.push_back(std::move(session));
    }
  }
  for (const auto& session : sessions) session->Close(status);
}

void FakeMgmt::RefuseAttach(const absl::Status& status) {
  absl::MutexLock lock(&mu_);
  attach_answer_ = status;
}

void FakeMgmt::SetWelcomes(bool welcomes) {
  absl::MutexLock lock(&mu_);
  welcomes_ = welcomes;
}

void FakeMgmt::SetEpoch(std::optional<Epoch> epoch) {
  absl::MutexLock lock(&mu_);
  epoch_ = epoch;
}

void FakeMgmt::AwaitRefusals(int count) {
  absl::MutexLock lock(&mu_);
  AwaitOrDie([this, count]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return refusals_ >= count; });
}

void FakeMgmt::RefuseRenew(const absl::Status& status) {
  absl::MutexLock lock(&mu_);
  renew_answer_ = status;
}

void FakeMgmt::AwaitOrDie(const std::function<bool()>& condition) {
  CHECK(mu_.AwaitWithTimeout(absl::Condition(&condition), kPatience)) << "it did not come";
}

std::vector<v1::Hello> FakeMgmt::AwaitHellos(size_t count) {
  absl::MutexLock lock(&mu_);
  AwaitOrDie([this, count]()
                 ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return hellos_.size() >= count; });
  return hellos_;
}

void FakeMgmt::AwaitRenewCalls(int count) {
  absl::MutexLock lock(&mu_);
  AwaitOrDie([this, count]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return renew_calls_ >= count; });
}

void FakeMgmt::AwaitHeartbeats(int count) {
  absl::MutexLock lock(&mu_);
  const int enough = heartbeats_ + count;
  AwaitOrDie([this, enough]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return heartbeats_ >= enough; });
}

std::vector<v1::FromNode> FakeMgmt::AwaitOthers(size_t count) {
  absl::MutexLock lock(&mu_);
  AwaitOrDie([this, count]()
                 ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return others_.size() >= count; });
  return others_;
}

int FakeMgmt::enrol_calls() const {
  absl::MutexLock lock(&mu_);
  return enrol_calls_;
}

v1::Heartbeat FakeMgmt::last_heartbeat() const {
  absl::MutexLock lock(&mu_);
  return last_heartbeat_;
}

}  // namespace convergia::node
