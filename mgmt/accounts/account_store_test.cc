#include "mgmt/accounts/account_store.h"

#include <functional>
#include <thread>
#include <utility>

#include "common/base/fail.h"
#include "common/base/limits.h"
#include "common/base/testing/status_testing.h"
#include "common/store/testing/mem_store.h"
#include "mgmt/accounts/ticket_issuer.h"
#include "mgmt_records.pb.h"

namespace convergia::mgmt {
namespace {

const absl::Time kNow = absl::FromUnixMillis(1'700'000'000'123);

Username User(absl::string_view name) { return *Username::Parse(name); }

std::unique_ptr<AccountStore> Open(store::Store& store) {
  auto accounts = AccountStore::Create(store);
  EXPECT_TRUE(accounts.ok()) << accounts.status();
  return *std::move(accounts);
}

TEST(AccountStoreTest, KeepsAllAcrossARestart) {
  store::MemStore store;
  {
    const auto accounts = Open(store);
    ASSERT_OK_AND_ASSIGN(const Account ann, accounts->Add(User("ann"), "hash-a", kNow));
    ASSERT_OK_AND_ASSIGN(const Account bob, accounts->Add(User("bob"), "hash-b", kNow));
    EXPECT_EQ(ann.id, 1);
    EXPECT_EQ(bob.id, 2);
    ASSERT_OK(accounts->SetDisabled(User("bob"), true, kNow));
  }
  const auto accounts = Open(store);
  ASSERT_TRUE(accounts->Find(User("ann")).has_value());
  EXPECT_EQ(accounts->Find(User("ann"))->created, kNow);
  EXPECT_FALSE(accounts->Find(User("ann"))->disabled);
  EXPECT_TRUE(accounts->Find(User("bob"))->disabled);
  EXPECT_FALSE(accounts->Find(User("cat")).has_value());
  ASSERT_OK_AND_ASSIGN(const std::string hash, accounts->LoadPasswordHash(User("ann")));
  EXPECT_EQ(hash, "hash-a");
  ASSERT_OK_AND_ASSIGN(const Account cat, accounts->Add(User("cat"), "hash-c", kNow));
  EXPECT_EQ(cat.id, 3);
}

TEST(AccountStoreTest, AnInviteIsUsedUpInTheCommitThatMakesTheAccount) {
  store::MemStore store;
  const auto accounts = Open(store);
  store::Batch batch;
  batch.Put("invite/x", "");
  ASSERT_OK(store.Commit(std::move(batch)).status());
  ASSERT_OK(accounts->Add(User("ann"), "hash", kNow, {.invite_row = "invite/x"}));
  EXPECT_EQ(
      FailCodeOf(accounts->Add(User("bob"), "hash", kNow, {.invite_row = "invite/x"}).status()),
      FailCode::kDenied);
  ASSERT_OK_AND_ASSIGN(const auto row, store.Get("invite/x"));
  EXPECT_FALSE(row.has_value());
  EXPECT_FALSE(accounts->Find(User("bob")).has_value());
}

TEST(AccountStoreTest, AccountsThatWaitAreBounded) {
  store::MemStore store;
  const auto accounts = Open(store);
  for (size_t i = 0; i < AccountStore::kWaitingMax; ++i) {
    ASSERT_OK(accounts->Add(User(absl::StrCat("u", i)), "hash", kNow, {.waiting = true}));
  }
  EXPECT_EQ(FailCodeOf(accounts->Add(User("ann"), "hash", kNow, {.waiting = true}).status()),
            FailCode::kBusy);
  EXPECT_OK(accounts->Add(User("bob"), "hash", kNow));
  ASSERT_OK(accounts->Refuse(User("u1")));
  EXPECT_OK(accounts->Add(User("ann"), "hash", kNow, {.waiting = true}));
  ASSERT_OK(accounts->Approve(User("u2")));
  EXPECT_OK(accounts->Add(User("cat"), "hash", kNow, {.waiting = true}));
}

TEST(AccountStoreTest, NamesAreTakenOnceEvenWhenManyAskAtOnce) {
  store::MemStore store;
  const auto accounts = Open(store);
  std::atomic<int> made = 0, refused = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 20; ++i) {
        const auto added = accounts->Add(User(absl::StrCat("user", i)), "hash", kNow);
        if (added.ok()) {
          ++made;
        } else if (FailCodeOf(added.status()) == FailCode::kExists) {
          ++refused;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(made, 20);
  EXPECT_EQ(refused, 140);
  std::vector<Account> all = accounts->ListById(0, 100);
  ASSERT_EQ(all.size(), 20);
  for (size_t i = 0; i < all.size(); ++i) EXPECT_EQ(all[i].id, i + 1);
}

TEST(AccountStoreTest, AChangeOfPasswordVoidsOlderTicketsOnly) {
  store::MemStore store;
  const auto accounts = Open(store);
  ASSERT_OK_AND_ASSIGN(const auto issuer, TicketIssuer::Create(store));
  ASSERT_OK_AND_ASSIGN(const Account ann, accounts->Add(User("ann"), "old", kNow));
  const identity::Ticket before = issuer->Issue(ann, kNow).ticket;
  ASSERT_OK(accounts->CheckTicket(before));
  ASSERT_OK_AND_ASSIGN(const Account changed,
                       accounts->SetPasswordHash(User("ann"), "old", "new", kNow));
  EXPECT_EQ(FailCodeOf(accounts->CheckTicket(before)), FailCode::kSignInFailed);
  EXPECT_OK(accounts->CheckTicket(issuer->Issue(changed, kNow).ticket));
  EXPECT_EQ(FailCodeOf(accounts->SetPasswordHash(User("ann"), "old", "x", kNow).status()),
            FailCode::kBusy);
  ASSERT_OK_AND_ASSIGN(const std::string hash, accounts->LoadPasswordHash(User("ann")));
  EXPECT_EQ(hash, "new");
}

// mgmt's clock was two hours ahead when the ticket was issued, or is two hours ahead since.
TEST(AccountStoreTest, NoClockDecidesWhichTicketsAreVoid) {
  for (const absl::Duration jump : {absl::Hours(-2), absl::ZeroDuration(), absl::Hours(2)}) {
    store::MemStore store;
    const auto accounts = Open(store);
    ASSERT_OK_AND_ASSIGN(const auto issuer, TicketIssuer::Create(store));
    ASSERT_OK_AND_ASSIGN(const Account ann, accounts->Add(User("ann"), "old", kNow));
    const identity::Ticket before = issuer->Issue(ann, kNow).ticket;
    ASSERT_OK_AND_ASSIGN(const Account changed,
                         accounts->SetPasswordHash(User("ann"), "old", "new", kNow + jump));
    EXPECT_EQ(FailCodeOf(accounts->CheckTicket(before)), FailCode::kSignInFailed) << jump;
    EXPECT_OK(accounts->CheckTicket(issuer->Issue(changed, kNow).ticket));
    ASSERT_OK(accounts->SetDisabled(User("ann"), true, kNow + 2 * jump));
    ASSERT_OK(accounts->SetDisabled(User("ann"), false, kNow + 2 * jump));
    EXPECT_EQ(FailCodeOf(accounts->CheckTicket(issuer->Issue(changed, kNow + 3 * jump).ticket)),
              FailCode::kSignInFailed);
    EXPECT_EQ(accounts->RaisedLately(kNow - jump, limits::kGenerationsToldFor).size(), 1);
    EXPECT_EQ(Open(store)->Find(User("ann"))->generation, 2);
  }
}

TEST(AccountStoreTest, ReadsAccountsFromBeforeThereWereGenerations) {
  store::MemStore store;
  records::Account record;
  record.set_id(1);
  record.set_password_hash("hash");
  record.set_raised_ms(absl::ToUnixMillis(kNow));  // As "not before" was stored.
  store::Batch batch;
  batch.Put("account/ann", record.SerializeAsString());
  ASSERT_OK(store.Commit(std::move(batch)).status());
  const auto accounts = Open(store);
  ASSERT_OK_AND_ASSIGN(const auto issuer, TicketIssuer::Create(store));
  const identity::Ticket ticket = issuer->Issue(*accounts->Find(User("ann")), kNow).ticket;
  EXPECT_OK(accounts->CheckTicket(ticket));
  EXPECT_TRUE(accounts->RaisedLately(kNow, limits::kGenerationsToldFor).empty());
  ASSERT_OK(accounts->VoidTickets(User("ann"), kNow));
  EXPECT_FALSE(accounts->CheckTicket(ticket).ok());
}

TEST(AccountStoreTest, VoidingTwiceInOneMillisecondVoidsWhatWasIssuedBetween) {
  store::MemStore store;
  const auto accounts = Open(store);
  ASSERT_OK_AND_ASSIGN(const auto issuer, TicketIssuer::Create(store));
  ASSERT_OK(accounts->Add(User("ann"), "old", kNow));
  ASSERT_OK_AND_ASSIGN(const Account once, accounts->VoidTickets(User("ann"), kNow));
  const identity::Ticket between = issuer->Issue(once, kNow).ticket;
  ASSERT_OK(accounts->CheckTicket(between));
  ASSERT_OK_AND_ASSIGN(const Account twice, accounts->VoidTickets(User("ann"), kNow));
  EXPECT_EQ(FailCodeOf(accounts->CheckTicket(between)), FailCode::kSignInFailed);
  EXPECT_OK(accounts->CheckTicket(issuer->Issue(twice, kNow).ticket));
}

TEST(AccountStoreTest, TicketsOfDisabledUnknownOrOtherAccountsAreRefused) {
  store::MemStore store;
  const auto accounts = Open(store);
  ASSERT_OK_AND_ASSIGN(const auto issuer, TicketIssuer::Create(store));
  ASSERT_OK_AND_ASSIGN(const Account ann, accounts->Add(User("ann"), "hash", kNow));
  identity::Ticket ticket = issuer->Issue(ann, kNow).ticket;
  ticket.account = 99;
  EXPECT_EQ(FailCodeOf(accounts->CheckTicket(ticket)), FailCode::kSignInFailed);
  ticket.account = ann.id;
  ticket.user = User("nobody");
  EXPECT_EQ(FailCodeOf(accounts->CheckTicket(ticket)), FailCode::kSignInFailed);
  ASSERT_OK(accounts->SetDisabled(User("ann"), true, kNow));
  const Account disabled = *accounts->Find(User("ann"));
  EXPECT_EQ(FailCodeOf(accounts->CheckTicket(issuer->Issue(disabled, kNow).ticket)),
            FailCode::kDenied);
  ASSERT_OK(accounts->SetDisabled(User("ann"), false, kNow));
  EXPECT_EQ(FailCodeOf(accounts->CheckTicket(issuer->Issue(ann, kNow).ticket)),
            FailCode::kSignInFailed);
  EXPECT_EQ(FailCodeOf(accounts->SetDisabled(User("zoe"), true, kNow).status()),
            FailCode::kNoSuchUser);
}

// Commits, and then, before the committer hears of it, does something else.
class MeanwhileStore final : public store::Store {
 public:
  absl::StatusOr<std::optional<store::KeyValue>> Get(absl::string_view key) const override {
    return inner_.Get(key);
  }
  std::unique_ptr<store::Snapshot> TakeSnapshot() const override { return inner_.TakeSnapshot(); }
  void CommitAsync(store::Batch batch, store::CommitCallback done) override {
    const absl::StatusOr<store::Revision> outcome = inner_.Commit(std::move(batch));
    if (meanwhile) std::exchange(meanwhile, nullptr)();
    done(outcome);
  }
  absl::StatusOr<std::unique_ptr<store::Watcher>> Watch(absl::string_view prefix,
                                                        store::Revision from,
                                                        store::WatchCallback callback) override {
    return inner_.Watch(prefix, from, std::move(callback));
  }
  void Stop() override { inner_.Stop(); }

  std::function<void()> meanwhile;  // Once.

 private:
  store::MemStore inner_;
};

TEST(AccountStoreTest, AnOlderChangeThatIsHeardOfLaterDoesNotUndoTheNewer) {
  MeanwhileStore store;
  const auto accounts = Open(store);
  ASSERT_OK(accounts->Add(User("ann"), "h", kNow));
  store.meanwhile = [&] {
    ASSERT_OK(accounts->SetDisabled(User("ann"), true, kNow + absl::Seconds(1)));
  };
  ASSERT_OK(accounts->VoidTickets(User("ann"), kNow));
  EXPECT_TRUE(accounts->Find(User("ann"))->disabled);
  EXPECT_EQ(accounts->Find(User("ann"))->generation, 2);
}

TEST(AccountStoreTest, ListsInOrderFromAnyPlace) {
  store::MemStore store;
  const auto accounts = Open(store);
  for (const char* name : {"cat", "ann", "bob"}) ASSERT_OK(accounts->Add(User(name), "h", kNow));
  const auto names = [](const std::vector<Account>& list) {
    std::vector<std::string> names;
    for (const Account& account : list) names.push_back(account.user.str());
    return names;
  };
  EXPECT_THAT(names(accounts->ListById(0, 10)), testing::ElementsAre("cat", "ann", "bob"));
  EXPECT_THAT(names(accounts->ListById(1, 1)), testing::ElementsAre("ann"));
  EXPECT_THAT(names(accounts->ListByName("", 2)), testing::ElementsAre("ann", "bob"));
  EXPECT_THAT(names(accounts->ListByName("bob", 2)), testing::ElementsAre("cat"));
}

TEST(AccountStoreTest, KnowsWhichVoidTicketsStillMatter) {
  store::MemStore store;
  const auto accounts = Open(store);
  ASSERT_OK(accounts->Add(User("ann"), "h", kNow));
  ASSERT_OK(accounts->Add(User("bob"), "h", kNow));
  ASSERT_OK(accounts->VoidTickets(User("bob"), kNow));
  const auto list = accounts->RaisedLately(kNow + absl::Hours(1), absl::Hours(24));
  ASSERT_EQ(list.size(), 1);
  EXPECT_EQ(list[0].user.str(), "bob");
  EXPECT_TRUE(accounts->RaisedLately(kNow + absl::Hours(25), absl::Hours(24)).empty());
}

TEST(AccountStoreTest, ADiskThatFailsIsNeverAnsweredOk) {
  store::MemStore store;
  const auto accounts = Open(store);
  store.BreakNextCommit(/*done=*/false);
  EXPECT_FALSE(accounts->Add(User("ann"), "h", kNow).ok());
  EXPECT_FALSE(accounts->Find(User("ann")).has_value());
  EXPECT_FALSE(accounts->Add(User("bob"), "h", kNow).ok());
}

TEST(TicketIssuerTest, KeepsItsKeyAcrossARestart) {
  store::MemStore store;
  const auto accounts = Open(store);
  ASSERT_OK_AND_ASSIGN(const Account ann, accounts->Add(User("ann"), "h", kNow));
  ASSERT_OK_AND_ASSIGN(const auto first, TicketIssuer::Create(store));
  ASSERT_OK_AND_ASSIGN(const auto second, TicketIssuer::Create(store));
  const std::string text = first->Issue(ann, kNow).text;
  ASSERT_OK_AND_ASSIGN(const identity::Ticket ticket, second->Verify(text, kNow));
  EXPECT_EQ(ticket.account, ann.id);
  EXPECT_EQ(FailCodeOf(second->Verify(text, kNow + absl::Hours(25)).status()), FailCode::kExpired);
  store::MemStore other_store;
  ASSERT_OK_AND_ASSIGN(const auto stranger, TicketIssuer::Create(other_store));
  EXPECT_EQ(FailCodeOf(stranger->Verify(text, kNow).status()), FailCode::kSignInFailed);
}

TEST(TicketIssuerTest, BothKeysVerifyUntilTheOldTicketsHaveEnded) {
  store::MemStore store;
  const auto accounts = Open(store);
  ASSERT_OK_AND_ASSIGN(const Account ann, accounts->Add(User("ann"), "h", kNow));
  ASSERT_OK_AND_ASSIGN(const auto issuer, TicketIssuer::Create(store));
  const TicketKey first = issuer->PublicKeys(kNow).at(0);
  const std::string old_text = issuer->Issue(ann, kNow).text;
  ASSERT_OK(issuer->Rotate(/*drop_older=*/false, kNow));
  std::vector<TicketKey> keys = issuer->PublicKeys(kNow);
  ASSERT_EQ(keys.size(), 2);
  EXPECT_EQ(keys[0].until, absl::InfiniteFuture());
  EXPECT_EQ(keys[1].public_pem, first.public_pem);
  // An edge that has not heard of the new key yet can verify what is issued meanwhile.
  identity::TicketVerifier edge;
  ASSERT_OK(edge.ReplaceKeys({first.public_pem}));
  const std::string between = issuer->Issue(ann, kNow).text;
  EXPECT_OK(edge.Verify(between, kNow));
  const absl::Time later = kNow + limits::kTicketKeyLead;
  EXPECT_FALSE(edge.Verify(issuer->Issue(ann, later).text, later).ok());
  EXPECT_OK(issuer->Verify(old_text, later));
  EXPECT_OK(issuer->Verify(issuer->Issue(ann, later).text, later));
  ASSERT_OK_AND_ASSIGN(const auto restarted, TicketIssuer::Create(store));
  EXPECT_OK(restarted->Verify(between, later));
  EXPECT_EQ(restarted->PublicKeys(later).size(), 2);
  EXPECT_GE(keys[1].until, later + limits::kTicketLifetime);
  EXPECT_EQ(restarted->PublicKeys(keys[1].until).size(), 1);
}

TEST(TicketIssuerTest, KeysInUseAreBoundedAndCanBeDropped) {
  store::MemStore store;
  const auto accounts = Open(store);
  ASSERT_OK_AND_ASSIGN(const Account ann, accounts->Add(User("ann"), "h", kNow));
  ASSERT_OK_AND_ASSIGN(const auto issuer, TicketIssuer::Create(store));
  const std::string text = issuer->Issue(ann, kNow).text;
  for (size_t i = 1; i < limits::kTicketKeysMax; ++i) ASSERT_OK(issuer->Rotate(false, kNow));
  EXPECT_EQ(FailCodeOf(issuer->Rotate(false, kNow)), FailCode::kRate);
  EXPECT_OK(issuer->Verify(text, kNow));
  ASSERT_OK(issuer->Rotate(/*drop_older=*/true, kNow));
  EXPECT_EQ(FailCodeOf(issuer->Verify(text, kNow).status()), FailCode::kSignInFailed);
  EXPECT_OK(issuer->Verify(issuer->Issue(ann, kNow).text, kNow));
  EXPECT_EQ(issuer->PublicKeys(kNow).size(), 1);
}

}  // namespace
}  // namespace convergia::mgmt
