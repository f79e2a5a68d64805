#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/base/limits.h"
#include "edge/core/caller.h"

// The operations on offline messages and their drafts. DataCore runs them.
namespace convergia::edge {

struct BeginDraft {
  using Result = uint64_t;  // The draft's id.
  std::vector<std::string> to;
};

struct AppendToDraft {
  using Result = uint64_t;  // The draft's size in bytes after the append.
  uint64_t draft = 0;
  std::string data;
};

struct SendDraft {
  using Result = Nothing;
  uint64_t draft = 0;
};

struct CancelDraft {
  using Result = Nothing;
  uint64_t draft = 0;
};

struct WaitingMessage {
  uint64_t id = 0;
  std::string from;
  uint64_t bytes = 0;
  absl::Time sent;
};

struct ListMessages {
  using Result = std::vector<WaitingMessage>;
  uint64_t after = 0;  // Only ids above this one.
  uint32_t limit = limits::kStorageRowsMax;
};

struct ReadMessage {
  using Result = std::string;  // Perhaps fewer bytes than asked for; none only at the end.
  uint64_t message = 0;
  uint64_t offset = 0;
  uint64_t length = 0;
};

struct DeleteMessage {
  using Result = Nothing;
  uint64_t message = 0;
};

}  // namespace convergia::edge
