#include "mgmt/own_certificate.h"

#include <string>

#include "common/base/status_macros.h"
#include "common/identity/certificate.h"
#include "common/identity/files.h"
#include "common/identity/key.h"

namespace convergia::mgmt {
namespace {

using identity::KeyKind;
using identity::PrivateKey;

absl::StatusOr<PrivateKey> LoadOrMakeKey(const std::string& path) {
  const absl::StatusOr<std::string> pem = identity::ReadFileToString(path);
  if (pem.ok()) return PrivateKey::FromPem(*pem);
  if (!absl::IsNotFound(pem.status())) return pem.status();
  PrivateKey key = PrivateKey::Generate(KeyKind::kP256);
  CVG_RETURN_IF_ERROR(identity::WriteFileAtomically(path, key.ToPem(), identity::kSecretFileMode));
  return key;
}

bool IsGoodForLong(const absl::StatusOr<std::string>& chain_pem, absl::Time now) {
  if (!chain_pem.ok()) return false;
  const auto facts = identity::ReadCertificate(*chain_pem);
  return facts.ok() && facts->not_after - now > kOwnCertificateLifetime / 2;
}

}  // namespace

absl::StatusOr<NodeId> EnsureOwnCertificate(const Paths& paths,
                                            const identity::CertificateAuthority& ca,
                                            NodeRegistry& registry, absl::Time now) {
  CVG_ASSIGN_OR_RETURN(const PrivateKey key, LoadOrMakeKey(paths.key_pem));
  absl::StatusOr<std::string> chain = identity::ReadFileToString(paths.chain_pem);
  if (!IsGoodForLong(chain, now)) {
    const identity::NodeIdentity self = {Role::kMgmt, kOwnName};
    chain = ca.Issue(identity::MakeCsr(key, self), self, kOwnCertificateLifetime);
    CVG_RETURN_IF_ERROR(chain.status());
    CVG_RETURN_IF_ERROR(
        identity::WriteFileAtomically(paths.chain_pem, *chain, identity::kPublicFileMode));
  }
  return registry.AddSelf(kOwnName, *chain, now);
}

}  // namespace convergia::mgmt
