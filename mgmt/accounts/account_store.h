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
  bool waiting = false;          // For an operator to let it in.
  Generation generation = 0;     // Tickets of others are void.
  absl::Time raised;             // When the generation was raised last; no ticket is judged by it.
  store::Revision revision = 0;  // Of its last change.
};

// All accounts. Password hashes are on disk only; the rest is also in memory (about 100 bytes
// each), so lists and ticket checks never wait for a disk.
//
// A change that a method answers with OK is durable. Thread-safe. Methods marked "blocks" wait for
// the disk and are for work queues.
class AccountStore {
 public:
  static constexpr size_t kWaitingMax = 1'000;  // An operator reads the list.

  // Reads all accounts; blocks. `store` must outlive the account store.
  //
  // Errors: those of the store; kDataLoss for a record that cannot be read.
  static absl::StatusOr<std::unique_ptr<AccountStore>> Create(store::Store& store);

  struct AddOptions {
    bool waiting = false;
    std::string invite_row;  // Is used up in the same commit; see Invites. Empty: none.
  };
  // Blocks. Errors: FailCode::kExists; kDenied: the invite is gone; kBusy: too many are waiting.
  absl::StatusOr<Account> Add(const Username& user, const std::string& password_hash,
                              absl::Time now, const AddOptions& options) ABSL_LOCKS_EXCLUDED(mu_);
  absl::StatusOr<Account> Add(const Username& user, const std::string& password_hash,
                              absl::Time now) {
    return Add(user, password_hash, now, AddOptions());
  }

  // Lets a waiting account in; blocks. Errors: FailCode::kNoSuchUser: none of this name waits.
  absl::StatusOr<Account> Approve(const Username& user) ABSL_LOCKS_EXCLUDED(mu_);

  // Forgets a waiting account, so that its name is free again; blocks. Errors: as Approve().
  absl::Status Refuse(const Username& user) ABSL_LOCKS_EXCLUDED(mu_);

  // Blocks. Errors: FailCode::kNoSuchUser.
  absl::StatusOr<std::string> LoadPasswordHash(const Username& user) const;

  // Replaces the hash and raises the generation; blocks. `old_hash`, if not empty, must still be
  // the one on disk, so one of two concurrent changes fails.
  //
  // Errors: FailCode::kNoSuchUser; kBusy if another change came first.
  absl::StatusOr<Account> SetPasswordHash(const Username& user, const std::string& old_hash,
                                          const std::string& new_hash, absl::Time now)
      ABSL_LOCKS_EXCLUDED(mu_);

  // Disabling raises the generation; blocks. Errors: FailCode::kNoSuchUser.
  absl::StatusOr<Account> SetDisabled(const Username& user, bool disabled, absl::Time now)
      ABSL_LOCKS_EXCLUDED(mu_);

  // Raises the generation; blocks. Errors: FailCode::kNoSuchUser.
  absl::StatusOr<Account> VoidTickets(const Username& user, absl::Time now)
      ABSL_LOCKS_EXCLUDED(mu_);

  std::optional<Account> Find(const Username& user) const ABSL_LOCKS_EXCLUDED(mu_);

  // OK if a ticket whose signature was verified is not void.
  //
  // Errors: FailCode::kSignInFailed: the account no longer exists, or the ticket is void; kDenied:
  // the account is disabled.
  absl::Status CheckTicket(const identity::Ticket& ticket) const ABSL_LOCKS_EXCLUDED(mu_);

  // Accounts with a greater number than `after`, in the order of numbers, without waiting accounts.
  std::vector<Account> ListById(AccountId after, int limit) const ABSL_LOCKS_EXCLUDED(mu_);

  // Accounts whose name sorts after `after`, by name, with waiting accounts.
  std::vector<Account> ListByName(absl::string_view after, int limit) const
      ABSL_LOCKS_EXCLUDED(mu_);
  std::vector<Account> ListWaiting(absl::string_view after, int limit) const
      ABSL_LOCKS_EXCLUDED(mu_);

  // Accounts whose generation was raised less than `ago` before `now`, or later than `now`: nodes
  // must know them.
  std::vector<Account> RaisedLately(absl::Time now, absl::Duration ago) const
      ABSL_LOCKS_EXCLUDED(mu_);

 private:
  explicit AccountStore(store::Store& store) : store_(store) {}
  // Keeps `account` in memory, unless a newer revision is known: commits may be reported out of
  // order.
  void Remember(const Account& account) ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status AdmitNew(const Username& user, const AddOptions& options) const
      ABSL_LOCKS_EXCLUDED(mu_);
  static absl::Status NobodyWaits(const Username& user);
  template <typename Change>
  absl::StatusOr<Account> Update(const Username& user, Change change) ABSL_LOCKS_EXCLUDED(mu_);

  store::Store& store_;

  mutable absl::Mutex mu_;
  absl::btree_map<std::string, Account> by_name_ ABSL_GUARDED_BY(mu_);
  absl::btree_map<AccountId, std::string> name_by_id_ ABSL_GUARDED_BY(mu_);  // None that waits.
  size_t waiting_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace convergia::mgmt
