#include "common/identity/join_token.h"

#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/fail.h"

namespace convergia::identity {
namespace {

constexpr absl::string_view kPrefix = "cvj1.";
constexpr size_t kFingerprintBytes = 32;
constexpr size_t kSecretBytesMax = 64;

}  // namespace

// Inside: the fingerprint's 32 bytes, the role's word, a zero byte, the secret.
std::string EncodeJoinToken(const JoinToken& token) {
  const std::string bytes =
      absl::StrCat(absl::HexStringToBytes(token.ca_fingerprint), RoleWord(token.role),
                   absl::string_view("\0", 1), token.secret);
  return absl::StrCat(kPrefix, absl::WebSafeBase64Escape(bytes));
}

absl::StatusOr<JoinToken> DecodeJoinToken(absl::string_view text) {
  const absl::Status bad = Fail(FailCode::kBadField,
                                "this is no join token; ask an operator to make one at the "
                                "management server, and copy the whole line");
  text = absl::StripAsciiWhitespace(text);
  std::string bytes;
  if (!absl::StartsWith(text, kPrefix) ||
      !absl::WebSafeBase64Unescape(text.substr(kPrefix.size()), &bytes) ||
      bytes.size() <= kFingerprintBytes) {
    return bad;
  }
  const absl::string_view rest = absl::string_view(bytes).substr(kFingerprintBytes);
  const size_t zero = rest.find('\0');
  if (zero == absl::string_view::npos) return bad;
  const std::optional<Role> role = RoleFromWord(rest.substr(0, zero));
  const absl::string_view secret = rest.substr(zero + 1);
  if (!role || secret.empty() || secret.size() > kSecretBytesMax) return bad;
  return JoinToken{.secret = std::string(secret),
                   .role = *role,
                   .ca_fingerprint = absl::BytesToHexString(
                       absl::string_view(bytes).substr(0, kFingerprintBytes))};
}

}  // namespace convergia::identity
