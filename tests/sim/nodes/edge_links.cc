#include "tests/sim/nodes/edge_links.h"

#include <algorithm>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/limits.h"
#include "edge/relay/segment_codec.h"
#include "tests/sim/nodes/edge.h"

namespace convergia::sim {
namespace {

constexpr absl::Duration kReportEvery = absl::Seconds(10);  // Like edge::PeerLinks.

}  // namespace

EdgeLinks::EdgeLinks(const Surroundings& around, Edge* edge, uint64_t seed)
    : around_(around), edge_(edge), plan_(edge->node(), seed) {}

void EdgeLinks::SetPeers(const v1::Edges& edges, bool is_fresh) {
  std::vector<edge::EdgePeer> peers;
  known_.clear();
  std::vector<std::pair<NodeId, Epoch>> starts;
  for (const v1::EdgeInfo& edge : edges.edges()) {
    starts.emplace_back(edge.node_id(), is_fresh ? edge.epoch() : 0);
    known_.insert(edge.node_id());
    peers.push_back({.node = edge.node_id(),
                     .name = edge.name(),
                     .epoch = edge.epoch(),
                     .addresses = {edge.grpc_addresses().begin(), edge.grpc_addresses().end()}});
  }
  edge_->switchboard().SetEdges(starts, around_.events->now());
  plan_.SetPeers(peers);
  edge_->Kick();
}

void EdgeLinks::OnTick(absl::Duration now) {
  plan_.SetLinked(up_, now);
  std::vector<edge::LinkId> slow;
  for (const auto& [link, since] : starting_) {
    if (now - since >= limits::kRpcConnectTimeout) slow.push_back(link);
  }
  for (const edge::LinkId link : slow) Close(link);
  std::vector<edge::DialPlan::Dial> due = plan_.Due(now);
  std::sort(due.begin(), due.end(), [](const auto& a, const auto& b) { return a.node < b.node; });
  for (const edge::DialPlan::Dial& dial : due) Dial(dial.node);
  if (now < next_report_) return;
  next_report_ = now + kReportEvery;
  edge_->attach().ReportLinks(edge_->switchboard().Links(now));
}

void EdgeLinks::Dial(NodeId peer) {
  around_.network->Dial(edge_->node(), peer, edge_->Guard([this, peer](bool reached) {
    if (reached && around_.hosts->edge(peer) != nullptr) return OnReached(peer);
    plan_.OnDialDone(peer, /*reached=*/false, around_.events->now());
  }));
}

void EdgeLinks::OnReached(NodeId peer) {
  const std::shared_ptr<Edge> other = around_.hosts->edge(peer);
  EdgeLinks* const theirs = &other->links();
  const edge::LinkId here = ++last_link_, there = ++theirs->last_link_;
  const WireId wire =
      around_.network->Open({edge_->node(), edge_->Guard([this, here] { OnClosed(here); })},
                            {peer, other->Guard([theirs, there] { theirs->OnClosed(there); })});
  Keep(here, {.wire = wire,
              .peer = peer,
              .other = other,
              .remote = there,
              .dialled = edge::Dialled::kByUs});
  theirs->Keep(there, {.wire = wire,
                       .peer = edge_->node(),
                       .other = edge_->weak_from_this(),
                       .remote = here,
                       .dialled = edge::Dialled::kByPeer});
}

void EdgeLinks::Keep(edge::LinkId link, Stream stream) {
  streams_[link] = std::move(stream);
  starting_[link] = around_.events->now();
  v1::Frame hello;
  hello.mutable_hello()->set_node_id(edge_->node());
  hello.mutable_hello()->set_epoch(edge_->epoch());
  Carry(link, std::move(hello));
}

void EdgeLinks::SendFrame(edge::LinkId link, v1::Frame frame) {
  const auto found = streams_.find(link);
  if (found == streams_.end()) return;
  for (const v1::Segment& segment : frame.segments()) CheckWay(found->second.peer, segment);
  Carry(link, std::move(frame));
}

void EdgeLinks::Inject(const std::function<v1::Frame(NodeId peer)>& make) {
  for (const auto& [link, stream] : streams_) Carry(link, make(stream.peer));
}

void EdgeLinks::Carry(edge::LinkId link, v1::Frame frame) {
  const Stream& stream = streams_.at(link);
  const bool is_hello = frame.has_hello();
  auto deliver = [other = stream.other, remote = stream.remote,
                  frame = std::make_unique<v1::Frame>(std::move(frame))] {
    if (const auto edge = other.lock()) edge->links().OnFrame(remote, frame.get());
  };
  EventQueue::Task drained;
  if (!is_hello) {
    drained = edge_->Guard([this, link] {
      edge_->switchboard().OnDrained(link);
      edge_->Kick();
    });
  }
  around_.network->Send(stream.wire, edge_->node(), std::move(deliver), std::move(drained));
}

void EdgeLinks::CheckWay(NodeId next, const v1::Segment& segment) {
  std::vector<NodeId> way = {next};
  way.insert(way.end(), segment.route().begin(), segment.route().end());
  if (!segment.bounced()) {
    way.insert(way.begin(), segment.visited().begin(), segment.visited().end());
    way.insert(way.begin(), segment.origin());
  }
  if (std::set<NodeId>(way.begin(), way.end()).size() < way.size()) {
    around_.history->Broken("edge ", edge_->node(),
                            " sends a segment on a loop: ", absl::StrJoin(way, ","));
  }
}

void EdgeLinks::OnFrame(edge::LinkId link, v1::Frame* frame) {
  const auto found = streams_.find(link);
  if (found == streams_.end()) return;
  if (!std::exchange(found->second.greeted, true)) return Admit(link, frame->hello());
  if (frame->has_locations()) {
    edge_->exchange().OnLocations(found->second.peer, frame->locations(), around_.events->now());
    frame->clear_locations();
    edge_->CarryOutLocations();
  }
  edge_->switchboard().OnFrame(link, edge::TakeFrame(frame), around_.events->now());
  edge_->Kick();
}

void EdgeLinks::Admit(edge::LinkId link, const v1::LinkHello& hello) {
  const Stream stream = streams_.at(link);
  const absl::Duration now = around_.events->now();
  if (hello.node_id() != stream.peer || hello.epoch() == 0) return Close(link);
  starting_.erase(link);
  if (stream.dialled == edge::Dialled::kByUs) {
    plan_.OnDialDone(stream.peer, /*reached=*/true, now);
  }
  const edge::LinkTable::Verdict verdict =
      edge_->switchboard().OnLinkUp(link, stream.peer, hello.epoch(), stream.dialled, now);
  if (!verdict.admitted) Close(link);
  if (verdict.replaced) Close(*verdict.replaced);
  edge_->Kick();
}

void EdgeLinks::Close(edge::LinkId link) {
  const auto found = streams_.find(link);
  if (found != streams_.end()) around_.network->Close(found->second.wire, edge_->node());
}

void EdgeLinks::OnClosed(edge::LinkId link) {
  const auto found = streams_.find(link);
  if (found == streams_.end()) return;
  const Stream stream = found->second;
  streams_.erase(found);
  const absl::Duration now = around_.events->now();
  edge_->switchboard().OnLinkDown(link, now);
  const bool was_starting = starting_.erase(link) > 0;
  if (was_starting && stream.dialled == edge::Dialled::kByUs) {
    plan_.OnDialDone(stream.peer, /*reached=*/false, now);
  }
  edge_->Kick();
}

void EdgeLinks::OnLinksChanged() {
  const auto links = edge_->switchboard().Links(around_.events->now());
  absl::flat_hash_set<NodeId> up;
  for (const edge::Switchboard::LinkView& link : links) {
    up.insert(link.peer);
    if (!up_.contains(link.peer)) {
      around_.history->Note("link ", edge_->node(), "-", link.peer, " is up");
    }
  }
  std::set<NodeId> before(up_.begin(), up_.end());
  for (const NodeId peer : before) {
    if (!up.contains(peer)) around_.history->Note("link ", edge_->node(), "-", peer, " is down");
  }
  up_ = std::move(up);
  std::vector<NodeId> peers(up_.begin(), up_.end());
  std::sort(peers.begin(), peers.end());
  edge_->exchange().SetLinks(peers, around_.events->now());
  edge_->CarryOutLocations();
  edge_->attach().ReportLinks(links);
}

}  // namespace convergia::sim
