#include "common/rpc/auth/peer.h"

#include <grpc/grpc_security_constants.h>

#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/strip.h"
#include "absl/synchronization/mutex.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "common/rpc/auth/guarded_call.h"

namespace convergia::rpc {
namespace {

constexpr size_t kBracketedBytesMax = 64;  // An IPv6 address with an interface's name.

// Each call needs the facts of a certificate. Parsing takes some 50 µs, looking up the text less
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
    // Only certificates that our CA signed get here, so the bound is hardly ever reached. Clearing
    // everything then is simpler than an eviction policy, and costs only some parsing.
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

// Takes one percent-encoded byte ("%5B") from the start of `text`. False if there is none.
bool ConsumePercentByte(absl::string_view* text, char* byte) {
  if (text->size() < 3 || !absl::ascii_isxdigit((*text)[1]) || !absl::ascii_isxdigit((*text)[2])) {
    return false;
  }
  if (!absl::ConsumePrefix(text, "%")) return false;
  *byte = absl::HexStringToBytes(text->substr(0, 2))[0];
  text->remove_prefix(2);
  return true;
}

// Takes an address "[...]" from the start of `text`; the brackets may be percent-encoded. If there
// is none, returns "" and leaves `text` as it is.
std::string ConsumeBracketed(absl::string_view* text) {
  absl::string_view rest = *text;
  std::string address;
  while (!rest.empty() && address.size() < kBracketedBytesMax) {
    char byte = rest.front();
    if (!ConsumePercentByte(&rest, &byte)) rest.remove_prefix(1);
    address.push_back(byte);
    if (address.front() != '[' || absl::ascii_isspace(static_cast<unsigned char>(byte))) return "";
    if (byte != ']') continue;
    *text = rest;
    return address;
  }
  return "";
}

}  // namespace

std::string WithPlainAddresses(absl::string_view text) {
  std::string plain;
  while (!text.empty()) {
    const bool at_word = plain.empty() || !absl::ascii_isalnum(plain.back());
    if (at_word && absl::ConsumePrefix(&text, "ipv6:")) {
      const std::string address = ConsumeBracketed(&text);
      plain.append(address.empty() ? "ipv6:" : address);
    } else if (at_word && absl::StartsWith(text, "ipv4:") && text.size() > 5 &&
               absl::ascii_isdigit(text[5])) {
      text.remove_prefix(5);
    } else {
      plain.push_back(text.front());
      text.remove_prefix(1);
    }
  }
  return plain;
}

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
  CVG_RETURN_IF_ERROR(Admission(context));
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
