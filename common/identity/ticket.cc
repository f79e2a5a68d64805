#include "common/identity/ticket.h"

#include <glog/logging.h>
#include <openssl/pem.h>

#include <optional>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/fail.h"
#include "common/base/random.h"
#include "common/base/status_macros.h"
#include "common/identity/openssl_ptr.h"

namespace convergia::identity {
namespace {

constexpr absl::string_view kPrefix = "cvt2.";
constexpr absl::string_view kOldPrefix = "cvt1.";
constexpr size_t kTextBytesMax = 300;
constexpr size_t kIdBytes = 8;
constexpr size_t kNumberBytes = 8;
constexpr size_t kNumbers = 4;
constexpr size_t kFixedBytes = kNumbers * kNumberBytes + kIdBytes;  // Before the name.

void AppendNumber(uint64_t number, std::string* out) {
  for (int shift = 56; shift >= 0; shift -= 8) out->push_back(static_cast<char>(number >> shift));
}

uint64_t NumberAt(absl::string_view bytes, size_t index) {
  uint64_t number = 0;
  for (const char c : bytes.substr(index * kNumberBytes, kNumberBytes)) {
    number = number << 8 | static_cast<unsigned char>(c);
  }
  return number;
}

absl::Time MillisAt(absl::string_view bytes, size_t index) {
  return absl::FromUnixMillis(static_cast<int64_t>(NumberAt(bytes, index)));
}

absl::Status NotOurs() {
  return Fail(FailCode::kSignInFailed, "this ticket is not valid; sign in with your password");
}

// The bytes `text` stands for, if it is the one way to write them.
std::optional<std::string> Decode(absl::string_view text) {
  std::string bytes;
  if (!absl::WebSafeBase64Unescape(text, &bytes)) return std::nullopt;
  if (absl::WebSafeBase64Escape(bytes) != text) return std::nullopt;
  return bytes;
}

absl::StatusOr<Ticket> DecodePayload(absl::string_view text) {
  const std::optional<std::string> bytes = Decode(text);
  if (!bytes || bytes->size() <= kFixedBytes) return NotOurs();
  const absl::string_view view = *bytes;
  const absl::StatusOr<Username> user = Username::Parse(view.substr(kFixedBytes));
  if (!user.ok() || user->str() != view.substr(kFixedBytes)) return NotOurs();
  return Ticket{.account = NumberAt(view, 0),
                .user = *user,
                .generation = NumberAt(view, 1),
                .issued = MillisAt(view, 2),
                .expires = MillisAt(view, 3),
                .id = absl::BytesToHexString(view.substr(kNumbers * kNumberBytes, kIdBytes))};
}

bool SignatureIsOf(EVP_PKEY* key, absl::string_view signature, absl::string_view bytes) {
  const MdCtxPtr context(EVP_MD_CTX_new());
  return EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key) == 1 &&
         EVP_DigestVerify(context.get(), reinterpret_cast<const unsigned char*>(signature.data()),
                          signature.size(), reinterpret_cast<const unsigned char*>(bytes.data()),
                          bytes.size()) == 1;
}

}  // namespace

class TicketVerifier::PublicKeys {
 public:
  static absl::StatusOr<std::shared_ptr<const PublicKeys>> Read(
      const std::vector<std::string>& pems) {
    const ErrorQueueGuard guard;
    auto keys = std::make_shared<PublicKeys>();
    for (const std::string& pem : pems) {
      const BioPtr bio = ReadingBio(pem);
      KeyPtr key(PEM_read_bio_PUBKEY(bio.get(), nullptr, NoPassphrase, nullptr));
      if (key == nullptr || !EVP_PKEY_is_a(key.get(), "ED25519")) {
        return absl::InvalidArgumentError("this is no Ed25519 public key in PEM");
      }
      keys->keys_.push_back(std::move(key));
    }
    return keys;
  }

  bool Signed(absl::string_view bytes, absl::string_view signature) const {
    for (const KeyPtr& key : keys_) {
      if (SignatureIsOf(key.get(), signature, bytes)) return true;
    }
    return false;
  }

 private:
  std::vector<KeyPtr> keys_;
};

std::string MakeTicketId() { return SecureRandomHex(kIdBytes); }

std::string SignTicket(const Ticket& ticket, const PrivateKey& key) {
  const std::string id = absl::HexStringToBytes(ticket.id);
  CHECK(ticket.id.size() == 2 * kIdBytes && absl::BytesToHexString(id) == ticket.id)
      << "a ticket's id is " << 2 * kIdBytes << " lower-case hexadecimal digits";
  std::string payload;
  AppendNumber(ticket.account, &payload);
  AppendNumber(ticket.generation, &payload);
  AppendNumber(static_cast<uint64_t>(absl::ToUnixMillis(ticket.issued)), &payload);
  AppendNumber(static_cast<uint64_t>(absl::ToUnixMillis(ticket.expires)), &payload);
  absl::StrAppend(&payload, id, ticket.user.str());
  const std::string body = absl::StrCat(kPrefix, absl::WebSafeBase64Escape(payload));
  return absl::StrCat(body, ".", absl::WebSafeBase64Escape(key.Sign(body)));
}

bool LooksLikeTicket(absl::string_view secret) {
  return absl::StartsWith(secret, kPrefix) || absl::StartsWith(secret, kOldPrefix);
}

TicketVerifier::TicketVerifier() : keys_(std::make_shared<PublicKeys>()) {}
TicketVerifier::~TicketVerifier() = default;

absl::Status TicketVerifier::ReplaceKeys(const std::vector<std::string>& public_key_pems) {
  CVG_ASSIGN_OR_RETURN(std::shared_ptr<const PublicKeys> keys, PublicKeys::Read(public_key_pems));
  absl::MutexLock lock(&mu_);
  keys_.swap(keys);
  return absl::OkStatus();
}

absl::StatusOr<Ticket> TicketVerifier::Verify(absl::string_view text, absl::Time now) const {
  const ErrorQueueGuard guard;
  if (!absl::StartsWith(text, kPrefix) || text.size() > kTextBytesMax) return NotOurs();
  const size_t dot = text.rfind('.');
  if (dot < kPrefix.size()) return NotOurs();
  const std::optional<std::string> signature = Decode(text.substr(dot + 1));
  CVG_ASSIGN_OR_RETURN(Ticket ticket,
                       DecodePayload(text.substr(kPrefix.size(), dot - kPrefix.size())));
  if (now >= ticket.expires) {
    return Fail(FailCode::kExpired, "this ticket is too old; sign in with your password");
  }
  std::shared_ptr<const PublicKeys> keys;
  {
    absl::MutexLock lock(&mu_);
    keys = keys_;
  }
  if (!signature || !keys->Signed(text.substr(0, dot), *signature)) return NotOurs();
  return ticket;
}

}  // namespace convergia::identity
