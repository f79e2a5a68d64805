#include "mgmt/line_sessions.h"

#include <memory>
#include <optional>
#include <utility>

#include "common/base/fail.h"

namespace convergia::mgmt {

void LineSessions::SignIn(const Username& user, absl::string_view secret,
                          const std::string& peer_address, Done done) {
  desk_->SignIn(user, secret, peer_address,
                [done = std::move(done)](absl::StatusOr<AccountsDesk::SignedIn> result) mutable {
                  if (!result.ok()) return done(result.status());
                  done(lineserver::SignedIn{.account = result->account.id,
                                            .user = result->account.user,
                                            .ticket = std::move(result->ticket_text),
                                            .issued = result->ticket.issued,
                                            .expires = result->ticket.expires});
                });
}

absl::Status LineSessions::OnSignedIn(lineserver::Session& session) {
  const lineserver::SignedIn& who = *session.signed_in();
  {
    absl::MutexLock lock(&mu_);
    Sessions& sessions = by_account_[who.account];
    if (sessions.size() >= sessions_per_user_max_) {
      return Fail(FailCode::kBusy, "too many sessions of this user; end one of them");
    }
    sessions.emplace(session.id(), Entry{session.handle(), who.issued});
  }
  // Now that OnTicketsVoid() sees it: was the ticket voided between its check and here?
  const std::optional<Account> account = accounts_.Find(who.user);
  if (account && who.issued >= account->not_before) return absl::OkStatus();
  OnClosed(session);
  return Fail(FailCode::kSignInFailed, "this ticket was revoked; sign in with your password");
}

void LineSessions::OnClosed(lineserver::Session& session) {
  absl::MutexLock lock(&mu_);
  const auto sessions = by_account_.find(session.signed_in()->account);
  if (sessions == by_account_.end()) return;
  sessions->second.erase(session.id());
  if (sessions->second.empty()) by_account_.erase(sessions);
}

void LineSessions::OnTicketsVoid(const Account& account, absl::string_view reason) {
  std::vector<lineserver::SessionHandle> ended;
  {
    absl::MutexLock lock(&mu_);
    const auto sessions = by_account_.find(account.id);
    if (sessions == by_account_.end()) return;
    for (const auto& [id, entry] : sessions->second) {
      if (entry.issued < account.not_before) ended.push_back(entry.handle);
    }
  }
  for (const lineserver::SessionHandle& handle : ended) {
    handle.shard->Post([weak = handle.session, reason = std::string(reason)] {
      if (const auto session = weak.lock()) session->Close(FailCode::kSignInFailed, reason);
    });
  }
}

absl::Time LineSessions::Protect(const lineserver::Session& session) {
  absl::MutexLock lock(&mu_);
  const auto sessions = by_account_.find(session.signed_in()->account);
  if (sessions == by_account_.end()) return absl::InfinitePast();
  const auto entry = sessions->second.find(session.id());
  if (entry == sessions->second.end()) return absl::InfinitePast();
  return std::exchange(entry->second.issued, absl::InfiniteFuture());
}

void LineSessions::Renewed(AccountId account, uint64_t session, absl::Time issued) {
  absl::MutexLock lock(&mu_);
  const auto sessions = by_account_.find(account);
  if (sessions == by_account_.end()) return;
  const auto entry = sessions->second.find(session);
  if (entry != sessions->second.end()) entry->second.issued = issued;
}

void NobodySignsIn::SignIn(const Username& /*user*/, absl::string_view /*secret*/,
                           const std::string& /*peer_address*/, Done done) {
  done(Fail(FailCode::kDenied,
            "nobody signs in on this port; use the management server's port for clients"));
}

}  // namespace convergia::mgmt
