#include "common/node/enrolment/node_files.h"

#include <errno.h>
#include <glog/logging.h>
#include <openssl/sha.h>
#include <openssl/x509.h>
#include <sys/stat.h>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/base/status_macros.h"
#include "common/identity/files.h"

namespace convergia::node {
namespace {

identity::Pin PinOfKey(const identity::PrivateKey& key) {
  unsigned char* der = nullptr;
  const int bytes = i2d_PUBKEY(key.native(), &der);
  CHECK_GT(bytes, 0) << "a key that OpenSSL read has no public half";
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(der, static_cast<size_t>(bytes), digest);
  OPENSSL_free(der);
  return absl::BytesToHexString(
      absl::string_view(reinterpret_cast<const char*>(digest), sizeof(digest)));
}

}  // namespace

std::string NodeFiles::PathOf(absl::string_view file) const {
  return absl::StrCat(dir_, "/", file);
}

absl::Status NodeFiles::MakeDir() const {
  if (mkdir(dir_.c_str(), 0700) == 0 || errno == EEXIST) return absl::OkStatus();
  return absl::ErrnoToStatus(errno, absl::StrCat("cannot make the folder ", dir_));
}

absl::StatusOr<Epoch> NodeFiles::NextEpoch() const {
  Epoch last = 0;
  const absl::StatusOr<std::string> text = identity::ReadFileToString(PathOf("epoch"));
  if (text.ok()) {
    if (!absl::SimpleAtoi(absl::StripAsciiWhitespace(*text), &last)) {
      return absl::DataLossError(absl::StrCat(
          PathOf("epoch"), " holds no number; write one into it that is above all starts before"));
    }
  } else if (!absl::IsNotFound(text.status())) {
    return text.status();
  }
  CVG_RETURN_IF_ERROR(identity::WriteFileAtomically(PathOf("epoch"), absl::StrCat(last + 1, "\n"),
                                                    identity::kPublicFileMode));
  return last + 1;
}

absl::StatusOr<identity::PrivateKey> NodeFiles::LoadOrMakeKey() const {
  const absl::StatusOr<std::string> pem = identity::ReadFileToString(PathOf("node.key"));
  if (pem.ok()) return identity::PrivateKey::FromPem(*pem);
  if (!absl::IsNotFound(pem.status())) return pem.status();
  identity::PrivateKey key = identity::PrivateKey::Generate(identity::KeyKind::kP256);
  CVG_RETURN_IF_ERROR(
      identity::WriteFileAtomically(PathOf("node.key"), key.ToPem(), identity::kSecretFileMode));
  return key;
}

absl::StatusOr<identity::CertificateFacts> NodeFiles::LoadCertificate(
    const identity::NodeIdentity& identity) const {
  CVG_ASSIGN_OR_RETURN(const std::string chain, identity::ReadFileToString(PathOf("node.pem")));
  CVG_RETURN_IF_ERROR(identity::ReadFileToString(PathOf("ca.pem")).status());
  CVG_RETURN_IF_ERROR(identity::ReadFileToString(PathOf("node.key")).status());
  CVG_ASSIGN_OR_RETURN(identity::CertificateFacts facts, identity::ReadCertificate(chain));
  if (facts.identity != identity) {
    return absl::InvalidArgumentError(
        absl::StrCat(dir_, " belongs to ", RoleWord(facts.identity.role), " ", facts.identity.name,
                     ", but the configuration says ", RoleWord(identity.role), " ", identity.name));
  }
  return facts;
}

absl::StatusOr<identity::CertificateFacts> NodeFiles::SaveCertificate(
    const std::string& chain_pem, const identity::NodeIdentity& identity, absl::Time now) const {
  CVG_ASSIGN_OR_RETURN(const std::string ca, identity::ReadFileToString(PathOf("ca.pem")));
  CVG_ASSIGN_OR_RETURN(const identity::PrivateKey key, LoadOrMakeKey());
  CVG_ASSIGN_OR_RETURN(identity::CertificateFacts facts, identity::VerifyChain(chain_pem, ca, now));
  if (facts.identity != identity) {
    return absl::InvalidArgumentError(
        absl::StrCat("mgmt made a certificate for ", RoleWord(facts.identity.role), " ",
                     facts.identity.name, ", which is not this node"));
  }
  if (PinOfKey(key) != facts.pin) {
    return absl::InvalidArgumentError("mgmt made a certificate for another key than this node's");
  }
  CVG_RETURN_IF_ERROR(
      identity::WriteFileAtomically(PathOf("node.pem"), chain_pem, identity::kPublicFileMode));
  return facts;
}

absl::Status NodeFiles::SaveMgmtAddresses(const std::vector<std::string>& addresses) const {
  return identity::WriteFileAtomically(PathOf("mgmt"), absl::StrJoin(addresses, "\n"),
                                       identity::kPublicFileMode);
}

std::vector<std::string> NodeFiles::LoadMgmtAddresses() const {
  const absl::StatusOr<std::string> text = identity::ReadFileToString(PathOf("mgmt"));
  if (!text.ok()) return {};
  return absl::StrSplit(*text, '\n', absl::SkipEmpty());
}

absl::Status NodeFiles::SaveCa(const std::string& ca_pem) const {
  return identity::WriteFileAtomically(PathOf("ca.pem"), ca_pem, identity::kPublicFileMode);
}

}  // namespace convergia::node
