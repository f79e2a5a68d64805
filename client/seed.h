#pragma once

#include <cstdint>

namespace convergia::client {

// For Backoff: clients that start together do not retry together.
uint64_t RandomSeed();

}  // namespace convergia::client
