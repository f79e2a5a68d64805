#include "edge/links/peer_links.h"

#include <glog/logging.h>

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/base/limits.h"

namespace convergia::edge {
namespace {

// Round-trip times change slowly; a link that comes or goes is told at once.
constexpr absl::Duration kReportEvery = absl::Seconds(10);

}  // namespace

PeerLinks::PeerLinks(Epoch epoch, Deps deps)
    : epoch_(epoch),
      deps_(std::move(deps)),
      events_{.frame = [this](const auto& stream, auto* frame) { OnFrame(stream, frame); },
              .drained = [this](LinkId link, auto* spare) { OnDrained(link, spare); },
              .closed = [this](const auto& stream, const auto& why) { OnClosed(stream, why); }} {}

PeerLinks::~PeerLinks() { Stop(); }

void PeerLinks::Start(NodeId self) {
  plan_.emplace(self, /*seed=*/epoch_ + self);
  self_ = self;
  revocations_ = deps_.pins->AddRevocationListener([this](const identity::Pin&) { OnRevoked(); });
}

void PeerLinks::OnRevoked() {
  absl::flat_hash_set<NodeId> valid;
  for (const rpc::PinEntry& pin : deps_.pins->All()) {
    if (pin.role == Role::kEdge) valid.insert(pin.node);
  }
  std::vector<std::shared_ptr<LinkStream>> revoked;
  {
    absl::MutexLock lock(&mu_);
    for (const auto& [link, stream] : streams_) {
      if (!valid.contains(stream->peer())) revoked.push_back(stream);
    }
  }
  for (const auto& stream : revoked) {
    stream->CancelStream(absl::UnauthenticatedError("the peer's certificate was revoked"));
  }
}

void PeerLinks::SetPeers(std::vector<EdgePeer> peers, bool fresh) {
  deps_.loop->Post(
      [this, fresh, peers = std::move(peers)](Switchboard& switchboard, absl::Duration now) {
        std::vector<std::pair<NodeId, Epoch>> edges;
        for (const EdgePeer& peer : peers) edges.emplace_back(peer.node, fresh ? peer.epoch : 0);
        switchboard.SetEdges(edges, now);
        plan_->SetPeers(peers);
      });
}

v1::Frame PeerLinks::Hello() const {
  v1::Frame frame;
  frame.mutable_hello()->set_node_id(self_);
  frame.mutable_hello()->set_epoch(epoch_);
  return frame;
}

bool PeerLinks::Keep(const std::shared_ptr<LinkStream>& stream) {
  absl::MutexLock lock(&mu_);
  if (stopped_) return false;
  streams_[stream->id()] = stream;
  return true;
}

std::shared_ptr<LinkStream> PeerLinks::Find(LinkId link) {
  absl::MutexLock lock(&mu_);
  const auto found = streams_.find(link);
  return found == streams_.end() ? nullptr : found->second;
}

void PeerLinks::Cancel(LinkId link, const absl::Status& reason) {
  if (const auto stream = Find(link)) stream->CancelStream(reason);
}

grpc::ServerBidiReactor<v1::Frame, v1::Frame>* PeerLinks::Accept(
    grpc::CallbackServerContext* context, const rpc::Peer& peer) {
  auto stream = std::make_shared<AcceptedLink>(&events_, ++last_link_, peer.node, context);
  if (self_ == 0 || !Keep(stream)) {
    return rpc::RefuseStream<v1::Frame, v1::Frame>(absl::UnavailableError("starting or stopping"));
  }
  deps_.loop->Post(
      [this, id = stream->id()](Switchboard&, absl::Duration now) { starting_[id] = now; });
  stream->SendFrame(Hello());
  return stream->Start(*deps_.pins, peer.pin);
}

void PeerLinks::Dial(const DialPlan::Dial& dial, absl::Duration now) {
  auto stream =
      std::make_shared<DialledLink>(&events_, ++last_link_, dial.node, deps_.make_channel(dial));
  if (!Keep(stream)) return;
  starting_[stream->id()] = now;
  stream->SendFrame(Hello());
  stream->Open();
}

void PeerLinks::OnFrame(const std::shared_ptr<LinkStream>& stream, v1::Frame* frame) {
  if (!stream->greeted) {
    stream->greeted = true;
    return OnHello(stream, frame->hello());
  }
  if (frame->has_locations() && deps_.locations != nullptr) {
    const size_t bytes = frame->locations().ByteSizeLong();
    stream->AddUnworked(bytes);
    deps_.locations->OnLocations(stream->peer(), std::move(*frame->mutable_locations()),
                                 [stream, bytes] { stream->RemoveUnworked(bytes); });
    frame->clear_locations();
  }
  const size_t bytes = frame->ByteSizeLong();
  stream->AddUnworked(bytes);
  deps_.loop->Post([stream, bytes, arriving = TakeFrame(frame)](Switchboard& switchboard,
                                                                absl::Duration now) mutable {
    switchboard.OnFrame(stream->id(), std::move(arriving), now);
    stream->RemoveUnworked(bytes);
  });
}

void PeerLinks::OnHello(const std::shared_ptr<LinkStream>& stream, const v1::LinkHello& hello) {
  if (hello.node_id() != stream->peer() || hello.epoch() == 0) {
    LOG(WARNING) << "node " << stream->peer() << " said hello as node " << hello.node_id();
    stream->CancelStream(absl::PermissionDeniedError("the hello is not of the caller's node"));
    return;
  }
  deps_.loop->Post(
      [this, stream, epoch = hello.epoch()](Switchboard& switchboard, absl::Duration now) {
        Admit(*stream, epoch, switchboard, now);
      });
}

void PeerLinks::Admit(LinkStream& stream, Epoch epoch, Switchboard& switchboard,
                      absl::Duration now) {
  if (Find(stream.id()) == nullptr) return;  // It ended meanwhile.
  starting_.erase(stream.id());
  if (stream.dialled() == Dialled::kByPeer) plan_->OnContact(stream.peer());
  if (stream.dialled() == Dialled::kByUs) plan_->OnDialDone(stream.peer(), /*reached=*/true, now);
  const LinkTable::Verdict verdict =
      switchboard.OnLinkUp(stream.id(), stream.peer(), epoch, stream.dialled(), now);
  const absl::Status superfluous = absl::AlreadyExistsError("the pair keeps another link");
  if (!verdict.admitted) stream.CancelStream(superfluous);
  if (verdict.replaced) Cancel(*verdict.replaced, superfluous);
}

void PeerLinks::OnDrained(LinkId link, v1::Frame* spare) {
  deps_.loop->Post(
      [link, spare = std::move(*spare)](Switchboard& switchboard, absl::Duration) mutable {
        switchboard.OnDrained(link, std::move(spare));
      });
}

void PeerLinks::OnClosed(const LinkStream& stream, const absl::Status& status) {
  const LinkId link = stream.id();
  {
    absl::MutexLock lock(&mu_);
    streams_.erase(link);
  }
  VLOG(1) << "link " << link << " to node " << stream.peer() << " ended: " << status;
  deps_.loop->Post([this, link, peer = stream.peer(), dialled = stream.dialled()](
                       Switchboard& switchboard, absl::Duration now) {
    switchboard.OnLinkDown(link, now);
    const bool was_starting = starting_.erase(link) > 0;
    if (was_starting && dialled == Dialled::kByUs) plan_->OnDialDone(peer, /*reached=*/false, now);
  });
}

void PeerLinks::SendFrame(LinkId link, v1::Frame frame) {
  if (const auto stream = Find(link)) stream->SendFrame(std::move(frame));
}

void PeerLinks::CloseSilent(LinkId link) {
  Cancel(link, absl::DeadlineExceededError("the other side was silent for too long"));
}

void PeerLinks::OnLinksChanged(std::vector<Switchboard::LinkView> links) {
  absl::flat_hash_set<NodeId> up;
  for (const Switchboard::LinkView& link : links) {
    up.insert(link.peer);
    LOG_IF(INFO, !up_.contains(link.peer)) << "link to node " << link.peer << " is up";
  }
  for (NodeId node : up_) {
    LOG_IF(INFO, !up.contains(node)) << "link to node " << node << " is down";
  }
  up_ = std::move(up);
  deps_.on_links(links);
  if (deps_.locations != nullptr) deps_.locations->OnLinks({up_.begin(), up_.end()});
}

void PeerLinks::OnLocationsTaken(std::vector<NodeId> peers) {
  if (deps_.locations != nullptr) deps_.locations->OnLinksReady(std::move(peers));
}

void PeerLinks::CancelSlowStarts(absl::Duration now) {
  for (const auto& [link, since] : starting_) {
    if (now - since < limits::kRpcConnectTimeout) continue;
    Cancel(link, absl::DeadlineExceededError("no hello came"));
  }
}

void PeerLinks::OnTick(absl::Duration now) {
  plan_->SetLinked(up_, now);
  CancelSlowStarts(now);
  for (const DialPlan::Dial& dial : plan_->Due(now)) Dial(dial, now);
  if (now < next_report_) return;
  next_report_ = now + kReportEvery;
  deps_.loop->Post([this](Switchboard& switchboard, absl::Duration at) {
    deps_.on_links(switchboard.Links(at));
  });
}

void PeerLinks::Stop() {
  std::vector<std::shared_ptr<LinkStream>> streams;
  {
    absl::MutexLock lock(&mu_);
    stopped_ = true;
    for (const auto& [link, stream] : streams_) streams.push_back(stream);
  }
  for (const auto& stream : streams) {
    stream->CancelStream(absl::UnavailableError("this main server shuts down"));
  }
  for (const auto& stream : streams) stream->AwaitEnd();
}

}  // namespace convergia::edge
