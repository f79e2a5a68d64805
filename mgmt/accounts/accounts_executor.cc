#include "mgmt/accounts/accounts_executor.h"

#include <memory>
#include <utility>

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

// Errors: FailCode::kBadField.
absl::Status AdmitPassword(absl::string_view password) {
  if (identity::LooksLikeTicket(password)) {
    return Fail(FailCode::kBadField, "this looks like a ticket; choose another password");
  }
  return ValidatePassword(password);
}

absl::Status Disabled() {
  return Fail(FailCode::kDenied, "this account is disabled; ask an operator");
}

absl::Status JustChanged() {
  return Fail(FailCode::kBusy, "this account was changed a moment ago; sign in again");
}

}  // namespace

AccountsExecutor::AccountsExecutor(const Parts& parts, const Options& options)
    : parts_(parts),
      registration_open_(options.registration_open),
      hasher_(options.hash_cost),
      registrations_(options.registrations),
      throttle_(options.sign_ins),
      work_(options.threads, options.tasks_max) {}

template <typename Result>
void AccountsExecutor::Post(absl::AnyInvocable<Result()> task,
                            absl::AnyInvocable<void(Result)> done) {
  // WorkQueue's std::function wants copies, so both go behind one pointer.
  struct Job {
    absl::AnyInvocable<Result()> task;
    absl::AnyInvocable<void(Result)> done;
  };
  auto job = std::make_shared<Job>(Job{std::move(task), std::move(done)});
  if (!work_.TryPost([job] { job->done(job->task()); })) job->done(QueueFull());
}

void AccountsExecutor::Register(absl::string_view user_text, absl::string_view password,
                                absl::string_view address,
                                absl::AnyInvocable<void(absl::StatusOr<Registration>)> done) {
  const auto admit = [&]() -> absl::StatusOr<Username> {
    if (!registration_open_) {
      return Fail(FailCode::kDenied, "registration is closed; ask an operator for an account");
    }
    CVG_ASSIGN_OR_RETURN(Username user, Username::Parse(user_text));
    CVG_RETURN_IF_ERROR(AdmitPassword(password));
    if (parts_.book.Find(user).has_value()) {
      return Fail(FailCode::kExists, "this name is taken; choose another");
    }
    CVG_RETURN_IF_ERROR(registrations_.Admit(address, parts_.clock.Elapsed()));
    return user;
  };
  absl::StatusOr<Username> user = admit();
  if (!user.ok()) return done(user.status());
  Post<absl::StatusOr<Registration>>(
      [this, wanted = WantedAccount(*std::move(user), std::string(password))]() mutable
      -> absl::StatusOr<Registration> {
        CVG_ASSIGN_OR_RETURN(Captcha captcha, parts_.painter.Paint());
        CVG_ASSIGN_OR_RETURN(std::string id, registrations_.Add(std::move(wanted), captcha.text,
                                                                parts_.clock.Elapsed()));
        return Registration{std::move(id), std::move(captcha.jpeg)};
      },
      std::move(done));
}

// Taken on the work queue, so a user who reads BUSY has not used the one try.
void AccountsExecutor::Confirm(absl::string_view id, absl::string_view answer,
                               absl::AnyInvocable<void(absl::Status)> done) {
  Post<absl::Status>(
      [this, id = std::string(id), answer = std::string(answer),
       asked = parts_.clock.Elapsed()]() -> absl::Status {
        CVG_ASSIGN_OR_RETURN(const WantedAccount wanted, registrations_.Take(id, answer, asked));
        return CreateOnQueue(wanted.user, wanted.password).status();
      },
      std::move(done));
}

absl::StatusOr<Account> AccountsExecutor::CreateOnQueue(const Username& user,
                                                        absl::string_view password) {
  CVG_ASSIGN_OR_RETURN(const std::string hash, hasher_.Hash(password));
  CVG_ASSIGN_OR_RETURN(Account account, parts_.book.Add(user, hash, parts_.clock.Now()));
  parts_.observer.OnAccountAdded(account);
  return account;
}

void AccountsExecutor::SignIn(const Username& user, absl::string_view secret,
                              absl::string_view address,
                              absl::AnyInvocable<void(absl::StatusOr<SignedIn>)> done) {
  if (identity::LooksLikeTicket(secret)) return done(SignInByTicket(user, secret));
  if (!ValidatePassword(secret).ok()) return done(WrongNameOrPassword());
  const absl::Status admitted = throttle_.Admit(user, address, parts_.clock.Elapsed());
  if (!admitted.ok()) return done(admitted);
  Post<absl::StatusOr<SignedIn>>(
      [this, user, password = std::string(secret), address = std::string(address)] {
        return SignInByPassword(user, password, address);
      },
      std::move(done));
}

absl::StatusOr<AccountsExecutor::SignedIn> AccountsExecutor::SignInByTicket(
    const Username& user, absl::string_view text) const {
  CVG_ASSIGN_OR_RETURN(identity::Ticket ticket, parts_.tickets.Verify(text, parts_.clock.Now()));
  if (ticket.user != user) {
    return Fail(FailCode::kSignInFailed, "this ticket is for another user; use your own");
  }
  CVG_RETURN_IF_ERROR(parts_.book.CheckTicket(ticket));
  return SignedIn{*parts_.book.Find(user), std::move(ticket), std::string(text)};
}

