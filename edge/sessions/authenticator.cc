#include "edge/sessions/authenticator.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/fail.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"

namespace convergia::edge {

void RevokedTickets::Apply(const v1::Revocations& revocations, absl::Time now) {
  absl::MutexLock lock(&mu_);
  if (revocations.whole()) entries_.clear();
  for (const v1::TicketRevocation& ticket : revocations.tickets()) {
    Entry& entry = entries_[ticket.account_id()];
    const absl::Time before = absl::FromUnixMillis(ticket.issued_before_ms());
    if (before <= entry.issued_before) continue;
    entry = {before, ticket.reason()};
  }
  // What was issued before has expired by itself.
  absl::erase_if(entries_, [&](const auto& entry) {
    return entry.second.issued_before + limits::kTicketLifetime < now;
  });
}

bool RevokedTickets::IsRevoked(AccountId account, absl::Time issued, std::string* reason) const {
  absl::MutexLock lock(&mu_);
  const auto found = entries_.find(account);
  if (found == entries_.end() || issued >= found->second.issued_before) return false;
  if (reason != nullptr) *reason = found->second.reason;
  return true;
}

absl::StatusOr<lineserver::SignedIn> EdgeAuthenticator::VerifyTicket(const Username& user,
                                                                     absl::string_view text) const {
  CVG_ASSIGN_OR_RETURN(identity::Ticket ticket, tickets_.Verify(text, clock_->Now()));
  if (ticket.user != user) {
    return Fail(FailCode::kSignInFailed,
                "this ticket is of another user; sign in with your password");
  }
  if (revoked_->IsRevoked(ticket.account, ticket.issued)) {
    return Fail(FailCode::kSignInFailed, "this ticket was revoked; sign in with your password");
  }
  return lineserver::SignedIn{.account = ticket.account,
                              .user = ticket.user,
                              .ticket = std::string(text),
                              .issued = ticket.issued,
                              .expires = ticket.expires};
}

void EdgeAuthenticator::SignIn(const Username& user, absl::string_view secret,
                               const std::string& peer_address, Done done) {
  if (identity::LooksLikeTicket(secret)) return done(VerifyTicket(user, secret));
  v1::SignInRequest request;
  request.set_username(user.str());
  request.set_password(std::string(secret));
  request.set_client_address(peer_address);
  mgmt_->SignIn(std::move(request), [done = std::move(done)](
                                        absl::StatusOr<v1::SignInResponse> response) mutable {
    if (!response.ok()) return done(response.status());
    const absl::StatusOr<Username> name = Username::Parse(response->username());
    if (!name.ok()) {
      return done(absl::InternalError("the management server answered with a bad username"));
    }
    done(lineserver::SignedIn{.account = response->account_id(),
                              .user = *name,
                              .ticket = response->ticket(),
                              .issued = absl::FromUnixMillis(response->issued_ms()),
                              .expires = absl::FromUnixMillis(response->expires_ms())});
  });
}

}  // namespace convergia::edge
