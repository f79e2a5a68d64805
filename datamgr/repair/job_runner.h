#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "datamgr/repair/copy/volume_copy.h"
#include "datamgr/repair/copy/volume_scan.h"
#include "datamgr/repair/plan/job_order.h"
#include "datamgr/servers/server_hub.h"

namespace convergia::datamgr {

// Carries out the planner's jobs. A copy moves a volume to another server chunk by chunk; each
// chunk is verified on its way. A trim verifies all copies of a volume and then drops a surplus
// one.
//
// Thread-safe; never blocks.
class JobRunner {
 public:
  struct Deps {  // All must outlive the jobs.
    ServerHub* hub = nullptr;
    const VolumeScanner* scanner = nullptr;
    std::function<void(JobEnd end)> on_end;  // Once for each job, on any thread; must not block.
    std::function<void(VolumeId volume, ChunkId chunk)> report_bad;
  };
  explicit JobRunner(Deps deps) : deps_(std::move(deps)) {}

  void Run(JobOrder order) ABSL_LOCKS_EXCLUDED(mu_);
  // Ends the job soon, unless it only waits for one last answer.
  void Cease(VolumeId volume) ABSL_LOCKS_EXCLUDED(mu_);

  // Sets the number of chunks of each copy that are under way at one time.
  void SetDepth(int depth) { depth_ = depth; }

  std::vector<JobProgress> Progress() const ABSL_LOCKS_EXCLUDED(mu_);
  uint64_t bytes_copied() const { return bytes_copied_; }

 private:
  struct Running;
  using RunningPtr = std::shared_ptr<Running>;

  void OnScanned(const RunningPtr& run, absl::StatusOr<VolumeLists> lists);
  void Pump(const RunningPtr& run);
  void Do(const RunningPtr& run, const VolumeCopy::Step& step);
  void OnChunkRead(const RunningPtr& run, const VolumeCopy::Step& step,
                   absl::StatusOr<v1::ChunkResponse> response);

  void BeginTrim(const RunningPtr& run, const VolumeLists& lists);
  void PumpTrim(const RunningPtr& run);
  void Drop(const RunningPtr& run);
  void End(const RunningPtr& run, const absl::Status& status) ABSL_LOCKS_EXCLUDED(mu_);

  const Deps deps_;
  std::atomic<int> depth_ = 4;
  std::atomic<uint64_t> bytes_copied_ = 0;
  mutable absl::Mutex mu_;
  std::map<VolumeId, RunningPtr> running_ ABSL_GUARDED_BY(mu_);
};

}  // namespace convergia::datamgr
