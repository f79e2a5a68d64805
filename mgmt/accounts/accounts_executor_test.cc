#include "mgmt/accounts/accounts_executor.h"

#include <functional>
#include <optional>
#include <utility>

#include "absl/synchronization/notification.h"
#include "common/base/fail.h"
#include "common/base/limits.h"
#include "common/base/testing/status_testing.h"
#include "common/store/testing/mem_store.h"

namespace convergia::mgmt {
namespace {

// Always the same word; no picture while `broken`.
class FakePainter final : public CaptchaPainter {
 public:
  absl::StatusOr<Captcha> Paint() override {
    if (broken) return Fail(FailCode::kUnavailable, "no picture");
    return Captcha{"WORD", "jpeg bytes"};
  }
  bool broken = false;
};

class RecordingObserver final : public AccountsObserver {
 public:
  void OnAccountAdded(const Account& account) override { added.push_back(account.user.str()); }
  void OnTicketsVoid(const Account& account, absl::string_view) override {
    voided.push_back(account.user.str());
  }
  void OnTicketKeys() override { ++key_changes; }
  int key_changes = 0;
  std::vector<std::string> added, voided;  // Read after the executor has answered.
};

// Calls `start` with a callback and waits for what it is given.
template <typename Result, typename Start>
Result Await(Start start) {
  absl::Notification called;
  std::optional<Result> result;
  start([&](Result given) {
    result.emplace(std::move(given));
    called.Notify();
  });
  called.WaitForNotification();
  return *std::move(result);
}

class AccountsExecutorTest : public testing::Test {
 protected:
  AccountsExecutorTest() { Make({}); }

  static AccountsExecutor::Options Cheap(AccountsExecutor::Options options) {
    options.hash_cost = {1, 8192};
    if (options.password_bytes_min == limits::kNewPasswordBytesMin) options.password_bytes_min = 1;
    return options;
  }
  void Make(const AccountsExecutor::Options& options) {
    executor_ = std::make_unique<AccountsExecutor>(
        AccountsExecutor::Deps{clock_, *accounts_, *tickets_, *known_, *invites_, painter_,
                               observer_},
        Cheap(options));
  }
  absl::StatusOr<AccountsExecutor::Registration> Register(absl::string_view user,
                                                          absl::string_view password,
                                                          absl::string_view invite = "") {
    return Await<absl::StatusOr<AccountsExecutor::Registration>>([&](auto done) {
      executor_->Register(user, password, invite, "10.0.0.1", std::move(done));
    });
  }
  absl::Status Confirm(absl::string_view id, absl::string_view answer) {
    return ConfirmAccount(id, answer).status();
  }
  absl::Status Decide(absl::string_view user, bool refuse) {
    return Await<absl::Status>(
        [&](auto done) { executor_->Decide(user, refuse, std::move(done)); });
  }
  absl::StatusOr<Invites::Invite> MakeInvite(absl::string_view maker) {
    return Await<absl::StatusOr<Invites::Invite>>(
        [&](auto done) { executor_->MakeInvite(maker, std::move(done)); });
  }
  absl::StatusOr<Account> ConfirmAccount(absl::string_view id, absl::string_view answer) {
    return Await<absl::StatusOr<Account>>(
        [&](auto done) { executor_->Confirm(id, answer, "10.0.0.1", std::move(done)); });
  }
  absl::StatusOr<AccountsExecutor::SignedIn> SignIn(absl::string_view user,
                                                    absl::string_view secret,
                                                    absl::string_view address = "10.0.0.1") {
    return Await<absl::StatusOr<AccountsExecutor::SignedIn>>([&](auto done) {
      executor_->SignIn(*Username::Parse(user), secret, address, std::move(done));
    });
  }
  absl::StatusOr<AccountsExecutor::SignedIn> ChangePassword(absl::string_view user,
                                                            absl::string_view old_password,
                                                            absl::string_view new_password) {
    return Await<absl::StatusOr<AccountsExecutor::SignedIn>>([&](auto done) {
      executor_->ChangePassword(*Username::Parse(user), old_password, new_password, "10.0.0.1",
                                std::move(done));
    });
  }
  absl::StatusOr<Account> Create(absl::string_view user, absl::string_view password) {
    return Await<absl::StatusOr<Account>>(
        [&](auto done) { executor_->Create(user, password, std::move(done)); });
  }

