#include "mgmt/init.h"

#include <filesystem>
#include <memory>
#include <string>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/identity/certificate.h"
#include "common/identity/certificate_authority.h"
#include "common/identity/files.h"
#include "common/identity/key.h"
#include "common/store/rocks/rocks_store.h"
#include "mgmt/accounts/ticket_issuer.h"
#include "mgmt/config.h"
#include "mgmt/members/node_registry.h"
#include "mgmt/own_certificate.h"

namespace convergia::mgmt {
namespace {

using identity::CertificateAuthority;
using identity::KeyKind;
using identity::PrivateKey;
using identity::WriteFileAtomically;

constexpr absl::string_view kFirstOperator = "operator";

absl::Status MakeDir(const std::string& dir) {
  std::error_code error;
  std::filesystem::create_directories(dir, error);
  if (!error) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat("cannot make ", dir, ": ", error.message()));
}

absl::Status CheckFresh(const v1::MgmtConfig& config, const Paths& paths) {
  std::error_code ignored;
  if (std::filesystem::exists(paths.ca_pem, ignored)) {
    return absl::AlreadyExistsError(
        absl::StrCat(config.dir(), " holds a cluster already; to start it leave --init away"));
  }
  if (std::filesystem::exists(paths.ca_key, ignored) ||
      std::filesystem::exists(paths.store, ignored)) {
    return absl::FailedPreconditionError(absl::StrCat(
        "an earlier --init in ", config.dir(), " was broken off; remove that folder and repeat"));
  }
  return absl::OkStatus();
}

absl::Status MakeOperator(const Paths& paths, NodeRegistry& registry, absl::Time now) {
  const PrivateKey key = PrivateKey::Generate(KeyKind::kP256);
  CVG_ASSIGN_OR_RETURN(
      const std::string chain,
      registry.AddOperator(kFirstOperator,
                           identity::MakeCsr(key, {Role::kOperator, std::string(kFirstOperator)}),
                           now));
  CVG_RETURN_IF_ERROR(
      WriteFileAtomically(paths.operator_key, key.ToPem(), identity::kSecretFileMode));
  return WriteFileAtomically(paths.operator_pem, chain, identity::kPublicFileMode);
}

}  // namespace

absl::Status InitCluster(const v1::MgmtConfig& config, const Clock& clock) {
  const Paths paths(config);
  CVG_RETURN_IF_ERROR(CheckFresh(config, paths));
  CVG_RETURN_IF_ERROR(MakeDir(config.dir()));
  const CertificateAuthority ca = CertificateAuthority::Create(clock);
  CVG_RETURN_IF_ERROR(WriteFileAtomically(paths.ca_key, ca.key_pem(), identity::kSecretFileMode));
  CVG_ASSIGN_OR_RETURN(const auto store, store::RocksStore::Open({.dir = paths.store}));
  CVG_ASSIGN_OR_RETURN(const auto registry, NodeRegistry::Create(*store, ca));
  CVG_RETURN_IF_ERROR(EnsureOwnCertificate(paths, ca, *registry, clock.Now()).status());
  CVG_RETURN_IF_ERROR(MakeOperator(paths, *registry, clock.Now()));
  CVG_RETURN_IF_ERROR(TicketIssuer::Create(*store).status());
  store->Stop();
  return WriteFileAtomically(paths.ca_pem, ca.certificate_pem(), identity::kPublicFileMode);
}

}  // namespace convergia::mgmt
