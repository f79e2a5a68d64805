#pragma once

#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/base/buckets.h"
#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/identity/ticket.h"
#include "common/lineserver/session_types.h"
#include "convergia/v1/cluster.pb.h"
#include "edge/upstream/mgmt_client.h"

namespace convergia::edge {

// The tickets that are void although they have not expired: those of an earlier generation of their
// account. Thread-safe.
class RevokedTickets {
 public:
  struct Entry {
    Generation generation = 0;
    absl::Time raised;
    std::string reason;
  };

  // Applies changes from mgmt; with `whole`, they replace everything known. Then forgets entries
  // that were raised limits::kGenerationsToldFor before `now`.
  void Apply(const v1::Revocations& revocations, absl::Time now) ABSL_LOCKS_EXCLUDED(mu_);

  // True if a ticket of this generation of `account` is void. Then sets `*reason`, a text for
  // people.
  bool IsRevoked(AccountId account, Generation generation, std::string* reason = nullptr) const
      ABSL_LOCKS_EXCLUDED(mu_);

 private:
  mutable absl::Mutex mu_;
  absl::flat_hash_map<AccountId, Entry> entries_ ABSL_GUARDED_BY(mu_);
};

// Checks the identity of clients. It checks a ticket itself, with mgmt's public keys, so that users
// can sign in while mgmt is away. It asks mgmt about a password. An address that sent too many bad
// tickets gets RATE before any signature is checked. Thread-safe.
class EdgeAuthenticator final : public lineserver::Authenticator {
 public:
  // All must outlive the authenticator and the calls of `mgmt`.
  EdgeAuthenticator(MgmtClient* mgmt, const RevokedTickets* revoked, const Clock* clock)
      : mgmt_(mgmt), revoked_(revoked), clock_(clock) {}

  // Replaces mgmt's public keys; the texts are PEM.
  absl::Status ReplaceKeys(const std::vector<std::string>& public_key_pems) {
    return tickets_.ReplaceKeys(public_key_pems);
  }

  void SignIn(const Username& user, absl::string_view secret, const std::string& peer_address,
              Done done) override;

 private:
  absl::StatusOr<lineserver::SignedIn> SignInByTicket(const Username& user,
                                                      absl::string_view ticket,
                                                      absl::string_view peer_address);
  absl::StatusOr<lineserver::SignedIn> VerifyTicket(const Username& user,
                                                    absl::string_view ticket) const;

  MgmtClient* const mgmt_;
  const RevokedTickets* const revoked_;
  const Clock* const clock_;
  identity::TicketVerifier tickets_;
  AddressThrottle bad_tickets_{BadTicketsRule(), kBadTickets};
};

}  // namespace convergia::edge
