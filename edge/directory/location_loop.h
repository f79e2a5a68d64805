#pragma once

#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/base/clock.h"
#include "convergia/v1/cluster.pb.h"
#include "edge/directory/location_exchange.h"
#include "edge/links/peer_links.h"
#include "edge/sessions/session_hub.h"

namespace convergia::edge {

// The one thread that works the location exchange, and so the only one that writes the directory:
// takes who came and went here, what mgmt says and what comes over links, and sends what comes of
// it. mgmt hears of everyone after each attach, then of changes, the first at once and those that
// follow it closely together. Not the relay loop's thread, for a whole directory takes longer than
// a message may wait.
//
// Thread-safe; no call blocks. What comes before Start() is worked then.
class LocationLoop final : public LinkLocations {
 public:
  struct Rooms {  // All must outlive the loop.
    Directory* directory = nullptr;
    EdgeSessionHub* hub = nullptr;
    RelayLoop* relay = nullptr;
    const Clock* clock = nullptr;
    // To mgmt. What is not taken is said anew after the next attach.
    std::function<void(v1::FromNode message)> send;
    // Whether the cluster has an edge of this number.
    std::function<bool(NodeId)> is_edge;
    // mgmt tells all changes from now on; or does no more. May be null.
    std::function<void(bool)> on_fresh;
  };

  explicit LocationLoop(Rooms rooms) : rooms_(std::move(rooms)) {}
  ~LocationLoop() override { Stop(); }

  void Start(NodeId self, Epoch epoch);
  // Tells of the last ones to leave, and waits for the thread. What comes later is dropped.
  void Stop() ABSL_LOCKS_EXCLUDED(mu_);

  // The hub has changes.
  void OnChange() ABSL_LOCKS_EXCLUDED(mu_);

  // ---- mgmt.
  // It knows nothing of us.
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

  void Post(Event event) ABSL_LOCKS_EXCLUDED(mu_);
  void RunLoop(NodeId self, Epoch epoch) ABSL_LOCKS_EXCLUDED(mu_);
  bool HasWork() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return stopped_ || whole_due_ || !events_.empty() || (changed_ && !resting_);
  }
  void ReportChanges(LocationExchange* exchange);
  void ReportWhole(const LocationExchange& exchange);
  void CarryOut(LocationExchange::Output output);

  const Rooms rooms_;

  absl::Mutex mu_;
  std::vector<Event> events_ ABSL_GUARDED_BY(mu_);
  size_t batch_bytes_ ABSL_GUARDED_BY(mu_) = 0;  // Of batches among them.
  bool changed_ ABSL_GUARDED_BY(mu_) = false;
  bool whole_due_ ABSL_GUARDED_BY(mu_) = false;
  bool resting_ ABSL_GUARDED_BY(mu_) = false;  // Changes wait a little, for others to join them.
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;

  std::thread thread_;
};

}  // namespace convergia::edge
