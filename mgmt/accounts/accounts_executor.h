#pragma once

#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "common/base/buckets.h"
#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/base/limits.h"
#include "mgmt/accounts/account_store.h"
#include "mgmt/accounts/passwords/fair_work_queue.h"
#include "mgmt/accounts/passwords/password_hasher.h"
#include "mgmt/accounts/registration/captcha.h"
#include "mgmt/accounts/registration/invites.h"
#include "mgmt/accounts/registration/registrations.h"
#include "mgmt/accounts/throttling/known_networks.h"
#include "mgmt/accounts/throttling/throttle.h"
#include "mgmt/accounts/ticket_issuer.h"

namespace convergia::mgmt {

// Hears what happens to accounts, once it is durable. Called on the executor's threads.
class AccountsObserver {
 public:
  virtual ~AccountsObserver() = default;
  virtual void OnAccountAdded(const Account& account) = 0;
  // The tickets of generations before `account.generation` are void; `reason` is for the user.
  virtual void OnTicketsVoid(const Account& account, absl::string_view reason) = 0;
  // TicketIssuer::PublicKeys() has changed.
  virtual void OnTicketKeys() = 0;
};

// All operations on accounts. The line ports and the gRPC services only translate to them. Cheap
// refusals are answered at once. Hashing, painting and disk access run on a few threads behind a
// bounded queue, which serves addresses and accounts in turn. If it is full, those with the most
// tasks in it get FailCode::kBusy.
//
// Thread-safe. `done` is called exactly once, on the caller's thread or on one of the executor's.
class AccountsExecutor {
 public:
  // Registration is for anybody; for anybody, if an operator approves; with an invite; for nobody.
  enum class RegistrationMode { kOpen, kApproval, kInvite, kClosed };

  struct Options {
    int threads = 1;                                           // Each takes a core while it hashes.
    size_t tasks_max = 256;                                    // Some seconds of work.
    size_t password_bytes_min = limits::kNewPasswordBytesMin;  // Of new ones.
    RegistrationMode registration = RegistrationMode::kOpen;
    PasswordHasher::Cost hash_cost;
    Registrations::Options registrations;
    SignInThrottle::Rules sign_ins;
    BucketRule bad_tickets = BadTicketsRule();
    BucketRule password_changes = {5, absl::Minutes(1), 10, 100'000};  // Of one account.
  };
  // All must outlive the executor.
  struct Deps {
    const Clock& clock;
    AccountStore& accounts;
    TicketIssuer& tickets;
    KnownNetworks& known;
    Invites& invites;
    CaptchaPainter& painter;
    AccountsObserver& observer;
  };
  AccountsExecutor(const Deps& deps, const Options& options);
  ~AccountsExecutor() { Stop(); }

  struct Registration {
    std::string id;
    std::string captcha_jpeg;
  };
  // `invite` is read only if registration wants one.
  //
  // Errors: FailCode::kBadField, kExists, kRate, kBusy, kDenied (closed, or no good invite),
  // kUnavailable (no picture).
  void Register(absl::string_view user, absl::string_view password, absl::string_view invite,
                absl::string_view address,
                absl::AnyInvocable<void(absl::StatusOr<Registration>)> done);

  // The account that was made; perhaps it waits.
  //
  // Errors: FailCode::kNotFound, kExpired, kWrongCaptcha, kExists, kDenied (the invite was used up
  // meanwhile), kBusy.
  void Confirm(absl::string_view id, absl::string_view answer, absl::string_view address,
               absl::AnyInvocable<void(absl::StatusOr<Account>)> done);

  // `maker`: a username, or Invites::kOperators.
  //
  // Errors: FailCode::kDenied: registration wants no invites; kRate, kBusy.
  void MakeInvite(absl::string_view maker,
                  absl::AnyInvocable<void(absl::StatusOr<Invites::Invite>)> done);

