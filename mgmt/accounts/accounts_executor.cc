#include "mgmt/accounts/accounts_executor.h"

#include <glog/logging.h>

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/fail.h"
#include "common/base/status_macros.h"

namespace convergia::mgmt {
namespace {

absl::Status QueueFull() {
  return Fail(FailCode::kBusy, "the management server is busy; try again in a few seconds");
}

absl::Status WrongNameOrPassword() {
  return Fail(FailCode::kSignInFailed, "wrong username or password; try again");
}

absl::Status WrongOldPassword() {
  return Fail(FailCode::kSignInFailed, "the old password is wrong; nothing was changed");
}

// The queue takes turns between these names: operators, groups of addresses, accounts.
constexpr absl::string_view kOperators = "operators";
std::string TurnOf(absl::string_view address) {
  return absl::StrCat("address ", AddressGroup(address));
}
std::string TurnOf(const Username& user) { return absl::StrCat("account ", user.str()); }

absl::Status Disabled() {
  return Fail(FailCode::kDenied, "this account is disabled; ask an operator");
}

absl::Status Waiting() {
  return Fail(FailCode::kDenied, "this account waits for an operator to let it in; try later");
}

absl::Status JustChanged() {
  return Fail(FailCode::kBusy, "this account was changed a moment ago; sign in again");
}

}  // namespace

AccountsExecutor::AccountsExecutor(const Deps& deps, const Options& options)
    : deps_(deps),
      registration_(options.registration),
      password_bytes_min_(options.password_bytes_min),
      hasher_(options.hash_cost),
      registrations_(options.registrations),
      throttle_(options.sign_ins),
      bad_tickets_(options.bad_tickets, kBadTickets),
      password_changes_(options.password_changes),
      work_(options.threads, options.tasks_max) {}

template <typename Result>
void AccountsExecutor::Post(absl::string_view key, absl::AnyInvocable<Result()> task,
                            absl::AnyInvocable<void(Result)> done) {
  // Either way it ends, `done` is needed.
  auto shared_done = std::make_shared<absl::AnyInvocable<void(Result)>>(std::move(done));
  work_.Post(key,
             {.run = [task = std::move(task), shared_done]() mutable { (*shared_done)(task()); },
              .refused = [shared_done] { (*shared_done)(QueueFull()); }});
}

absl::Status AccountsExecutor::AdmitNewPassword(absl::string_view password) const {
  if (identity::LooksLikeTicket(password)) {
    return Fail(FailCode::kBadField, "this looks like a ticket; choose another password");
  }
  CVG_RETURN_IF_ERROR(ValidatePassword(password));
  if (password.size() >= password_bytes_min_) return absl::OkStatus();
  return Fail(FailCode::kBadField, absl::StrCat("a new password has at least ", password_bytes_min_,
                                                " bytes; choose a longer one"));
}

absl::StatusOr<Username> AccountsExecutor::AdmitRegistration(absl::string_view user_text,
                                                             absl::string_view password,
                                                             absl::string_view invite,
                                                             absl::string_view address) {
  if (registration_ == RegistrationMode::kClosed) {
    return Fail(FailCode::kDenied, "registration is closed; ask an operator for an account");
  }
  CVG_ASSIGN_OR_RETURN(Username user, Username::Parse(user_text));
  CVG_RETURN_IF_ERROR(AdmitNewPassword(password));
  // Before a word on name or invite: else they could be tried at any rate.
  CVG_RETURN_IF_ERROR(registrations_.Admit(address, deps_.clock.Elapsed()));
  if (registration_ == RegistrationMode::kInvite) {
    if (invite.empty()) {
      return Fail(FailCode::kDenied,
                  "registration needs an invite; ask a member or an operator for one");
    }
    CVG_RETURN_IF_ERROR(deps_.invites.Find(invite, deps_.clock.Now()).status());
  }
  if (deps_.accounts.Find(user).has_value()) {
    return Fail(FailCode::kExists, "this name is taken; choose another");
  }
  return user;
}

void AccountsExecutor::Register(absl::string_view user_text, absl::string_view password,
                                absl::string_view invite, absl::string_view address,
                                absl::AnyInvocable<void(absl::StatusOr<Registration>)> done) {
  absl::StatusOr<Username> user = AdmitRegistration(user_text, password, invite, address);
  if (!user.ok()) return done(user.status());
  Post<absl::StatusOr<Registration>>(
      TurnOf(address),
      [this,
       wanted = WantedAccount(*std::move(user), std::string(password),
                              std::string(invite))]() mutable -> absl::StatusOr<Registration> {
        CVG_ASSIGN_OR_RETURN(Captcha captcha, deps_.painter.Paint());
        CVG_ASSIGN_OR_RETURN(std::string id, registrations_.Add(std::move(wanted), captcha.text,
                                                                deps_.clock.Elapsed()));
        return Registration{std::move(id), std::move(captcha.jpeg)};
      },
      std::move(done));
}

// Taken on the work queue, so a user who reads BUSY has not used the one try.
void AccountsExecutor::Confirm(absl::string_view id, absl::string_view answer,
                               absl::string_view address,
                               absl::AnyInvocable<void(absl::StatusOr<Account>)> done) {
  Post<absl::StatusOr<Account>>(
      TurnOf(address),
      [this, id = std::string(id), answer = std::string(answer), asked = deps_.clock.Elapsed()] {
        return ConfirmOnQueue(id, answer, asked);
      },
      std::move(done));
}

absl::StatusOr<Account> AccountsExecutor::ConfirmOnQueue(absl::string_view id,
                                                         absl::string_view answer,
                                                         absl::Duration asked) {
  CVG_ASSIGN_OR_RETURN(const WantedAccount wanted, registrations_.Take(id, answer, asked));
  AccountStore::AddOptions options;
  options.waiting = registration_ == RegistrationMode::kApproval;
  if (registration_ == RegistrationMode::kInvite) {
    CVG_ASSIGN_OR_RETURN(options.invite_row, deps_.invites.Find(wanted.invite, deps_.clock.Now()));
  }
  CVG_ASSIGN_OR_RETURN(Account account, CreateOnQueue(wanted.user, wanted.password, options));
  if (!options.invite_row.empty()) deps_.invites.Forget(options.invite_row);
  return account;
}

absl::StatusOr<Account> AccountsExecutor::CreateOnQueue(const Username& user,
                                                        absl::string_view password,
                                                        const AccountStore::AddOptions& options) {
  CVG_ASSIGN_OR_RETURN(const std::string hash, hasher_.Hash(password));
  CVG_ASSIGN_OR_RETURN(Account account, deps_.accounts.Add(user, hash, deps_.clock.Now(), options));
  if (!account.waiting) deps_.observer.OnAccountAdded(account);
  return account;
}

void AccountsExecutor::MakeInvite(absl::string_view maker,
                                  absl::AnyInvocable<void(absl::StatusOr<Invites::Invite>)> done) {
  if (registration_ != RegistrationMode::kInvite) {
    return done(Fail(FailCode::kDenied,
                     "registration here is not by invite; none is needed, or "
                     "an operator makes the accounts"));
  }
  Post<absl::StatusOr<Invites::Invite>>(
      maker == Invites::kOperators ? std::string(kOperators) : absl::StrCat("account ", maker),
      [this, maker = std::string(maker)] { return deps_.invites.Make(maker, deps_.clock.Now()); },
      std::move(done));
}

void AccountsExecutor::SignIn(const Username& user, absl::string_view secret,
                              absl::string_view address,
                              absl::AnyInvocable<void(absl::StatusOr<SignedIn>)> done) {
  if (identity::LooksLikeTicket(secret)) return done(SignInByTicket(user, secret, address));
  if (!ValidatePassword(secret).ok()) return done(WrongNameOrPassword());
  const absl::Status admitted =
      throttle_.Admit(user, address, deps_.known.Contains(user, address), deps_.clock.Elapsed());
  if (!admitted.ok()) return done(admitted);
  Post<absl::StatusOr<SignedIn>>(
      TurnOf(address),
      [this, user, password = std::string(secret), address = std::string(address)] {
        return SignInByPassword(user, password, address);
      },
      std::move(done));
}

absl::StatusOr<AccountsExecutor::SignedIn> AccountsExecutor::SignInByTicket(
    const Username& user, absl::string_view text, absl::string_view address) {
  CVG_RETURN_IF_ERROR(bad_tickets_.Admit(address, deps_.clock.Elapsed()));
  absl::StatusOr<SignedIn> checked = CheckTicket(user, text);
  if (!checked.ok() && FailCodeOf(checked.status()) == FailCode::kSignInFailed) {
    bad_tickets_.OnFailure(address, deps_.clock.Elapsed());
  }
  return checked;
}

absl::StatusOr<AccountsExecutor::SignedIn> AccountsExecutor::CheckTicket(
    const Username& user, absl::string_view text) const {
  CVG_ASSIGN_OR_RETURN(identity::Ticket ticket, deps_.tickets.Verify(text, deps_.clock.Now()));
  if (ticket.user != user) {
    return Fail(FailCode::kSignInFailed, "this ticket is for another user; use your own");
  }
  CVG_RETURN_IF_ERROR(deps_.accounts.CheckTicket(ticket));
  return SignedIn{*deps_.accounts.Find(user), std::move(ticket), std::string(text)};
}

absl::StatusOr<std::string> AccountsExecutor::VerifyPassword(const Username& user,
                                                             absl::string_view password,
                                                             absl::string_view address) {
  absl::StatusOr<std::string> hash = deps_.accounts.LoadPasswordHash(user);
  const bool nobody = !hash.ok() && FailCodeOf(hash.status()) == FailCode::kNoSuchUser;
  if (!hash.ok() && !nobody) return hash.status();
  const bool right = nobody ? hasher_.VerifyNobody(password) : hasher_.Verify(*hash, password);
  if (!right) {
    throttle_.OnFailure(user, address, deps_.clock.Elapsed());
    return WrongNameOrPassword();
  }
  const absl::Status kept = deps_.known.Add(user, address);
  LOG_IF(ERROR, !kept.ok()) << "from where " << user.str() << " signs in is not kept: " << kept;
  return hash;
}

absl::StatusOr<AccountsExecutor::SignedIn> AccountsExecutor::SignInByPassword(
    const Username& user, absl::string_view password, absl::string_view address) {
  const std::optional<Account> before = deps_.accounts.Find(user);
  CVG_RETURN_IF_ERROR(VerifyPassword(user, password, address).status());
  absl::ReaderMutexLock lock(&voiding_);
  std::optional<Account> account = deps_.accounts.Find(user);
  if (!account) return WrongNameOrPassword();
  if (account->disabled) return Disabled();
  if (account->waiting) return Waiting();
  if (!before || before->revision != account->revision) return JustChanged();
  TicketIssuer::Issued issued = deps_.tickets.Issue(*account, deps_.clock.Now());
  return SignedIn{*std::move(account), std::move(issued.ticket), std::move(issued.text)};
}

void AccountsExecutor::ChangePassword(const Username& user, absl::string_view old_password,
                                      absl::string_view new_password, absl::string_view address,
                                      absl::AnyInvocable<void(absl::StatusOr<SignedIn>)> done) {
  const auto admit = [&]() -> absl::Status {
    CVG_RETURN_IF_ERROR(AdmitNewPassword(new_password));
    const absl::Duration now = deps_.clock.Elapsed();
    CVG_RETURN_IF_ERROR(password_changes_.Admit(user, now));
    if (!ValidatePassword(old_password).ok()) return WrongOldPassword();
    return throttle_.Admit(user, address, deps_.known.Contains(user, address), now);
  };
  if (const absl::Status admitted = admit(); !admitted.ok()) return done(admitted);
  Post<absl::StatusOr<SignedIn>>(
      TurnOf(user),
      [this, user, old_password = std::string(old_password),
       new_password = std::string(new_password), address = std::string(address)] {
        return ChangeOnQueue(user, old_password, new_password, address);
      },
      std::move(done));
}

absl::StatusOr<AccountsExecutor::SignedIn> AccountsExecutor::ChangeOnQueue(
    const Username& user, absl::string_view old_password, absl::string_view new_password,
    absl::string_view address) {
  const absl::StatusOr<std::string> old_hash = VerifyPassword(user, old_password, address);
  if (!old_hash.ok()) {
    const bool wrong = FailCodeOf(old_hash.status()) == FailCode::kSignInFailed;
    return wrong ? WrongOldPassword() : old_hash.status();
  }
  CVG_ASSIGN_OR_RETURN(const std::string new_hash, hasher_.Hash(new_password));
  const auto change = [&]() -> absl::StatusOr<SignedIn> {
    absl::MutexLock lock(&voiding_);
    const std::optional<Account> before = deps_.accounts.Find(user);
    if (before && before->disabled) return Disabled();
    CVG_ASSIGN_OR_RETURN(Account account, deps_.accounts.SetPasswordHash(user, *old_hash, new_hash,
                                                                         deps_.clock.Now()));
    TicketIssuer::Issued issued = deps_.tickets.Issue(account, deps_.clock.Now());
    return SignedIn{std::move(account), std::move(issued.ticket), std::move(issued.text)};
  };
  CVG_ASSIGN_OR_RETURN(SignedIn changed, change());
  deps_.observer.OnTicketsVoid(changed.account, "the password was changed; sign in again");
  return changed;
}

void AccountsExecutor::Create(absl::string_view user_text, absl::string_view password,
                              absl::AnyInvocable<void(absl::StatusOr<Account>)> done) {
  absl::StatusOr<Username> user = Username::Parse(user_text);
  if (!user.ok()) return done(user.status());
  if (absl::Status valid = AdmitNewPassword(password); !valid.ok()) return done(valid);
  Post<absl::StatusOr<Account>>(
      kOperators,
      [this, wanted = WantedAccount(*std::move(user), std::string(password))] {
        return CreateOnQueue(wanted.user, wanted.password, {});
      },
      std::move(done));
}

void AccountsExecutor::Decide(absl::string_view user_text, bool refuse,
                              absl::AnyInvocable<void(absl::Status)> done) {
  absl::StatusOr<Username> user = Username::Parse(user_text);
  if (!user.ok()) return done(user.status());
  Post<absl::Status>(
      kOperators,
      [this, user = *std::move(user), refuse]() -> absl::Status {
        if (refuse) return deps_.accounts.Refuse(user);
        CVG_ASSIGN_OR_RETURN(const Account account, deps_.accounts.Approve(user));
        deps_.observer.OnAccountAdded(account);
        return absl::OkStatus();
      },
      std::move(done));
}

void AccountsExecutor::SetDisabled(absl::string_view user_text, bool disabled,
                                   absl::AnyInvocable<void(absl::Status)> done) {
  absl::StatusOr<Username> user = Username::Parse(user_text);
  if (!user.ok()) return done(user.status());
  Post<absl::Status>(
      kOperators,
      [this, user = *std::move(user), disabled]() -> absl::Status {
        const auto set = [&] {
          absl::MutexLock lock(&voiding_);
          return deps_.accounts.SetDisabled(user, disabled, deps_.clock.Now());
        };
        CVG_ASSIGN_OR_RETURN(const Account account, set());
        if (disabled)
          deps_.observer.OnTicketsVoid(account, "this account was disabled; ask an operator");
        return absl::OkStatus();
      },
      std::move(done));
}

void AccountsExecutor::VoidTickets(absl::string_view user_text,
                                   absl::AnyInvocable<void(absl::Status)> done) {
  absl::StatusOr<Username> user = Username::Parse(user_text);
  if (!user.ok()) return done(user.status());
  Post<absl::Status>(
      kOperators,
      [this, user = *std::move(user)]() -> absl::Status {
        const auto set = [&] {
          absl::MutexLock lock(&voiding_);
          return deps_.accounts.VoidTickets(user, deps_.clock.Now());
        };
        CVG_ASSIGN_OR_RETURN(const Account account, set());
        deps_.observer.OnTicketsVoid(account,
                                     "your sign-in was ended by an operator; sign in again");
        return absl::OkStatus();
      },
      std::move(done));
}

void AccountsExecutor::RotateTicketKey(bool drop_older,
                                       absl::AnyInvocable<void(absl::Status)> done) {
  Post<absl::Status>(
      kOperators,
      [this, drop_older]() -> absl::Status {
        {
          absl::MutexLock lock(&voiding_);
          CVG_RETURN_IF_ERROR(deps_.tickets.Rotate(drop_older, deps_.clock.Now()));
        }
        deps_.observer.OnTicketKeys();
        return absl::OkStatus();
      },
      std::move(done));
}

std::string AccountsExecutor::LookUp(absl::string_view user) const {
  const absl::StatusOr<Username> name = Username::Parse(user);
  if (!name.ok()) return "";
  const std::optional<Account> account = deps_.accounts.Find(*name);
  return account && !account->waiting ? name->str() : "";
}

}  // namespace convergia::mgmt
