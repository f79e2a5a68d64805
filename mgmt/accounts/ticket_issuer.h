#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/base/limits.h"
#include "common/identity/key.h"
#include "common/identity/ticket.h"
#include "common/store/store.h"
#include "mgmt/accounts/account_store.h"

namespace convergia::mgmt {

// A key that verifies tickets until `until`.
struct TicketKey {
  std::string public_pem;
  absl::Time until = absl::InfiniteFuture();
};

// Issues tickets and verifies them. The signing key is in the store; it is made at first use.
// Thread-safe.
class TicketIssuer {
 public:
  // Blocks. `store` must outlive the issuer. Errors: those of the store; kInvalidArgument for a
  // damaged key.
  static absl::StatusOr<std::unique_ptr<TicketIssuer>> Create(store::Store& store);

  struct Issued {
    identity::Ticket ticket;
    std::string text;
  };
  // A ticket for `account` in its generation, issued now.
  Issued Issue(const Account& account, absl::Time now) const ABSL_LOCKS_EXCLUDED(mu_);

  // Checks signature and expiry. AccountStore::CheckTicket() knows whether it is void.
  //
  // Errors: those of identity::TicketVerifier::Verify().
  absl::StatusOr<identity::Ticket> Verify(absl::string_view text, absl::Time now) const {
    return verifier_.Verify(text, now);
  }

  // Makes a new key. It verifies at once and signs after limits::kTicketKeyLead, when edges know
  // it. The key so far verifies until its tickets have expired. With `drop_older` the new key signs
  // at once and no other key verifies: all tickets are void. Blocks. One call at a time.
  //
  // Errors: FailCode::kRate if limits::kTicketKeysMax keys are in use; those of the store.
  absl::Status Rotate(bool drop_older, absl::Time now) ABSL_LOCKS_EXCLUDED(mu_);

  // The public keys with which edges verify tickets, the newest first. Keys that have ended by
  // `now` are forgotten.
  std::vector<TicketKey> PublicKeys(absl::Time now) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  TicketIssuer(store::Store& store, std::shared_ptr<const identity::PrivateKey> key,
               std::vector<TicketKey> older)
      : store_(store), newest_(std::move(key)), older_(std::move(older)) {}
  absl::Status UpdateVerifier() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  store::Store& store_;
  identity::TicketVerifier verifier_;

  mutable absl::Mutex mu_;
  std::shared_ptr<const identity::PrivateKey> newest_ ABSL_GUARDED_BY(mu_);
  // Signs until `newest_signs_from_`; null: `newest_` signs.
  std::shared_ptr<const identity::PrivateKey> before_ ABSL_GUARDED_BY(mu_);
  absl::Time newest_signs_from_ ABSL_GUARDED_BY(mu_) = absl::InfinitePast();
  std::vector<TicketKey> older_ ABSL_GUARDED_BY(mu_);  // The newest first.
};

}  // namespace convergia::mgmt
