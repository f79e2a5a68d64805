#include "mgmt/assignment/rebalancer.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace convergia::mgmt {
namespace {

constexpr size_t kWaitingMax = 32;  // For each pair of edges; the newest are the best known.
// Room that is kept for the first of two who change places.
constexpr uint32_t kReserve = 2;
constexpr size_t kWaitingPairsMax = 10'000;
constexpr size_t kLooseMax = 32;  // For each edge.
constexpr size_t kRestsMax = 1'000'000;

template <typename T>
void PushBounded(T value, size_t max, std::deque<T>* queue) {
  if (std::find(queue->begin(), queue->end(), value) != queue->end()) return;
  queue->push_back(std::move(value));
  if (queue->size() > max) queue->pop_front();
}

}  // namespace

std::vector<Rebalancer::Move> Rebalancer::Propose(const TrafficGraph& graph, const PlacesView& view,
                                                  absl::Span<const EdgeLoad> users_on,
                                                  absl::Duration now) {
  Settle(view, now);
  Round round{.graph = graph, .view = view, .now = now};
  for (const EdgeLoad& edge : users_on) round.edges[edge.id] = edge;
  round.bound = SessionsBound(users_on, options_.rule);
  round.mean = (round.bound - options_.rule.slack) / options_.rule.over_mean;
  for (const auto& [user, pending] : pending_) Shift(&round, pending.from, pending.to);
  ForgetGoneEdges(round);
  int allowance = Allowance(now);
  if (allowance < 1) return {};
  // First those for whom somebody has made room.
  for (const User user : std::exchange(due_, {})) {
    if (user < graph.end() && allowance > 0) Consider(&round, user, /*reserve=*/0, &allowance);
  }
  const User count = std::min<User>(graph.end(), options_.examined_max);
  for (User i = 0; i < count && allowance > 0; ++i) {
    if (cursor_ >= graph.end()) cursor_ = 0;
    Consider(&round, cursor_++, kReserve, &allowance);
  }
  Shed(&round, &allowance);
  return std::move(round.moves);
}

// A user who is to come takes room from now on; a user who is to leave frees it when gone.
void Rebalancer::Shift(Round* round, NodeId from, NodeId to) {
  ++round->leaving[from];
  const auto entered = round->edges.find(to);
  if (entered != round->edges.end()) ++entered->second.sessions;
}

void Rebalancer::ForgetGoneEdges(const Round& round) {
  std::erase_if(loose_, [&](const auto& list) { return !round.edges.contains(list.first); });
  std::erase_if(waiting_, [&](const auto& list) {
    return !round.edges.contains(list.first.first) || !round.edges.contains(list.first.second);
  });
  std::erase_if(idle_cursors_, [&](const auto& at) { return !round.edges.contains(at.first); });
  if (waiting_.size() > kWaitingPairsMax) waiting_.clear();
}

// Finds the users who have arrived, and those who will not.
void Rebalancer::Settle(const PlacesView& view, absl::Duration now) {
  for (auto it = pending_.begin(); it != pending_.end();) {
    const auto& [user, pending] = *it;
    const PlacesView::Homes homes = view.HomesOf(user);
    const bool arrived = std::find(homes.begin(), homes.end(), pending.to) != homes.end();
    const bool late = now - pending.since >= options_.patience;
    const bool gone = homes.empty() && late;  // For a moment it may be nowhere.
    counters_.done += arrived;
    counters_.refused += late && !arrived && !gone;
    if (arrived || late) {
      if (arrived && pending.follower != TrafficGraph::kNobody) due_.push_back(pending.follower);
      pending_.erase(it++);
    } else {
      ++it;
    }
  }
  while (!moved_at_.empty() && now - moved_at_.front() >= absl::Minutes(1)) moved_at_.pop_front();
  if (rests_.size() > kRestsMax) {
    absl::erase_if(rests_, [now](const auto& rest) { return rest.second.until <= now; });
  }
}

// The minute's moves are not all made in its first second.
int Rebalancer::Allowance(absl::Duration now) {
  if (rests_.size() > kRestsMax) return 0;
  const int left = options_.moves_per_minute - static_cast<int>(moved_at_.size());
  return std::min(left, std::max(2, options_.moves_per_minute / 6));
}

PlacesView::Homes Rebalancer::HomesOf(const Round& round, const std::string& user) const {
  const auto pending = pending_.find(user);
  if (pending != pending_.end()) return {pending->second.to};
  return round.view.HomesOf(user);
}

double Rebalancer::CostAt(const Round& round, const Case& who, NodeId edge) const {
  return CarryingCost(edge, who.pulls,
                      [&](NodeId from, NodeId to) { return round.view.CostOf(from, to); });
}