  FakeClock clock_;
  store::MemStore store_;
  std::unique_ptr<AccountStore> accounts_ = *AccountStore::Create(store_);
  std::unique_ptr<TicketIssuer> tickets_ = *TicketIssuer::Create(store_);
  std::unique_ptr<KnownNetworks> known_ = *KnownNetworks::Create(store_);
  std::unique_ptr<Invites> invites_ = *Invites::Create(store_);
  FakePainter painter_;
  RecordingObserver observer_;
  std::unique_ptr<AccountsExecutor> executor_;
};

TEST_F(AccountsExecutorTest, RegistersConfirmsAndSignsInByPasswordAndByTicket) {
  ASSERT_OK_AND_ASSIGN(const auto registration, Register("Ann", "secret"));
  EXPECT_EQ(registration.captcha_jpeg, "jpeg bytes");
  EXPECT_FALSE(SignIn("ann", "secret").ok());
  ASSERT_OK(Confirm(registration.id, "word"));
  EXPECT_THAT(observer_.added, testing::ElementsAre("ann"));
  ASSERT_OK_AND_ASSIGN(const auto by_password, SignIn("ann", "secret"));
  EXPECT_EQ(by_password.ticket.expires - by_password.ticket.issued, limits::kTicketLifetime);
  ASSERT_OK_AND_ASSIGN(const auto by_ticket, SignIn("ann", by_password.ticket_text));
  EXPECT_EQ(by_ticket.ticket_text, by_password.ticket_text);
  EXPECT_EQ(by_ticket.account.id, by_password.account.id);
}

TEST_F(AccountsExecutorTest, RefusesBadRegistrations) {
  ASSERT_OK(Create("ann", "secret"));
  struct Case {
    std::string user, password;
    FailCode code;
  };
  for (const Case& c : std::vector<Case>{
           {"", "secret", FailCode::kBadField},
           {"-ann", "secret", FailCode::kBadField},
           {"an n", "secret", FailCode::kBadField},
           {std::string(33, 'a'), "secret", FailCode::kBadField},
           {"bob", "", FailCode::kBadField},
           {"bob", std::string(257, 'x'), FailCode::kBadField},
           {"bob", "cvt1.abc.def", FailCode::kBadField},
           {"ANN", "secret", FailCode::kExists},
       }) {
    const auto refused = Register(c.user, c.password);
    ASSERT_FALSE(refused.ok()) << c.user;
    EXPECT_EQ(FailCodeOf(refused.status()), c.code) << c.user << " " << refused.status();
  }
}

TEST_F(AccountsExecutorTest, ConfirmationIsOnceInTimeAndRight) {
  ASSERT_OK_AND_ASSIGN(const auto wrong, Register("ann", "secret"));
  EXPECT_EQ(FailCodeOf(Confirm(wrong.id, "other")), FailCode::kWrongCaptcha);
  EXPECT_EQ(FailCodeOf(Confirm(wrong.id, "WORD")), FailCode::kNotFound);
  ASSERT_OK_AND_ASSIGN(const auto late, Register("ann", "secret"));
  clock_.Advance(absl::Seconds(61));
  EXPECT_EQ(FailCodeOf(Confirm(late.id, "WORD")), FailCode::kExpired);
  ASSERT_OK_AND_ASSIGN(const auto first, Register("ann", "secret"));
  ASSERT_OK_AND_ASSIGN(const auto second, Register("ann", "stolen"));
  ASSERT_OK(Confirm(first.id, "WORD"));
  EXPECT_EQ(FailCodeOf(Confirm(second.id, "WORD")), FailCode::kExists);
  EXPECT_FALSE(SignIn("ann", "stolen").ok());
}

TEST_F(AccountsExecutorTest, NoPictureNoRegistration) {
  painter_.broken = true;
  EXPECT_EQ(FailCodeOf(Register("ann", "secret").status()), FailCode::kUnavailable);
}

TEST_F(AccountsExecutorTest, RegistrationMayBeClosed) {
  Make({.registration = AccountsExecutor::RegistrationMode::kClosed});
  EXPECT_EQ(FailCodeOf(Register("ann", "secret").status()), FailCode::kDenied);
  EXPECT_OK(Create("ann", "secret"));
}

TEST_F(AccountsExecutorTest, UnderApprovalAnOperatorLetsIn) {
  Make({.registration = AccountsExecutor::RegistrationMode::kApproval});
  for (const char* user : {"ann", "bob"}) {
    ASSERT_OK_AND_ASSIGN(const auto registration, Register(user, "secret"));
    ASSERT_OK_AND_ASSIGN(const Account account, ConfirmAccount(registration.id, "WORD"));
    EXPECT_TRUE(account.waiting);
    EXPECT_EQ(FailCodeOf(SignIn(user, "secret").status()), FailCode::kDenied);
    EXPECT_EQ(FailCodeOf(SignIn(user, "guess").status()), FailCode::kSignInFailed);
    EXPECT_EQ(executor_->LookUp(user), "");
    EXPECT_EQ(FailCodeOf(Register(user, "secret").status()), FailCode::kExists);
  }
  EXPECT_TRUE(observer_.added.empty());
  // As after a restart.
  executor_ = nullptr;
  accounts_ = *AccountStore::Create(store_);
  Make({.registration = AccountsExecutor::RegistrationMode::kApproval});
  EXPECT_EQ(accounts_->ListWaiting("", 10).size(), 2);
  EXPECT_TRUE(accounts_->ListById(0, 10).empty());
  ASSERT_OK(Decide("ann", /*refuse=*/false));
  ASSERT_OK(Decide("bob", /*refuse=*/true));
  EXPECT_THAT(observer_.added, testing::ElementsAre("ann"));
  EXPECT_OK(SignIn("ann", "secret"));
  EXPECT_EQ(executor_->LookUp("ann"), "ann");
  EXPECT_EQ(accounts_->ListById(0, 10).size(), 1);
  EXPECT_EQ(FailCodeOf(SignIn("bob", "secret").status()), FailCode::kSignInFailed);
  EXPECT_OK(Register("bob", "secret").status());
  EXPECT_TRUE(accounts_->ListWaiting("", 10).empty());
  for (const bool refuse : {false, true}) {
    EXPECT_EQ(FailCodeOf(Decide("ann", refuse)), FailCode::kNoSuchUser);
    EXPECT_EQ(FailCodeOf(Decide("nobody", refuse)), FailCode::kNoSuchUser);
  }
}

TEST_F(AccountsExecutorTest, AnInviteMakesOneAccount) {
  EXPECT_EQ(FailCodeOf(MakeInvite("ann").status()), FailCode::kDenied);
  Make({.registration = AccountsExecutor::RegistrationMode::kInvite});
  ASSERT_OK(Create("ann", "secret"));
  ASSERT_OK_AND_ASSIGN(const auto invite, MakeInvite("ann"));
  EXPECT_EQ(FailCodeOf(Register("bob", "secret").status()), FailCode::kDenied);
  EXPECT_EQ(FailCodeOf(Register("bob", "secret", "guess").status()), FailCode::kDenied);
  ASSERT_OK_AND_ASSIGN(const auto bob, Register("bob", "secret", invite.code));
  ASSERT_OK_AND_ASSIGN(const auto cat, Register("cat", "secret", invite.code));
  ASSERT_OK_AND_ASSIGN(const Account account, ConfirmAccount(bob.id, "WORD"));
  EXPECT_FALSE(account.waiting);
  EXPECT_EQ(FailCodeOf(Confirm(cat.id, "WORD")), FailCode::kDenied);
  EXPECT_EQ(FailCodeOf(Register("cat", "secret", invite.code).status()), FailCode::kDenied);
  invites_ = *Invites::Create(store_);
  EXPECT_EQ(FailCodeOf(invites_->Find(invite.code, clock_.Now()).status()), FailCode::kDenied);
  EXPECT_OK(SignIn("bob", "secret"));
}

TEST_F(AccountsExecutorTest, WrongSecretsFailAlikeWhetherTheAccountExistsOrNot) {
  ASSERT_OK(Create("ann", "secret"));
  const auto wrong = SignIn("ann", "guess");
  const auto nobody = SignIn("nobody", "guess");
  ASSERT_FALSE(wrong.ok());
  EXPECT_EQ(FailCodeOf(wrong.status()), FailCode::kSignInFailed);
  EXPECT_EQ(wrong.status(), nobody.status());
  EXPECT_EQ(SignIn("ann", "").status(), wrong.status());
  EXPECT_EQ(SignIn("ann", std::string(300, 'x')).status(), wrong.status());
}

TEST_F(AccountsExecutorTest, GuessingIsThrottledBeforeHashing) {
  Make({.sign_ins = {{100, absl::Seconds(1), 200, 100}, {2, absl::Seconds(30), 10, 100}}});
  ASSERT_OK(Create("ann", "secret"));
  ASSERT_OK(SignIn("ann", "secret", "10.0.0.1"));
  for (int i = 0; i < 2; ++i) EXPECT_FALSE(SignIn("ann", "guess", "10.9.9.9").ok());
  EXPECT_EQ(FailCodeOf(SignIn("ann", "secret", "10.9.9.9").status()), FailCode::kRate);
  EXPECT_OK(SignIn("ann", "secret", "10.0.0.1"));
  clock_.Advance(absl::Seconds(30));
  EXPECT_OK(SignIn("ann", "secret", "10.9.9.9"));
}

TEST_F(AccountsExecutorTest, NobodyLocksAnOwnerOut) {
  ASSERT_OK(Create("ann", "secret"));
  ASSERT_OK(SignIn("ann", "secret", "10.0.0.1"));
  // As after a restart: what is on disk is known.
  executor_ = nullptr;
  known_ = *KnownNetworks::Create(store_);
  Make({});
  for (int network = 0; network < 20; ++network) {
    for (int i = 0; i < 10; ++i) {
      EXPECT_FALSE(SignIn("ann", "guess", absl::StrCat("10.9.9.", network)).ok());
    }
  }
  for (int i = 0; i < 20; ++i) EXPECT_FALSE(SignIn("ann", "guess", "10.0.0.1").ok());
  EXPECT_EQ(FailCodeOf(SignIn("ann", "secret", "10.9.9.0").status()), FailCode::kRate);
  EXPECT_OK(SignIn("ann", "secret", "10.0.0.1"));
  EXPECT_OK(SignIn("ann", "secret", "10.0.0.2"));  // Where the owner never was.
}

TEST_F(AccountsExecutorTest, AfterTheBurstTakenAndFreeNamesReadTheSame) {
  Make({.registrations = {.per_address = {3, absl::Seconds(10), 10, 100}}});
  ASSERT_OK(Create("ann", "secret"));
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(FailCodeOf(Register("ann", "secret").status()), FailCode::kExists);
  }
  const absl::Status taken = Register("ann", "secret").status();
  EXPECT_EQ(FailCodeOf(taken), FailCode::kRate);
  EXPECT_EQ(Register("free", "secret").status(), taken);
}

TEST_F(AccountsExecutorTest, NewPasswordsHaveALeastLengthAndOldOnesStayGood) {
  ASSERT_OK(Create("ann", "short"));
  EXPECT_EQ(AccountsExecutor::Options().password_bytes_min, 8);
  Make({.password_bytes_min = 9});
  EXPECT_EQ(FailCodeOf(Register("bob", "12345678").status()), FailCode::kBadField);
  EXPECT_EQ(FailCodeOf(Create("bob", "12345678").status()), FailCode::kBadField);
  EXPECT_EQ(FailCodeOf(ChangePassword("ann", "short", "12345678").status()), FailCode::kBadField);
  EXPECT_OK(Register("bob", "123456789").status());
  EXPECT_OK(SignIn("ann", "short"));
  EXPECT_OK(ChangePassword("ann", "short", "123456789"));
}

TEST_F(AccountsExecutorTest, BadTicketsAreCountedByAddressBeforeASignatureIsChecked) {
  Make({.bad_tickets = {3, absl::Seconds(1), 10, 100}});
  ASSERT_OK(Create("ann", "secret"));
  ASSERT_OK_AND_ASSIGN(const auto signed_in, SignIn("ann", "secret"));
  std::string forged = signed_in.ticket_text;
  forged.back() = forged.back() == 'A' ? 'Q' : 'A';
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(FailCodeOf(SignIn("ann", forged).status()), FailCode::kSignInFailed);
  }
  EXPECT_EQ(FailCodeOf(SignIn("ann", forged).status()), FailCode::kRate);
  EXPECT_EQ(FailCodeOf(SignIn("ann", signed_in.ticket_text).status()), FailCode::kRate);
  EXPECT_OK(SignIn("ann", signed_in.ticket_text, "10.0.0.2"));
  EXPECT_OK(SignIn("ann", "secret"));
}

