#include "dataserver/store/segments/store_rules.h"

#include <algorithm>

namespace convergia::dataserver {
namespace {

// An active segment with fewer dead bytes is not sealed early.
constexpr uint64_t kDeadBytesToSeal = 1024 * 1024;

uint64_t Less(uint64_t a, uint64_t b) { return a > b ? a - b : 0; }

uint64_t DeadBytes(const SegmentView& segment) {
  return Less(segment.bytes, kSegmentHeaderBytes + segment.live_bytes);
}

bool IsWorthIt(const SegmentView& segment, bool space_is_short) {
  const uint64_t dead = DeadBytes(segment);
  if (dead == 0) return segment.live_bytes == 0 && !segment.is_active;
  const uint64_t records = dead + segment.live_bytes;
  if (space_is_short) return dead * 20 >= records;
  return dead * 2 >= records && (!segment.is_active || dead >= kDeadBytesToSeal);
}

}  // namespace

uint64_t AdmissibleBytes(const SpaceView& space) {
  if (!space.reserve_is_held) return 0;
  // The reserve is sized for the disk, and may exceed a small capacity.
  const uint64_t kept = std::min(space.reserve_bytes + space.index_bytes, space.capacity_bytes / 4);
  const uint64_t by_capacity = Less(space.capacity_bytes, space.used_bytes + kept);
  return std::min(by_capacity, Less(space.disk_free_bytes, space.index_bytes));
}

bool MayTakeReserve(const SpaceView& space) {
  return !space.reserve_is_held &&
         space.disk_free_bytes >= space.reserve_bytes + space.index_bytes / 2;
}

std::optional<SegmentView> ChooseCompaction(absl::Span<const SegmentView> segments,
                                            bool space_is_short, uint64_t room_bytes) {
  std::optional<SegmentView> best;
  for (const SegmentView& segment : segments) {
    if (segment.has_bad_chunks) continue;
    if (!segment.has_bad_header && !IsWorthIt(segment, space_is_short)) continue;
    if (segment.live_bytes > 0 && segment.live_bytes + kSegmentHeaderBytes > room_bytes) continue;
    if (segment.has_bad_header) return segment;
    // Dead bytes for each byte to copy. Compares a/b > c/d as a*d > c*b.
    const auto gain = [](const SegmentView& a, const SegmentView& b) {
      return static_cast<double>(DeadBytes(a) + 1) * static_cast<double>(b.live_bytes + 1);
    };
    if (!best.has_value() || gain(segment, *best) > gain(*best, segment)) best = segment;
  }
  return best;
}

}  // namespace convergia::dataserver
