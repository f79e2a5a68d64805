#include "datamgr/volumes/volume_state.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/fail.h"

namespace convergia::datamgr {
namespace {

std::vector<VolumeClass> OrderOf(ClassPreference preference) {
  // Without a preference, three copies are better than one.
  if (preference == ClassPreference::kNonVolatile) {
    return {VolumeClass::kNonVolatile, VolumeClass::kVolatile};
  }
  return {VolumeClass::kVolatile, VolumeClass::kNonVolatile};
}

// Ranks the reasons why nothing can be written; the highest is told. A server that does not answer
// may return, so it comes first. Then no room; last, too few servers.
int WorthTelling(const absl::Status& outlook, bool some_away) {
  if (FailCodeOf(outlook) == FailCode::kNoSpace) return 2;
  return some_away ? 3 : 1;
}

}  // namespace

void VolumeState::FindOpen() {
  open_.clear();
  for (const auto& [id, volume] : volumes_.volumes()) {
    if (volume.IsOpen()) open_[volume.record.volume_class].push_back(id);
  }
}

Volume* VolumeState::PickOpen(VolumeClass volume_class) {
  ClassState& state = classes_[static_cast<int>(volume_class)];
  const std::vector<VolumeId>& open = open_[volume_class];
  // Round robin spreads writes, but a volume held up by a slow server has more in flight and loses.
  Volume* best = nullptr;
  const auto first = std::upper_bound(open.begin(), open.end(), state.last);
  std::vector<VolumeId> order(first, open.end());
  order.insert(order.end(), open.begin(), first);
  for (const VolumeId id : order) {
    Volume* const volume = volumes_.Find(id);
    if (volume == nullptr || !volume->IsOpen()) continue;
    if (best == nullptr || volume->writes_in_flight < best->writes_in_flight) best = volume;
  }
  if (best != nullptr) state.last = best->record.id;
  return best;
}

absl::StatusOr<std::optional<WritePlace>> VolumeState::BeginWrite(ClassPreference preference,
                                                                  uint32_t bytes) {
  absl::MutexLock lock(&mu_);
  absl::Status refusal;
  int told = 0;
  for (const VolumeClass volume_class : OrderOf(preference)) {
    ClassState& state = classes_[static_cast<int>(volume_class)];
    Volume* const volume = PickOpen(volume_class);
    if (volume == nullptr) {
      if (state.outlook.ok()) {
        state.wanted = true;
        return std::nullopt;
      }
      const int worth = WorthTelling(state.outlook, servers_.SomeAway(volume_class));
      if (worth > told) refusal = state.outlook;
      told = std::max(told, worth);
      continue;
    }
    state.wanted = true;
    ++volume->writes_in_flight;
    ++volume->chunks;
    volume->bytes += bytes;
    if (volume->bytes >= limits_.volume_bytes_max || volume->chunks >= limits_.volume_chunks_max) {
      volume->closed = true;
    }
    WritePlace place = {volume->record.id, numbers_.Next(), volume_class, {}};
    for (const Replica& replica : volume->record.replicas) {
      place.servers.push_back(replica.server);
      servers_.Charge(replica.server, bytes);
      servers_.AddHolding(replica.server, place.volume, 1, bytes);
    }
    return place;
  }
  return refusal;
}

void VolumeState::EndWrite(const WritePlace& place, uint32_t bytes, const absl::Status& status,
                           NodeId failed) {
  absl::MutexLock lock(&mu_);
  Volume* const volume = volumes_.Find(place.volume);
  if (volume == nullptr) return;
  --volume->writes_in_flight;
  if (status.ok() || FailCodeOf(status) == FailCode::kBusy) return;
  volume->closed = true;
  if (FailCodeOf(status) == FailCode::kNoSpace) {
    // The server counts as full until its next report.
    if (const ServerView* const server = servers_.Find(failed)) {
      servers_.Charge(failed, server->space.free_bytes);
    }
  }
}

absl::StatusOr<ReadPlaces> VolumeState::PlacesOf(VolumeId id) const {
  absl::MutexLock lock(&mu_);
  const Volume* const volume = volumes_.Find(id);
  if (volume == nullptr) return absl::NotFoundError(absl::StrCat("there is no volume ", id));
  ReadPlaces places;
  std::vector<NodeId> slow;
  std::vector<std::string> away;
  for (const Replica& replica : volume->record.replicas) {
    if (!servers_.IsLive(replica)) {
      away.push_back(servers_.Describe(replica.server));
      continue;
    }
    const bool suspect = servers_.Find(replica.server)->suspect;
    (suspect ? slow : places.servers).push_back(replica.server);
  }
  // Rotate by the bytes of the volume: as they grow, other replicas come first. It spreads reads.
  if (places.servers.size() > 1) {
    std::rotate(
        places.servers.begin(),
        places.servers.begin() + static_cast<long>(volume->bytes / 512 % places.servers.size()),
        places.servers.end());
  }
  places.servers.insert(places.servers.end(), slow.begin(), slow.end());
  for (const auto& [server_id, server] : servers_.servers()) {  // Uncounted copies come last.
    const bool counted = std::count(places.servers.begin(), places.servers.end(), server_id) > 0;
    if (server.connected && !counted && server.holdings.contains(id)) {
      places.servers.push_back(server_id);
    }
  }
  places.away = absl::StrJoin(away, ", ");
  return places;
}

VolumePlaces VolumeState::Describe(VolumeId id, int copies_volatile) const {
  absl::MutexLock lock(&mu_);
  VolumePlaces places;
  places.volume = id;
  const Volume* const volume = volumes_.Find(id);
  if (volume == nullptr) return places;
  places.is_volatile = volume->record.volume_class == VolumeClass::kVolatile;
  places.copies_wanted = places.is_volatile ? static_cast<uint32_t>(copies_volatile) : 1;
  for (const Replica& replica : volume->record.replicas) {
    const ServerView* const server = servers_.Find(replica.server);
    places.holders.push_back(
        {server != nullptr ? server->config.name : absl::StrCat("node ", replica.server),
         servers_.IsLive(replica)});
  }
  return places;
}

}  // namespace convergia::datamgr
