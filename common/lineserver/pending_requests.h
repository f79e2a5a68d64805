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

// The requests of one session that wait for their answer. Answers to requests with an id leave as
// they come; answers to those without leave in the order of the requests, so an early one is held
// here. Not thread-safe; no I/O.
class PendingRequests {
 public:
  // A new request; `id` is empty if it has none. nullopt if `id` is outstanding already.
  std::optional<RequestKey> Begin(absl::string_view id);

  // Appends one whole answer to `*out`; `id` is the request's.
  using Write = absl::FunctionRef<void(absl::string_view id, std::string* out)>;

  // Answers the request: writes to `*out`, and behind it what was held for it; or holds the answer.
  // False if `key` is not outstanding. `*answers` grows by the number of answers written.
  bool Finish(RequestKey key, Write write, std::string* out, size_t* answers);

  // What the request and its answer take until it is answered. Once a request.
  void Weigh(RequestKey key, size_t bytes);
  size_t outstanding_bytes() const { return outstanding_bytes_; }

  // Requests whose answer is not written yet.
  size_t outstanding() const { return outstanding_; }
  // Of answers that wait for an earlier one.
  size_t held_bytes() const { return held_bytes_; }

  // Says how large the answer to an outstanding request may become; counts until it is given.
  void Reserve(RequestKey key, size_t bytes);
  size_t reserved_bytes() const { return reserved_bytes_; }

  // Gives back the memory of busier times, if nothing is outstanding.
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
