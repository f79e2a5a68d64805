// How the reconciler opens, seals and sweeps volumes.
#include <glog/logging.h>

#include <algorithm>
#include <set>
#include <utility>

#include "common/base/limits.h"
#include "datamgr/repair/volume_reconciler.h"

namespace convergia::datamgr {
namespace {

constexpr int kSealsMax = 50;  // In one round: each waits for the disk.
constexpr int kOpenMax = 8;    // Volumes of one class.
constexpr absl::Duration kDeleteTimeout = absl::Seconds(20);

}  // namespace

// ---- Open and seal.

void VolumeReconciler::OpenOnes(VolumeClass volume_class) {
  while (true) {
    {
      absl::MutexLock lock(&options_.state->mu());
      if (!options_.state->IsWanted(volume_class)) return;
      int open = 0;
      for (const auto& [id, volume] : options_.state->volumes().volumes()) {
        if (volume.IsOpen() && volume.record.volume_class == volume_class) ++open;
      }
      int usable = 0;
      for (const auto& [id, server] : options_.state->servers().servers()) {
        if (server.config.volume_class == volume_class &&
            server.MayWrite(planner_.rules().placement.room_bytes_min)) {
          ++usable;
        }
      }
      // As many as spread writing over all servers; more would only spread each server's syncs.
      const int wanted =
          std::clamp(usable / planner_.rules().placement.copies(volume_class), 1, kOpenMax);
      if (open >= wanted) {
        options_.state->SetOutlook(volume_class, absl::OkStatus());
        return;
      }
    }
    const absl::Status opened = OpenOne(volume_class);
    absl::MutexLock lock(&options_.state->mu());
    options_.state->SetOutlook(volume_class, opened);
    if (!opened.ok()) return;
  }
}

std::optional<VolumeRecord> VolumeReconciler::FindReopenable(VolumeClass volume_class) {
  ServerTable& servers = options_.state->servers();
  const VolumeLimits& limits = options_.state->limits();
  std::set<NodeId> in_use;  // Servers that have an open volume.
  for (const auto& [id, volume] : options_.state->volumes().volumes()) {
    if (!volume.IsOpen()) continue;
    for (const Replica& replica : volume.record.replicas) in_use.insert(replica.server);
  }
  for (const auto& [id, volume] : options_.state->volumes().volumes()) {
    if (volume.IsOpen() || volume.writes_in_flight > 0 ||
        volume.record.volume_class != volume_class || volume.bytes > limits.volume_bytes_max / 2 ||
        volume.chunks > limits.volume_chunks_max / 2 || running_.contains(id)) {
      continue;
    }
    const size_t wanted = static_cast<size_t>(planner_.rules().placement.copies(volume_class));
    if (volume.record.replicas.size() != wanted) continue;
    bool fit = true;
    for (const Replica& replica : volume.record.replicas) {
      const ServerView* const server = servers.Find(replica.server);
      fit &= server != nullptr && server->Has(replica) && server->holdings_known &&
             server->config.volume_class == volume_class &&
             server->MayWrite(planner_.rules().placement.room_bytes_min) &&
             !in_use.contains(replica.server);
    }
    if (fit) return volume.record;
  }
  return std::nullopt;
}

absl::Status VolumeReconciler::OpenOne(VolumeClass volume_class) {
  VolumeRecord record;
  std::optional<VolumeRecord> reopened;
  {
    absl::MutexLock lock(&options_.state->mu());
    reopened = FindReopenable(volume_class);
    if (!reopened.has_value()) {
      ServerTable& servers = options_.state->servers();
      const auto placed =
          PlaceVolume(servers, options_.state->volumes(), planner_.rules().placement, volume_class);
      if (!placed.ok()) return placed.status();
      record.volume_class = volume_class;
      record.epoch = 1;
      for (const NodeId id : *placed) record.replicas.push_back({id, servers.Find(id)->store});
    }
  }
  if (reopened.has_value()) {
    // Acknowledged chunks are on all its replicas, so it may take further ones.
    reopened->sealed = false;
    ++reopened->epoch;
    return Save(*reopened);
  }
  const auto added = options_.book->Add(std::move(record), next_volume_ - 1);
  if (!added.ok()) {
    LOG(ERROR) << "cannot open a volume: " << added.status();
    return added.status();
  }
  next_volume_ = added->first.id + 1;
  absl::MutexLock lock(&options_.state->mu());
  options_.state->volumes().Apply(added->first, added->second);
  options_.state->FindOpen();
  return absl::OkStatus();
}

void VolumeReconciler::SealOnes() {
  std::vector<VolumeRecord> to_seal;
  {
    absl::MutexLock lock(&options_.state->mu());
    for (const auto& [id, volume] : options_.state->volumes().volumes()) {
      if (!volume.closed || volume.record.sealed || volume.writes_in_flight > 0) continue;
      to_seal.push_back(volume.record);
      if (to_seal.size() >= kSealsMax) break;
    }
  }
  for (VolumeRecord& record : to_seal) {
    record.sealed = true;
    ++record.epoch;
    if (!Save(record).ok()) return;
  }
}

// ---- Sweep.

void VolumeReconciler::SweepOnce(absl::Duration now) {
  if (sweeping_) return;
  VolumeId chosen = 0;
  std::vector<NodeId> replicas;
  std::vector<NodeId> holders;
  ChunkId young = 0;
  uint64_t epoch = 0;
  {
    absl::MutexLock lock(&options_.state->mu());
    VolumeTable& volumes = options_.state->volumes();
    std::erase_if(swept_at_,
                  [&](const auto& entry) { return volumes.Find(entry.first) == nullptr; });
    absl::Duration oldest = absl::InfiniteDuration();
    for (const auto& [id, volume] : volumes.volumes()) {
      const auto swept = swept_at_.find(id);
      const absl::Duration at =
          swept == swept_at_.end() ? -absl::InfiniteDuration() : swept->second;
      if (running_.contains(id) || now - at < planner_.rules().sweep_every || at >= oldest)
        continue;
      oldest = at;
      chosen = id;
      if (swept == swept_at_.end()) break;
    }
    if (chosen == 0) return;
    ServerTable& servers = options_.state->servers();
    epoch = volumes.Find(chosen)->record.epoch;
    for (const Replica& replica : volumes.Find(chosen)->record.replicas) {
      if (servers.IsLive(replica)) replicas.push_back(replica.server);
    }
    holders = replicas;
    for (const auto& [id, server] : servers.servers()) {
      const bool known = std::count(replicas.begin(), replicas.end(), id) > 0;
      if (!known && server.connected && server.holdings.contains(chosen)) holders.push_back(id);
    }
    young = options_.state->numbers().OlderThan(planner_.rules().orphan_age, now);
  }
  swept_at_[chosen] = now;
  if (holders.empty()) return SweepAgain(chosen);
  sweeping_ = true;
  ScanVolume(options_.tools, chosen, holders, young,
             [this, chosen, epoch, replicas](absl::StatusOr<VolumeLists> lists) mutable {
               Post([this, chosen, epoch, replicas = std::move(replicas),
                     lists = std::move(lists)]() mutable {
                 OnScanned(chosen, epoch, replicas, std::move(lists));
               });
             });
}

void VolumeReconciler::SweepAgain(VolumeId id) {
  const RepairRules& rules = planner_.rules();
  swept_at_[id] = options_.clock->Elapsed() - rules.sweep_every +
                  std::min(rules.sweep_every, rules.sweep_again_after);
}

void VolumeReconciler::OnScanned(VolumeId id, uint64_t epoch, const std::vector<NodeId>& replicas,
                                 absl::StatusOr<VolumeLists> lists) {
  sweeping_ = false;
  if (!lists.ok()) {
    LOG(WARNING) << "cannot look at volume " << id << ": " << lists.status();
    return SweepAgain(id);
  }
  const VolumeFindings findings = FindFaults(*lists, replicas);
  DeleteOrphans(id, findings.orphans);
  for (const auto& piece : findings.to_heal) options_.healer->Add(id, piece.chunk);
  size_t wanted = 0;
  {
    absl::MutexLock lock(&options_.state->mu());
    Volume* const volume = options_.state->volumes().Find(id);
    if (volume == nullptr) return;
    wanted = volume->record.replicas.size();
    if (!volume->IsOpen() && volume->writes_in_flight == 0) {
      uint64_t bytes = 0;
      for (const auto& [chunk, length] : lists->live) bytes += length;
      volume->bytes = bytes;
      volume->chunks = lists->live.size();
    }
  }
  // Whole nowhere that answers; if a replica is away, it may have it.
  LOG_IF(ERROR, !findings.lost.empty() && replicas.size() == wanted)
      << findings.lost.size() << " chunks of volume " << id << " are lost";
  ForgetIfEmpty(id, epoch, *lists);
  absl::MutexLock lock(&mu_);
  ++report_.volumes_checked;
  report_.orphans_deleted += findings.orphans.size();
}

void VolumeReconciler::DeleteOrphans(VolumeId id,
                                     const std::vector<VolumeFindings::Piece>& orphans) {
  std::map<NodeId, v1::ChunkRequest> batches;
  const auto send = [&](NodeId server, v1::ChunkRequest request) {
    // The next sweep finds chunks that are not deleted now.
    options_.hub->Ask(server, std::move(request), ServerHub::Priority::kRepair, kDeleteTimeout,
                      [](const auto& /*response*/) {});
  };
  for (const auto& piece : orphans) {
    v1::ChunkRequest& batch = batches[piece.server];
    v1::ChunkKey* const key = batch.mutable_delete_()->add_keys();
    key->set_volume(id);
    key->set_chunk(piece.chunk);
    if (batch.delete_().keys_size() < static_cast<int>(limits::kChunkKeysMax)) continue;
    send(piece.server, std::move(batch));
    batches.erase(piece.server);
  }
  for (auto& [server, batch] : batches) send(server, std::move(batch));
}

void VolumeReconciler::ForgetIfEmpty(VolumeId id, uint64_t epoch, const VolumeLists& lists) {
  if (!lists.live.empty()) return;
  store::Revision version = 0;
  {
    absl::MutexLock lock(&options_.state->mu());
    const Volume* const volume = options_.state->volumes().Find(id);
    // Another epoch: it was open since it was looked at, and may have been written to.
    if (volume == nullptr || volume->record.epoch != epoch || !volume->record.sealed ||
        volume->writes_in_flight > 0 || running_.contains(id)) {
      return;
    }
    for (const Replica& replica : volume->record.replicas) {
      const auto list = lists.of.find(replica.server);
      if (list == lists.of.end() || !list->second.empty()) return;
    }
    version = volume->version;
  }
  if (!options_.book->Remove(id, version).ok()) return;  // The next sweep tries again.
  absl::MutexLock lock(&options_.state->mu());
  options_.state->volumes().Forget(id);
  options_.state->FindOpen();
}

}  // namespace convergia::datamgr