TEST_F(AccountsExecutorTest, ChangesOfAPasswordAreThrottledByAccount) {
  Make({.password_changes = {2, absl::Minutes(1), 10, 100}});
  ASSERT_OK(Create("ann", "secret"));
  ASSERT_OK(Create("bob", "secret"));
  ASSERT_OK(ChangePassword("ann", "secret", "secret"));
  EXPECT_EQ(FailCodeOf(ChangePassword("ann", "wrong", "secret").status()), FailCode::kSignInFailed);
  EXPECT_EQ(FailCodeOf(ChangePassword("ann", "secret", "secret").status()), FailCode::kRate);
  EXPECT_OK(ChangePassword("bob", "secret", "secret"));
  clock_.Advance(absl::Minutes(1));
  EXPECT_OK(ChangePassword("ann", "secret", "secret"));
}

TEST_F(AccountsExecutorTest, AJumpOfTheClockKeepsNoTicketGood) {
  for (const absl::Duration jump : {absl::Hours(-2), absl::Hours(2)}) {
    const std::string user = jump > absl::ZeroDuration() ? "ann" : "bob";
    ASSERT_OK(Create(user, "secret"));
    clock_.Jump(-jump);
    ASSERT_OK_AND_ASSIGN(const auto before, SignIn(user, "secret"));
    clock_.Jump(jump);
    ASSERT_OK_AND_ASSIGN(const auto after, ChangePassword(user, "secret", "secret"));
    EXPECT_EQ(FailCodeOf(SignIn(user, before.ticket_text).status()), FailCode::kSignInFailed);
    EXPECT_OK(SignIn(user, after.ticket_text));
    clock_.Jump(-jump);
    EXPECT_EQ(FailCodeOf(SignIn(user, before.ticket_text).status()), FailCode::kSignInFailed);
    EXPECT_OK(SignIn(user, after.ticket_text));
    clock_.Jump(jump);
  }
}

