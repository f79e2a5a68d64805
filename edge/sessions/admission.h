#pragma once

#include "absl/status/status.h"

namespace convergia::edge {

// The facts on which a sign-in depends, once the client has proved its identity.
struct SignInFacts {
  bool is_draining = false;  // This edge moves its clients to other edges.
  bool is_revoked = false;   // The ticket was voided after the authenticator checked it.
};

// Decides whether the client may sign in on this edge. SessionHub bounds the sessions of one user.
// A pure function.
//
// Errors, for the user: FailCode::kUnavailable while draining, FailCode::kSignInFailed if revoked.
absl::Status AdmitSignIn(const SignInFacts& facts);

// The error FailCode::kSignInFailed: the ticket is void although it has not expired.
absl::Status TicketRevoked();

}  // namespace convergia::edge
