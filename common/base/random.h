#pragma once

#include <cstdint>
#include <random>
#include <string>

namespace convergia {

// `count` bytes nobody can guess, from OpenSSL's CSPRNG. Dies if it has none to give. Thread-safe.
std::string SecureRandomBytes(size_t count);

// The same as lower-case hexadecimal, two characters a byte.
std::string SecureRandomHex(size_t bytes);

// For Backoff: those who start together do not retry together. Thread-safe.
uint64_t RandomSeed();

// Repeatable numbers for cores and tests: not for secrets. Not thread-safe.
using Rng = std::mt19937_64;

}  // namespace convergia
