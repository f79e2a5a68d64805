#include "datamgr/repair/plan/volume_opening.h"

#include <algorithm>
#include <optional>
#include <set>

#include "common/base/status_macros.h"
#include "datamgr/volumes/placement.h"

namespace convergia::datamgr {
namespace {

constexpr int kOpenMax = 8;  // Volumes of one class.

bool HasEnough(const OpeningView& view, VolumeClass volume_class) {
  int open = 0;
  for (const auto& [id, volume] : view.volumes.volumes()) {
    if (volume.IsOpen() && volume.record.volume_class == volume_class) ++open;
  }
  int usable = 0;
  for (const auto& [id, server] : view.servers.servers()) {
    if (server.config.volume_class == volume_class && server.MayWrite(view.rules.room_bytes_min)) {
      ++usable;
    }
  }
  return open >= std::clamp(usable / view.rules.copies(volume_class), 1, kOpenMax);
}

bool MayHoldOpen(const OpeningView& view, const Replica& replica, VolumeClass volume_class) {
  const ServerView* const server = view.servers.Find(replica.server);
  return server != nullptr && server->Has(replica) && server->holdings_known &&
         server->config.volume_class == volume_class && server->MayWrite(view.rules.room_bytes_min);
}

std::optional<VolumeRecord> FindReopenable(const OpeningView& view, VolumeClass volume_class) {
  std::set<NodeId> in_use;  // Servers that have an open volume.
  for (const auto& [id, volume] : view.volumes.volumes()) {
    if (!volume.IsOpen()) continue;
    for (const Replica& replica : volume.record.replicas) in_use.insert(replica.server);
  }
  const size_t wanted = static_cast<size_t>(view.rules.copies(volume_class));
  for (const auto& [id, volume] : view.volumes.volumes()) {
    if (volume.IsOpen() || volume.writes_in_flight > 0 ||
        volume.record.volume_class != volume_class ||
        volume.bytes > view.limits.volume_bytes_max / 2 ||
        volume.chunks > view.limits.volume_chunks_max / 2 || view.running.contains(id) ||
        volume.record.replicas.size() != wanted) {
      continue;
    }
    const bool fits = std::all_of(
        volume.record.replicas.begin(), volume.record.replicas.end(), [&](const Replica& replica) {
          return MayHoldOpen(view, replica, volume_class) && !in_use.contains(replica.server);
        });
    if (fits) return volume.record;
  }
  return std::nullopt;
}

}  // namespace

absl::StatusOr<Opening> NextOpening(const OpeningView& view, VolumeClass volume_class) {
  if (HasEnough(view, volume_class)) return Opening();
  std::optional<VolumeRecord> reopened = FindReopenable(view, volume_class);
  if (reopened.has_value()) {
    reopened->sealed = false;
    ++reopened->epoch;
    return Opening{Opening::Kind::kReopen, *std::move(reopened)};
  }
  CVG_ASSIGN_OR_RETURN(const std::vector<NodeId> placed,
                       PlaceVolume(view.servers, view.volumes, view.rules, volume_class));
  Opening opening{.kind = Opening::Kind::kNew};
  opening.record.volume_class = volume_class;
  opening.record.epoch = 1;
  for (const NodeId id : placed) {
    opening.record.replicas.push_back({id, view.servers.Find(id)->store});
  }
  return opening;
}

std::vector<VolumeRecord> VolumesToSeal(const VolumeTable& volumes, size_t limit) {
  std::vector<VolumeRecord> to_seal;
  for (const auto& [id, volume] : volumes.volumes()) {
    if (to_seal.size() >= limit) break;
    if (!volume.closed || volume.record.sealed || volume.writes_in_flight > 0) continue;
    VolumeRecord record = volume.record;
    record.sealed = true;
    ++record.epoch;
    to_seal.push_back(std::move(record));
  }
  return to_seal;
}

}  // namespace convergia::datamgr