absl::StatusOr<std::string> AccountsExecutor::VerifyPassword(const Username& user,
                                                             absl::string_view password,
                                                             absl::string_view address) {
  absl::StatusOr<std::string> hash = parts_.book.LoadPasswordHash(user);
  const bool nobody = !hash.ok() && FailCodeOf(hash.status()) == FailCode::kNoSuchUser;
  if (!hash.ok() && !nobody) return hash.status();
  const bool right = nobody ? hasher_.VerifyNobody(password) : hasher_.Verify(*hash, password);
  if (!right) {
    throttle_.OnFailure(user, address, parts_.clock.Elapsed());
    return WrongNameOrPassword();
  }
  throttle_.OnSuccess(user, address);
  return hash;
}

absl::StatusOr<AccountsExecutor::SignedIn> AccountsExecutor::SignInByPassword(
    const Username& user, absl::string_view password, absl::string_view address) {
  const std::optional<Account> before = parts_.book.Find(user);
  CVG_RETURN_IF_ERROR(VerifyPassword(user, password, address).status());
  absl::ReaderMutexLock lock(&voiding_);
  std::optional<Account> account = parts_.book.Find(user);
  if (!account) return WrongNameOrPassword();
  if (account->disabled) return Disabled();
  if (!before || before->revision != account->revision) return JustChanged();
  TicketIssuer::Issued issued = parts_.tickets.Issue(*account, parts_.clock.Now());
  return SignedIn{*std::move(account), std::move(issued.ticket), std::move(issued.text)};
}

void AccountsExecutor::ChangePassword(const Username& user, absl::string_view old_password,
                                      absl::string_view new_password, absl::string_view address,
                                      absl::AnyInvocable<void(absl::StatusOr<SignedIn>)> done) {
  absl::Status admitted = AdmitPassword(new_password);
  if (admitted.ok() && !ValidatePassword(old_password).ok()) admitted = WrongOldPassword();
  if (admitted.ok()) admitted = throttle_.Admit(user, address, parts_.clock.Elapsed());
  if (!admitted.ok()) return done(admitted);
  Post<absl::StatusOr<SignedIn>>(
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
    const std::optional<Account> before = parts_.book.Find(user);
    if (before && before->disabled) return Disabled();
    CVG_ASSIGN_OR_RETURN(Account account, parts_.book.SetPasswordHash(user, *old_hash, new_hash,
                                                                      parts_.clock.Now()));
    TicketIssuer::Issued issued = parts_.tickets.Issue(account, parts_.clock.Now());
    return SignedIn{std::move(account), std::move(issued.ticket), std::move(issued.text)};
  };
  CVG_ASSIGN_OR_RETURN(SignedIn changed, change());
  parts_.observer.OnTicketsVoid(changed.account, "the password was changed; sign in again");
  return changed;
}

void AccountsExecutor::Create(absl::string_view user_text, absl::string_view password,
                              absl::AnyInvocable<void(absl::StatusOr<Account>)> done) {
  absl::StatusOr<Username> user = Username::Parse(user_text);
  if (!user.ok()) return done(user.status());
  if (absl::Status valid = AdmitPassword(password); !valid.ok()) return done(valid);
  Post<absl::StatusOr<Account>>(
      [this, wanted = WantedAccount(*std::move(user), std::string(password))] {
        return CreateOnQueue(wanted.user, wanted.password);
      },
      std::move(done));
}

void AccountsExecutor::SetDisabled(absl::string_view user_text, bool disabled,
                                   absl::AnyInvocable<void(absl::Status)> done) {
  absl::StatusOr<Username> user = Username::Parse(user_text);
  if (!user.ok()) return done(user.status());
  Post<absl::Status>(
      [this, user = *std::move(user), disabled]() -> absl::Status {
        const auto set = [&] {
          absl::MutexLock lock(&voiding_);
          return parts_.book.SetDisabled(user, disabled, parts_.clock.Now());
        };
        CVG_ASSIGN_OR_RETURN(const Account account, set());
        if (disabled)
          parts_.observer.OnTicketsVoid(account, "this account was disabled; ask an operator");
        return absl::OkStatus();
      },
      std::move(done));
}

void AccountsExecutor::VoidTickets(absl::string_view user_text,
                                   absl::AnyInvocable<void(absl::Status)> done) {
  absl::StatusOr<Username> user = Username::Parse(user_text);
  if (!user.ok()) return done(user.status());
  Post<absl::Status>(
      [this, user = *std::move(user)]() -> absl::Status {
        const auto set = [&] {
          absl::MutexLock lock(&voiding_);
          return parts_.book.VoidTickets(user, parts_.clock.Now());
        };
        CVG_ASSIGN_OR_RETURN(const Account account, set());
        parts_.observer.OnTicketsVoid(account,
                                      "your sign-in was ended by an operator; sign in again");
        return absl::OkStatus();
      },
      std::move(done));
}

std::string AccountsExecutor::LookUp(absl::string_view user) const {
  const absl::StatusOr<Username> name = Username::Parse(user);
  if (!name.ok() || !parts_.book.Find(*name).has_value()) return "";
  return name->str();
}

}  // namespace convergia::mgmt
