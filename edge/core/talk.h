#pragma once

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/base/inline_function.h"

// The operation on messages between users who are signed in, and what its recipients get.
// MessageShell runs it.
namespace convergia::edge {

// The outcome of a message that reached somebody.
struct Sent {
  uint32_t sessions = 0;  // Sessions of the recipient that got it, on all edges; at least 1.
};

// Sends `body` to every session of the user `to`. Messages are many, so both are views of the
// client's bytes. They are valid during the call that takes the operation.
struct SendMessage {
  using Result = Sent;
  absl::string_view to;
  absl::string_view body;
};

// Takes the result of SendMessage, once, on the shard of the sender's session, perhaps before the
// call returns. If that session closes first, the function may be destroyed without a call. The
// client may read every error. It must not block.
using SentDone = InlineFunction<void(absl::StatusOr<Sent>), 32>;

// A message as a recipient gets it. The views are valid during the call that delivers it.
struct ReceivedMessage {
  absl::string_view from;  // A username.
  int64_t time_ms = 0;     // When the sender's edge took it, in milliseconds since 1970.
  absl::string_view body;
};

}  // namespace convergia::edge
