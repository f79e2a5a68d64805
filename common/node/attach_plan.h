#pragma once

#include <optional>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/base/backoff.h"
#include "common/base/ids.h"
#include "common/base/limits.h"

namespace convergia::node {

// Whether a stream that ended with `why` ends the node: an error that cannot pass by itself, since
// the certificate was revoked (kPermissionDenied, kUnauthenticated) or a newer start of this node
// is there (kFailedPrecondition), from a mgmt that no later start has replaced. `said` is the epoch
// that came with the end, `highest` the highest that the node has seen; an end without epoch ends
// no node.
bool EndsNode(const absl::Status& why, std::optional<Epoch> said, Epoch highest);

// What a node does next for its place in the cluster: attach, beat, renew, wait, or give up. Only
// the decisions: the shell (node_agent.h) carries them out and reports what came of them.
//
// Not thread-safe. `now` is the wall clock, `elapsed` the one that never goes back.
class AttachPlan {
 public:
  struct Options {
    absl::Duration heartbeat = limits::kHeartbeat;
    absl::Duration backoff_first = absl::Milliseconds(200);
    absl::Duration backoff_max = absl::Seconds(5);
    // An attach without Welcome for so long is given up and tried again.
    absl::Duration attach_timeout = absl::Seconds(10);
    // Between two requests for a new certificate, whatever came of the first.
    absl::Duration renew_retry = absl::Minutes(1);
    uint64_t seed = 0;
  };

  enum class Step {
    kWait,     // Until `wait` has passed or something is reported.
    kAttach,   // Open the stream. Report OnDetached() when it ends, however it does.
    kAbandon,  // Cancel the stream: mgmt does not answer.
    kBeat,     // Send a heartbeat.
    kRenew,    // Ask for a new certificate. Report OnCertificate() or OnRenewFailed().
    kGiveUp,   // Never attach again: final_status() says why.
  };
  struct Next {
    Step step;
    absl::Duration wait;  // For kWait.
  };

  explicit AttachPlan(const Options& options)
      : options_(options), backoff_(options.backoff_first, options.backoff_max, options.seed) {}

  // The certificate that the node has now.
  void OnCertificate(absl::Time not_before, absl::Time not_after);
  void OnRenewFailed();

  void OnAttached(absl::Duration elapsed);
  // Gives up if this is such an end as EndsNode() says; else attaches again after a while. `said`
  // and `highest` are as there.
  void OnDetached(const absl::Status& why, std::optional<Epoch> said, Epoch highest,
                  absl::Duration elapsed);
  void OnExpelled(const absl::Status& why);

  // Advances: a step that it returns counts as begun.
  Next NextStep(absl::Time now, absl::Duration elapsed);

  bool attached() const { return stream_ == Stream::kAttached; }
  // OK as long as there is hope.
  const absl::Status& final_status() const { return final_status_; }

 private:
  enum class Stream { kNone, kOpening, kAttached };

  const Options options_;
  Backoff backoff_;
  absl::Time renew_at_ = absl::InfiniteFuture();
  absl::Time not_after_ = absl::InfiniteFuture();
  Stream stream_ = Stream::kNone;
  bool abandoned_ = false;  // kAbandon was said of this stream.
  bool renewing_ = false;
  absl::Duration stream_since_ = -absl::InfiniteDuration();
  absl::Duration attach_at_ = -absl::InfiniteDuration();
  absl::Duration beat_at_ = absl::InfiniteDuration();
  absl::Duration renew_not_before_ = -absl::InfiniteDuration();
  absl::Status final_status_;
};

}  // namespace convergia::node
