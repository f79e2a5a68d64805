#include "common/base/hash/tree_hash.h"

#include <glog/logging.h>
#include <openssl/evp.h>

#include "absl/strings/escaping.h"

namespace convergia {

struct Sha256Sum::State {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  ~State() { EVP_MD_CTX_free(context); }
};

Sha256Sum::Sha256Sum() : state_(std::make_unique<State>()) {
  CHECK(state_->context != nullptr);
  CHECK(EVP_DigestInit_ex(state_->context, EVP_sha256(), nullptr));
}

Sha256Sum::Sha256Sum(Sha256Sum&&) noexcept = default;
Sha256Sum& Sha256Sum::operator=(Sha256Sum&&) noexcept = default;
Sha256Sum::~Sha256Sum() = default;

void Sha256Sum::Add(absl::string_view bytes) {
  CHECK(EVP_DigestUpdate(state_->context, bytes.data(), bytes.size()));
}

std::string Sha256Sum::Finish() {
  std::string digest(kHashBytes, '\0');
  CHECK(EVP_DigestFinal_ex(state_->context, reinterpret_cast<unsigned char*>(digest.data()),
                           nullptr));
  return digest;
}

std::string LeafHash(absl::string_view leaf) {
  Sha256Sum sum;
  sum.Add(leaf);
  return sum.Finish();
}

TreeHash::TreeHash(uint64_t length) {
  std::string bytes;
  for (int shift = 56; shift >= 0; shift -= 8) {
    bytes.push_back(static_cast<char>(length >> shift & 0xff));
  }
  sum_.Add(bytes);
}

std::string HexTreeHash(absl::string_view content) {
  TreeHash hash(content.size());
  for (size_t at = 0; at < content.size(); at += kHashLeafBytes) {
    hash.AddLeaf(LeafHash(content.substr(at, kHashLeafBytes)));
  }
  return absl::BytesToHexString(hash.Finish());
}

}  // namespace convergia
