#pragma once

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/base/limits.h"
#include "common/rpc/streams/standing_plan.h"

namespace convergia::node {

// The options of a node's stream to mgmt. An end is final if another try cannot help: the
// certificate was revoked (kPermissionDenied, kUnauthenticated), or a newer start of this node is
// attached (kFailedPrecondition).
inline rpc::StandingPlan::Options AttachOptions() {
  rpc::StandingPlan::Options options;
  options.backoff_max = absl::Seconds(5);
  options.greet_timeout = absl::Seconds(10);
  options.beat = limits::kHeartbeat;
  options.final_codes = {absl::StatusCode::kPermissionDenied, absl::StatusCode::kUnauthenticated,
                         absl::StatusCode::kFailedPrecondition};
  return options;
}

}  // namespace convergia::node
