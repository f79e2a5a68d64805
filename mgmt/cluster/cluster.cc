#include "mgmt/cluster/cluster.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/limits.h"

namespace convergia::mgmt {
namespace {

// A report of fewer changes was not cut into several messages.
constexpr int kWholeInOneMessage = 500;

constexpr absl::Duration kRevocationsSweep = absl::Minutes(10);

std::shared_ptr<v1::ToNode> NewMessage() { return std::make_shared<v1::ToNode>(); }

}  // namespace

Cluster::Cluster(const Options& options, const AccountBook& accounts)
    : options_(options), accounts_(accounts), state_(options.epoch) {
  state_.self = options.self;
  state_.version = options.version;
}

void Cluster::Send(StreamId stream, Message message) {
  actions_.sends.push_back({stream, std::move(message)});
}

void Cluster::SendToEdges(const Message& message) {
  for (const auto& [id, stream] : streams_) {
    if (stream.is_edge && stream.knows_all) Send(id, message);
  }
}

void Cluster::Close(StreamId stream, absl::Status reason) {
  actions_.closes.push_back({stream, std::move(reason)});
}

std::optional<StreamId> Cluster::StreamOf(NodeId node) const {
  for (const auto& [id, stream] : streams_) {
    if (stream.node == node) return id;
  }
  return std::nullopt;
}

void Cluster::SetMembers(const std::vector<Member>& members, const std::vector<rpc::PinEntry>& pins,
                         absl::Duration now) {
  absl::btree_map<NodeId, Member> next;
  for (const Member& member : members) {
    if (member.node != 0) next.emplace(member.node, member);
  }
  std::vector<NodeId> dismissed;
  for (const auto& [id, member] : state_.members) {
    const auto still = next.find(id);
    if (still == next.end() || (still->second.revoked && !member.revoked)) dismissed.push_back(id);
  }
  // Only those that were there before mgmt started may have users that nobody has told us of.
  if (!members_known_at_) {
    members_known_at_ = now;
    for (const auto& [id, member] : next) {
      if (id == options_.self || member.revoked) continue;
      state_.liveness.Expect(id, now);
      if (member.role == Role::kEdge) awaited_.insert(id);
    }
  }
  state_.members = std::move(next);
  for (const NodeId id : dismissed) Dismiss(id, "this node's certificate was revoked");
  const v1::Pins change = pins_.Replace(pins);
  if (change.valid_size() + change.revoked_size() > 0) {
    auto message = NewMessage();
    *message->mutable_pins() = change;
    for (const auto& [id, stream] : streams_) Send(id, message);
  }
  nodes_dirty_ = true;
  data_servers_dirty_ = true;
}

void Cluster::Dismiss(NodeId node, absl::string_view why) {
  if (const auto stream = StreamOf(node)) {
    Close(*stream, absl::PermissionDeniedError(why));
    streams_.erase(*stream);
  }
  state_.liveness.MarkOffline(node);
  OnOffline(node);
  if (state_.members.contains(node)) return;
  state_.liveness.Forget(node);
  state_.links_refused.erase(node);
}

void Cluster::OnHello(StreamId id, NodeId node, const v1::Hello& hello, absl::Duration now) {
  const auto member = state_.members.find(node);
  if (member == state_.members.end() || member->second.revoked || node == options_.self) {
    return Close(id, absl::PermissionDeniedError("this node does not belong to the cluster"));
  }
  if (absl::Status attached = state_.liveness.Attach(node, hello, now); !attached.ok()) {
    return Close(id, std::move(attached));
  }
  if (const auto older = StreamOf(node)) {
    Close(*older, absl::FailedPreconditionError("a newer stream of this node is attached"));
    streams_.erase(*older);
  }
  const bool is_edge = member->second.role == Role::kEdge;
  streams_[id] = {.node = node, .is_edge = is_edge};
  auto welcome = NewMessage();
  welcome->mutable_welcome()->set_node_id(node);
  welcome->mutable_welcome()->set_mgmt_epoch(options_.epoch);
  welcome->mutable_welcome()->set_version(options_.version);
  for (const std::string& pem : options_.ticket_key_pems) {
    welcome->mutable_welcome()->add_ticket_public_keys(pem);
  }
  Send(id, std::move(welcome));
  auto pins = NewMessage();
  *pins->mutable_pins() = pins_.Whole();
  Send(id, std::move(pins));
  nodes_dirty_ = true;
  data_servers_dirty_ = true;
  if (!is_edge) return;
  SweepRevocations(now);
  for (Message& message : RevocationsMessages()) Send(id, std::move(message));
  edges_dirty_ = true;
}

void Cluster::OnMessage(StreamId id, const v1::FromNode& message, absl::Duration now) {
  const auto stream = streams_.find(id);
  if (stream == streams_.end()) return;
  const NodeId node = stream->second.node;
  if (state_.liveness.StateOf(node) == LiveState::kSuspect) nodes_dirty_ = true;
  state_.liveness.Heard(node, now);
  if (message.has_heartbeat()) OnHeartbeat(node, message.heartbeat());
  if (!stream->second.is_edge) return;
  if (message.has_links()) OnLinks(node, message.links());
  if (message.has_locations()) OnLocations(node, message.locations());
  if (message.has_directory_resync()) OnResync(id, message.directory_resync());
}

void Cluster::OnHeartbeat(NodeId node, const v1::Heartbeat& heartbeat) {
  if (state_.liveness.Find(node)->load.draining() != heartbeat.draining()) nodes_dirty_ = true;
  state_.liveness.SetLoad(node, heartbeat);
  state_.just_assigned.erase(node);
  state_.directory.EndOfWhole(node);
}

void Cluster::OnLinks(NodeId node, const v1::LinkReport& report) {
  const std::vector<const v1::LinkState*> links(report.links().pointer_begin(),
                                                report.links().pointer_end());
  const LinkMap::Outcome outcome =
      state_.links.Report(node, links, [this](NodeId peer) { return state_.IsEdge(peer); });
  if (outcome.refused > 0) OnRefusedLinks(node, outcome);
  times_dirty_ |= outcome.times_changed;
  if (!outcome.links_changed) return;
  routes_dirty_ = true;
  nodes_dirty_ = true;
  GiveUpUnreachable();
}

void Cluster::OnRefusedLinks(NodeId node, const LinkMap::Outcome& outcome) {
  uint64_t& refused = state_.links_refused[node];
  if (refused == 0) {
    actions_.warnings.push_back(
        absl::StrCat("main server ", state_.members.at(node).name, " reports ", outcome.why,
                     "; that and more of its kind are left out, and counted (ListNodes)"));
  }
  refused += outcome.refused;
}

void Cluster::OnLocations(NodeId node, const v1::LocationReport& report) {
  state_.directory.Apply(node, report);
  if (!report.whole()) return;
  if (report.changes_size() < kWholeInOneMessage) state_.directory.EndOfWhole(node);
  OnAnnounced(node);
}

void Cluster::OnResync(StreamId stream, const v1::DirectoryPosition& position) {
  if (!streams_.at(stream).knows_all) return;  // It gets the whole anyway.
  for (v1::DirectoryBatch& batch : state_.directory.Since(position)) {
    auto message = NewMessage();
    *message->mutable_directory() = std::move(batch);
    Send(stream, std::move(message));
  }
}

void Cluster::OnAnnounced(NodeId edge) {
  if (awaited_.erase(edge) > 0 && awaited_.empty()) edges_dirty_ = routes_dirty_ = true;
}

void Cluster::OnStreamClosed(StreamId id, absl::Duration now) {
  const auto stream = streams_.find(id);
  if (stream == streams_.end()) return;  // Refused, replaced or dismissed.
  const NodeId node = stream->second.node;
  streams_.erase(stream);
  state_.liveness.Detach(node, now);
  if (state_.links.Forget(node)) routes_dirty_ = true;
  nodes_dirty_ = true;
  GiveUpUnreachable();
}

void Cluster::GiveUpUnreachable() {
  std::vector<NodeId> gone;
  bool any_edge_attached = false;
  for (const auto& [id, stream] : streams_) any_edge_attached |= stream.is_edge;
  if (!any_edge_attached) return;
  for (const auto& [id, node] : state_.liveness.nodes()) {
    const bool was_here = node.epoch != 0;  // Else it may be on its way to us.
    if (state_.IsEdge(id) && was_here && !node.attached && node.state == LiveState::kSuspect &&
        !state_.links.AnyoneReaches(id)) {
      gone.push_back(id);
    }
  }
  for (const NodeId id : gone) {
    state_.liveness.MarkOffline(id);
    OnOffline(id);
  }
}

void Cluster::OnOffline(NodeId node) {
  // A node that comes back to itself (it was stopped, say) must announce itself anew.
  if (const auto stream = StreamOf(node)) {
    Close(*stream, absl::DeadlineExceededError("not heard from for too long; attach again"));
    streams_.erase(*stream);
  }
  state_.just_assigned.erase(node);
  if (state_.links.Forget(node)) routes_dirty_ = true;
  const auto member = state_.members.find(node);
  if (member == state_.members.end() || member->second.role == Role::kEdge) {
    state_.directory.EdgeGone(node);
    OnAnnounced(node);
    edges_dirty_ = true;
    routes_dirty_ = true;
  }
  nodes_dirty_ = true;
}

void Cluster::OnTick(absl::Duration now) {
  if (!awaited_.empty() && now - *members_known_at_ > kAwaitMax) {
    awaited_.clear();
    edges_dirty_ = routes_dirty_ = true;
  }
  if (now - revocations_swept_ >= kRevocationsSweep) SweepRevocations(now);
  for (const NodeId node : state_.liveness.Tick(now)) {
    nodes_dirty_ = true;
    if (state_.liveness.StateOf(node) == LiveState::kOffline) OnOffline(node);
  }
}

void Cluster::OnAccountAdded(const Account& account) {
  if (map_watched_) map_users_.insert(account.user.str());
}

void Cluster::OnTicketsVoid(const Account& account, absl::string_view reason, absl::Duration now) {
  v1::TicketRevocation revocation;
  revocation.set_account_id(account.id);
  revocation.set_username(account.user.str());
  revocation.set_issued_before_ms(absl::ToUnixMillis(account.not_before));
  revocation.set_reason(std::string(reason));
  Revocation& known = revocations_[account.id];
  if (known.row.issued_before_ms() >= revocation.issued_before_ms()) return;
  known = {revocation, now};
  auto message = NewMessage();
  *message->mutable_revocations()->add_tickets() = std::move(revocation);
  for (const auto& [id, stream] : streams_) {
    if (stream.is_edge) Send(id, message);
  }
}

void Cluster::SweepRevocations(absl::Duration now) {
  revocations_swept_ = now;
  std::erase_if(revocations_, [now](const auto& item) {
    return now - item.second.told > limits::kTicketLifetime;
  });
}

}  // namespace convergia::mgmt
