#include "dataserver/store/segments/segment_files.h"

#include "common/base/status_macros.h"

namespace convergia::dataserver {
namespace {

constexpr size_t kForgottenMax = 4096;

}  // namespace

absl::StatusOr<std::shared_ptr<const disk::File>> SegmentFiles::Get(uint64_t volume,
                                                                    SegmentId segment) {
  {
    absl::MutexLock lock(&mu_);
    if (const auto found = by_id_.find(segment); found != by_id_.end()) {
      used_.splice(used_.begin(), used_, found->second);
      return used_.front().file;
    }
  }
  // Open the file outside the lock, since it takes time. If two threads open it, the first one is
  // cached.
  CVG_ASSIGN_OR_RETURN(std::shared_ptr<const disk::File> file,
                       disk_.Open(PathOf(volume, segment), disk::OpenMode::kRead));
  std::shared_ptr<const disk::File> closed;  // Outlives the lock: closing takes time.
  absl::MutexLock lock(&mu_);
  if (by_id_.count(segment) > 0 || forgotten_.count(segment) > 0) return file;
  used_.push_front({segment, file});
  by_id_[segment] = used_.begin();
  if (used_.size() > open_max_) {
    closed = std::move(used_.back().file);
    by_id_.erase(used_.back().segment);
    used_.pop_back();
  }
  return file;
}

void SegmentFiles::Forget(SegmentId segment) {
  std::shared_ptr<const disk::File> closed;
  absl::MutexLock lock(&mu_);
  if (forgotten_.size() >= kForgottenMax) forgotten_.clear();
  forgotten_.insert(segment);
  const auto found = by_id_.find(segment);
  if (found == by_id_.end()) return;
  closed = std::move(found->second->file);
  used_.erase(found->second);
  by_id_.erase(found);
}

}  // namespace convergia::dataserver
