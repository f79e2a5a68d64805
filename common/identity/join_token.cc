#include "common/identity/join_token.h"

#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/base/fail.h"
#include "common/base/net/host_port.h"

namespace convergia::identity {
namespace {

constexpr absl::string_view kPrefix = "cvj2.";
constexpr size_t kFingerprintBytes = 32;
constexpr size_t kSecretBytesMax = 64;

bool AreAddresses(const std::vector<std::string>& addresses) {
  if (addresses.empty() || addresses.size() > kJoinTokenAddressesMax) return false;
  for (const std::string& address : addresses) {
    if (!HostPort::Parse(address).ok()) return false;
  }
  return true;
}

}  // namespace

// Inside: the fingerprint's 32 bytes, the role's word, a zero byte, one byte with the length of the
// secret, the secret, the addresses with commas between them.
std::string EncodeJoinToken(const JoinToken& token) {
  const char secret_bytes = static_cast<char>(token.secret.size());
  const std::string bytes =
      absl::StrCat(absl::HexStringToBytes(token.ca_fingerprint), RoleWord(token.role),
                   absl::string_view("\0", 1), absl::string_view(&secret_bytes, 1), token.secret,
                   absl::StrJoin(token.addresses, ","));
  return absl::StrCat(kPrefix, absl::WebSafeBase64Escape(bytes));
}

absl::StatusOr<JoinToken> DecodeJoinToken(absl::string_view text) {
  const absl::Status bad = Fail(FailCode::kBadField,
                                "this is no join token; ask an operator to make one at the "
                                "management server, and copy the whole line");
  text = absl::StripAsciiWhitespace(text);
  std::string bytes;
  if (text.size() > kJoinTokenBytesMax || !absl::StartsWith(text, kPrefix) ||
      !absl::WebSafeBase64Unescape(text.substr(kPrefix.size()), &bytes) ||
      bytes.size() <= kFingerprintBytes) {
    return bad;
  }
  const absl::string_view rest = absl::string_view(bytes).substr(kFingerprintBytes);
  const size_t zero = rest.find('\0');
  if (zero == absl::string_view::npos || zero + 1 >= rest.size()) return bad;
  const std::optional<Role> role = RoleFromWord(rest.substr(0, zero));
  const size_t secret_bytes = static_cast<unsigned char>(rest[zero + 1]);
  const absl::string_view tail = rest.substr(zero + 2);
  if (!role || secret_bytes == 0 || secret_bytes > kSecretBytesMax || tail.size() <= secret_bytes) {
    return bad;
  }
  JoinToken token = {.secret = std::string(tail.substr(0, secret_bytes)),
                     .role = *role,
                     .ca_fingerprint = absl::BytesToHexString(
                         absl::string_view(bytes).substr(0, kFingerprintBytes)),
                     .addresses = absl::StrSplit(tail.substr(secret_bytes), ',')};
  if (!AreAddresses(token.addresses)) return bad;
  return token;
}

}  // namespace convergia::identity
