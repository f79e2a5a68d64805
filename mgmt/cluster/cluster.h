#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/base/ids.h"
#include "convergia/v1/cluster.pb.h"
#include "convergia/v1/server_map.pb.h"
#include "mgmt/accounts/account_store.h"
#include "mgmt/assignment/move_planner.h"
#include "mgmt/cluster/cluster_state.h"
#include "mgmt/cluster/session_queries.h"
#include "mgmt/members/node_registry.h"
#include "mgmt/members/pin_diff.h"

namespace convergia::mgmt {

// One attach stream, for as long as it is open.
using StreamId = uint64_t;

// The actions for the shell, to be carried out in this order.
struct ClusterActions {
  struct Send {
    StreamId stream = 0;
    std::shared_ptr<const v1::ToNode> message;
  };
  struct Close {
    StreamId stream = 0;
    absl::Status reason;
  };
  std::vector<Send> sends;
  std::vector<Close> closes;
  std::vector<v1::ServerMapRow> map_rows;  // Changed rows, for watchers.
  std::vector<std::string> warnings;       // For the log.
};

// The central core of mgmt: takes messages of nodes and changes of accounts, and decides what every
// node is told. No threads, no I/O; times are Clock::Elapsed().
//
// Events change the state and mark what must be sent. Flush() turns the marks into messages, so a
// burst of events costs one message to each node. Call it after every burst and every tick (kTick).
//
// After a restart of mgmt the nodes attach again one by one. Until each enrolled edge has announced
// its users, or is offline, edges are told nothing about edges, routes and locations: they continue
// with what they know, which is more. Valid pins and void tickets are sent to every node at once.
class Cluster {
 public:
  static constexpr absl::Duration kTick = absl::Milliseconds(100);
  // Routes are plotted at once after a first change, then at most once in kReplanAfter. If only
  // times changed, at most once in kReplanTimesAfter.
  static constexpr absl::Duration kReplanAfter = absl::Milliseconds(50);
  static constexpr absl::Duration kReplanTimesAfter = absl::Seconds(1);
  // Watchers of the map are told at once, but at most once in this time: each push costs a packet
  // to each of them.
  static constexpr absl::Duration kMapTellAfter = absl::Milliseconds(200);
  // After this time (limits::kOfflineAfter and a little) every awaited edge has announced itself or
  // is offline; otherwise it is broken.
  static constexpr absl::Duration kAwaitMax = absl::Seconds(15);

  struct Options {
    Epoch epoch = 0;  // Of this start of mgmt: greater than at any start before.
    NodeId self = 0;
    std::string version;
    bool hide_clients = false;  // No clients among map_rows.
    Rebalancer::Options rebalancing;
  };
  // `accounts` must outlive the cluster.
  Cluster(const Options& options, const AccountStore& accounts);

  // Takes the content of the registry: at the start, and after each change.
  void SetMembers(const std::vector<Member>& members, const std::vector<rpc::PinEntry>& pins,
                  absl::Duration now);

  // The first message of a stream from `node`. Refusals come as a Close: FAILED_PRECONDITION: a
  // newer start is attached; PERMISSION_DENIED: not a member, or no longer.
  void OnHello(StreamId stream, NodeId node, const v1::Hello& hello, absl::Duration now);
  // The following ones. Those of streams that are not attached are ignored.
  void OnMessage(StreamId stream, const v1::FromNode& message, absl::Duration now);
  void OnStreamClosed(StreamId stream, absl::Duration now);
  void OnTick(absl::Duration now);

  void OnAccountAdded(const Account& account);
  // Of several calls for one account the one with the greatest generation counts.
  void OnTicketsVoid(const Account& account, absl::string_view reason, absl::Duration now);

  // Sets the keys with which servers verify tickets from now on. A key is forgotten once `now` has
  // come to its `until`.
  struct TicketKeyUntil {
    std::string public_pem;
    absl::Duration until = absl::InfiniteDuration();
  };
  void SetTicketKeys(std::vector<TicketKeyUntil> keys);

  // Asks the edges where the directory has `user` for the sessions of `account`. False if too many
  // questions are open, and then `done` is dropped.
  bool AskSessions(absl::string_view user, AccountId account, absl::Duration now,
                   SessionQueries::Done done);
  // Has one ended there; the outcome has its row if there was one. False as AskSessions().
  bool EndSession(NodeId edge, AccountId account, uint64_t session, absl::Duration now,
                  SessionQueries::Done done);

