#include "datamgr/repair/plan/repair_planner.h"

#include <algorithm>
#include <tuple>

namespace convergia::datamgr {

struct RepairPlanner::Round {
  absl::Duration now;
  const ServerTable& servers;
  const VolumeTable& volumes;
  const std::map<VolumeId, Job>& running;
  int streams_max = 0;
  VolumeId next_volume = 0;

  Plan plan;
  std::map<NodeId, int> streams;  // Under way, by server.
  int copies = 0;
  // Jobs that could be started, most urgent first.
  using Urgency = std::tuple<JobKind, int, absl::Duration, VolumeId>;
  std::map<Urgency, Job> due;
};

absl::string_view JobKindWord(JobKind kind) {
  switch (kind) {
    case JobKind::kRepair:
      return "repair";
    case JobKind::kMove:
      return "move";
    case JobKind::kRebalance:
      return "rebalance";
    case JobKind::kTrim:
      return "trim";
    case JobKind::kDropOrphan:
      return "drop";
  }
  return "";
}

absl::Duration RepairPlanner::GraceOf(const ServerView& server, const ServerTable& servers,
                                      absl::Duration now) const {
  const absl::Duration grace = server.config.volume_class == VolumeClass::kVolatile
                                   ? rules_.grace_volatile
                                   : rules_.grace_non_volatile;
  return servers.IsFlapping(server.config.id, now) ? 2 * grace : grace;
}

ReplicaState RepairPlanner::StateOf(const Replica& replica, const ServerTable& servers,
                                    absl::Duration now) const {
  const ServerView* const server = servers.Find(replica.server);
  if (server == nullptr) return ReplicaState::kGone;
  const bool same_store = server->store == replica.store;
  if (server->connected) return same_store ? ReplicaState::kLive : ReplicaState::kGone;
  if (!server->configured || (!server->store.empty() && !same_store)) return ReplicaState::kGone;
  const bool waits = now - server->since < GraceOf(*server, servers, now);
  return waits ? ReplicaState::kAway : ReplicaState::kGone;
}

bool RepairPlanner::IsLeaving(const Replica& replica, const ServerTable& servers) const {
  const ServerView* const server = servers.Find(replica.server);
  return server != nullptr && (server->config.drain || !server->configured);
}

bool RepairPlanner::IsMisplaced(const Volume& volume, const Replica& replica,
                                const ServerTable& servers) const {
  const ServerView* const server = servers.Find(replica.server);
  return server != nullptr && server->config.volume_class != volume.record.volume_class;
}

VolumeHealth RepairPlanner::HealthOf(const Volume& volume, const ServerTable& servers,
                                     absl::Duration now) const {
  VolumeHealth health;
  health.wanted = rules_.placement.copies(volume.record.volume_class);
  for (const Replica& replica : volume.record.replicas) {
    switch (StateOf(replica, servers, now)) {
      case ReplicaState::kLive:
        ++health.live;
        if (IsLeaving(replica, servers)) {
          ++health.leaving;
        } else if (IsMisplaced(volume, replica, servers)) {
          ++health.misplaced;
        }
        break;
      case ReplicaState::kAway:
        ++health.away;
        break;
      case ReplicaState::kGone:
        ++health.gone;
        break;
    }
  }
  return health;
}

bool RepairPlanner::MustSeal(const Volume& volume, const ServerTable& servers) const {
  if (!volume.IsOpen()) return false;
  const int wanted = rules_.placement.copies(volume.record.volume_class);
  if (volume.record.replicas.size() < static_cast<size_t>(wanted)) return true;
  for (const Replica& replica : volume.record.replicas) {
    const ServerView* const server = servers.Find(replica.server);
    if (server == nullptr || !server->Has(replica) || !server->MayWrite(0)) return true;
    if (IsMisplaced(volume, replica, servers)) return true;
  }
  return false;
}

bool RepairPlanner::MustBecomeVolatile(const Volume& volume, const ServerTable& servers) const {
  if (volume.record.volume_class == VolumeClass::kVolatile) return false;
  bool any_here = false;
  for (const Replica& replica : volume.record.replicas) {
    any_here |= servers.IsLive(replica) && IsMisplaced(volume, replica, servers);
  }
  if (!any_here) return false;
  for (const auto& [id, server] : servers.servers()) {
    const bool is_home = server.config.volume_class == VolumeClass::kNonVolatile;
    if (is_home && server.configured && !server.config.drain) return false;
  }
  return true;
}

void RepairPlanner::CountBrake(Round* round) {
  std::set<NodeId> needed;  // Servers whose copies still count.
  for (const auto& [id, volume] : round->volumes.volumes()) {
    for (const Replica& replica : volume.record.replicas) needed.insert(replica.server);
  }
  RepairDebt& debt = round->plan.debt;
  for (const auto& [id, server] : round->servers.servers()) {
    if (server.connected) written_off_.erase(id);
    if (!server.configured || server.config.drain) continue;
    if (server.connected || needed.contains(id)) ++debt.known_servers;
    if (!server.connected && needed.contains(id) && !written_off_.contains(id)) {
      ++debt.absent_servers;
    }
  }
  // One alone is never "many at once", however few there are.
  debt.brake = debt.absent_servers >= 2 &&
               static_cast<double>(debt.absent_servers) >
                   rules_.brake_fraction * static_cast<double>(debt.known_servers);
}

void RepairPlanner::ReleaseBrake(const ServerTable& servers) {
  for (const auto& [id, server] : servers.servers()) {
    if (!server.connected) written_off_.insert(id);
  }
}

NodeId RepairPlanner::TargetOf(const CopyNeed& need, VolumeId volume, const Round& round) const {
  const NodeId best = PlaceCopy(round.servers, need, volume);
  if (best == 0) return 0;
  const ServerView* const server = round.servers.Find(best);
  const auto is_busy = [&](NodeId id) {
    const auto streams = round.streams.find(id);
    return streams != round.streams.end() && streams->second >= round.streams_max;
  };
  // One that holds it already is worth waiting for.
  if (!is_busy(best) || server->holdings.contains(volume)) return best;
  CopyNeed idle = need;
  for (const auto& [id, streams] : round.streams) {
    if (is_busy(id)) idle.excluded.insert(id);
  }
  const NodeId other = PlaceCopy(round.servers, idle, volume);
  if (other == 0) return best;
  const bool as_good =
      round.servers.Find(other)->config.volume_class == server->config.volume_class;
  return as_good ? other : best;
}

std::optional<Job> RepairPlanner::CopyOf(const Volume& volume, const VolumeHealth& health,
                                         Round* round) const {
  CopyNeed need;
  need.volume_class = volume.record.volume_class;
  need.bytes = volume.bytes;
  Job job;
  job.kind = health.missing() > 0 ? JobKind::kRepair : JobKind::kMove;
  job.volume = volume.record.id;
  job.bytes = volume.bytes;
  int source_streams = 0;
  for (const Replica& replica : volume.record.replicas) {
    const bool live = round->servers.IsLive(replica);
    // With another disk it may take a copy again.
    if (StateOf(replica, round->servers, round->now) != ReplicaState::kGone) {
      need.excluded.insert(replica.server);
    }
    if (!live) continue;
    const bool goes = IsLeaving(replica, round->servers) ||
                      (health.leaving == 0 && IsMisplaced(volume, replica, round->servers));
    if (!goes) need.staying.push_back(replica.server);
    if (job.kind == JobKind::kMove && goes && job.victim == 0) job.victim = replica.server;
    const int streams = round->streams[replica.server];
    if (job.source == 0 || streams < source_streams) {
      job.source = replica.server;
      source_streams = streams;
    }
  }
  job.target = TargetOf(need, job.volume, *round);
  if (job.target == 0 || job.source == 0) return std::nullopt;
  // From a server of the other class only to one of the right class: else nothing is gained.
  const ServerView* const target = round->servers.Find(job.target);
  if (job.kind == JobKind::kMove && health.leaving == 0 &&
      target->config.volume_class != volume.record.volume_class) {
    return std::nullopt;
  }
  return job;
}

void RepairPlanner::LookAt(const Volume& volume, Round* round) {
  const VolumeId id = volume.record.id;
  const VolumeHealth health = HealthOf(volume, round->servers, round->now);
  RepairDebt& debt = round->plan.debt;
  const auto running = round->running.find(id);
  const bool is_short = health.live < health.wanted;
  if (is_short) ++debt.missing_volumes;
  if (health.live == 0) ++debt.dark_volumes;
  if (health.live == 1 && health.wanted > 1) ++debt.single_volumes;
  if (is_short && health.missing() == 0) ++debt.waiting_volumes;
  const bool due = health.missing() > 0 && health.live > 0;
  const bool moves = !due && health.leaving + health.misplaced > 0 && health.live > 0;
  if (!due && !moves) short_since_.erase(id);
  if (running != round->running.end()) {
    const JobKind kind = running->second.kind;
    const bool needed = kind == JobKind::kRepair ? due : kind == JobKind::kMove ? moves : !due;
    if (!needed) round->plan.cease.push_back(id);
  }
  if (!due && !moves) return;
  const absl::Duration since = short_since_.try_emplace(id, round->now).first->second;
  if (due) {
    ++debt.due_volumes;
    debt.missing_bytes += volume.bytes * static_cast<uint64_t>(health.missing());
  }
  if (running != round->running.end()) return;
  const std::optional<Job> job = CopyOf(volume, health, round);
  if (!job.has_value()) {
    if (due || health.leaving > 0) ++debt.stuck_volumes;
    return;
  }
  if (moves) {
    ++debt.moving_volumes;
    debt.moving_bytes += volume.bytes;
  }
  if (volume.IsOpen() || volume.writes_in_flight > 0) return;  // Sealed by this very plan.
  round->due[{job->kind, health.live, since, id}] = *job;
}

bool RepairPlanner::TakeStreams(const Job& job, Round* round) const {
  if (round->copies >= rules_.copies_max) return false;
  int& source = round->streams[job.source];
  int& target = round->streams[job.target];
  if (source >= round->streams_max || target >= round->streams_max) return false;
  ++source;
  ++target;
  ++round->copies;
  return true;
}

void RepairPlanner::AddCopies(Round* round) {
  if (round->plan.debt.brake) return;
  for (auto& [urgency, job] : round->due) {
    // The servers that were best when it was looked at may be busy by now: look again.
    const Volume* const volume = round->volumes.Find(job.volume);
    const auto fresh = CopyOf(*volume, HealthOf(*volume, round->servers, round->now), round);
    if (!fresh.has_value() || !TakeStreams(*fresh, round)) continue;
    round->plan.start.push_back(*fresh);
  }
}

void RepairPlanner::AddRebalance(Round* round) {
  if (!round->due.empty() || round->plan.debt.brake || round->plan.debt.missing_volumes > 0) return;
  for (const auto& [id, job] : round->running) {
    if (job.IsCopy()) return;  // One at a time: it is never urgent.
  }
  AddRebalanceOf(VolumeClass::kVolatile, round);
  AddRebalanceOf(VolumeClass::kNonVolatile, round);
}

void RepairPlanner::AddRebalanceOf(VolumeClass volume_class, Round* round) {
  std::map<NodeId, uint64_t> counted;
  for (const auto& [id, volume] : round->volumes.volumes()) {
    for (const Replica& replica : volume.record.replicas) counted[replica.server] += volume.bytes;
  }
  const ServerView* low = nullptr;
  const ServerView* high = nullptr;
  double low_fill = 0;
  double high_fill = 0;
  for (const auto& [id, server] : round->servers.servers()) {
    if (server.config.volume_class != volume_class || !server.MayWrite(0) ||
        server.space.capacity_bytes == 0) {
      continue;
    }
    const double fill =
        static_cast<double>(counted[id]) / static_cast<double>(server.space.capacity_bytes);
    if (low == nullptr || fill < low_fill) {
      low = &server;
      low_fill = fill;
    }
    if (high == nullptr || fill > high_fill) {
      high = &server;
      high_fill = fill;
    }
  }
  if (low == nullptr || high_fill - low_fill <= rules_.rebalance_gap) return;
  for (const auto& [id, volume] : round->volumes.volumes()) {
    if (volume.IsOpen() || volume.writes_in_flight > 0 || volume.bytes == 0 ||
        round->running.contains(id) || volume.record.volume_class != volume_class) {
      continue;
    }
    if (!volume.HasReplicaOn(high->config.id) || volume.HasReplicaOn(low->config.id)) continue;
    const double moved = static_cast<double>(volume.bytes);
    if (low_fill + moved / static_cast<double>(low->space.capacity_bytes) > high_fill ||
        !low->MayWrite(volume.bytes)) {
      continue;
    }
    int shared = 0;
    for (const Replica& replica : volume.record.replicas) {
      const ServerView* const other = round->servers.Find(replica.server);
      if (other == nullptr || other == high) continue;
      shared += SharedLabels(low->config, other->config);
      shared -= SharedLabels(high->config, other->config);
    }
    if (shared > 0) continue;  // Even is worth less than far apart.
    const Job job = {JobKind::kRebalance, id,          low->config.id, high->config.id,
                     high->config.id,     volume.bytes};
    if (TakeStreams(job, round)) round->plan.start.push_back(job);
    return;
  }
}

void RepairPlanner::FindSurplus(Round* round) {
  std::map<std::pair<VolumeId, NodeId>, absl::Duration> seen;
  for (const auto& [server_id, server] : round->servers.servers()) {
    if (!server.connected) continue;
    for (const auto& [id, holding] : server.holdings) {
      const Volume* const volume = round->volumes.Find(id);
      const bool counted = volume != nullptr && std::count(volume->record.replicas.begin(),
                                                           volume->record.replicas.end(),
                                                           Replica{server_id, server.store}) > 0;
      if (counted) continue;
      const auto running = round->running.find(id);
      if (running != round->running.end() && running->second.target == server_id) continue;
      const auto before = surplus_since_.find({id, server_id});
      seen[{id, server_id}] = before == surplus_since_.end() ? round->now : before->second;
    }
  }
  round->plan.debt.surplus_copies = seen.size();
  surplus_since_ = std::move(seen);
}

void RepairPlanner::AddTrims(Round* round) {
  FindSurplus(round);
  // Deletes last: while anything is to be copied, what is there may be needed.
  if (!round->due.empty() || round->copies > 0 || round->plan.debt.brake) return;
  int trims = 0;
  for (const auto& [id, job] : round->running) trims += job.IsCopy() ? 0 : 1;
  for (const auto& [key, since] : surplus_since_) {
    const auto& [id, server_id] = key;
    if (trims >= rules_.streams_quiet) return;
    if (round->running.contains(id)) continue;
    const Volume* const volume = round->volumes.Find(id);
    if (volume == nullptr) {
      // A volume from the future: this datamgr's store is older than the data. Hands off.
      if (id >= round->next_volume || round->now - since < rules_.orphan_age) continue;
      round->plan.start.push_back({JobKind::kDropOrphan, id, server_id});
      ++trims;
      continue;
    }
    const VolumeHealth health = HealthOf(*volume, round->servers, round->now);
    if (!health.IsWhole() || health.leaving > 0 || volume->IsOpen()) continue;
    const ServerView* const server = round->servers.Find(server_id);
    const bool is_tight = server->space.free_bytes < server->space.capacity_bytes / 10;
    if (!is_tight && round->now - since < rules_.surplus_keep) continue;
    round->plan.start.push_back({JobKind::kTrim, id, server_id, 0, 0, volume->bytes});
    ++trims;
  }
}

RepairPlanner::Plan RepairPlanner::Next(absl::Duration now, const ServerTable& servers,
                                        const VolumeTable& volumes,
                                        const std::map<VolumeId, Job>& running, bool clients_quiet,
                                        VolumeId next_volume) {
  Round round = {now, servers, volumes, running};
  round.streams_max = boosted_        ? rules_.streams_boosted
                      : clients_quiet ? rules_.streams_quiet
                                      : rules_.streams_busy;
  round.next_volume = next_volume;
  for (const auto& [id, job] : running) {
    if (!job.IsCopy()) continue;
    ++round.streams[job.source];
    ++round.streams[job.target];
    ++round.copies;
  }
  CountBrake(&round);
  for (const auto& [id, volume] : volumes.volumes()) {
    if (MustSeal(volume, servers)) round.plan.seal.push_back(id);
    if (MustBecomeVolatile(volume, servers)) {
      round.plan.make_volatile.push_back(id);
      continue;
    }
    LookAt(volume, &round);
  }
  std::erase_if(short_since_,
                [&](const auto& entry) { return volumes.Find(entry.first) == nullptr; });
  AddCopies(&round);
  AddRebalance(&round);
  AddTrims(&round);
  return std::move(round.plan);
}

std::optional<VolumeRecord> RepairPlanner::RecordAfter(const Volume& volume, const Job& job,
                                                       const Replica& target,
                                                       const ServerTable& servers,
                                                       absl::Duration now) const {
  VolumeRecord record = volume.record;
  auto& replicas = record.replicas;
  // The target may be among them with a disk that is lost.
  std::erase_if(replicas, [&](const Replica& replica) { return replica.server == target.server; });
  const VolumeHealth health = HealthOf(volume, servers, now);
  if (replicas.size() >= static_cast<size_t>(health.wanted)) {
    auto victim = std::find_if(replicas.begin(), replicas.end(), [&](const Replica& replica) {
      return StateOf(replica, servers, now) == ReplicaState::kGone;
    });
    if (victim == replicas.end() && job.kind != JobKind::kRepair) {
      victim = std::find_if(replicas.begin(), replicas.end(),
                            [&](const Replica& replica) { return replica.server == job.victim; });
    }
    if (victim == replicas.end()) return std::nullopt;
    replicas.erase(victim);
  }
  replicas.push_back(target);
  record.sealed = true;
  ++record.epoch;
  return record;
}

}  // namespace convergia::datamgr
