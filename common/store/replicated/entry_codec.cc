#include "common/store/replicated/entry_codec.h"

#include <glog/logging.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include <memory>

#include "absl/strings/str_cat.h"
#include "common/store/big_endian.h"

namespace convergia::store {
namespace {

constexpr uint8_t kVersion = 1;
constexpr size_t kKeyBytes = 32;
constexpr size_t kNonceBytes = 12;
constexpr size_t kTagBytes = 16;
constexpr size_t kHeaderBytes = 1 + 8 + 8 + kLogHashBytes + EntryCodec::kSaltBytes;
constexpr size_t kSecretBytesMin = 16;

struct Free {
  void operator()(EVP_KDF_CTX* context) const { EVP_KDF_CTX_free(context); }
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using KdfPtr = std::unique_ptr<EVP_KDF_CTX, Free>;
using CipherPtr = std::unique_ptr<EVP_CIPHER_CTX, Free>;

const unsigned char* Bytes(absl::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* Bytes(char* text) { return reinterpret_cast<unsigned char*>(text); }

// Cleansed when it goes.
struct KeyAndNonce {
  unsigned char bytes[kKeyBytes + kNonceBytes];
  ~KeyAndNonce() { OPENSSL_cleanse(bytes, sizeof(bytes)); }
  const unsigned char* key() const { return bytes; }
  const unsigned char* nonce() const { return bytes + kKeyBytes; }
};

OSSL_PARAM OctetParam(const char* name, absl::string_view octets) {
  return OSSL_PARAM_construct_octet_string(name, const_cast<char*>(octets.data()), octets.size());
}

void Derive(absl::string_view secret, absl::string_view salt, absl::string_view info,
            KeyAndNonce* out) {
  // Fetched once: a look-up of an algorithm costs more than its use.
  static EVP_KDF* const kHkdf = EVP_KDF_fetch(nullptr, "HKDF", nullptr);
  const KdfPtr context(EVP_KDF_CTX_new(kHkdf));
  char digest[] = "SHA256";
  const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
                               OctetParam(OSSL_KDF_PARAM_KEY, secret),
                               OctetParam(OSSL_KDF_PARAM_SALT, salt),
                               OctetParam(OSSL_KDF_PARAM_INFO, info), OSSL_PARAM_construct_end()};
  CHECK_EQ(EVP_KDF_derive(context.get(), out->bytes, sizeof(out->bytes), params), 1);
}

std::string Info(absl::string_view log_id) {
  return absl::StrCat("convergia log entry 1 ", log_id);
}

absl::Status NotOurs(absl::string_view what) {
  return absl::DataLossError(absl::StrCat(
      "an entry of the log ", what,
      "; it was written with another secret or for another log, or it was changed on the way"));
}

}  // namespace

EntryCodec::EntryCodec(absl::string_view secret, absl::string_view log_id)
    : secret_(secret), log_id_(log_id) {
  CHECK_GE(secret.size(), kSecretBytesMin);
  CHECK_EQ(log_id.size(), kLogIdBytes);
}

std::string EntryCodec::Seal(const Entry& entry, absl::string_view salt) const {
  CHECK_EQ(entry.previous.size(), kLogHashBytes);
  CHECK_EQ(salt.size(), kSaltBytes);
  std::string sealed;
  sealed.reserve(kHeaderBytes + entry.changes.size() + kTagBytes);
  AppendInteger<uint8_t>(kVersion, &sealed);
  AppendInteger<uint64_t>(entry.epoch, &sealed);
  AppendInteger<uint64_t>(entry.sequence, &sealed);
  absl::StrAppend(&sealed, entry.previous, salt);
  sealed.resize(kHeaderBytes + entry.changes.size() + kTagBytes);

  KeyAndNonce keys;
  Derive(secret_, salt, Info(log_id_), &keys);
  const CipherPtr context(EVP_CIPHER_CTX_new());
  int size = 0;
  CHECK(EVP_EncryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, keys.key(), keys.nonce()));
  CHECK(EVP_EncryptUpdate(context.get(), nullptr, &size, Bytes(log_id_), kLogIdBytes));
  CHECK(EVP_EncryptUpdate(context.get(), nullptr, &size, Bytes(sealed), kHeaderBytes));
  char* const body = sealed.data() + kHeaderBytes;
  CHECK(EVP_EncryptUpdate(context.get(), Bytes(body), &size, Bytes(entry.changes),
                          static_cast<int>(entry.changes.size())));
  CHECK(EVP_EncryptFinal_ex(context.get(), Bytes(body) + size, &size));
  CHECK(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, kTagBytes,
                            body + entry.changes.size()));
  return sealed;
}

absl::StatusOr<Entry> EntryCodec::Open(absl::string_view bytes) const {
  if (bytes.size() < kHeaderBytes + kTagBytes) return NotOurs("is too short");
  Entry entry;
  uint8_t version = 0;
  std::string salt;
  absl::string_view rest = bytes;
  CHECK(TakeInteger(&rest, &version) && TakeInteger(&rest, &entry.epoch) &&
        TakeInteger(&rest, &entry.sequence) && TakeBytes(&rest, kLogHashBytes, &entry.previous) &&
        TakeBytes(&rest, kSaltBytes, &salt));
  if (version != kVersion) return NotOurs("is of another version");
  const absl::string_view body = rest.substr(0, rest.size() - kTagBytes);
  std::string tag(rest.substr(body.size()));
  entry.changes.resize(body.size());

  KeyAndNonce keys;
  Derive(secret_, salt, Info(log_id_), &keys);
  const CipherPtr context(EVP_CIPHER_CTX_new());
  int size = 0;
  CHECK(EVP_DecryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, keys.key(), keys.nonce()));
  CHECK(EVP_DecryptUpdate(context.get(), nullptr, &size, Bytes(log_id_), kLogIdBytes));
  CHECK(EVP_DecryptUpdate(context.get(), nullptr, &size, Bytes(bytes), kHeaderBytes));
  CHECK(EVP_DecryptUpdate(context.get(), Bytes(entry.changes.data()), &size, Bytes(body),
                          static_cast<int>(body.size())));
  CHECK(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, kTagBytes, tag.data()));
  unsigned char none[16];
  const bool is_ours = EVP_DecryptFinal_ex(context.get(), none, &size) == 1;
  ERR_clear_error();  // Errors left in the queue would confuse the next TLS call.
  if (!is_ours) return NotOurs("does not open");
  return entry;
}

std::string EntryCodec::HashOf(absl::string_view bytes) {
  std::string hash(kLogHashBytes, '\0');
  CHECK(EVP_Digest(bytes.data(), bytes.size(), Bytes(hash.data()), nullptr, EVP_sha256(), nullptr));
  return hash;
}

}  // namespace convergia::store
