#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/base/limits.h"
#include "common/identity/key.h"
#include "common/identity/ticket.h"
#include "common/store/store.h"
#include "mgmt/accounts/account_store.h"

namespace convergia::mgmt {

// Issues tickets and verifies them. The signing key is in the store; it is made at first use.
// Thread-safe.
class TicketIssuer {
 public:
  // Blocks. `store` is used here only. Errors: those of the store; kInvalidArgument for a damaged
  // key.
  static absl::StatusOr<std::unique_ptr<TicketIssuer>> Create(store::Store& store);

  struct Issued {
    identity::Ticket ticket;
    std::string text;
  };
  // A ticket for `account`, issued now (or at its not_before, if that is later).
  Issued Issue(const Account& account, absl::Time now) const;

  // Checks signature and expiry. AccountStore::CheckTicket() knows whether it is void.
  //
  // Errors: those of identity::TicketVerifier::Verify().
  absl::StatusOr<identity::Ticket> Verify(absl::string_view text, absl::Time now) const {
    return verifier_.Verify(text, now);
  }

  // The public keys with which edges verify tickets, as PEMs.
  std::vector<std::string> PublicKeyPems() const { return {key_.PublicKeyPem()}; }

 private:
  explicit TicketIssuer(identity::PrivateKey key) : key_(std::move(key)) {}

  const identity::PrivateKey key_;
  identity::TicketVerifier verifier_;
};

}  // namespace convergia::mgmt
