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

// What a job needs to know, from the tables.
struct JobOrder {
  Job job;
  std::vector<NodeId> replicas;  // The live ones.
  std::vector<NodeId> sources;   // All that have something of it, the first to read from first.
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

// Carries out what the planner decides: copies volumes to other servers chunk by chunk, each
// verified on its way; verifies all copies of a volume and then drops a surplus one.
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
  // Ends it soon, unless it has passed the point where it only waits for one answer.
  void Cease(VolumeId volume) ABSL_LOCKS_EXCLUDED(mu_);

  // How many chunks of each copy are under way at one time.
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
