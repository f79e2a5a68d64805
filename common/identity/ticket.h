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
#include "common/base/ids.h"
#include "common/identity/key.h"

// Tickets: signed proofs of sign-in, which every edge checks without asking mgmt.
//
// Text form: "cvt2." payload "." signature, both base64url without padding. The signature (Ed25519)
// is over everything before its dot. Under 200 bytes, letters, digits and ". - _" only. Tickets of
// the form "cvt1.", which had no generation, are refused.
namespace convergia::identity {

struct Ticket {
  AccountId account = 0;
  Username user;
  Generation generation =
      0;               // Of the account, when it was issued. Once that is raised, it is void.
  absl::Time issued;   // Whole milliseconds; finer is cut off.
  absl::Time expires;  // The same.
  std::string id;      // 16 lower-case hexadecimal digits, by which it can be revoked.
};

// 16 random hexadecimal digits.
std::string MakeTicketId();

// `key` is Ed25519.
std::string SignTicket(const Ticket& ticket, const PrivateKey& key);

// True for a secret that claims to be a ticket, and so is never tried as a password.
bool LooksLikeTicket(absl::string_view secret);

// Checks tickets against the public keys of mgmt: more than one while the key is being replaced.
// Thread-safe.
class TicketVerifier {
 public:
  TicketVerifier();  // No keys: every ticket fails.
  ~TicketVerifier();

  // Replaces all keys. Each is a PEM as PrivateKey::PublicKeyPem() writes it.
  //
  // Errors: kInvalidArgument, and nothing changes.
  absl::Status ReplaceKeys(const std::vector<std::string>& public_key_pems)
      ABSL_LOCKS_EXCLUDED(mu_);

  // Checks dates and signature. Revocation is not checked: the caller compares the generation. A
  // ticket whose own date says that it has expired is refused before its signature is checked, so
  // it costs next to nothing.
  //
  // Errors: FailCode::kExpired for a ticket that is too old, FailCode::kSignInFailed for anything
  // else; the text says to sign in with the password.
  absl::StatusOr<Ticket> Verify(absl::string_view text, absl::Time now) const
      ABSL_LOCKS_EXCLUDED(mu_);

 private:
  class PublicKeys;

  mutable absl::Mutex mu_;
  std::shared_ptr<const PublicKeys> keys_ ABSL_GUARDED_BY(mu_);
};

}  // namespace convergia::identity
