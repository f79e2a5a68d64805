#pragma once

#include <functional>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "convergia/v1/cluster.pb.h"
#include "edge/message_router.h"

namespace convergia::edge {

// Tells mgmt who is signed in here: everyone after each attach, then changes, the first at once and
// those that follow it closely together. Has a thread of its own, since a whole may be long.
// Thread-safe.
class LocationReporter {
 public:
  // Sends to mgmt; what is not taken is said anew with the next whole.
  using Send = std::function<void(v1::FromNode message)>;

  LocationReporter(EdgeSessionHub* hub, Send send);
  ~LocationReporter() { Stop(); }

  void Start();
  void Stop() ABSL_LOCKS_EXCLUDED(mu_);

  // The hub has changes.
  void OnChange() ABSL_LOCKS_EXCLUDED(mu_);
  // mgmt knows nothing of us.
  void OnAttached() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  void ReportLoop() ABSL_LOCKS_EXCLUDED(mu_);
  bool HasWork() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return stopped_ || changed_ || whole_due_;
  }
  void Report(bool whole);

  EdgeSessionHub* const hub_;
  const Send send_;
  absl::Mutex mu_;
  bool changed_ ABSL_GUARDED_BY(mu_) = false;
  bool whole_due_ ABSL_GUARDED_BY(mu_) = false;
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_;
};

}  // namespace convergia::edge
