#include "client/seed.h"

#include "common/base/random.h"

namespace convergia::client {

uint64_t RandomSeed() {
  uint64_t seed = 0;
  for (const unsigned char byte : SecureRandomBytes(sizeof(seed))) seed = seed << 8 | byte;
  return seed;
}

}  // namespace convergia::client
