#pragma once

#include <cstdint>
#include <map>

#include "absl/time/time.h"
#include "datamgr/repair/plan/job_order.h"
#include "datamgr/repair/plan/repair_planner.h"

namespace convergia::datamgr {

// The jobs that were started and have not ended, and the rates of copying. A core: events and the
// time come in. Not thread-safe.
class RunningJobs {
 public:
  void Begin(const Job& job) { running_[job.volume] = job; }
  // A delete that ended without an answer may still be carried out: its volume stays here, and is
  // left alone, for some time more.
  void End(const JobEnd& end, absl::Duration now);
  // Ends what was only kept for such a delete.
  void EndCooled(absl::Duration now);

  bool Has(VolumeId volume) const { return running_.contains(volume); }
  const std::map<VolumeId, Job>& all() const { return running_; }

 private:
  std::map<VolumeId, Job> running_;
  std::map<VolumeId, absl::Duration> cooling_;  // Until when.
};

// The facts of `job` from the tables, with the servers to read from in their order. `young`: chunks
// from this number on are not asked of the catalog.
JobOrder OrderOf(const Job& job, const ServerTable& servers, const VolumeTable& volumes,
                 ChunkId young);

// How fast clients and repair move bytes, from counters that only grow. A core. Not thread-safe.
class RepairRates {
 public:
  void Measure(absl::Duration now, uint64_t client_bytes, uint64_t repair_bytes);

  // Bytes a second: of clients since the last measurement; of repair in the last half minute or so.
  double clients() const { return client_rate_; }
  double repair() const { return repair_rate_; }
  uint64_t repair_bytes() const { return repair_bytes_; }

 private:
  absl::Duration measured_at_ = absl::ZeroDuration();
  uint64_t client_bytes_ = 0;
  uint64_t repair_bytes_ = 0;
  double client_rate_ = 0;
  double repair_rate_ = 0;
};

}  // namespace convergia::datamgr