  // Where mgmt itself listens: known once it does.
  void SetSelfAddresses(const v1::NodeAddresses& addresses) { state_.self_addresses = addresses; }

  // While somebody watches, rows of clients are told too.
  void SetMapWatched(bool watched);

  ClusterActions Flush(absl::Duration now);

  const ClusterState& state() const { return state_; }
  ClusterState& mutable_state() { return state_; }
  const AccountStore& accounts() const { return accounts_; }

 private:
  struct Stream {
    NodeId node = 0;
    bool is_edge = false;
    bool judges_tickets = false;  // Edges and datamgr.
    bool knows_all = false;       // Was told edges and routes; from then on changes.
    bool announced = false;       // Has begun to say where its users are.
    bool follows = false;         // Has the directory; from then on batches.
    uint64_t routes_version = 0;
    std::string data_told;  // Of what only data servers or datamgr hear: as last told, in bytes.
  };
  struct Revocation {
    v1::TicketRevocation row;
    absl::Duration told;  // When it came.
  };
  using Message = std::shared_ptr<const v1::ToNode>;

  void Send(StreamId stream, Message message);
  void SendToEdges(const Message& message);  // Those that know all.
  void Close(StreamId stream, absl::Status reason);
  std::optional<StreamId> StreamOf(NodeId node) const;
  void OnHeartbeat(NodeId node, const v1::Heartbeat& heartbeat);
  void OnLinks(NodeId node, const v1::LinkReport& report);
  void OnLocations(StreamId stream, const v1::LocationReport& report);
  void OnRefusedLinks(NodeId node, const LinkMap::Outcome& outcome);
  // Into the log, once for each node and kind.
  void WarnOfRefused(NodeId node, absl::string_view what);
  void OnResync(StreamId stream, const v1::DirectoryPosition& position);
  void OnTraffic(NodeId node, const v1::TrafficReport& report, absl::Duration now);
  void OnDigests(StreamId stream, const v1::DirectoryDigests& message);
  // Has the edge compare its directory with ours.
  void Check(StreamId stream);
  void OnAnnounced(NodeId edge);
  void OnOffline(NodeId node);
  void Dismiss(NodeId node, absl::string_view why);
  // A node that is not attached, and that no other edge can reach either, is gone: nobody needs to
  // wait for the clock.
  void GiveUpUnreachable();

  // Whether an edge is to drain, and who is to go elsewhere.
  void SendDrain(StreamId stream, const Member& member);
  void SendMoves(const MovePlanner::Orders& orders);

  void FlushEdges();
  void FlushRoutes(absl::Duration now);
  void FlushDirectory();
  void TellNewEdges();
  // To data servers how they are to be used, to datamgr which there are, to edges where datamgr is.
  void FlushDataServers();
  void FlushMap(absl::Duration now);
  // Rows of servers that are others than told; they count as told now.
  std::vector<v1::ServerMapRow> TakeChangedNodeRows();
  Message EdgesMessage() const;
  Message DataServersMessage() const;
  Message RoutesMessage(NodeId origin) const;
  Message DatamgrMessage() const;  // Null while none was heard of.
  // All, in as many messages as it takes.
  std::vector<Message> RevocationsMessages() const;
  void SendTicketKeys();
  bool AskEdges(const std::vector<NodeId>& edges, v1::SessionsQuestion question, absl::Duration now,
                SessionQueries::Done done);
  // Forgets those that concern only tickets that have expired by themselves.
  void SweepRevocations(absl::Duration now);

  const Options options_;
  const AccountStore& accounts_;
  ClusterState state_;
  PinDiff pins_;
  MovePlanner mover_;

  std::map<StreamId, Stream> streams_;
  std::set<NodeId> awaited_;  // Edges that have not announced themselves since mgmt started.
  std::optional<absl::Duration> members_known_at_;
  std::vector<TicketKeyUntil> ticket_keys_;
  SessionQueries session_queries_;
  std::map<AccountId, Revocation> revocations_;  // The newest of each account.
  absl::Duration revocations_swept_;

  bool edges_dirty_ = false;
  bool routes_dirty_ = false;
  bool times_dirty_ = false;  // Of links.
  bool nodes_dirty_ = false;
  bool data_servers_dirty_ = false;
  std::optional<absl::Duration> planned_at_;
  bool map_watched_ = false;
  std::optional<absl::Duration> map_told_at_;
  std::set<std::string> map_users_;               // Users with a changed row.
  std::map<std::string, std::string> map_nodes_;  // By id: the row as last told, in bytes.
  ClusterActions actions_;
};

}  // namespace convergia::mgmt
