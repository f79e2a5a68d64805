#include "mgmt/new_operator.h"

#include <filesystem>
#include <memory>
#include <string>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "common/base/fail.h"
#include "common/base/ids.h"
#include "common/base/status_macros.h"
#include "common/identity/certificate.h"
#include "common/identity/certificate_authority.h"
#include "common/identity/files.h"
#include "common/identity/key.h"
#include "common/store/rocks/rocks_store.h"
#include "mgmt/config.h"
#include "mgmt/members/node_registry.h"

namespace convergia::mgmt {
namespace {

using identity::CertificateAuthority;
using identity::PrivateKey;
using identity::ReadFileToString;
using identity::WriteFileAtomically;

struct OperatorFiles {
  std::string pem, key;
};

absl::StatusOr<OperatorFiles> FilesOf(const v1::MgmtConfig& config, const std::string& name) {
  const Paths paths(config);
  const OperatorFiles files = {absl::StrCat(config.dir(), "/", name, ".pem"),
                               absl::StrCat(config.dir(), "/", name, ".key")};
  if (files.pem != paths.ca_pem && files.pem != paths.chain_pem) return files;
  return Fail(FailCode::kBadField,
              absl::StrCat(files.pem, " is another's; choose another name for the operator"));
}

// A valid certificate is not overwritten: it may be in use.
absl::Status CheckNotGood(const OperatorFiles& files, absl::Time now) {
  const absl::StatusOr<std::string> pem = ReadFileToString(files.pem);
  if (absl::IsNotFound(pem.status())) return absl::OkStatus();
  CVG_RETURN_IF_ERROR(pem.status());
  const auto facts = identity::ReadCertificate(*pem);
  if (!facts.ok() || facts->not_after <= now) return absl::OkStatus();
  return absl::AlreadyExistsError(absl::StrCat(
      files.pem, " is good until ", absl::FormatTime(facts->not_after, absl::UTCTimeZone()),
      "; use it, or remove it first"));
}

absl::StatusOr<CertificateAuthority> LoadAuthority(const Paths& paths, const Clock& clock) {
  const absl::StatusOr<std::string> pem = ReadFileToString(paths.ca_pem);
  if (absl::IsNotFound(pem.status())) {
    return absl::FailedPreconditionError(
        absl::StrCat("there is no ", paths.ca_pem, "; make a cluster with --init"));
  }
  CVG_RETURN_IF_ERROR(pem.status());
  CVG_ASSIGN_OR_RETURN(const std::string key, ReadFileToString(paths.ca_key));
  return CertificateAuthority::Load(*pem, key, clock);
}

absl::StatusOr<std::unique_ptr<store::RocksStore>> OpenStore(const Paths& paths) {
  std::error_code ignored;
  if (!std::filesystem::exists(paths.store, ignored)) {
    return absl::FailedPreconditionError(
        absl::StrCat("there is no ", paths.store, "; is this mgmt's directory?"));
  }
  auto store = store::RocksStore::Open({.dir = paths.store});
  if (store.ok()) return store;
  return absl::FailedPreconditionError(absl::StrCat(
      store.status().message(),
      "; if mgmt runs, stop it first, or ask it: Admin.CreateOperator, Admin.RenewOperator"));
}

}  // namespace

absl::Status NewOperator(const v1::MgmtConfig& config, absl::string_view name_text,
                         const Clock& clock) {
  CVG_ASSIGN_OR_RETURN(const std::string name, ParseNodeName(name_text));
  CVG_ASSIGN_OR_RETURN(const OperatorFiles files, FilesOf(config, name));
  CVG_RETURN_IF_ERROR(CheckNotGood(files, clock.Now()));
  const Paths paths(config);
  CVG_ASSIGN_OR_RETURN(const CertificateAuthority ca, LoadAuthority(paths, clock));
  CVG_ASSIGN_OR_RETURN(const auto store, OpenStore(paths));
  CVG_ASSIGN_OR_RETURN(const auto registry, NodeRegistry::Create(*store, ca));
  const PrivateKey key = PrivateKey::Generate(identity::KeyKind::kP256);
  const identity::NodeIdentity self = {Role::kOperator, name};
  const std::string csr = identity::MakeCsr(key, self);
  const bool known = registry->Find(Role::kOperator, name).has_value();
  const absl::StatusOr<std::string> chain = known ? registry->Renew(self, csr, clock.Now())
                                                  : registry->AddOperator(name, csr, clock.Now());
  store->Stop();
  CVG_RETURN_IF_ERROR(chain.status());
  CVG_RETURN_IF_ERROR(WriteFileAtomically(files.key, key.ToPem(), identity::kSecretFileMode));
  return WriteFileAtomically(files.pem, *chain, identity::kPublicFileMode);
}

}  // namespace convergia::mgmt
