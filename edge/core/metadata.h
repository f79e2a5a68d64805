#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "edge/core/caller.h"

// The operations on the metadata that users publish about themselves. DataCore runs them.
namespace convergia::edge {

struct SetMetadata {
  using Result = Nothing;
  std::string key;
  std::string value;
};

struct GetMetadata {
  using Result = std::string;
  std::string user;
  std::string key;
};

struct MetadataKey {
  std::string key;
  uint64_t bytes = 0;  // Of its value.
};

struct ListMetadata {
  using Result = std::vector<MetadataKey>;
  std::string user;
};

struct DeleteMetadata {
  using Result = Nothing;
  std::string key;
};

}  // namespace convergia::edge
