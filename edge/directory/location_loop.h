#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/base/actor/actor.h"
#include "common/base/actor/executor.h"
#include "common/base/clock.h"
#include "convergia/v1/cluster.pb.h"
#include "edge/directory/location_exchange.h"
#include "edge/links/peer_links.h"
#include "edge/sessions/session_hub.h"

namespace convergia::edge {

// The thread that runs the location exchange, and the only one that writes the directory. It takes
// changes of local users, messages of mgmt and payloads of links, and sends the results. mgmt gets
// all users after each attach, then changes: the first at once, those soon after it together. It is
// not the relay loop's thread, because processing a whole directory takes longer than a message may
// wait.
//
// Thread-safe; no call blocks. Events before Start() are processed then.
class LocationLoop final : public LinkLocations {
 public:
  struct Deps {  // All must outlive the loop.
    Directory* directory = nullptr;
    EdgeSessionHub* hub = nullptr;
    RelayLoop* relay = nullptr;
    const Clock* clock = nullptr;
    // Sends to mgmt. Everything is reported again after the next attach, so a message may be lost.
    std::function<void(v1::FromNode message)> send;
    // Whether the cluster has an edge of this number.
    std::function<bool(NodeId)> is_edge;
    // Called with true when mgmt keeps the directory current from now on, with false when it no
    // longer does. May be null.
    std::function<void(bool)> on_fresh;
  };

  explicit LocationLoop(Deps deps);
  ~LocationLoop() override { Stop(); }

  void Start(NodeId self, Epoch epoch);
  // Reports the last users to leave, and waits for the thread. Later events are dropped.
  void Stop() { actor_.Stop(); }

  // The hub has changes.
  void OnChange() ABSL_LOCKS_EXCLUDED(mu_);

  // ---- mgmt.
  // A new attach: mgmt knows nothing about this edge.
  void OnAttached() ABSL_LOCKS_EXCLUDED(mu_);
  void OnDetached() {
    Post([](auto& exchange, auto now) { exchange.OnDetached(now); });
  }
  void OnBatch(v1::DirectoryBatch batch) ABSL_LOCKS_EXCLUDED(mu_);
  void OnCheck() {
    Post([](auto& exchange, auto) { exchange.OnCheck(); });
  }
  void OnBuckets(v1::DirectoryBuckets part) ABSL_LOCKS_EXCLUDED(mu_);

  // LinkLocations:
  void OnLinks(std::vector<NodeId> peers) override;
  void OnLocations(NodeId from, v1::Locations payload, absl::AnyInvocable<void()> done) override;
  void OnLinksReady(std::vector<NodeId> peers) override;

 private:
  using Event = absl::AnyInvocable<void(LocationExchange& exchange, absl::Duration now)>;

  void Post(Event event);
  absl::Duration Turn(absl::Duration now, bool is_last) ABSL_LOCKS_EXCLUDED(mu_);
  void ReportChanges(LocationExchange* exchange);
  void ReportWhole(const LocationExchange& exchange);
  void CarryOut(LocationExchange::Output output);

  const Deps deps_;

  // Only the executor's, from Start() on.
  std::optional<LocationExchange> exchange_;
  absl::Duration next_tick_;
  absl::Duration rests_until_;  // Changes wait a little, for others to join them.
  bool is_fresh_ = false;

  absl::Mutex mu_;
  size_t batch_bytes_ ABSL_GUARDED_BY(mu_) = 0;  // Of the batches among the events.
  bool changed_ ABSL_GUARDED_BY(mu_) = false;
  bool whole_due_ ABSL_GUARDED_BY(mu_) = false;

  ThreadExecutor executor_;
  Actor actor_;  // After all that its turns use.
};

}  // namespace convergia::edge
