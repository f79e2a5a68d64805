#include "mgmt/accounts/account_store.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/fail.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "mgmt_records.pb.h"

namespace convergia::mgmt {
namespace {

constexpr absl::string_view kPrefix = "account/";
constexpr absl::string_view kCounterKey = "counter/account";

// Commits that lost a race against another for the same counter or record are tried again.
constexpr int kTriesMax = 50;

std::string KeyOf(const Username& user) { return absl::StrCat(kPrefix, user.str()); }

absl::Status Damaged(absl::string_view key) {
  return absl::DataLossError(absl::StrCat("the record ", key, " cannot be read"));
}

absl::Status NoSuchUser(const Username& user) {
  return Fail(FailCode::kNoSuchUser, absl::StrCat("there is no account ", user.str()));
}

template <typename Record>
absl::StatusOr<Record> Parse(const store::KeyValue& row) {
  Record record;
  if (!record.ParseFromString(row.value)) return Damaged(row.key);
  return record;
}

Account ToAccount(const Username& user, const records::Account& record, store::Revision revision) {
  return Account{.id = record.id(),
                 .user = user,
                 .created = absl::FromUnixMillis(record.created_ms()),
                 .disabled = record.disabled(),
                 .waiting = record.waiting(),
                 .generation = record.generation(),
                 .raised = absl::FromUnixMillis(record.raised_ms()),
                 .revision = revision};
}

// All tickets so far are void from here on, whatever the clock said when they were issued.
void RaiseGeneration(absl::Time now, records::Account* record) {
  record->set_generation(record->generation() + 1);
  record->set_raised_ms(absl::ToUnixMillis(now));
}

}  // namespace

absl::StatusOr<std::unique_ptr<AccountStore>> AccountStore::Create(store::Store& store) {
  auto accounts = std::unique_ptr<AccountStore>(new AccountStore(store));
  CVG_RETURN_IF_ERROR(store.ForEach(kPrefix, [&](const store::KeyValue& row) -> absl::Status {
    CVG_ASSIGN_OR_RETURN(const auto record, Parse<records::Account>(row));
    CVG_ASSIGN_OR_RETURN(const Username user,
                         Username::Parse(absl::string_view(row.key).substr(kPrefix.size())));
    accounts->Remember(ToAccount(user, record, row.version));
    return absl::OkStatus();
  }));
  return accounts;
}

void AccountStore::Remember(const Account& account) {
  absl::MutexLock lock(&mu_);
  const auto [place, is_new] = by_name_.try_emplace(account.user.str(), account);
  Account& known = place->second;
  if (known.revision > account.revision) return;
  if (!is_new && known.waiting) --waiting_;
  if (account.waiting) ++waiting_;
  known = account;
  if (!account.waiting) name_by_id_.insert_or_assign(account.id, account.user.str());
}

absl::Status AccountStore::AdmitNew(const Username& user, const AddOptions& options) const {
  CVG_ASSIGN_OR_RETURN(const auto row, store_.Get(KeyOf(user)));
  if (row) return Fail(FailCode::kExists, "this name is taken; choose another");
  if (!options.invite_row.empty()) {
    CVG_ASSIGN_OR_RETURN(const auto invite, store_.Get(options.invite_row));
    if (!invite) {
      return Fail(FailCode::kDenied, "this invite was used a moment ago; ask for another");
    }
  }
  absl::MutexLock lock(&mu_);
  if (options.waiting && waiting_ >= kWaitingMax) {
    return Fail(FailCode::kBusy, "too many accounts wait for an operator; try again another day");
  }
  return absl::OkStatus();
}

absl::StatusOr<Account> AccountStore::Add(const Username& user, const std::string& password_hash,
                                          absl::Time now, const AddOptions& options) {
  for (int i = 0; i < kTriesMax; ++i) {
    CVG_RETURN_IF_ERROR(AdmitNew(user, options));
    CVG_ASSIGN_OR_RETURN(const auto counter_row, store_.Get(kCounterKey));
    records::Counter counter;
    if (counter_row && !counter.ParseFromString(counter_row->value)) return Damaged(kCounterKey);
    counter.set_last(counter.last() + 1);
    records::Account record;
    record.set_id(counter.last());
    record.set_password_hash(password_hash);
    record.set_created_ms(absl::ToUnixMillis(now));
    record.set_waiting(options.waiting);
    store::Batch batch;
    batch.IfAbsent(KeyOf(user))
        .IfVersion(kCounterKey, counter_row ? counter_row->version : 0)
        .Put(kCounterKey, counter.SerializeAsString())
        .Put(KeyOf(user), record.SerializeAsString());
    if (!options.invite_row.empty()) {
      batch.IfPresent(options.invite_row).Delete(options.invite_row);
    }
    const auto done = store_.Commit(std::move(batch));
    if (done.ok()) {
      Account account = ToAccount(user, record, *done);
      Remember(account);
      return account;
    }
    if (!store::IsConflict(done)) return done.status();
  }
  return Fail(FailCode::kBusy, "too many accounts are being made at once; try again");
}

absl::StatusOr<std::string> AccountStore::LoadPasswordHash(const Username& user) const {
  CVG_ASSIGN_OR_RETURN(const auto row, store_.Get(KeyOf(user)));
  if (!row) return NoSuchUser(user);
  CVG_ASSIGN_OR_RETURN(const auto record, Parse<records::Account>(*row));
  return record.password_hash();
}

template <typename Change>
absl::StatusOr<Account> AccountStore::Update(const Username& user, Change change) {
  for (int i = 0; i < kTriesMax; ++i) {
    CVG_ASSIGN_OR_RETURN(const auto row, store_.Get(KeyOf(user)));
    if (!row) return NoSuchUser(user);
    CVG_ASSIGN_OR_RETURN(auto record, Parse<records::Account>(*row));
    CVG_RETURN_IF_ERROR(change(record));
    store::Batch batch;
    batch.IfVersion(row->key, row->version).Put(row->key, record.SerializeAsString());
    const auto done = store_.Commit(std::move(batch));
    if (done.ok()) {
      Account account = ToAccount(user, record, *done);
      Remember(account);
      return account;
    }
    if (!store::IsConflict(done)) return done.status();
  }
  return Fail(FailCode::kBusy, "this account is being changed by others; try again");
}

absl::StatusOr<Account> AccountStore::SetPasswordHash(const Username& user,
                                                      const std::string& old_hash,
                                                      const std::string& new_hash, absl::Time now) {
  return Update(user, [&](records::Account& record) -> absl::Status {
    if (!old_hash.empty() && record.password_hash() != old_hash) {
      return Fail(FailCode::kBusy, "the password was changed a moment ago; sign in again");
    }
    record.set_password_hash(new_hash);
    RaiseGeneration(now, &record);
    return absl::OkStatus();
  });
}

absl::StatusOr<Account> AccountStore::SetDisabled(const Username& user, bool disabled,
                                                  absl::Time now) {
  return Update(user, [&](records::Account& record) {
    record.set_disabled(disabled);
    if (disabled) RaiseGeneration(now, &record);
    return absl::OkStatus();
  });
}

absl::StatusOr<Account> AccountStore::VoidTickets(const Username& user, absl::Time now) {
  return Update(user, [&](records::Account& record) {
    RaiseGeneration(now, &record);
    return absl::OkStatus();
  });
}

absl::Status AccountStore::NobodyWaits(const Username& user) {
  return Fail(FailCode::kNoSuchUser, absl::StrCat("no account ", user.str(), " waits"));
}

absl::StatusOr<Account> AccountStore::Approve(const Username& user) {
  return Update(user, [&](records::Account& record) -> absl::Status {
    if (!record.waiting()) return NobodyWaits(user);
    record.set_waiting(false);
    return absl::OkStatus();
  });
}

absl::Status AccountStore::Refuse(const Username& user) {
  CVG_ASSIGN_OR_RETURN(const auto row, store_.Get(KeyOf(user)));
  if (!row) return NobodyWaits(user);
  CVG_ASSIGN_OR_RETURN(const auto record, Parse<records::Account>(*row));
  if (!record.waiting()) return NobodyWaits(user);
  store::Batch batch;
  batch.IfVersion(row->key, row->version).Delete(row->key);
  const auto done = store_.Commit(std::move(batch));
  if (store::IsConflict(done)) {
    return Fail(FailCode::kBusy, "this account is being changed by others; try again");
  }
  CVG_RETURN_IF_ERROR(done.status());
  absl::MutexLock lock(&mu_);
  if (by_name_.erase(user.str()) > 0) --waiting_;
  return absl::OkStatus();
}

std::optional<Account> AccountStore::Find(const Username& user) const {
  absl::MutexLock lock(&mu_);
  const auto found = by_name_.find(user.str());
  if (found == by_name_.end()) return std::nullopt;
  return found->second;
}

absl::Status AccountStore::CheckTicket(const identity::Ticket& ticket) const {
  const std::optional<Account> account = Find(ticket.user);
  if (!account || account->id != ticket.account || ticket.generation != account->generation) {
    return Fail(FailCode::kSignInFailed,
                "this ticket is no longer valid; sign in with your password");
  }
  if (account->disabled) {
    return Fail(FailCode::kDenied, "this account is disabled; ask an operator");
  }
  return absl::OkStatus();
}

std::vector<Account> AccountStore::ListById(AccountId after, int limit) const {
  std::vector<Account> list;
  absl::MutexLock lock(&mu_);
  for (auto it = name_by_id_.upper_bound(after); it != name_by_id_.end() && list.size() < limit;
       ++it) {
    list.push_back(by_name_.at(it->second));
  }
  return list;
}

std::vector<Account> AccountStore::ListByName(absl::string_view after, int limit) const {
  std::vector<Account> list;
  absl::MutexLock lock(&mu_);
  for (auto it = by_name_.upper_bound(after); it != by_name_.end() && list.size() < limit; ++it) {
    list.push_back(it->second);
  }
  return list;
}

std::vector<Account> AccountStore::ListWaiting(absl::string_view after, int limit) const {
  std::vector<Account> list;
  absl::MutexLock lock(&mu_);
  if (waiting_ == 0) return list;
  for (auto it = by_name_.upper_bound(after); it != by_name_.end() && list.size() < limit; ++it) {
    if (it->second.waiting) list.push_back(it->second);
  }
  return list;
}

std::vector<Account> AccountStore::RaisedLately(absl::Time now, absl::Duration ago) const {
  std::vector<Account> list;
  absl::MutexLock lock(&mu_);
  for (const auto& [name, account] : by_name_) {
    if (account.generation > 0 && account.raised + ago > now) list.push_back(account);
  }
  return list;
}

}  // namespace convergia::mgmt
