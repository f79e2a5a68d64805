#pragma once

#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/base/work_queue.h"
#include "mgmt/accounts/account_store.h"
#include "mgmt/accounts/captcha.h"
#include "mgmt/accounts/password_hasher.h"
#include "mgmt/accounts/registrations.h"
#include "mgmt/accounts/throttle.h"
#include "mgmt/accounts/ticket_issuer.h"

namespace convergia::mgmt {

// Hears what happens to accounts, once it is durable. Called on the executor's threads.
class AccountsObserver {
 public:
  virtual ~AccountsObserver() = default;
  virtual void OnAccountAdded(const Account& account) = 0;
  // The tickets issued before `account.not_before` are void; `reason` is for the user.
  virtual void OnTicketsVoid(const Account& account, absl::string_view reason) = 0;
};

// All operations on accounts. The line ports and the gRPC services only translate to them. Cheap
// refusals are answered at once. Hashing, painting and disk access run on a few threads behind a
// bounded queue; if it is full, the answer is FailCode::kBusy.
//
// Thread-safe. `done` is called exactly once, on the caller's thread or on one of the executor's.
class AccountsExecutor {
 public:
  struct Options {
    int threads = 1;         // Each takes a core while it hashes.
    size_t tasks_max = 256;  // Some seconds of work.
    bool registration_open = true;
    PasswordHasher::Cost hash_cost;
    Registrations::Options registrations;
    SignInThrottle::Rules sign_ins;
  };
  // All must outlive the executor.
  struct Parts {
    const Clock& clock;
    AccountStore& book;
    TicketIssuer& tickets;
    CaptchaPainter& painter;
    AccountsObserver& observer;
  };
  AccountsExecutor(const Parts& parts, const Options& options);
  ~AccountsExecutor() { Stop(); }

  struct Registration {
    std::string id;
    std::string captcha_jpeg;
  };
  // Errors: FailCode::kBadField, kExists, kRate, kBusy, kDenied (closed), kUnavailable (no
  // picture).
  void Register(absl::string_view user, absl::string_view password, absl::string_view address,
                absl::AnyInvocable<void(absl::StatusOr<Registration>)> done);

  // Errors: FailCode::kNotFound, kExpired, kWrongCaptcha, kExists, kBusy.
  void Confirm(absl::string_view id, absl::string_view answer,
               absl::AnyInvocable<void(absl::Status)> done);

  struct SignedIn {
    Account account;
    identity::Ticket ticket;
    std::string ticket_text;
  };
  // Signs in by password or by ticket. A sign-in by ticket returns that same ticket.
  //
  // Errors: FailCode::kSignInFailed, kExpired (ticket), kRate, kBusy, kDenied (disabled).
  void SignIn(const Username& user, absl::string_view secret, absl::string_view address,
              absl::AnyInvocable<void(absl::StatusOr<SignedIn>)> done);

  // Voids all tickets; the answer carries a new one.
  //
  // Errors: FailCode::kSignInFailed (old password is wrong), kBadField, kRate, kBusy.
  void ChangePassword(const Username& user, absl::string_view old_password,
                      absl::string_view new_password, absl::string_view address,
                      absl::AnyInvocable<void(absl::StatusOr<SignedIn>)> done);

  // The name in lower case; empty if there is no such account. Finds disabled accounts too. Does
  // not block.
  std::string LookUp(absl::string_view user) const;

  // Operations of operators.
  //
  // Errors: FailCode::kBadField, kExists, kBusy.
  void Create(absl::string_view user, absl::string_view password,
              absl::AnyInvocable<void(absl::StatusOr<Account>)> done);
  // Errors: FailCode::kNoSuchUser, kBusy.
  void SetDisabled(absl::string_view user, bool disabled,
                   absl::AnyInvocable<void(absl::Status)> done);
  void VoidTickets(absl::string_view user, absl::AnyInvocable<void(absl::Status)> done);

  // Finishes the tasks that were accepted. Idempotent.
  void Stop() { work_.Stop(); }

 private:
  template <typename Result>
  void Post(absl::AnyInvocable<Result()> task, absl::AnyInvocable<void(Result)> done);
  absl::StatusOr<SignedIn> SignInByTicket(const Username& user, absl::string_view text) const;
  // On the work queue:
  absl::StatusOr<Account> CreateOnQueue(const Username& user, absl::string_view password);
  absl::StatusOr<std::string> VerifyPassword(const Username& user, absl::string_view password,
                                             absl::string_view address);
  absl::StatusOr<SignedIn> SignInByPassword(const Username& user, absl::string_view password,
                                            absl::string_view address);
  absl::StatusOr<SignedIn> ChangeOnQueue(const Username& user, absl::string_view old_password,
                                         absl::string_view new_password, absl::string_view address);

  // Verifying a password takes long, and tickets may be voided meanwhile. Voiding holds this
  // exclusively, from before it reads the clock until the store has the change; issuing holds it
  // shared while it rechecks the revision. So a ticket is never issued for an old password, and
  // each voiding is later than the tickets that it voids.
  absl::Mutex voiding_;
  const Parts parts_;
  const bool registration_open_;
  const PasswordHasher hasher_;
  Registrations registrations_;
  SignInThrottle throttle_;
  WorkQueue work_;  // Last: its tasks use all of the above.
};

}  // namespace convergia::mgmt
