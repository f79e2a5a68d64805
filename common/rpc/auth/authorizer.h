#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "common/rpc/auth/call_policy.h"
#include "common/rpc/auth/pin_set.h"

namespace convergia::rpc {

// Decides at the door of a server (door.h) who may call what. Thread-safe, never blocks. `policy`
// and `pins` outlive it.
class Authorizer {
 public:
  Authorizer(const CallPolicy& policy, const PinSet& pins) : policy_(policy), pins_(pins) {}

  // Whether a caller with the certificate `pem`, which TLS has checked, may call `method`.
  //
  // Errors: those of CallPolicy::Judge(), and those of CheckPin().
  absl::Status Admit(absl::string_view method, absl::string_view pem) const;

 private:
  const CallPolicy& policy_;
  const PinSet& pins_;
};

// That the key of the certificate `facts` is in `pins`, under the same role and name.
//
// Errors: kUnauthenticated, saying why.
absl::Status CheckPin(const identity::CertificateFacts& facts, const PinSet& pins);

}  // namespace convergia::rpc
