#include "common/rpc/auth/credentials.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_certificate_verifier.h>
#include <grpcpp/security/tls_credentials_options.h>
#include <grpcpp/support/channel_arguments.h>

#include <map>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "common/identity/files.h"
#include "common/identity/key.h"
#include "common/rpc/auth/authorizer.h"
#include "common/rpc/auth/callback_threads.h"
#include "common/rpc/auth/peer.h"

namespace convergia::rpc {
namespace {

using grpc::experimental::CertificateProviderInterface;
using grpc::experimental::FileWatcherCertificateProvider;

constexpr unsigned kReloadSeconds = 1;

// One watcher (it has a thread) for all servers and channels of the same files.
std::shared_ptr<CertificateProviderInterface> WatcherOf(const TlsFiles& files) {
  using Key = std::tuple<std::string, std::string, std::string>;
  static absl::Mutex mu(absl::kConstInit);
  static auto* const watchers = new std::map<Key, std::weak_ptr<FileWatcherCertificateProvider>>;
  const Key key(files.ca, files.certificate_chain, files.key);
  absl::MutexLock lock(&mu);
  std::erase_if(*watchers, [](const auto& row) { return row.second.expired(); });
  if (const auto found = watchers->find(key); found != watchers->end()) {
    if (auto watcher = found->second.lock()) return watcher;
  }
  auto watcher = std::make_shared<FileWatcherCertificateProvider>(
      files.key, files.certificate_chain, files.ca, kReloadSeconds);
  (*watchers)[key] = watcher;
  return watcher;
}

// Checks the names in the other side's certificate. gRPC has checked that our CA signed it. gRPC
// calls this at the end of the TLS handshake, before a byte of HTTP/2.
class Verifier : public grpc::experimental::ExternalCertificateVerifier {
 public:
  bool Verify(grpc::experimental::TlsCustomVerificationCheckRequest* request,
              std::function<void(grpc::Status)> /*callback*/, grpc::Status* sync_status) override {
    const grpc::string_ref pem = request->peer_cert();
    const auto facts = FactsOfPem(absl::string_view(pem.data(), pem.size()));
    const absl::Status verdict = facts.ok() ? Judge(**facts) : facts.status();
    if (!verdict.ok()) {
      *sync_status =
          grpc::Status(grpc::StatusCode::UNAUTHENTICATED, std::string(verdict.message()));
    }
    return true;
  }

  void Cancel(grpc::experimental::TlsCustomVerificationCheckRequest* /*request*/) override {}

 private:
  virtual absl::Status Judge(const identity::CertificateFacts& facts) const = 0;
};

class ServerVerifier final : public Verifier {
 public:
  ServerVerifier(identity::NodeIdentity server, const PinSet* pins)
      : server_(std::move(server)), pins_(pins) {}

 private:
  absl::Status Judge(const identity::CertificateFacts& facts) const override {
    const identity::NodeIdentity& who = facts.identity;
    if (who.role != server_.role || (!server_.name.empty() && who.name != server_.name)) {
      return absl::UnauthenticatedError(absl::StrCat("expected ", RoleWord(server_.role), " ",
                                                     server_.name, " there, but it is ",
                                                     RoleWord(who.role), " ", who.name));
    }
    if (pins_ != nullptr && !pins_->Find(facts.pin).has_value()) {
      return absl::UnauthenticatedError(
          absl::StrCat("the key of ", RoleWord(who.role), " ", who.name, " is not valid"));
    }
    return absl::OkStatus();
  }

  const identity::NodeIdentity server_;
  const PinSet* const pins_;
};

class CallerVerifier final : public Verifier {
 public:
  CallerVerifier(const PinSet& pins, Handshake handshake) : pins_(pins), handshake_(handshake) {}

 private:
  absl::Status Judge(const identity::CertificateFacts& facts) const override {
    if (handshake_ == Handshake::kOurCa) return absl::OkStatus();
    return CheckPin(facts, pins_);
  }

