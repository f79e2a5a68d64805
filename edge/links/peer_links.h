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
#include "common/rpc/peer.h"
#include "common/rpc/pin_set.h"
#include "convergia/v1/relay.grpc.pb.h"
#include "edge/links/dial_plan.h"
#include "edge/links/link_stream.h"
#include "edge/relay/relay_loop.h"

namespace convergia::edge {

// Who hears what links carry of locations (Locations in a frame). The calls come from any thread
// and must not block.
class LinkLocations {
 public:
  virtual ~LinkLocations() = default;
  // All that are linked now.
  virtual void OnLinks(std::vector<NodeId> peers) = 0;
  // `done` is to be called when it has been worked; until then it counts against the link.
  virtual void OnLocations(NodeId from, v1::Locations payload, absl::AnyInvocable<void()> done) = 0;
  // What was given to them last (Switchboard::SetLocations()) is under way.
  virtual void OnLinksReady(std::vector<NodeId> peers) = 0;
};

// The streams behind the switchboard's links: dials the other edges, takes their calls, carries
// frames, and tells the relay loop what comes.
//
// Life of a link: a stream starts (dialled by either side); both send hello; when the other's hello
// has come and is whose certificate it is, the switchboard admits it or not (LinkTable); it carries
// frames until it breaks or is silent for 15 s; then it is dialled anew.
//
// Thread-safe, but for what the loop calls.
class PeerLinks {
 public:
  struct Options {
    // Outlives the links' Stop().
    RelayLoop* loop = nullptr;
    Epoch epoch = 0;
    // Who may be linked; outlives the links, and changes no more when they are destroyed.
    const rpc::PinSet* pins = nullptr;
    // Outlives the links' Stop(). Null: nobody.
    LinkLocations* locations = nullptr;
    // How to reach an edge.
    std::function<std::shared_ptr<grpc::Channel>(const DialPlan::Dial& dial)> make_channel;
  };
  // What mgmt is to hear: all links that are up.
  using OnLinks = std::function<void(const std::vector<Switchboard::LinkView>& links)>;

  PeerLinks(Options options, OnLinks on_links);
  ~PeerLinks();

  // Takes calls from now on. `self` is this edge. Before the loop's Start().
  void Start(NodeId self);

  // All other edges, as mgmt says. Not `fresh`: as it said before this start; then their starts may
  // be others by now, and are asked for. Thread-safe.
  void SetPeers(std::vector<EdgePeer> peers, bool fresh = true);

  // A stream that another edge opened. Returns what the service's method returns.
  grpc::ServerBidiReactor<v1::Frame, v1::Frame>* Accept(grpc::CallbackServerContext* context,
                                                        const rpc::Peer& peer);

  // Closes all, takes no more, and returns when all have ended.
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
  // Closes the links that we dialled to who is not valid any more; ServerStream does the others.
  void OnRevoked() ABSL_LOCKS_EXCLUDED(mu_);

  // LinkStream::Events:
  void OnFrame(const std::shared_ptr<LinkStream>& stream, v1::Frame* frame);
  void OnDrained(LinkId link, v1::Frame* spare);
  void OnClosed(const LinkStream& stream, const absl::Status& status) ABSL_LOCKS_EXCLUDED(mu_);
  void OnHello(const std::shared_ptr<LinkStream>& stream, const v1::LinkHello& hello);

  // On the loop's thread.
  void Admit(LinkStream& stream, Epoch epoch, Switchboard& switchboard, absl::Duration now);
  void CancelSlowStarts(absl::Duration now);

  const Options options_;
  const OnLinks on_links_;
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
