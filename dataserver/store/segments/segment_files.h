#pragma once

#include <list>
#include <memory>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/disk/disk.h"
#include "dataserver/store/segments/segment_format.h"

namespace convergia::dataserver {

// A cache of segment files open for reading, the least recently used closed first. A caller that
// holds a file can read it even after it is removed. Thread-safe.
class SegmentFiles {
 public:
  // `disk` must outlive it.
  SegmentFiles(disk::Disk& disk, std::string dir, size_t open_max)
      : disk_(disk), dir_(std::move(dir)), open_max_(open_max) {}

  // Errors: kNotFound if the segment is gone.
  absl::StatusOr<std::shared_ptr<const disk::File>> Get(uint64_t volume, SegmentId segment)
      ABSL_LOCKS_EXCLUDED(mu_);
  // Drops a removed segment from the cache.
  void Forget(SegmentId segment) ABSL_LOCKS_EXCLUDED(mu_);

  std::string PathOf(uint64_t volume, SegmentId segment) const {
    return dir_ + "/" + SegmentFileName(volume, segment);
  }
  const std::string& dir() const { return dir_; }

 private:
  struct Open {
    SegmentId segment;
    std::shared_ptr<const disk::File> file;
  };

  disk::Disk& disk_;
  const std::string dir_;
  const size_t open_max_;

  absl::Mutex mu_;
  std::list<Open> used_ ABSL_GUARDED_BY(mu_);  // The last used first.
  absl::flat_hash_map<SegmentId, std::list<Open>::iterator> by_id_ ABSL_GUARDED_BY(mu_);
  // Segments that were forgotten. A thread that opened one just before must not cache it again.
  absl::flat_hash_set<SegmentId> forgotten_ ABSL_GUARDED_BY(mu_);
};

}  // namespace convergia::dataserver
