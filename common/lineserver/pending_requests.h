#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"

namespace convergia::lineserver {

// Names one outstanding request of one session.
struct RequestKey {
  uint32_t slot = 0;
  uint32_t generation = 0;
};

// The unanswered requests of one session. An answer to a request with an id leaves at once. Answers
// to requests without an id leave in the order of the requests, so an answer that comes too early
// is held here. Not thread-safe; no I/O.
class PendingRequests {
 public:
  // Adds a request; `id` is empty if it has none. nullopt if a request with this id is unanswered.
  std::optional<RequestKey> Begin(absl::string_view id);

  // Appends one whole answer to `*out`; `id` is the request's.
  using Write = absl::FunctionRef<void(absl::string_view id, std::string* out)>;

  // Answers the request: writes the answer to `*out`, followed by held answers that are now in
  // turn; or holds it. False if `key` is not outstanding. Adds the number of answers written to
  // `*answers`.
  bool Finish(RequestKey key, Write write, std::string* out, size_t* answers);

  // Counts `bytes` for the request and its answer until it is answered. At most once for a request.
  void Weigh(RequestKey key, size_t bytes);
  size_t outstanding_bytes() const { return outstanding_bytes_; }

  // Requests whose answer is not written yet.
  size_t outstanding() const { return outstanding_; }
  // Bytes of answers that wait for an earlier one.
  size_t held_bytes() const { return held_bytes_; }

  // Counts `bytes`, the bound on the answer, until the request is answered. At most once for a
  // request.
  void Reserve(RequestKey key, size_t bytes);
  size_t reserved_bytes() const { return reserved_bytes_; }

  // Frees spare memory if nothing is outstanding.
  void Shrink();

 private:
  static constexpr size_t kIdBytesMax = 32;
  struct Slot {
    uint32_t generation = 0;
    bool busy = false;
    uint8_t id_bytes = 0;
    uint32_t reserved_bytes = 0;
    uint32_t bytes = 0;
    char id[kIdBytesMax];

    absl::string_view id_view() const { return absl::string_view(id, id_bytes); }
  };
  struct Ordered {  // A request without id.
    RequestKey key;
    std::optional<std::string> answer;
  };
  void Free(uint32_t slot);
  bool IsOutstanding(RequestKey key) const;
  size_t ReleaseHeld(std::string* out);

  std::vector<Slot> slots_;
  std::vector<uint32_t> free_;
  std::vector<Ordered> ordered_;  // Oldest first.
  size_t outstanding_ = 0;
  size_t held_bytes_ = 0;
  size_t reserved_bytes_ = 0;
  size_t outstanding_bytes_ = 0;
  uint32_t generation_ = 0;
};

}  // namespace convergia::lineserver