TEST_F(AccountsExecutorTest, ANewTicketKeyIsToldOf) {
  ASSERT_OK(Create("ann", "secret"));
  ASSERT_OK_AND_ASSIGN(const auto before, SignIn("ann", "secret"));
  const auto rotate = [&](bool drop) {
    return Await<absl::Status>(
        [&](auto done) { executor_->RotateTicketKey(drop, std::move(done)); });
  };
  ASSERT_OK(rotate(false));
  EXPECT_EQ(observer_.key_changes, 1);
  EXPECT_OK(SignIn("ann", before.ticket_text));
  ASSERT_OK(rotate(true));
  EXPECT_EQ(observer_.key_changes, 2);
  EXPECT_FALSE(SignIn("ann", before.ticket_text).ok());
  EXPECT_OK(SignIn("ann", "secret"));
}

TEST_F(AccountsExecutorTest, TicketsThatAreExpiredForgedVoidOrForOthersAreRefused) {
  ASSERT_OK(Create("ann", "secret"));
  ASSERT_OK(Create("bob", "secret"));
  ASSERT_OK_AND_ASSIGN(const auto signed_in, SignIn("ann", "secret"));
  const std::string& text = signed_in.ticket_text;
  EXPECT_EQ(FailCodeOf(SignIn("bob", text).status()), FailCode::kSignInFailed);
  std::string forged = text;
  forged[10] = forged[10] == 'A' ? 'B' : 'A';
  EXPECT_EQ(FailCodeOf(SignIn("ann", forged).status()), FailCode::kSignInFailed);
  EXPECT_EQ(FailCodeOf(SignIn("ann", "cvt1.").status()), FailCode::kSignInFailed);
  ASSERT_OK(
      Await<absl::Status>([&](auto done) { executor_->VoidTickets("ann", std::move(done)); }));
  EXPECT_THAT(observer_.voided, testing::ElementsAre("ann"));
  EXPECT_EQ(FailCodeOf(SignIn("ann", text).status()), FailCode::kSignInFailed);
  clock_.Advance(absl::Hours(25));
  EXPECT_EQ(FailCodeOf(SignIn("ann", text).status()), FailCode::kExpired);
  EXPECT_OK(SignIn("ann", "secret"));
}

