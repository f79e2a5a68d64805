#include "mgmt/cluster/cluster.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/limits.h"
#include "mgmt/views/cluster_queries.h"
#include "mgmt/views/traffic_queries.h"

namespace convergia::mgmt {
namespace {

constexpr absl::Duration kRevocationsSweep = absl::Minutes(10);
// Some have left by the time it is reported what they sent; more than so many have not.
constexpr uint64_t kTalkersRefusedWell = 1'000;

std::shared_ptr<v1::ToNode> NewMessage() { return std::make_shared<v1::ToNode>(); }

}  // namespace

Cluster::Cluster(const Options& options, const AccountStore& accounts)
    : options_(options), accounts_(accounts), state_(options.epoch), mover_(options.rebalancing) {
  state_.self = options.self;
  state_.version = options.version;
  state_.moves_per_minute_max = options.rebalancing.moves_per_minute;
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
  std::vector<NodeId> drains_changed;
  for (const auto& [id, member] : next) {
    const auto before = state_.members.find(id);
    const bool drained = before != state_.members.end() && before->second.drain;
    if (member.drain != drained) drains_changed.push_back(id);
  }
  state_.members = std::move(next);
  for (const NodeId id : drains_changed) {
    if (const auto stream = StreamOf(id)) SendDrain(*stream, state_.members.at(id));
  }
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
    session_queries_.OnGone(node);
  }
  state_.liveness.MarkOffline(node);
  OnOffline(node);
  if (state_.members.contains(node)) return;
  state_.liveness.Forget(node);
  state_.links_refused.erase(node);
  state_.talkers_refused.erase(node);
  state_.directory.ForgetRefused(node);
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
    session_queries_.OnGone(node);
  }
  const bool is_edge = member->second.role == Role::kEdge;
  const bool judges_tickets = is_edge || member->second.role == Role::kDatamgr;
  streams_[id] = {.node = node, .is_edge = is_edge, .judges_tickets = judges_tickets};
  auto welcome = NewMessage();
  welcome->mutable_welcome()->set_node_id(node);
  welcome->mutable_welcome()->set_mgmt_epoch(options_.epoch);
  welcome->mutable_welcome()->set_version(options_.version);
  for (const TicketKeyUntil& key : ticket_keys_) {
    welcome->mutable_welcome()->add_ticket_public_keys(key.public_pem);
  }
  Send(id, std::move(welcome));
  auto pins = NewMessage();
  *pins->mutable_pins() = pins_.Whole();
  Send(id, std::move(pins));
  nodes_dirty_ = true;
  data_servers_dirty_ = true;
  if (judges_tickets) {
    SweepRevocations(now);
    for (Message& message : RevocationsMessages()) Send(id, std::move(message));
  }
  if (!is_edge) return;
  edges_dirty_ = true;
  state_.reach.ForgetMisses(node);
  if (member->second.drain) SendDrain(id, member->second);
}

void Cluster::SendDrain(StreamId stream, const Member& member) {
  auto message = NewMessage();
  message->mutable_order()->set_drain(member.drain);
  message->mutable_order()->set_undrain(!member.drain);
  message->mutable_order()->set_drain_ms(
      static_cast<uint32_t>(absl::ToInt64Milliseconds(member.drain_within)));
  Send(stream, std::move(message));
}

void Cluster::SendMoves(const MovePlanner::Orders& orders) {
  std::map<NodeId, std::shared_ptr<v1::ToNode>> messages;
  const auto message_to = [&](NodeId edge) {
    auto& message = messages[edge];
    if (message == nullptr) message = NewMessage();
    return message->mutable_order();
  };
  for (const Rebalancer::Move& move : orders.moves) {
    const MainServer server = DescribeMainServer(state_, move.to);
    v1::Move* to = message_to(move.from)->add_moves();
    to->set_username(move.user);
    to->set_server(server.name);
    to->set_address(server.address);
    to->set_pin(server.pin);
    to->set_node_id(move.to);
  }
  for (const NodeId edge : orders.nowhere) message_to(edge)->set_nowhere(true);
  for (auto& [edge, message] : messages) {
    if (const auto stream = StreamOf(edge)) Send(*stream, std::move(message));
  }
}

