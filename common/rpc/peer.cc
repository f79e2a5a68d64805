#include "common/rpc/peer.h"

#include <grpc/grpc_security_constants.h>

#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"

namespace convergia::rpc {
namespace {

// Parsing a certificate costs some 50 µs and each call needs it; looking up its text costs less
// than one.
class CertificateCache {
 public:
  using Facts = std::shared_ptr<const identity::CertificateFacts>;

  Facts Find(absl::string_view pem) ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    const auto found = facts_.find(pem);
    return found == facts_.end() ? nullptr : found->second;
  }

  void Keep(absl::string_view pem, Facts facts) ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    // Only certificates that our CA signed get here, so this is a bound and not a policy.
    if (facts_.size() >= limits::kCertificatesKept) facts_.clear();
    facts_.emplace(pem, std::move(facts));
  }

 private:
  absl::Mutex mu_;
  absl::flat_hash_map<std::string, Facts> facts_ ABSL_GUARDED_BY(mu_);
};

CertificateCache& Cache() {
  static CertificateCache* const cache = new CertificateCache;
  return *cache;
}

}  // namespace

absl::StatusOr<std::shared_ptr<const identity::CertificateFacts>> FactsOfPem(
    absl::string_view pem) {
  if (auto known = Cache().Find(pem)) return known;
  CVG_ASSIGN_OR_RETURN(identity::CertificateFacts facts, identity::ReadCertificate(pem));
  auto kept = std::make_shared<const identity::CertificateFacts>(std::move(facts));
  Cache().Keep(pem, kept);
  return kept;
}

std::string PeerPem(const grpc::AuthContext& auth) {
  const std::vector<grpc::string_ref> pems =
      auth.FindPropertyValues(GRPC_X509_PEM_CERT_PROPERTY_NAME);
  if (pems.size() != 1) return "";
  return std::string(pems[0].data(), pems[0].size());
}

absl::StatusOr<Peer> PeerOf(const grpc::ServerContextBase& context) {
  const std::shared_ptr<const grpc::AuthContext> auth = context.auth_context();
  const std::string pem = auth == nullptr ? "" : PeerPem(*auth);
  if (pem.empty()) {
    return absl::UnauthenticatedError("this call needs the certificate of a node or an operator");
  }
  CVG_ASSIGN_OR_RETURN(const auto facts, FactsOfPem(pem));
  return Peer{facts->identity.role, facts->identity.name, facts->pin, 0};
}

absl::StatusOr<Peer> PeerOf(const grpc::ServerContextBase& context, const PinSet& pins) {
  CVG_ASSIGN_OR_RETURN(Peer peer, PeerOf(context));
  const std::optional<PinEntry> entry = pins.Find(peer.pin);
  if (!entry.has_value() || entry->role != peer.role || entry->name != peer.name) {
    return absl::UnauthenticatedError("the certificate of this caller is revoked");
  }
  peer.node = entry->node;
  return peer;
}

}  // namespace convergia::rpc
