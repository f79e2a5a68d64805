#include "datamgr/volumes/volume_table.h"

#include <algorithm>

namespace convergia::datamgr {
namespace {

// The newer half of the marks always stays: more than a day of one mark a minute. Without old
// marks, chunks only look younger.
constexpr size_t kMarksMax = 4096;

// Minutes since then fit into the upper 24 bits for 31 years.
constexpr int64_t kFirstMinuteUnixSeconds = 1'767'225'600;  // 2026-01-01.

}  // namespace

Volume& VolumeTable::Apply(const VolumeRecord& record, store::Revision version) {
  Volume& volume = volumes_[record.id];
  volume.record = record;
  volume.version = version;
  if (record.sealed) volume.closed = true;
  return volume;
}

Volume* VolumeTable::Find(VolumeId id) {
  const auto it = volumes_.find(id);
  return it == volumes_.end() ? nullptr : &it->second;
}

const Volume* VolumeTable::Find(VolumeId id) const {
  const auto it = volumes_.find(id);
  return it == volumes_.end() ? nullptr : &it->second;
}

int VolumeTable::OpenOn(NodeId server) const {
  int open = 0;
  for (const auto& [id, volume] : volumes_) {
    if (volume.IsOpen() && volume.HasReplicaOn(server)) ++open;
  }
  return open;
}

uint64_t ChunkNumbers::NextStart(uint64_t last_start, absl::Time now) {
  const int64_t minutes = (absl::ToUnixSeconds(now) - kFirstMinuteUnixSeconds) / 60;
  return std::max<uint64_t>(last_start + 1, static_cast<uint64_t>(std::max<int64_t>(minutes, 1)));
}

void ChunkNumbers::Mark(absl::Duration now) {
  if (!marks_.empty() && marks_.back().next == next_) return;  // The older mark says the same.
  marks_.push_back({now, next_});
  if (marks_.size() > kMarksMax) marks_.erase(marks_.begin(), marks_.begin() + kMarksMax / 2);
}

ChunkId ChunkNumbers::OlderThan(absl::Duration age, absl::Duration now) const {
  ChunkId oldest = next_ >> kCountBits << kCountBits;  // Numbers of earlier starts are old.
  for (const Given& mark : marks_) {
    if (mark.at <= now - age) oldest = mark.next;
  }
  return oldest;
}

}  // namespace convergia::datamgr
