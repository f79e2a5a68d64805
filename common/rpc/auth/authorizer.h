#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "common/rpc/auth/call_policy.h"
#include "common/rpc/auth/pin_set.h"

namespace convergia::rpc {

// Decides for the door of a server (door.h) which caller may call which method. Thread-safe; does
// no I/O. `policy` and `pins` outlive it.
class Authorizer {
 public:
  Authorizer(const CallPolicy& policy, const PinSet& pins) : policy_(policy), pins_(pins) {}

  // OK if a caller with the certificate `pem` may call `method`. TLS has checked `pem` before.
  //
  // Errors: kUnauthenticated if `pem` is empty or names no node or operator; those of CheckPin();
  // those of CallPolicy::Judge().
  absl::Status Admit(absl::string_view method, absl::string_view pem) const;

 private:
  const CallPolicy& policy_;
  const PinSet& pins_;
};

// OK if `pins` has the key of the certificate `facts` under the same role and name.
//
// Errors: kUnauthenticated; the text says whether the key is revoked or `pins` is still empty.
absl::Status CheckPin(const identity::CertificateFacts& facts, const PinSet& pins);

}  // namespace convergia::rpc
