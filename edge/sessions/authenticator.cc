#include "edge/sessions/authenticator.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/fail.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "edge/sessions/admission.h"

namespace convergia::edge {

void RevokedTickets::Apply(const v1::Revocations& revocations, absl::Time now) {
  absl::MutexLock lock(&mu_);
  if (revocations.whole()) entries_.clear();
  for (const v1::TicketRevocation& ticket : revocations.tickets()) {
    Entry& entry = entries_[ticket.account_id()];
    if (ticket.generation() <= entry.generation) continue;
    entry = {ticket.generation(), absl::FromUnixMillis(ticket.raised_ms()), ticket.reason()};
  }
  // Tickets that were issued before these entries have expired, even if clocks jumped by days.
  absl::erase_if(entries_, [&](const auto& entry) {
    return entry.second.raised + limits::kGenerationsToldFor < now;
  });
}

bool RevokedTickets::IsRevoked(AccountId account, Generation generation,
                               std::string* reason) const {
  absl::MutexLock lock(&mu_);
  const auto found = entries_.find(account);
  if (found == entries_.end() || generation >= found->second.generation) return false;
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
  if (revoked_->IsRevoked(ticket.account, ticket.generation)) {
    return TicketRevoked();
  }
  return lineserver::SignedIn{.account = ticket.account,
                              .user = ticket.user,
                              .ticket = std::string(text),
                              .generation = ticket.generation,
                              .expires = ticket.expires};
}

absl::StatusOr<lineserver::SignedIn> EdgeAuthenticator::SignInByTicket(
    const Username& user, absl::string_view text, absl::string_view peer_address) {
  CVG_RETURN_IF_ERROR(bad_tickets_.Admit(peer_address, clock_->Elapsed()));
  absl::StatusOr<lineserver::SignedIn> verified = VerifyTicket(user, text);
  if (!verified.ok() && FailCodeOf(verified.status()) == FailCode::kSignInFailed) {
    bad_tickets_.OnFailure(peer_address, clock_->Elapsed());
  }
  return verified;
}

void EdgeAuthenticator::SignIn(const Username& user, absl::string_view secret,
                               const std::string& peer_address, Done done) {
  if (identity::LooksLikeTicket(secret)) return done(SignInByTicket(user, secret, peer_address));
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
                              .generation = response->generation(),
                              .expires = absl::FromUnixMillis(response->expires_ms())});
  });
}

}  // namespace convergia::edge