  const PinSet& pins_;
  const Handshake handshake_;
};

int Milliseconds(absl::Duration duration) {
  return static_cast<int>(absl::ToInt64Milliseconds(duration));
}

grpc::ChannelArguments ArgumentsFor(const identity::NodeIdentity& server) {
  grpc::ChannelArguments arguments;
  // Channels share no connection, since each may act for another node in this process.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetMaxReceiveMessageSize(static_cast<int>(limits::kRpcMessageBytesMax));
  arguments.SetMaxSendMessageSize(static_cast<int>(limits::kRpcMessageBytesMax));
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, Milliseconds(limits::kRpcKeepalive));
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, Milliseconds(limits::kRpcKeepaliveTimeout));
  arguments.SetInt(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);  // 0: no limit on idle pings.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, Milliseconds(limits::kRpcReconnectFirst));
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, Milliseconds(limits::kRpcReconnectMax));
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, Milliseconds(limits::kRpcConnectTimeout));
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  // Connects to all addresses of a name at once, TLS included, and uses those that answer.
  // pick_first tries them in turn, so each dead address would cost kRpcConnectTimeout at a connect.
  arguments.SetLoadBalancingPolicyName("round_robin");
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);  // The caller decides what may be repeated.
  // The name to ask for in the handshake (SNI). If any name will do, the role is the best guess.
  const std::string name = server.name.empty() ? std::string(RoleWord(server.role)) : server.name;
  arguments.SetSslTargetNameOverride(identity::TlsName({server.role, name}));
  return arguments;
}

// Reports unusable files at the start. gRPC would only log the error and refuse all handshakes.
absl::Status CheckFiles(const TlsFiles& files) {
  CVG_ASSIGN_OR_RETURN(const std::string ca, identity::ReadFileToString(files.ca));
  CVG_ASSIGN_OR_RETURN(const std::string chain,
                       identity::ReadFileToString(files.certificate_chain));
  CVG_ASSIGN_OR_RETURN(const std::string key_pem, identity::ReadFileToString(files.key));
  CVG_RETURN_IF_ERROR(identity::ReadCertificate(chain).status());
  CVG_RETURN_IF_ERROR(identity::FingerprintOfPem(ca).status());
  return identity::PrivateKey::FromPem(key_pem).status();
}

}  // namespace

absl::StatusOr<ServerCredentials> MakeServerCredentials(const TlsFiles& files,
                                                        const CallPolicy& policy,
                                                        const PinSet& pins, Handshake handshake) {
  CVG_RETURN_IF_ERROR(CheckFiles(files));
  grpc::experimental::TlsServerCredentialsOptions options(WatcherOf(files));
  options.watch_root_certs();
  options.watch_identity_key_cert_pairs();
  options.set_cert_request_type(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  options.set_certificate_verifier(
      grpc::experimental::ExternalCertificateVerifier::Create<CallerVerifier>(pins, handshake));
  options.set_check_call_host(false);
  return ServerCredentials{grpc::experimental::TlsServerCredentials(options), &policy, &pins};
}

std::shared_ptr<grpc::Channel> MakeChannel(const std::string& address, const TlsFiles& files,
                                           const identity::NodeIdentity& server,
                                           const PinSet* pins) {
  KeepCallbackThreads();
  grpc::experimental::TlsChannelCredentialsOptions options;
  options.set_certificate_provider(WatcherOf(files));
  options.watch_root_certs();
  options.watch_identity_key_cert_pairs();
  options.set_verify_server_certs(true);
  options.set_certificate_verifier(
      grpc::experimental::ExternalCertificateVerifier::Create<ServerVerifier>(server, pins));
  options.set_check_call_host(false);  // ServerVerifier checks role and name for the connection.
  return grpc::CreateCustomChannel(address, grpc::experimental::TlsCredentials(options),
                                   ArgumentsFor(server));
}

}  // namespace convergia::rpc
