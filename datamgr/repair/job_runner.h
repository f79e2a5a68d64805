#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "datamgr/repair/repair_planner.h"
#include "datamgr/repair/volume_copy.h"
#include "datamgr/repair/volume_scan.h"

namespace convergia::datamgr {

// A job with the facts that it needs from the tables.
struct JobOrder {
  Job job;
  std::vector<NodeId> replicas;  // The live ones.
  std::vector<NodeId> sources;   // All holders of any of it, in the order of reading.
  ChunkId young = 0;
};

struct JobEnd {
  Job job;
  absl::Status status;  // kCancelled if it was ceased.
  uint64_t bytes_copied = 0;
  uint64_t chunks = 0;  // A copy: that the target has now.
  uint64_t bytes = 0;
  std::vector<ChunkId> lost;
};

struct JobProgress {
  Job job;
  uint64_t bytes_done = 0;
  uint64_t bytes_total = 0;
};

// Carries out the planner's jobs. A copy moves a volume to another server chunk by chunk; each
// chunk is verified on its way. A trim verifies all copies of a volume and then drops a surplus
// one.
//
// Thread-safe; never blocks.
class JobRunner {
 public:
  struct Options {
    ScanTools tools;
    std::function<void(JobEnd end)> on_end;  // Once for each job, on any thread; must not block.
    std::function<void(VolumeId volume, ChunkId chunk)> report_bad;
  };
  explicit JobRunner(Options options) : options_(std::move(options)) {}

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

  const Options options_;
  std::atomic<int> depth_ = 4;
  std::atomic<uint64_t> bytes_copied_ = 0;
  mutable absl::Mutex mu_;
  std::map<VolumeId, RunningPtr> running_ ABSL_GUARDED_BY(mu_);
};

}  // namespace convergia::datamgr
