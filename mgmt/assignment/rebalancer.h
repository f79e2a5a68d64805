#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/inlined_vector.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "mgmt/assignment/assignment.h"
#include "mgmt/assignment/reachability.h"
#include "mgmt/assignment/traffic_graph.h"

namespace convergia::mgmt {

// The look-ups that the rebalancer needs: edges of users, and what their clients reach.
class PlacesView {
 public:
  using Homes = absl::InlinedVector<NodeId, 2>;

  virtual ~PlacesView() = default;
  // The edges where `user` is signed in; none if the user is offline.
  virtual Homes HomesOf(const std::string& user) const = 0;
  // All users who are signed in at `edge`.
  virtual std::vector<std::string> UsersOn(NodeId edge) const = 0;
  // The last report of the user's client; null if there is none. The pointer must stay valid during
  // Propose().
  virtual const Reachability::Reach* ReachOf(const std::string& user) const = 0;
  // The cost of carrying bytes between two edges: 0 for the same edge, 1 for a good link.
  virtual double CostOf(NodeId from, NodeId to) const = 0;
};

// Slowly brings users who talk with one another to the same edge: proposes moves of single users,
// and watches whether their clients move.
//
// A move must gain clearly: it must carry at least `gain_min` of the user's bytes over one link
// less. A moved user rests for a long time, and longer after each further move. The bound on
// balance (SessionsBound()) holds. If the target is full, the user waits for a partner there to
// swap with. A partner gains by moving here, or loses little, so that both together gain clearly.
// Each move or swap reduces the traffic between edges, so they end when nothing is left to gain.
//
// An edge over the bound (for example after a new edge has joined) sheds users to edges below the
// mean: first those who talk with nobody, then those who lose least. A shed user may be sent to an
// edge that its client never tried, unless that edge is known to be out of its reach. A client that
// cannot go there stays.
//
// A core: no clock, no I/O. Not thread-safe.
class Rebalancer {
 public:
  struct Options {
    int moves_per_minute = 60;                      // Never more, in any minute; 0: none.
    absl::Duration rest_first = absl::Minutes(30);  // Doubles with each move of a user,
    absl::Duration rest_max = absl::Hours(16);      // up to this.
    absl::Duration patience = absl::Seconds(60);    // For a client to go where it was sent.
    double gain_min = 0.15;                         // Of the user's bytes.
    double bytes_min = 1'000;                       // A user who exchanges less is not moved.
    // The most users of the graph that one Propose() examines, and the most users of each edge that
    // is over the bound.
    int examined_max = 2'000;
    AssignmentRule rule;
  };
  struct Move {
    std::string user;
    NodeId from = 0;
    NodeId to = 0;
  };
  struct Counters {
    uint64_t proposed = 0;
    uint64_t done = 0;     // Moves whose client went there.
    uint64_t refused = 0;  // Moves whose client stayed signed in, but did not go there in time.
  };

  explicit Rebalancer(const Options& options) : options_(options) {}

  // Returns the next moves. `users_on` has each edge that is not offline, with the number of its
  // users in place of sessions. `now` is Clock::Elapsed(). Call it every second or so, always with
  // the same graph.
  std::vector<Move> Propose(const TrafficGraph& graph, const PlacesView& view,
                            absl::Span<const EdgeLoad> users_on, absl::Duration now);

  const Counters& counters() const { return counters_; }

 private:
  using User = TrafficGraph::User;
  struct Pending {
    NodeId from = 0;
    NodeId to = 0;
    absl::Duration since;
    User follower = TrafficGraph::kNobody;  // The user that takes the place left behind.
  };
  struct Rest {
    absl::Duration until;
    int moves = 0;
  };
  // Where one user is, and what it would gain elsewhere.
  struct Case {
    User user = TrafficGraph::kNobody;
    std::string name;
    NodeId home = 0;
    const Reachability::Reach* reach = nullptr;  // Null: it has not reported.
    std::vector<Pull> pulls;
    double bytes = 0;
    double cost = 0;  // Of carrying from home.
    NodeId best = 0;  // 0: nowhere better.
    double gain = 0;  // Bytes times links, at best.
  };
  // Everything one Propose() works with.
  struct Round {
    const TrafficGraph& graph;
    const PlacesView& view;
    absl::Duration now;
    std::map<NodeId, EdgeLoad> edges;               // With those who are to come.
    absl::flat_hash_map<NodeId, uint32_t> leaving;  // Those who are to go.
    double bound = 0;
    double mean = 0;
    std::vector<Move> moves;
  };

  void Settle(const PlacesView& view, absl::Duration now);
  static void Shift(Round* round, NodeId from, NodeId to);
  void ForgetGoneEdges(const Round& round);
  int Allowance(absl::Duration now);
  PlacesView::Homes HomesOf(const Round& round, const std::string& user) const;
  // nullopt: it is not to be moved now.
  std::optional<Case> CaseOf(const Round& round, const std::string& name) const;
  std::optional<Case> Examine(const Round& round, User user) const;
  bool MayGo(const Round& round, const Case& who, NodeId to, double gain) const;
  double CostAt(const Round& round, const Case& who, NodeId edge) const;
  bool HasRoom(const Round& round, NodeId edge, uint32_t reserve) const;
  void Consider(Round* round, User user, uint32_t reserve, int* allowance);
  // Somebody at `who.best` who takes `who`'s place.
  std::optional<Case> FindPartner(const Round& round, const Case& who) const;
  bool IsOver(const Round& round, NodeId edge) const;
  bool MayBeShedTo(const Round& round, const Case& who, NodeId to) const;
  void Shed(Round* round, int* allowance);
  void ShedIdle(Round* round, NodeId from, int* allowance);
  void ShedLoose(Round* round, NodeId from, int* allowance);
  void Commit(Round* round, const Case& who, NodeId to, int* allowance);
  void Remember(const Case& who);

  const Options options_;
  User cursor_ = 0;
  absl::flat_hash_map<std::string, Pending> pending_;
  absl::flat_hash_map<std::string, Rest> rests_;
  std::vector<User> due_;                // Followers whose time has come.
  std::deque<absl::Duration> moved_at_;  // In the last minute.
  // Of each edge: those who lately could not go from here to there, and those who hardly mind
  // leaving, with the share of their bytes that stays within it.
  std::map<std::pair<NodeId, NodeId>, std::deque<User>> waiting_;
  std::map<NodeId, std::deque<std::pair<double, User>>> loose_;
  std::map<NodeId, size_t> idle_cursors_;  // Where to look next for idle users of that edge.
  Counters counters_;
};

}  // namespace convergia::mgmt
