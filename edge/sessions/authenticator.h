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

// Knows which tickets are void although they have not expired: those of an earlier generation of
// their account. Thread-safe.
class RevokedTickets {
 public:
  struct Entry {
    Generation generation = 0;
    absl::Time raised;
    std::string reason;
  };

  // Changes, or with `whole` all that there are. Those raised limits::kGenerationsToldFor before
  // `now` are forgotten.
  void Apply(const v1::Revocations& revocations, absl::Time now) ABSL_LOCKS_EXCLUDED(mu_);

  // True, with the reason for people, if a ticket of this generation of `account` is void.
  bool IsRevoked(AccountId account, Generation generation, std::string* reason = nullptr) const
      ABSL_LOCKS_EXCLUDED(mu_);

 private:
  mutable absl::Mutex mu_;
  absl::flat_hash_map<AccountId, Entry> entries_ ABSL_GUARDED_BY(mu_);
};

// Who clients are: a ticket is checked here, with mgmt's public keys, so that people come in while
// mgmt is away; a password is asked of mgmt. An address from which too many bad tickets came
// reads RATE before a signature is checked. Thread-safe.
class EdgeAuthenticator final : public lineserver::Authenticator {
 public:
  // All must outlive the authenticator and the calls of `mgmt`.
  EdgeAuthenticator(MgmtClient* mgmt, const RevokedTickets* revoked, const Clock* clock)
      : mgmt_(mgmt), revoked_(revoked), clock_(clock) {}

  // mgmt's public keys, as PEM.
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
