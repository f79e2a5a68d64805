#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/base/clock.h"
#include "convergia/v1/data_admin.pb.h"
#include "datamgr/repair/chunk_healer.h"
#include "datamgr/repair/copy/volume_scan.h"
#include "datamgr/repair/job_runner.h"
#include "datamgr/repair/plan/repair_planner.h"
#include "datamgr/repair/plan/running_jobs.h"
#include "datamgr/repair/plan/server_watch.h"
#include "datamgr/repair/plan/sweep_plan.h"
#include "datamgr/repair/plan/volume_ticker.h"
#include "datamgr/repair/volume_waker.h"
#include "datamgr/servers/server_hub.h"
#include "datamgr/volumes/replica_writer.h"
#include "datamgr/volumes/volume_book.h"
#include "datamgr/volumes/volume_state.h"

namespace convergia::datamgr {

// The progress of repair, for operators.
struct RepairReport {
  RepairDebt debt;
  bool boosted = false;
  double repair_bytes_per_second = 0;  // Of the last minute or so.
  std::optional<absl::Duration> eta;   // Of what is due; nullopt: not known.
  uint64_t bytes_copied = 0;           // Since the start.
  uint64_t copies_made = 0;
  uint64_t copies_failed = 0;
  uint64_t surplus_dropped = 0;
  uint64_t orphans_deleted = 0;
  uint64_t volumes_checked = 0;
  ChunkHealer::Counts healing;
  std::vector<JobProgress> jobs;
};

// Brings the volumes to their wanted state: opens and seals them, starts the planner's jobs, and
// searches one volume after the other for orphans and missing chunks. It only carries out:
//
//   VolumeWaker   the thread, and the way in for other threads
//   VolumeTicker  what is due                    RepairPlanner   which jobs are needed
//   ServerWatch   what servers did and are asked RunningJobs     which jobs run
//   SweepPlan     which volume is searched       NextOpening()   which volume is opened
//
// The waker's thread alone calls Round(), changes the rows of volumes, and may wait for the disk.
// All other functions are thread-safe.
class VolumeReconciler {
 public:
  struct Deps {  // All must outlive the waker's thread.
    VolumeWaker* waker = nullptr;
    VolumeBook* book = nullptr;
    VolumeState* state = nullptr;
    ServerHub* hub = nullptr;
    ReplicaWriter* writer = nullptr;
    JobRunner* runner = nullptr;
    ChunkHealer* healer = nullptr;
    const VolumeScanner* scanner = nullptr;
    const Clock* clock = nullptr;
  };
  struct Options {
    RepairRules rules;
    absl::Duration plan_every = absl::Seconds(1);
    VolumeId last_volume = 0;
  };
  VolumeReconciler(const Deps& deps, const Options& options);

  // One round at `now`, the clock's Elapsed().
  void Round(absl::Duration now);

  void SetServers(std::vector<ServerConfig> configs);
  void OnJobEnd(JobEnd end);

  void SetBoost(bool boosted);
  void ReleaseBrake();
  // Asks `server` to read and verify all its chunks once, as fast as it can; 0: all servers.
  void ScrubNow(NodeId server);
  // Searches all volumes again, now.
  void SweepNow();

  // Changes the rules durably. `done` is called once, on the waker's thread; never if that thread
  // has ended.
  //
  // Errors: those of ApplyPolicy() and of the store.
  using PolicyDone = absl::AnyInvocable<void(absl::StatusOr<v1::RepairPolicy>)>;
  void SetPolicy(const v1::RepairPolicy& policy, PolicyDone done);

  RepairReport Report() const ABSL_LOCKS_EXCLUDED(mu_);
  RepairRules rules() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  // Data servers.
  void TakeEvents(absl::Duration now);
  void OnUp(const ServerHub::Event& event);
  void OnReport(const ServerHub::Event& event);
  void OnDown(const ServerHub::Event& event);
  void SetSlow(NodeId id, bool slow);
  void OnHoldings(NodeId id, const std::string& store, std::map<VolumeId, Holding> holdings);
  void FetchHoldings(NodeId id);
  void FetchMissingHoldings(absl::Duration now);
  void Configure(const std::vector<ServerConfig>& configs);
  void Scrub(NodeId server);
  void PushSettings(NodeId id);
  void SaveServer(NodeId id);

  // Repair.
  void PlanOnce(absl::Duration now);
  void CarryOut(const RepairPlanner::Plan& plan, std::vector<VolumeRecord> reclassed);
  void ReportPlan(const RepairPlanner::Plan& plan) ABSL_LOCKS_EXCLUDED(mu_);
  void Begin(const Job& job);
  void EndJob(const JobEnd& end);
  absl::StatusOr<v1::RepairPolicy> ChangePolicy(const v1::RepairPolicy& change);

  // Volumes.
  void SealOnes();
  void OpenOnes(VolumeClass volume_class);
  absl::Status AddVolume(VolumeRecord record);
  absl::Status Save(const VolumeRecord& record);

  // Sweep.
  void SweepOnce(absl::Duration now);
  void OnScanned(const SweepOrder& order, absl::StatusOr<VolumeLists> lists);
  void DeleteOrphans(VolumeId id, const std::vector<VolumeFindings::Piece>& orphans);
  void ForgetIfEmpty(const SweepOrder& order, const VolumeLists& lists);

  const Deps deps_;

  // Only on the waker's thread.
  RepairPlanner planner_;
  VolumeTicker ticker_;
  ServerWatch watch_;
  RunningJobs jobs_;
  RepairRates rates_;
  SweepPlan sweep_;
  VolumeId next_volume_;
  // Volumes at or above this ID belong to a lost newer store.
  VolumeId future_volume_ = std::numeric_limits<VolumeId>::max();

  mutable absl::Mutex mu_;
  RepairReport report_ ABSL_GUARDED_BY(mu_);
  RepairRules rules_ ABSL_GUARDED_BY(mu_);  // The planner's, for others to see.
};

}  // namespace convergia::datamgr
