#pragma once

#include <cstdint>
#include <random>
#include <string>

namespace convergia {

// `count` unpredictable bytes from OpenSSL's CSPRNG. Dies if the CSPRNG fails. Thread-safe.
std::string SecureRandomBytes(size_t count);

// The same as lower-case hexadecimal, two characters a byte.
std::string SecureRandomHex(size_t bytes);

// A seed for Backoff, so that nodes that start together do not retry together. Thread-safe.
uint64_t RandomSeed();

// Repeatable numbers for cores and tests; not for secrets. Not thread-safe.
using Rng = std::mt19937_64;

}  // namespace convergia
