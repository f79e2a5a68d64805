#pragma once

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace convergia::node {

// Decides when a node asks for a new certificate, and when its certificate is of no use. A renewal
// is due after two thirds of the certificate's life.
//
// A core: no thread, no I/O, no clock (the shell is node_agent.h). Not thread-safe. `now` is the
// wall clock, `elapsed` is Clock::Elapsed(), which never goes back.
class CertificatePlan {
 public:
  enum class Step {
    kWait,    // Wait until `wait` has passed, or until a call reports something.
    kRenew,   // Ask for a new certificate. Report OnCertificate() or OnRenewFailed().
    kExpire,  // The certificate has expired and no stream is up, so mgmt is out of reach.
  };
  struct Next {
    Step step = Step::kWait;
    absl::Duration wait;  // For kWait.
  };

  // `renew_retry` is the least time between two requests for a new certificate.
  explicit CertificatePlan(absl::Duration renew_retry) : renew_retry_(renew_retry) {}

  // Reports the certificate that the node has now.
  void OnCertificate(absl::Time not_before, absl::Time not_after);
  void OnRenewFailed() { renewing_ = false; }

  // Returns the step to take now, and assumes that the caller takes it. A stream that is up
  // outlives the certificate, so `is_attached` delays kExpire.
  Next NextStep(absl::Time now, absl::Duration elapsed, bool is_attached);

  // The error for an expired certificate: FailCode::kExpired, with a text that says what to do.
  absl::Status Expired() const;

 private:
  const absl::Duration renew_retry_;
  absl::Time renew_at_ = absl::InfiniteFuture();
  absl::Time not_after_ = absl::InfiniteFuture();
  bool renewing_ = false;
  absl::Duration renew_not_before_ = -absl::InfiniteDuration();
};

}  // namespace convergia::node
