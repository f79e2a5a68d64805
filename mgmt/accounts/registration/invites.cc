#include "mgmt/accounts/registration/invites.h"

#include <sodium.h>

#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/base/fail.h"
#include "common/base/random.h"
#include "common/base/status_macros.h"
#include "mgmt_records.pb.h"

namespace convergia::mgmt {
namespace {

constexpr absl::string_view kPrefix = "invite/";
constexpr size_t kCodeBytes = 10;
constexpr size_t kEndedOfCommitMax = 50;

std::string RowKey(absl::string_view code) {
  std::string hash(crypto_hash_sha256_BYTES, '\0');
  crypto_hash_sha256(reinterpret_cast<unsigned char*>(hash.data()),
                     reinterpret_cast<const unsigned char*>(code.data()), code.size());
  return absl::StrCat(kPrefix, absl::BytesToHexString(hash));
}

}  // namespace

absl::Status NoSuchInvite() {
  return Fail(FailCode::kDenied,
              "this invite is not good, or no longer; ask a member or an operator for another");
}

absl::StatusOr<std::unique_ptr<Invites>> Invites::Create(store::Store& store) {
  auto invites = std::unique_ptr<Invites>(new Invites(store));
  absl::MutexLock lock(&invites->mu_);
  auto& by_row = invites->by_row_;
  CVG_RETURN_IF_ERROR(store.ForEach(kPrefix, [&](const store::KeyValue& row) -> absl::Status {
    records::Invite record;
    if (!record.ParseFromString(row.value)) {
      return absl::DataLossError(absl::StrCat("the record ", row.key, " cannot be read"));
    }
    by_row[row.key] = {record.maker(), absl::FromUnixMillis(record.expires_ms())};
    return absl::OkStatus();
  }));
  return invites;
}

std::vector<std::string> Invites::TakeEnded(absl::Time now) {
  std::vector<std::string> ended;
  for (const auto& [row, open] : by_row_) {
    if (open.expires <= now && ended.size() < kEndedOfCommitMax) ended.push_back(row);
  }
  for (const std::string& row : ended) by_row_.erase(row);
  return ended;
}

absl::Status Invites::Admit(absl::string_view maker) const {
  if (by_row_.size() >= kOpenMax) {
    return Fail(FailCode::kBusy, "too many invites are open; try again later");
  }
  if (maker == kOperators) return absl::OkStatus();
  size_t open = 0;
  for (const auto& [row, invite] : by_row_) open += invite.maker == maker;
  if (open < kOpenPerMakerMax) return absl::OkStatus();
  return Fail(FailCode::kRate, absl::StrCat("you have ", open, " open invites; make another once ",
                                            "one of them is used or has ended"));
}

absl::StatusOr<Invites::Invite> Invites::Make(absl::string_view maker, absl::Time now) {
  Invite invite{.code = SecureRandomHex(kCodeBytes), .expires = now + kLifetime};
  const std::string row = RowKey(invite.code);
  store::Batch batch;
  {
    absl::MutexLock lock(&mu_);
    for (const std::string& ended : TakeEnded(now)) batch.Delete(ended);
    CVG_RETURN_IF_ERROR(Admit(maker));
    by_row_[row] = {std::string(maker), invite.expires};
  }
  records::Invite record;
  record.set_maker(std::string(maker));
  record.set_expires_ms(absl::ToUnixMillis(invite.expires));
  batch.Put(row, record.SerializeAsString());
  if (const auto done = store_.Commit(std::move(batch)); !done.ok()) {
    Forget(row);
    return done.status();
  }
  return invite;
}

absl::StatusOr<std::string> Invites::Find(absl::string_view code, absl::Time now) const {
  std::string row = RowKey(code);
  absl::MutexLock lock(&mu_);
  const auto found = by_row_.find(row);
  if (found == by_row_.end() || found->second.expires <= now) return NoSuchInvite();
  return row;
}

void Invites::Forget(absl::string_view row_key) {
  absl::MutexLock lock(&mu_);
  by_row_.erase(row_key);
}

}  // namespace convergia::mgmt
