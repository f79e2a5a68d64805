#include "mgmt/line_sessions.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "common/base/fail.h"

namespace convergia::mgmt {
namespace {

void End(const lineserver::SessionHandle& handle, absl::string_view reason) {
  handle.shard->Post([weak = handle.session, reason = std::string(reason)] {
    if (const auto session = weak.lock()) session->Close(FailCode::kDenied, reason);
  });
}

}  // namespace

void LineSessions::SignIn(const Username& user, absl::string_view secret,
                          const std::string& peer_address, Done done) {
  executor_->SignIn(
      user, secret, peer_address,
      [done = std::move(done)](absl::StatusOr<AccountsExecutor::SignedIn> result) mutable {
        if (!result.ok()) return done(result.status());
        done(lineserver::SignedIn{.account = result->account.id,
                                  .user = result->account.user,
                                  .ticket = std::move(result->ticket_text),
                                  .generation = result->ticket.generation,
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
    sessions.emplace(session.id(), Entry{session.handle(), who.generation});
  }
  // From now on OnTicketsVoid() finds the session. The ticket may have been voided between its
  // check and here, so compare generations again.
  const std::optional<Account> account = accounts_.Find(who.user);
  if (account && who.generation >= account->generation) {
    list_.Add(session, clock_.Now());
    return absl::OkStatus();
  }
  OnClosed(session);
  return Fail(FailCode::kSignInFailed, "this ticket was revoked; sign in with your password");
}

void LineSessions::OnClosed(lineserver::Session& session) {
  list_.Remove(session);
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
      if (entry.protections == 0 && entry.generation < account.generation) {
        ended.push_back(entry.handle);
      }
    }
  }
  for (const lineserver::SessionHandle& handle : ended) End(handle, reason);
}

LineSessions::Entry* LineSessions::Find(AccountId account, uint64_t session) {
  const auto sessions = by_account_.find(account);
  if (sessions == by_account_.end()) return nullptr;
  const auto entry = sessions->second.find(session);
  return entry == sessions->second.end() ? nullptr : &entry->second;
}

void LineSessions::Protect(const lineserver::Session& session) {
  absl::MutexLock lock(&mu_);
  Entry* const entry = Find(session.signed_in()->account, session.id());
  if (entry != nullptr) ++entry->protections;
}

void LineSessions::Renewed(const Username& user, AccountId account, uint64_t session,
                           std::optional<Generation> generation) {
  std::optional<lineserver::SessionHandle> ended;
  {
    absl::MutexLock lock(&mu_);
    Entry* const entry = Find(account, session);
    if (entry == nullptr) return;
    if (generation) entry->generation = std::max(entry->generation, *generation);
    if (--entry->protections > 0) return;
    const std::optional<Account> now = accounts_.Find(user);
    if (!now || entry->generation < now->generation) ended = entry->handle;
  }
  if (ended) End(*ended, "your sign-in was ended; sign in again");
}

void NobodySignsIn::SignIn(const Username& /*user*/, absl::string_view /*secret*/,
                           const std::string& /*peer_address*/, Done done) {
  done(Fail(FailCode::kDenied,
            "nobody signs in on this port; use the management server's port for clients"));
}

}  // namespace convergia::mgmt
