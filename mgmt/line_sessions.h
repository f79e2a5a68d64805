#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/lineserver/session.h"
#include "common/lineserver/session_list.h"
#include "common/lineserver/session_types.h"
#include "mgmt/accounts/accounts_executor.h"

namespace convergia::mgmt {

// Signs clients in on mgmt's own port, and closes their sessions when their tickets become void.
// Thread-safe; the observer's methods run on each session's thread.
class LineSessions final : public lineserver::Authenticator, public lineserver::SessionObserver {
 public:
  // `accounts` and the executor outlive this. Call set_desk() before any client signs in.
  LineSessions(const AccountStore& accounts, int sessions_per_user_max, const Clock& clock)
      : accounts_(accounts), sessions_per_user_max_(sessions_per_user_max), clock_(clock) {}
  lineserver::SessionList& list() { return list_; }
  void set_desk(AccountsExecutor* executor) { executor_ = executor; }

  void SignIn(const Username& user, absl::string_view secret, const std::string& peer_address,
              Done done) override;
  absl::Status OnSignedIn(lineserver::Session& session) override ABSL_LOCKS_EXCLUDED(mu_);
  void OnClosed(lineserver::Session& session) override ABSL_LOCKS_EXCLUDED(mu_);

  // Closes the account's sessions with a ticket of a generation below `account.generation`, except
  // protected ones.
  void OnTicketsVoid(const Account& account, absl::string_view reason) ABSL_LOCKS_EXCLUDED(mu_);

  // Keeps open the session that changes its user's password. Protect() precedes the change and
  // Renewed() follows it; between them, OnTicketsVoid() does not close the session. Renewed() gives
  // it the new ticket's `generation`; nullopt if the change failed. Each Protect() needs one
  // Renewed(). The last Renewed() closes the session if another change has voided its ticket.
  void Protect(const lineserver::Session& session) ABSL_LOCKS_EXCLUDED(mu_);
  void Renewed(const Username& user, AccountId account, uint64_t session,
               std::optional<Generation> generation) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct Entry {
    lineserver::SessionHandle handle;
    Generation generation = 0;
    int protections = 0;  // Password changes under way.
  };
  using Sessions = absl::flat_hash_map<uint64_t, Entry>;
  Entry* Find(AccountId account, uint64_t session) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const AccountStore& accounts_;
  const int sessions_per_user_max_;
  const Clock& clock_;
  AccountsExecutor* executor_ = nullptr;
  lineserver::SessionList list_;

  absl::Mutex mu_;
  absl::flat_hash_map<AccountId, Sessions> by_account_ ABSL_GUARDED_BY(mu_);
};

// For the port without accounts: refuses every sign-in.
class NobodySignsIn final : public lineserver::Authenticator {
 public:
  void SignIn(const Username& user, absl::string_view secret, const std::string& peer_address,
              Done done) override;
};

}  // namespace convergia::mgmt
