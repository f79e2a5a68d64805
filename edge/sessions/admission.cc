#include "edge/sessions/admission.h"

#include "common/base/fail.h"

namespace convergia::edge {

absl::Status AdmitSignIn(const SignInFacts& facts) {
  // The drain comes first: another main server repeats any complaint about the ticket.
  if (facts.is_draining) {
    return Fail(FailCode::kUnavailable,
                "this main server takes no clients now; ask the management server for another "
                "(LISTMAINSERVERS, REPORTMAINSERVERS) and connect there");
  }
  if (facts.is_revoked) return TicketRevoked();
  return absl::OkStatus();
}

absl::Status TicketRevoked() {
  return Fail(FailCode::kSignInFailed, "this ticket was revoked; sign in with your password");
}

}  // namespace convergia::edge
