#include "dataserver/store/index/store_ledger.h"

#include <glog/logging.h>

#include <algorithm>

namespace convergia::dataserver {

void StoreLedger::AddSegment(SegmentId segment, const Entry& entry) {
  absl::MutexLock lock(&mu_);
  CHECK(segments_.emplace(segment, entry).second) << "segment " << segment << " is there twice";
  by_volume_[entry.row.volume].push_back(segment);
  ++totals_.segments;
  totals_.file_bytes += entry.file_bytes;
  totals_.live_bytes += entry.live_bytes;
}

void StoreLedger::RemoveSegment(SegmentId segment) {
  absl::MutexLock lock(&mu_);
  const auto found = segments_.find(segment);
  if (found == segments_.end()) return;
  std::vector<SegmentId>& siblings = by_volume_[found->second.row.volume];
  siblings.erase(std::find(siblings.begin(), siblings.end(), segment));
  if (siblings.empty()) by_volume_.erase(found->second.row.volume);
  --totals_.segments;
  totals_.file_bytes -= found->second.file_bytes;
  totals_.live_bytes -= found->second.live_bytes;
  segments_.erase(found);
}

void StoreLedger::UpdateSegment(SegmentId segment, const SegmentRow& row, uint64_t file_bytes) {
  absl::MutexLock lock(&mu_);
  Entry& entry = segments_.at(segment);
  entry.row = row;
  totals_.file_bytes += file_bytes - entry.file_bytes;
  entry.file_bytes = file_bytes;
}

void StoreLedger::SetUse(SegmentId segment, SegmentUse use) {
  absl::MutexLock lock(&mu_);
  if (const auto found = segments_.find(segment); found != segments_.end()) found->second.use = use;
}

void StoreLedger::MarkBadHeader(SegmentId segment) {
  absl::MutexLock lock(&mu_);
  if (const auto found = segments_.find(segment); found != segments_.end()) {
    found->second.has_bad_header = true;
  }
}

std::optional<std::pair<SegmentId, StoreLedger::Entry>> StoreLedger::FindFrom(
    SegmentId segment) const {
  absl::MutexLock lock(&mu_);
  const auto found = segments_.lower_bound(segment);
  if (found == segments_.end()) return std::nullopt;
  return *found;
}

std::optional<StoreLedger::Entry> StoreLedger::Find(SegmentId segment) const {
  absl::MutexLock lock(&mu_);
  const auto found = segments_.find(segment);
  if (found == segments_.end()) return std::nullopt;
  return found->second;
}

std::optional<std::pair<SegmentId, StoreLedger::Entry>> StoreLedger::FindOpen(
    uint64_t volume) const {
  absl::MutexLock lock(&mu_);
  const auto siblings = by_volume_.find(volume);
  if (siblings == by_volume_.end()) return std::nullopt;
  std::optional<std::pair<SegmentId, Entry>> newest;
  for (const SegmentId segment : siblings->second) {
    const Entry& entry = segments_.at(segment);
    if (entry.use != SegmentUse::kOpen) continue;
    if (!newest.has_value() || newest->first < segment) newest.emplace(segment, entry);
  }
  return newest;
}

std::vector<SegmentId> StoreLedger::SegmentsOf(uint64_t volume) const {
  absl::MutexLock lock(&mu_);
  const auto siblings = by_volume_.find(volume);
  return siblings == by_volume_.end() ? std::vector<SegmentId>() : siblings->second;
}

void StoreLedger::Count(const ChunkKey& key, const ChunkRow& row) {
  absl::MutexLock lock(&mu_);
  if (const auto found = segments_.find(row.segment); found != segments_.end()) {
    found->second.live_bytes += row.record_bytes();
    totals_.live_bytes += row.record_bytes();
    if (!row.is_chunk()) found->second.tombstone_bytes += row.record_bytes();
  }
  if (!row.is_chunk()) return;
  VolumeFacts& volume = volumes_[key.volume];
  volume.volume = key.volume;
  ++volume.chunks;
  ++totals_.chunks;
  volume.payload_bytes += row.length;
}

void StoreLedger::Discount(const ChunkKey& key, const ChunkRow& row) {
  absl::MutexLock lock(&mu_);
  if (const auto found = segments_.find(row.segment); found != segments_.end()) {
    found->second.live_bytes -= row.record_bytes();
    totals_.live_bytes -= row.record_bytes();
    if (!row.is_chunk()) found->second.tombstone_bytes -= row.record_bytes();
  }
  if (!row.is_chunk()) return;
  const auto volume = volumes_.find(key.volume);
  CHECK(volume != volumes_.end()) << ToText(key);
  volume->second.payload_bytes -= row.length;
  --totals_.chunks;
  if (--volume->second.chunks == 0) volumes_.erase(volume);
}

bool StoreLedger::MarkBad(const ChunkKey& key, SegmentId segment, const std::string& reason) {
  absl::MutexLock lock(&mu_);
  if (!bad_.insert({key, Bad{segment, reason}}).second) return false;
  ++totals_.damage_found;
  if (const auto found = segments_.find(segment); found != segments_.end()) {
    ++found->second.bad_chunks;
  }
  return true;
}

StoreLedger::BadMap::iterator StoreLedger::EraseBad(BadMap::iterator it) {
  if (const auto found = segments_.find(it->second.segment); found != segments_.end()) {
    --found->second.bad_chunks;
  }
  return bad_.erase(it);
}

void StoreLedger::ClearBad(const ChunkKey& key) {
  absl::MutexLock lock(&mu_);
  if (const auto it = bad_.find(key); it != bad_.end()) EraseBad(it);
}

void StoreLedger::ForgetVolume(uint64_t volume) {
  absl::MutexLock lock(&mu_);
  if (const auto found = volumes_.find(volume); found != volumes_.end()) {
    totals_.chunks -= found->second.chunks;
    volumes_.erase(found);
  }
  auto it = bad_.lower_bound(ChunkKey{volume, 0});
  while (it != bad_.end() && it->first.volume == volume) it = EraseBad(it);
}

bool StoreLedger::IsBad(const ChunkKey& key) const {
  absl::MutexLock lock(&mu_);
  return bad_.count(key) > 0;
}

std::vector<std::pair<ChunkKey, std::string>> StoreLedger::BadChunks(const ChunkKey& after,
                                                                     size_t count_max) const {
  absl::MutexLock lock(&mu_);
  std::vector<std::pair<ChunkKey, std::string>> chunks;
  for (auto it = bad_.upper_bound(after); it != bad_.end() && chunks.size() < count_max; ++it) {
    chunks.emplace_back(it->first, it->second.reason);
  }
  return chunks;
}

uint64_t StoreLedger::OldestBeside(SegmentId segment, uint64_t volume) const {
  uint64_t oldest = kNoSequence;
  for (const SegmentId sibling : by_volume_.at(volume)) {
    if (sibling == segment) continue;
    oldest = std::min(oldest, segments_.at(sibling).row.first_chunk_sequence);
  }
  return oldest;
}

uint64_t StoreLedger::OldestOutside(SegmentId segment) const {
  absl::MutexLock lock(&mu_);
  const auto found = segments_.find(segment);
  return found == segments_.end() ? 0 : OldestBeside(segment, found->second.row.volume);
}

std::vector<SegmentView> StoreLedger::Views() const {
  absl::MutexLock lock(&mu_);
  std::vector<SegmentView> views;
  for (const auto& [segment, entry] : segments_) {
    if (entry.use == SegmentUse::kTarget) continue;
    SegmentView view;
    view.segment = segment;
    view.volume = entry.row.volume;
    view.bytes = entry.file_bytes;
    view.live_bytes = entry.live_bytes;
    view.is_active = entry.use == SegmentUse::kActive || entry.use == SegmentUse::kOpen;
    view.has_bad_chunks = entry.bad_chunks > 0;
    view.has_bad_header = entry.has_bad_header;
    if (entry.tombstone_bytes > 0 &&
        entry.row.last_sequence < OldestBeside(segment, entry.row.volume)) {
      view.live_bytes -= entry.tombstone_bytes;
    }
    views.push_back(view);
  }
  return views;
}

LedgerTotals StoreLedger::totals() const {
  absl::MutexLock lock(&mu_);
  LedgerTotals totals = totals_;
  totals.bad_chunks = bad_.size();
  return totals;
}

std::vector<VolumeFacts> StoreLedger::Volumes(uint64_t after, size_t count_max) const {
  absl::MutexLock lock(&mu_);
  std::vector<VolumeFacts> facts;
  for (auto it = volumes_.upper_bound(after); it != volumes_.end() && facts.size() < count_max;
       ++it) {
    facts.push_back(it->second);
  }
  return facts;
}

void StoreLedger::SetNext(SegmentId segment, uint64_t sequence) {
  next_segment_ = segment;
  next_sequence_ = sequence;
}

}  // namespace convergia::dataserver