  struct SignedIn {
    Account account;
    identity::Ticket ticket;
    std::string ticket_text;
  };
  // Signs in by password or by ticket. A sign-in by ticket returns that same ticket.
  //
  // Tickets that are not good count against their address before their signature is checked.
  //
  // Errors: FailCode::kSignInFailed, kExpired (ticket), kRate, kBusy, kDenied (disabled, or waits).
  void SignIn(const Username& user, absl::string_view secret, absl::string_view address,
              absl::AnyInvocable<void(absl::StatusOr<SignedIn>)> done);

  // Voids all tickets; the answer carries a new one.
  //
  // Errors: FailCode::kSignInFailed (old password is wrong), kBadField, kRate, kBusy.
  void ChangePassword(const Username& user, absl::string_view old_password,
                      absl::string_view new_password, absl::string_view address,
                      absl::AnyInvocable<void(absl::StatusOr<SignedIn>)> done);

  // The name in lower case; empty if there is no such account. Finds disabled accounts too, but not
  // waiting ones. Does not block.
  std::string LookUp(absl::string_view user) const;

  // Operations of operators.
  //
  // Errors: FailCode::kBadField, kExists, kBusy.
  void Create(absl::string_view user, absl::string_view password,
              absl::AnyInvocable<void(absl::StatusOr<Account>)> done);
  // Lets an account in that waits, or refuses it and frees its name.
  //
  // Errors: FailCode::kNoSuchUser: none of this name waits; kBusy.
  void Decide(absl::string_view user, bool refuse, absl::AnyInvocable<void(absl::Status)> done);
  // Errors: FailCode::kNoSuchUser, kBusy.
  void SetDisabled(absl::string_view user, bool disabled,
                   absl::AnyInvocable<void(absl::Status)> done);
  void VoidTickets(absl::string_view user, absl::AnyInvocable<void(absl::Status)> done);
  // See TicketIssuer::Rotate(). Errors: FailCode::kRate, kBusy.
  void RotateTicketKey(bool drop_older, absl::AnyInvocable<void(absl::Status)> done);

  // Finishes the tasks that were accepted. Idempotent.
  void Stop() { work_.Stop(); }

 private:
  // `key`: whose turn it is; see FairQueue.
  template <typename Result>
  void Post(absl::string_view key, absl::AnyInvocable<Result()> task,
            absl::AnyInvocable<void(Result)> done);
  absl::Status AdmitNewPassword(absl::string_view password) const;
  absl::StatusOr<SignedIn> SignInByTicket(const Username& user, absl::string_view text,
                                          absl::string_view address);
  absl::StatusOr<SignedIn> CheckTicket(const Username& user, absl::string_view text) const;
  // On the work queue:
  absl::StatusOr<Account> CreateOnQueue(const Username& user, absl::string_view password,
                                        const AccountStore::AddOptions& options);
  absl::StatusOr<Account> ConfirmOnQueue(absl::string_view id, absl::string_view answer,
                                         absl::Duration asked);
  absl::StatusOr<Username> AdmitRegistration(absl::string_view user, absl::string_view password,
                                             absl::string_view invite, absl::string_view address);
  absl::StatusOr<std::string> VerifyPassword(const Username& user, absl::string_view password,
                                             absl::string_view address);
  absl::StatusOr<SignedIn> SignInByPassword(const Username& user, absl::string_view password,
                                            absl::string_view address);
  absl::StatusOr<SignedIn> ChangeOnQueue(const Username& user, absl::string_view old_password,
                                         absl::string_view new_password, absl::string_view address);

  // Verifying a password takes long, and tickets may be voided meanwhile. Voiding holds this
  // exclusively until the store has the change; issuing holds it shared while it checks that the
  // account is as it was before the password was read. So a ticket is never issued for an old
  // password.
  absl::Mutex voiding_;
  const Deps deps_;
  const RegistrationMode registration_;
  const size_t password_bytes_min_;
  const PasswordHasher hasher_;
  Registrations registrations_;
  SignInThrottle throttle_;
  AddressThrottle bad_tickets_;
  AccountThrottle password_changes_;
  FairWorkQueue work_;  // Last: its tasks use all of the above.
};

}  // namespace convergia::mgmt
