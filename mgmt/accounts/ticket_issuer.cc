#include "mgmt/accounts/ticket_issuer.h"

#include <algorithm>
#include <utility>

#include "common/base/status_macros.h"

namespace convergia::mgmt {
namespace {

constexpr absl::string_view kStoreKey = "key/ticket";

absl::StatusOr<identity::PrivateKey> LoadOrMakeKey(store::Store& store) {
  CVG_ASSIGN_OR_RETURN(const auto row, store.Get(kStoreKey));
  if (row) return identity::PrivateKey::FromPem(row->value);
  identity::PrivateKey key = identity::PrivateKey::Generate(identity::KeyKind::kEd25519);
  store::Batch batch;
  batch.IfAbsent(kStoreKey).Put(kStoreKey, key.ToPem());
  CVG_RETURN_IF_ERROR(store.Commit(std::move(batch)).status());
  return key;
}

}  // namespace

absl::StatusOr<std::unique_ptr<TicketIssuer>> TicketIssuer::Create(store::Store& store) {
  CVG_ASSIGN_OR_RETURN(identity::PrivateKey key, LoadOrMakeKey(store));
  auto issuer = std::unique_ptr<TicketIssuer>(new TicketIssuer(std::move(key)));
  CVG_RETURN_IF_ERROR(issuer->verifier_.ReplaceKeys(issuer->PublicKeyPems()));
  return issuer;
}

TicketIssuer::Issued TicketIssuer::Issue(const Account& account, absl::Time now) const {
  const absl::Time issued = std::max(now, account.not_before);
  identity::Ticket ticket{.account = account.id,
                          .user = account.user,
                          .issued = issued,
                          .expires = issued + limits::kTicketLifetime,
                          .id = identity::MakeTicketId()};
  std::string text = identity::SignTicket(ticket, key_);
  return {std::move(ticket), std::move(text)};
}

}  // namespace convergia::mgmt