TEST_F(AccountsExecutorTest, ChangingThePasswordNeedsTheOldOneAndVoidsTickets) {
  ASSERT_OK(Create("ann", "secret"));
  ASSERT_OK_AND_ASSIGN(const auto before, SignIn("ann", "secret"));
  EXPECT_EQ(FailCodeOf(ChangePassword("ann", "guess", "new").status()), FailCode::kSignInFailed);
  EXPECT_EQ(FailCodeOf(ChangePassword("ann", "secret", "").status()), FailCode::kBadField);
  EXPECT_TRUE(observer_.voided.empty());
  ASSERT_OK_AND_ASSIGN(const auto after, ChangePassword("ann", "secret", "new"));
  EXPECT_THAT(observer_.voided, testing::ElementsAre("ann"));
  EXPECT_FALSE(SignIn("ann", before.ticket_text).ok());
  EXPECT_OK(SignIn("ann", after.ticket_text));
  EXPECT_FALSE(SignIn("ann", "secret").ok());
  EXPECT_OK(SignIn("ann", "new"));
}

// Says what is on disk, and then, before the asker can go on, does something else.
class MeanwhileStore final : public store::Store {
 public:
  absl::StatusOr<std::optional<store::KeyValue>> Get(absl::string_view key) const override {
    auto row = inner_.Get(key);
    if (meanwhile && key == "account/ann") std::exchange(meanwhile, nullptr)();
    return row;
  }
  std::unique_ptr<store::Snapshot> TakeSnapshot() const override { return inner_.TakeSnapshot(); }
  void CommitAsync(store::Batch batch, store::CommitCallback done) override {
    inner_.CommitAsync(std::move(batch), std::move(done));
  }
  absl::StatusOr<std::unique_ptr<store::Watcher>> Watch(absl::string_view prefix,
                                                        store::Revision from,
                                                        store::WatchCallback callback) override {
    return inner_.Watch(prefix, from, std::move(callback));
  }
  void Stop() override { inner_.Stop(); }