void Cluster::OnTraffic(NodeId node, const v1::TrafficReport& report, absl::Duration now) {
  uint64_t& refused = state_.talkers_refused[node];
  const bool was_well = refused < kTalkersRefusedWell;
  refused += TakeTraffic(node, report, now, &state_);
  if (was_well && refused >= kTalkersRefusedWell) {
    WarnOfRefused(node, "what was sent by users who are not there");
  }
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
  if (message.has_traffic()) OnTraffic(node, message.traffic(), now);
  if (message.has_locations()) OnLocations(id, message.locations());
  if (message.has_directory_resync()) OnResync(id, message.directory_resync());
  if (message.has_directory_digests()) OnDigests(id, message.directory_digests());
  if (message.has_sessions()) session_queries_.OnAnswer(node, message.sessions());
}

void Cluster::OnHeartbeat(NodeId node, const v1::Heartbeat& heartbeat) {
  const v1::Heartbeat& last = state_.liveness.Find(node)->load;
  nodes_dirty_ |= last.draining() != heartbeat.draining() ||
                  !std::equal(last.connected().begin(), last.connected().end(),
                              heartbeat.connected().begin(), heartbeat.connected().end());
  state_.liveness.SetLoad(node, heartbeat);
  state_.just_assigned.erase(node);
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

void Cluster::OnLocations(StreamId id, const v1::LocationReport& report) {
  Stream& stream = streams_.at(id);
  if (report.whole()) stream.announced = true;
  if (!stream.announced) return;  // Meant for the stream before this one; the whole has it too.
  const Epoch epoch = state_.liveness.Find(stream.node)->epoch;
  const Directory::Refused before = state_.directory.refused(stream.node);
  const Directory::Applied applied = state_.directory.Apply(stream.node, epoch, report);
  const Directory::Refused after = state_.directory.refused(stream.node);
  if (before.names == 0 && after.names > 0) {
    WarnOfRefused(stream.node, "names of users that are none, or too many");
  }
  if (before.reports == 0 && after.reports > 0) {
    WarnOfRefused(stream.node, "changes of its users that do not follow what came before");
  }
  switch (applied) {
    case Directory::Applied::kApplied:
    case Directory::Applied::kRepeated:
      return;
    case Directory::Applied::kAnnounced:
      return OnAnnounced(stream.node);
    case Directory::Applied::kGap:
      stream.announced = false;
      return Close(id, absl::AbortedError("changes of its users are missing; attach again"));
  }
}

void Cluster::OnRefusedLinks(NodeId node, const LinkMap::Outcome& outcome) {
  uint64_t& refused = state_.links_refused[node];
  if (refused == 0) WarnOfRefused(node, outcome.why);
  refused += outcome.refused;
}

void Cluster::WarnOfRefused(NodeId node, absl::string_view what) {
  actions_.warnings.push_back(
      absl::StrCat("main server ", state_.members.at(node).name, " reports ", what,
                   "; that and more of its kind are left out, and counted (ListNodes)"));
}

void Cluster::Check(StreamId id) {
  auto message = NewMessage();
  message->mutable_directory_check();
  Send(id, std::move(message));
  streams_.at(id).follows = false;
}

void Cluster::OnResync(StreamId id, const v1::DirectoryPosition& position) {
  if (!streams_.at(id).follows) return;  // It is comparing, or will in a moment.
  auto missed = state_.directory.Since(position);
  if (!missed) return Check(id);
  for (v1::DirectoryBatch& batch : *missed) {
    auto message = NewMessage();
    *message->mutable_directory() = std::move(batch);
    Send(id, std::move(message));
  }
}

void Cluster::OnDigests(StreamId id, const v1::DirectoryDigests& message) {
  Stream& stream = streams_.at(id);
  if (!stream.knows_all || stream.follows) return;  // The edge has not asked.
  const std::optional<DirectoryDigests> digests = DecodeDigests(message.digests());
  if (!digests) {
    return Close(id, absl::InvalidArgumentError("digests of a directory that are of another size"));
  }
  for (v1::DirectoryBuckets& part : state_.directory.Differing(*digests)) {
    auto buckets = NewMessage();
    *buckets->mutable_directory_buckets() = std::move(part);
    Send(id, std::move(buckets));
  }
  stream.follows = true;
}

void Cluster::OnAnnounced(NodeId edge) {
  if (awaited_.erase(edge) > 0 && awaited_.empty()) edges_dirty_ = routes_dirty_ = true;
}

void Cluster::OnStreamClosed(StreamId id, absl::Duration now) {
  const auto stream = streams_.find(id);
  if (stream == streams_.end()) return;  // Refused, replaced or dismissed.
  const NodeId node = stream->second.node;
  streams_.erase(stream);
  session_queries_.OnGone(node);
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
  // A node that continues (it was stopped, for example) must announce itself again.
  if (const auto stream = StreamOf(node)) {
    Close(*stream, absl::DeadlineExceededError("not heard from for too long; attach again"));
    streams_.erase(*stream);
    session_queries_.OnGone(node);
  }
  state_.just_assigned.erase(node);
  state_.reach.ForgetMisses(node);
  state_.edge_traffic.erase(node);
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
  session_queries_.OnTick(now);
  const auto ended = [now](const TicketKeyUntil& key) { return key.until <= now; };
  if (std::erase_if(ticket_keys_, ended) > 0) SendTicketKeys();
  for (const NodeId node : state_.liveness.Tick(now)) {
    nodes_dirty_ = true;
    if (state_.liveness.StateOf(node) == LiveState::kOffline) OnOffline(node);
  }
  if (awaited_.empty()) SendMoves(mover_.Tick(now, &state_));
}

void Cluster::SetMapWatched(bool watched) {
  if (watched && !map_watched_) {
    TakeChangedNodeRows();  // New watchers read the map as it is now.
    nodes_dirty_ = false;
  }
  map_watched_ = watched;
  state_.directory.SetWatched(watched && !options_.hide_clients);
}

void Cluster::OnAccountAdded(const Account& account) {
  if (map_watched_) map_users_.insert(account.user.str());
}

void Cluster::OnTicketsVoid(const Account& account, absl::string_view reason, absl::Duration now) {
  v1::TicketRevocation revocation;
  revocation.set_account_id(account.id);
  revocation.set_username(account.user.str());
  revocation.set_generation(account.generation);
  revocation.set_raised_ms(absl::ToUnixMillis(account.raised));
  revocation.set_reason(std::string(reason));
  Revocation& known = revocations_[account.id];
  if (known.row.generation() >= revocation.generation()) return;
  known = {revocation, now};
  auto message = NewMessage();
  *message->mutable_revocations()->add_tickets() = std::move(revocation);
  for (const auto& [id, stream] : streams_) {
    if (stream.judges_tickets) Send(id, message);
  }
}

void Cluster::SetTicketKeys(std::vector<TicketKeyUntil> keys) {
  ticket_keys_ = std::move(keys);
  SendTicketKeys();
}

void Cluster::SendTicketKeys() {
  auto message = NewMessage();
  for (const TicketKeyUntil& key : ticket_keys_) {
    message->mutable_ticket_keys()->add_public_keys(key.public_pem);
  }
  for (const auto& [id, stream] : streams_) {
    if (stream.judges_tickets) Send(id, message);
  }
}

void Cluster::SweepRevocations(absl::Duration now) {
  revocations_swept_ = now;
  std::erase_if(revocations_, [now](const auto& item) {
    return now - item.second.told > limits::kGenerationsToldFor;
  });
}

}  // namespace convergia::mgmt
