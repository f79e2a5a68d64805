#pragma once

#include <cstdint>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"

namespace convergia::edge {

// The user for whom an operation runs: signed in at this edge.
struct Caller {
  uint64_t session = 0;  // Operations of one session run in the order of their calls.
  std::string user;
  uint64_t account = 0;
};

// The result of an operation that returns no data.
struct Nothing {};

// Takes the result of an operation. Called once, on any thread, perhaps before the call returns.
// Must not block. The client may read every error.
template <typename Result>
using Done = absl::AnyInvocable<void(absl::StatusOr<Result>)>;

}  // namespace convergia::edge
