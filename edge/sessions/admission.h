#pragma once

#include "absl/status/status.h"

namespace convergia::edge {

// What an edge knows of a client that has just proved who it is.
struct SignInFacts {
  bool is_draining = false;  // This edge sends its clients away.
  bool is_revoked = false;   // The ticket was voided after the authenticator checked it.
};

// Whether the client may sign in on this edge. The bound on sessions of one user is SessionHub's. A
// pure function.
//
// Errors, for the user: FailCode::kUnavailable, FailCode::kSignInFailed.
absl::Status AdmitSignIn(const SignInFacts& facts);

// FailCode::kSignInFailed: the ticket is void although it has not expired.
absl::Status TicketRevoked();

}  // namespace convergia::edge
