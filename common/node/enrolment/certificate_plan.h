#pragma once

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace convergia::node {

// Decides when a node asks for a new certificate, and when the one that it has is of no use.
//
// A core: only the decisions (the shell is node_agent.h). Not thread-safe. `now` is the wall clock,
// `elapsed` the one that never goes back.
class CertificatePlan {
 public:
  enum class Step {
    kWait,    // Until `wait` has passed or something is reported.
    kRenew,   // Ask for a new certificate. Report OnCertificate() or OnRenewFailed().
    kExpire,  // The certificate has expired, and so mgmt cannot be reached again.
  };
  struct Next {
    Step step = Step::kWait;
    absl::Duration wait;  // For kWait.
  };

  // `renew_retry`: between two requests for a new certificate, whatever came of the first.
  explicit CertificatePlan(absl::Duration renew_retry) : renew_retry_(renew_retry) {}

  // The certificate that the node has now.
  void OnCertificate(absl::Time not_before, absl::Time not_after);
  void OnRenewFailed() { renewing_ = false; }

  // Advances: a step that it returns counts as begun. A stream that is up survives the certificate.
  Next NextStep(absl::Time now, absl::Duration elapsed, bool is_attached);

  // Of an expired certificate: FailCode::kExpired and what to do.
  absl::Status Expired() const;

 private:
  const absl::Duration renew_retry_;
  absl::Time renew_at_ = absl::InfiniteFuture();
  absl::Time not_after_ = absl::InfiniteFuture();
  bool renewing_ = false;
  absl::Duration renew_not_before_ = -absl::InfiniteDuration();
};

}  // namespace convergia::node
