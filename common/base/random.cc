#include "common/base/random.h"

#include <glog/logging.h>
#include <openssl/rand.h>

#include "absl/strings/escaping.h"

namespace convergia {

std::string SecureRandomBytes(size_t count) {
  std::string bytes(count, '\0');
  CHECK_EQ(RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(count)), 1)
      << "the CSPRNG has no entropy";
  return bytes;
}

std::string SecureRandomHex(size_t bytes) {
  return absl::BytesToHexString(SecureRandomBytes(bytes));
}

uint64_t RandomSeed() {
  uint64_t seed = 0;
  for (const unsigned char byte : SecureRandomBytes(sizeof(seed))) seed = seed << 8 | byte;
  return seed;
}

}  // namespace convergia
