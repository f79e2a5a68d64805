#include "mgmt/accounts/ticket_issuer.h"

#include <glog/logging.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/fail.h"
#include "common/base/status_macros.h"
#include "mgmt_records.pb.h"

namespace convergia::mgmt {
namespace {

constexpr absl::string_view kStoreKey = "key/ticket";
constexpr absl::string_view kOlderKey = "key/ticket/older";

absl::StatusOr<identity::PrivateKey> LoadOrMakeKey(store::Store& store) {
  CVG_ASSIGN_OR_RETURN(const auto row, store.Get(kStoreKey));
  if (row) return identity::PrivateKey::FromPem(row->value);
  identity::PrivateKey key = identity::PrivateKey::Generate(identity::KeyKind::kEd25519);
  store::Batch batch;
  batch.IfAbsent(kStoreKey).Put(kStoreKey, key.ToPem());
  CVG_RETURN_IF_ERROR(store.Commit(std::move(batch)).status());
  return key;
}

absl::StatusOr<std::vector<TicketKey>> LoadOlder(const store::Store& store) {
  CVG_ASSIGN_OR_RETURN(const auto row, store.Get(kOlderKey));
  records::TicketKeys record;
  if (row && !record.ParseFromString(row->value)) {
    return absl::DataLossError(absl::StrCat("the record ", kOlderKey, " cannot be read"));
  }
  std::vector<TicketKey> keys;
  for (const records::TicketKey& key : record.keys()) {
    keys.push_back({key.public_pem(), absl::FromUnixMillis(key.until_ms())});
  }
  return keys;
}

std::string EncodeOlder(const std::vector<TicketKey>& keys) {
  records::TicketKeys record;
  for (const TicketKey& key : keys) {
    records::TicketKey* const row = record.add_keys();
    row->set_public_pem(key.public_pem);
    row->set_until_ms(absl::ToUnixMillis(key.until));
  }
  return record.SerializeAsString();
}

}  // namespace

absl::StatusOr<std::unique_ptr<TicketIssuer>> TicketIssuer::Create(store::Store& store) {
  CVG_ASSIGN_OR_RETURN(identity::PrivateKey key, LoadOrMakeKey(store));
  CVG_ASSIGN_OR_RETURN(std::vector<TicketKey> older, LoadOlder(store));
  auto issuer = std::unique_ptr<TicketIssuer>(new TicketIssuer(
      store, std::make_shared<const identity::PrivateKey>(std::move(key)), std::move(older)));
  absl::MutexLock lock(&issuer->mu_);
  CVG_RETURN_IF_ERROR(issuer->UpdateVerifier());
  return issuer;
}

absl::Status TicketIssuer::UpdateVerifier() {
  std::vector<std::string> pems = {newest_->PublicKeyPem()};
  for (const TicketKey& key : older_) pems.push_back(key.public_pem);
  return verifier_.ReplaceKeys(pems);
}

TicketIssuer::Issued TicketIssuer::Issue(const Account& account, absl::Time now) const {
  identity::Ticket ticket{.account = account.id,
                          .user = account.user,
                          .generation = account.generation,
                          .issued = now,
                          .expires = now + limits::kTicketLifetime,
                          .id = identity::MakeTicketId()};
  std::shared_ptr<const identity::PrivateKey> key;
  {
    absl::MutexLock lock(&mu_);
    key = before_ != nullptr && now < newest_signs_from_ ? before_ : newest_;
  }
  std::string text = identity::SignTicket(ticket, *key);
  return {std::move(ticket), std::move(text)};
}

absl::Status TicketIssuer::Rotate(bool drop_older, absl::Time now) {
  std::vector<TicketKey> older;
  if (!drop_older) {
    older = PublicKeys(now);
    if (older.size() >= limits::kTicketKeysMax) {
      return Fail(
          FailCode::kRate,
          absl::StrCat(older.size(), " ticket keys are in use; wait until the oldest ends, ", "at ",
                       absl::FormatTime(older.back().until, absl::UTCTimeZone()),
                       ", or drop the older"));
    }
    older.front().until = now + limits::kTicketKeyLead + limits::kTicketKeyKeptFor;
  }
  auto key = std::make_shared<const identity::PrivateKey>(
      identity::PrivateKey::Generate(identity::KeyKind::kEd25519));
  store::Batch batch;
  batch.Put(kStoreKey, key->ToPem()).Put(kOlderKey, EncodeOlder(older));
  CVG_RETURN_IF_ERROR(store_.Commit(std::move(batch)).status());
  absl::MutexLock lock(&mu_);
  before_ = drop_older ? nullptr : std::move(newest_);
  newest_ = std::move(key);
  newest_signs_from_ = now + limits::kTicketKeyLead;
  older_ = std::move(older);
  return UpdateVerifier();
}

std::vector<TicketKey> TicketIssuer::PublicKeys(absl::Time now) {
  absl::MutexLock lock(&mu_);
  if (std::erase_if(older_, [now](const TicketKey& key) { return key.until <= now; }) > 0) {
    const absl::Status updated = UpdateVerifier();
    CHECK(updated.ok()) << updated;  // They were good before.
  }
  std::vector<TicketKey> keys = {{.public_pem = newest_->PublicKeyPem()}};
  keys.insert(keys.end(), older_.begin(), older_.end());
  return keys;
}

}  // namespace convergia::mgmt
