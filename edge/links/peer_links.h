#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/functional/any_invocable.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/rpc/auth/peer.h"
#include "common/rpc/auth/pin_set.h"
#include "convergia/v1/relay.grpc.pb.h"
#include "edge/links/dial_plan.h"
#include "edge/links/link_stream.h"
#include "edge/relay/relay_loop.h"

namespace convergia::edge {

// Receives the locations that links carry (Locations in a frame). The calls come from any thread
// and must not block.
class LinkLocations {
 public:
  virtual ~LinkLocations() = default;
  // All edges that are linked now.
  virtual void OnLinks(std::vector<NodeId> peers) = 0;
  // Call `done` when `payload` is processed; until then it counts against the link.
  virtual void OnLocations(NodeId from, v1::Locations payload, absl::AnyInvocable<void()> done) = 0;
  // The last payload for them (Switchboard::SetLocations()) has left; the next may be given.
  virtual void OnLinksReady(std::vector<NodeId> peers) = 0;
};

// The streams behind the switchboard's links: dials the other edges, accepts their calls, carries
// frames, and hands arriving frames to the relay loop.
//
// Life of a link: a stream starts (dialled by either side) and both sides send hello. If the peer's
// hello names the node of its certificate, the switchboard admits the link or not (LinkTable). The
// link carries frames until it breaks or is silent for 15 s; then it is dialled again.
//
// Thread-safe, but for what the loop calls.
class PeerLinks {
 public:
  struct Deps {
    // Outlives the links' Stop().
    RelayLoop* loop = nullptr;
    // The valid pins; must outlive the links, and must not change while they are destroyed.
    const rpc::PinSet* pins = nullptr;
    // Must outlive the links' Stop(). Null: locations are ignored.
    LinkLocations* locations = nullptr;
    // Makes the channel for a dial.
    std::function<std::shared_ptr<grpc::Channel>(const DialPlan::Dial& dial)> make_channel;
    // Gets all links that are up, to be reported to mgmt. On the loop's thread.
    std::function<void(const std::vector<Switchboard::LinkView>& links)> on_links;
  };

  // `epoch`: of this edge.
  PeerLinks(Epoch epoch, Deps deps);
  ~PeerLinks();

  // Accepts calls from now on. `self` is this edge. Call it before the loop's Start().
  void Start(NodeId self);

  // All other edges, as mgmt names them. Not `fresh`: as mgmt named them before this start of the
  // edge; then their epochs may be old, and the edges are asked for them. Thread-safe.
  void SetPeers(std::vector<EdgePeer> peers, bool fresh = true);

  // A stream that another edge opened. Returns what the service's method returns.
  grpc::ServerBidiReactor<v1::Frame, v1::Frame>* Accept(grpc::CallbackServerContext* context,
                                                        const rpc::Peer& peer);

  // Closes all streams, refuses new ones, and returns when all have ended.
  void Stop() ABSL_LOCKS_EXCLUDED(mu_);

  // ---- On the loop's thread.
  void SendFrame(LinkId link, v1::Frame frame);
  void CloseSilent(LinkId link);
  void OnLinksChanged(std::vector<Switchboard::LinkView> links);
  void OnLocationsTaken(std::vector<NodeId> peers);
  void OnTick(absl::Duration now);

 private:
  void Dial(const DialPlan::Dial& dial, absl::Duration now);
  // False after Stop().
  bool Keep(const std::shared_ptr<LinkStream>& stream) ABSL_LOCKS_EXCLUDED(mu_);
  std::shared_ptr<LinkStream> Find(LinkId link) ABSL_LOCKS_EXCLUDED(mu_);
  void Cancel(LinkId link, const absl::Status& reason);
  v1::Frame Hello() const;
  // Closes links that this edge dialled to peers whose pin is no longer valid; ServerStream closes
  // the others.
  void OnRevoked() ABSL_LOCKS_EXCLUDED(mu_);

  // LinkStream::Events:
  void OnFrame(const std::shared_ptr<LinkStream>& stream, v1::Frame* frame);
  void OnDrained(LinkId link, v1::Frame* spare);
  void OnClosed(const LinkStream& stream, const absl::Status& status) ABSL_LOCKS_EXCLUDED(mu_);
  void OnHello(const std::shared_ptr<LinkStream>& stream, const v1::LinkHello& hello);

  // On the loop's thread.
  void Admit(LinkStream& stream, Epoch epoch, Switchboard& switchboard, absl::Duration now);
  void CancelSlowStarts(absl::Duration now);

  const Epoch epoch_;
  const Deps deps_;
  const LinkStream::Events events_;

  std::atomic<NodeId> self_ = 0;  // 0 until Start().

  // Of the loop's thread.
  std::optional<DialPlan> plan_;
  absl::flat_hash_map<LinkId, absl::Duration> starting_;  // No hello yet, and since when.
  absl::flat_hash_set<NodeId> up_;                        // As the switchboard says.
  absl::Duration next_report_ = absl::ZeroDuration();

  std::atomic<LinkId> last_link_ = 0;
  absl::Mutex mu_;
  absl::flat_hash_map<LinkId, std::shared_ptr<LinkStream>> streams_ ABSL_GUARDED_BY(mu_);
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;
  std::shared_ptr<void> revocations_;  // The listener; last, so that it goes first.
};

}  // namespace convergia::edge