  mutable std::function<void()> meanwhile;  // Once. Set while nobody asks.

 private:
  store::MemStore inner_;
};

TEST_F(AccountsExecutorTest, ASignInUnderWayGetsNoTicketThatOutlivesAVoiding) {
  MeanwhileStore store;
  accounts_ = *AccountStore::Create(store);
  Make({.threads = 2});
  ASSERT_OK(Create("ann", "secret"));
  const std::vector<std::function<void()>> voidings = {
      [&] {
        EXPECT_OK(Await<absl::Status>(
            [&](auto done) { executor_->VoidTickets("ann", std::move(done)); }));
      },
      [&] { EXPECT_OK(ChangePassword("ann", "secret", "new")); },
  };
  for (const auto& voiding : voidings) {
    store.meanwhile = [&] {
      voiding();
      clock_.Advance(absl::Seconds(1));
    };
    EXPECT_EQ(FailCodeOf(SignIn("ann", "secret").status()), FailCode::kBusy);
  }
  EXPECT_OK(SignIn("ann", "new"));
}

TEST_F(AccountsExecutorTest, DisabledIsToldOnlyToWhoKnowsThePassword) {
  ASSERT_OK(Create("ann", "secret"));
  ASSERT_OK(Await<absl::Status>(
      [&](auto done) { executor_->SetDisabled("ann", true, std::move(done)); }));
  EXPECT_EQ(FailCodeOf(SignIn("ann", "guess").status()), FailCode::kSignInFailed);
  EXPECT_EQ(FailCodeOf(SignIn("ann", "secret").status()), FailCode::kDenied);
  EXPECT_EQ(FailCodeOf(ChangePassword("ann", "secret", "new").status()), FailCode::kDenied);
  ASSERT_OK(Await<absl::Status>(
      [&](auto done) { executor_->SetDisabled("ann", false, std::move(done)); }));
  EXPECT_OK(SignIn("ann", "secret"));
}

TEST_F(AccountsExecutorTest, AFullQueueAnswersBusyAndNothingIsLost) {
  Make({.tasks_max = 2});
  ASSERT_OK(Create("ann", "secret"));
  // Occupies the one thread until the others were asked.
  absl::Notification asked, holding;
  class HoldingPainter : public CaptchaPainter {
   public:
    HoldingPainter(absl::Notification& holding, absl::Notification& asked)
        : holding_(holding), asked_(asked) {}
    absl::StatusOr<Captcha> Paint() override {
      holding_.Notify();
      asked_.WaitForNotification();
      return Captcha{"WORD", "jpeg"};
    }

   private:
    absl::Notification& holding_;
    absl::Notification& asked_;
  } painter(holding, asked);
  AccountsExecutor executor({clock_, *accounts_, *tickets_, *known_, *invites_, painter, observer_},
                            Cheap({.tasks_max = 2}));
  std::atomic<int> busy = 0, good = 0;
  executor.Register("bob", "secret", "", "10.0.0.1", [&](auto result) { good += result.ok(); });
  holding.WaitForNotification();
  for (int i = 0; i < 5; ++i) {
    executor.SignIn(*Username::Parse("ann"), "secret", "10.0.0.1", [&](auto result) {
      good += result.ok();
      busy += !result.ok() && FailCodeOf(result.status()) == FailCode::kBusy;
    });
  }
  EXPECT_EQ(busy, 3);
  asked.Notify();
  executor.Stop();
  EXPECT_EQ(good, 3);
}

}  // namespace
}  // namespace convergia::mgmt
