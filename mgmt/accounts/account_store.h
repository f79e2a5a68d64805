#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/base/ids.h"
#include "common/identity/ticket.h"
#include "common/store/store.h"

namespace convergia::mgmt {

struct Account {
  AccountId id = 0;
  Username user;
  absl::Time created;
  bool disabled = false;
  absl::Time not_before;         // Tickets issued before are void.
  store::Revision revision = 0;  // Of its last change.
};

// All accounts. Password hashes are on disk only; the rest is also in memory (about 100 bytes
// each), so lists and ticket checks never wait for a disk.
//
// A change that a method answers with OK is durable. Thread-safe. Methods marked "blocks" wait for
// the disk and are for work queues.
class AccountStore {
 public:
  // Reads all accounts; blocks. `store` must outlive the account store.
  //
  // Errors: those of the store; kDataLoss for a record that cannot be read.
  static absl::StatusOr<std::unique_ptr<AccountStore>> Create(store::Store& store);

  // Blocks. Errors: FailCode::kExists.
  absl::StatusOr<Account> Add(const Username& user, const std::string& password_hash,
                              absl::Time now) ABSL_LOCKS_EXCLUDED(mu_);

  // Blocks. Errors: FailCode::kNoSuchUser.
  absl::StatusOr<std::string> LoadPasswordHash(const Username& user) const;

  // Replaces the hash and voids all tickets issued before `now`; blocks. `old_hash`, if not empty,
  // must still be the one on disk, so one of two concurrent changes fails.
  //
  // Errors: FailCode::kNoSuchUser; kBusy if another change came first.
  absl::StatusOr<Account> SetPasswordHash(const Username& user, const std::string& old_hash,
                                          const std::string& new_hash, absl::Time now)
      ABSL_LOCKS_EXCLUDED(mu_);

  // Disabling voids all tickets; blocks. Errors: FailCode::kNoSuchUser.
  absl::StatusOr<Account> SetDisabled(const Username& user, bool disabled, absl::Time now)
      ABSL_LOCKS_EXCLUDED(mu_);

  // Blocks. Errors: FailCode::kNoSuchUser.
  absl::StatusOr<Account> VoidTickets(const Username& user, absl::Time now)
      ABSL_LOCKS_EXCLUDED(mu_);

  std::optional<Account> Find(const Username& user) const ABSL_LOCKS_EXCLUDED(mu_);

  // OK if a ticket whose signature was verified is not void.
  //
  // Errors: FailCode::kSignInFailed: the account no longer exists, or the ticket is void; kDenied:
  // the account is disabled.
  absl::Status CheckTicket(const identity::Ticket& ticket) const ABSL_LOCKS_EXCLUDED(mu_);

  // Accounts with a greater number than `after`, in the order of numbers.
  std::vector<Account> ListById(AccountId after, int limit) const ABSL_LOCKS_EXCLUDED(mu_);

  // Accounts whose name sorts after `after`, by name.
  std::vector<Account> ListByName(absl::string_view after, int limit) const
      ABSL_LOCKS_EXCLUDED(mu_);

  // Accounts of which some tickets, issued within `ticket_lifetime`, are void: edges must know
  // them.
  std::vector<Account> WithVoidTickets(absl::Time now, absl::Duration ticket_lifetime) const
      ABSL_LOCKS_EXCLUDED(mu_);

 private:
  explicit AccountStore(store::Store& store) : store_(store) {}
  // Keeps `account` in memory, unless a newer revision is known: commits may be reported out of
  // order.
  void Remember(const Account& account) ABSL_LOCKS_EXCLUDED(mu_);
  template <typename Change>
  absl::StatusOr<Account> Update(const Username& user, Change change) ABSL_LOCKS_EXCLUDED(mu_);

  store::Store& store_;

  mutable absl::Mutex mu_;
  absl::btree_map<std::string, Account> by_name_ ABSL_GUARDED_BY(mu_);
  absl::btree_map<AccountId, std::string> name_by_id_ ABSL_GUARDED_BY(mu_);
};

}  // namespace convergia::mgmt