bool Rebalancer::HasRoom(const Round& round, NodeId edge, uint32_t reserve) const {
  const EdgeLoad& load = round.edges.at(edge);
  return load.walled || load.sessions + 1 + reserve <= round.bound;
}

// Reachable, taking clients, inside if it is inside now, and not farther than it is worth.
bool Rebalancer::MayGo(const Round& round, const Case& who, NodeId to, double gain) const {
  const auto edge = round.edges.find(to);
  if (to == who.home || edge == round.edges.end() || !edge->second.alive || edge->second.draining) {
    return false;
  }
  if (who.reach == nullptr) return false;
  const Probe* const there = who.reach->To(to);
  const Probe* const here = who.reach->To(who.home);
  if (there == nullptr) return false;
  const auto home = round.edges.find(who.home);
  if (home != round.edges.end() && home->second.walled && !edge->second.walled) return false;
  if (here == nullptr || there->rtt_us <= here->rtt_us) return true;
  const double worth_us = options_.rule.traffic_us * std::max(gain, 0.0) /
                          (who.bytes + options_.rule.traffic_bytes_half);
  return there->rtt_us - here->rtt_us <= std::max(worth_us, 1'000.0);
}

std::optional<Rebalancer::Case> Rebalancer::CaseOf(const Round& round,
                                                   const std::string& name) const {
  if (pending_.contains(name)) return std::nullopt;
  const auto rest = rests_.find(name);
  if (rest != rests_.end() && rest->second.until > round.now) return std::nullopt;
  const PlacesView::Homes homes = round.view.HomesOf(name);
  if (homes.size() != 1) return std::nullopt;
  const auto home = round.edges.find(homes[0]);
  if (home == round.edges.end() || home->second.draining) return std::nullopt;
  return Case{.name = name, .home = homes[0], .reach = round.view.ReachOf(name)};
}

std::optional<Rebalancer::Case> Rebalancer::Examine(const Round& round, User user) const {
  const absl::Span<const TrafficGraph::Peer> peers = round.graph.PeersOf(user);
  if (peers.empty()) return std::nullopt;
  std::optional<Case> found = CaseOf(round, round.graph.NameOf(user));
  if (!found) return std::nullopt;
  Case& who = *found;
  who.user = user;
  for (const TrafficGraph::Peer& peer : peers) {
    const PlacesView::Homes there = HomesOf(round, round.graph.NameOf(peer.user));
    if (there.empty()) continue;
    who.pulls.push_back({there, round.graph.Bytes(peer.weight, round.now)});
    who.bytes += who.pulls.back().bytes;
  }
  who.cost = CostAt(round, who, who.home);
  absl::InlinedVector<NodeId, 8> tried = {who.home};
  for (const Pull& pull : who.pulls) {
    for (const NodeId edge : pull.edges) {
      if (std::find(tried.begin(), tried.end(), edge) != tried.end()) continue;
      tried.push_back(edge);
      const double gain = who.cost - CostAt(round, who, edge);
      if (gain > who.gain && MayGo(round, who, edge, gain)) {
        who.best = edge;
        who.gain = gain;
      }
    }
  }
  return found;
}

// For those who would come here.
void Rebalancer::Remember(const Case& who) {
  const double kept = who.bytes <= 0 ? 0 : 1 - std::min(1.0, who.cost / who.bytes);
  auto& loose = loose_[who.home];
  const auto same = std::find_if(loose.begin(), loose.end(),
                                 [&](const auto& one) { return one.second == who.user; });
  if (same != loose.end()) loose.erase(same);
  loose.emplace_back(kept, who.user);
  if (loose.size() <= kLooseMax) return;
  loose.erase(std::max_element(loose.begin(), loose.end()));
}

std::optional<Rebalancer::Case> Rebalancer::FindPartner(const Round& round, const Case& who) const {
  std::optional<Case> partner;
  double best = std::max(options_.gain_min * who.bytes - who.gain, -who.gain);
  const auto consider = [&](User user) {
    std::optional<Case> other = Examine(round, user);
    if (!other || other->home != who.best) return;
    const double gain = other->cost - CostAt(round, *other, who.home);
    // The traffic between the two crosses edges before and after.
    double between = 0;
    for (const TrafficGraph::Peer& peer : round.graph.PeersOf(who.user)) {
      if (peer.user == user) between = round.graph.Bytes(peer.weight, round.now);
    }
    const double net = gain - 2 * between;
    if (net <= best || !MayGo(round, *other, who.home, gain)) return;
    best = net;
    partner = std::move(other);
  };
  const auto waiting = waiting_.find({who.best, who.home});
  if (waiting != waiting_.end()) {
    for (const User user : waiting->second) consider(user);
  }
  const auto loose = loose_.find(who.best);
  if (loose != loose_.end()) {
    for (const auto& [kept, user] : loose->second) consider(user);
  }
  return partner;
}

void Rebalancer::Consider(Round* round, User user, uint32_t reserve, int* allowance) {
  const std::optional<Case> who = Examine(*round, user);
  if (!who) return;
  Remember(*who);
  if (who->best == 0 || who->bytes < options_.bytes_min ||
      who->gain < options_.gain_min * who->bytes) {
    return;
  }
  if (HasRoom(*round, who->best, reserve)) return Commit(round, *who, who->best, allowance);
  std::optional<Case> partner;
  if (*allowance >= 2 && HasRoom(*round, who->home, 0)) partner = FindPartner(*round, *who);
  if (!partner) {
    return PushBounded(user, kWaitingMax, &waiting_[{who->home, who->best}]);
  }
  // One after the other, so that no edge has too many when somebody does not go.
  Commit(round, *partner, who->home, allowance);
  pending_[round->graph.NameOf(partner->user)].follower = user;
}

bool Rebalancer::IsOver(const Round& round, NodeId edge) const {
  const auto load = round.edges.find(edge);
  if (load == round.edges.end() || load->second.walled || load->second.draining) return false;
  const auto leaving = round.leaving.find(edge);
  return load->second.sessions >
         round.bound + (leaving == round.leaving.end() ? 0 : leaving->second);
}

// True if the client of `who` has reached `to`, or is not known to miss it.
bool Rebalancer::MayBeShedTo(const Round& round, const Case& who, NodeId to) const {
  const EdgeLoad& edge = round.edges.at(to);
  if (to == who.home || edge.sessions >= round.mean) return false;
  if (who.reach != nullptr && who.reach->To(to) != nullptr) return MayGo(round, who, to, 0);
  const bool missed =
      who.reach != nullptr &&
      std::find(who.reach->missed.begin(), who.reach->missed.end(), to) != who.reach->missed.end();
  return edge.alive && !edge.draining && !edge.walled && !missed;
}

// From edges over the bound to those below the mean.
void Rebalancer::Shed(Round* round, int* allowance) {
  std::vector<NodeId> over;
  for (const auto& [id, edge] : round->edges) {
    if (IsOver(*round, id)) over.push_back(id);
  }
  for (const NodeId from : over) {
    ShedIdle(round, from, allowance);
    ShedLoose(round, from, allowance);
  }
}

// Users who talk with nobody lose nothing by a move.
void Rebalancer::ShedIdle(Round* round, NodeId from, int* allowance) {
  if (*allowance < 1) return;
  const std::vector<std::string> users = round->view.UsersOn(from);
  size_t& cursor = idle_cursors_[from];
  const size_t count = std::min<size_t>(users.size(), options_.examined_max);
  for (size_t i = 0; i<count&& * allowance> 0 && IsOver(*round, from); ++i) {
    const std::string& name = users[cursor++ % users.size()];
    const User known = round->graph.Find(name);
    if (known != TrafficGraph::kNobody && !round->graph.PeersOf(known).empty()) continue;
    const std::optional<Case> who = CaseOf(*round, name);
    if (!who || who->home != from) continue;
    NodeId to = 0;
    for (const auto& [id, edge] : round->edges) {
      if (!MayBeShedTo(*round, *who, id)) continue;
      if (to == 0 || edge.sessions < round->edges.at(to).sessions) to = id;
    }
    if (to != 0) Commit(round, *who, to, allowance);
  }
}

void Rebalancer::ShedLoose(Round* round, NodeId from, int* allowance) {
  const auto list = loose_.find(from);
  if (list == loose_.end()) return;
  auto& loose = list->second;
  std::sort(loose.begin(), loose.end());
  while (*allowance > 0 && !loose.empty() && IsOver(*round, from)) {
    const std::optional<Case> who = Examine(*round, loose.front().second);
    loose.pop_front();
    if (!who || who->home != from) continue;
    NodeId to = 0;
    double least = 0;
    for (const auto& [id, load] : round->edges) {
      if (!MayBeShedTo(*round, *who, id)) continue;
      const double cost = CostAt(*round, *who, id);
      if (to == 0 || std::tie(cost, id) < std::tie(least, to)) {
        to = id;
        least = cost;
      }
    }
    if (to != 0) Commit(round, *who, to, allowance);
  }
}

void Rebalancer::Commit(Round* round, const Case& who, NodeId to, int* allowance) {
  const std::string& name = who.name;
  pending_[name] = {.from = who.home, .to = to, .since = round->now};
  Rest& rest = rests_[name];
  rest.until = round->now + std::min(options_.rest_max,
                                     options_.rest_first * static_cast<double>(1 << rest.moves));
  if (rest.moves < 16) ++rest.moves;
  Shift(round, who.home, to);
  moved_at_.push_back(round->now);
  --*allowance;
  ++counters_.proposed;
  round->moves.push_back({name, who.home, to});
}

}  // namespace convergia::mgmt
