#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/base/actor.h"
#include "common/base/clock.h"
#include "common/base/executor.h"
#include "convergia/v1/data_admin.pb.h"
#include "datamgr/repair/chunk_healer.h"
#include "datamgr/repair/job_runner.h"
#include "datamgr/repair/repair_planner.h"
#include "datamgr/servers/server_hub.h"
#include "datamgr/volumes/replica_writer.h"
#include "datamgr/volumes/volume_book.h"
#include "datamgr/volumes/volume_state.h"

namespace convergia::datamgr {

// What operators see of repair.
struct KeeperReport {
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
// searches one volume after the other for orphans and missing chunks.
//
// Its thread alone changes the rows of volumes, and may wait for the disk. Other threads only leave
// messages for it. Start() -> Stop(). Thread-safe.
class VolumeReconciler {
 public:
  struct Options {
    VolumeBook* book = nullptr;  // These outlive the reconciler.
    VolumeState* state = nullptr;
    ServerHub* hub = nullptr;
    ReplicaWriter* writer = nullptr;
    JobRunner* runner = nullptr;
    ChunkHealer* healer = nullptr;
    ScanTools tools;
    const Clock* clock = nullptr;
    RepairRules rules;
    absl::Duration plan_every = absl::Seconds(1);
    VolumeId last_volume = 0;
    // Clients that move less than this are quiet.
    double quiet_bytes_per_second = 1 << 20;
  };
  explicit VolumeReconciler(Options options);
  ~VolumeReconciler() { Stop(); }

  void Start() { actor_.Start(); }
  void Stop() { actor_.Stop(); }

  // Makes the thread look for work. On any thread.
  void Wake() { actor_.Wake(); }
  void SetServers(std::vector<ServerConfig> configs);
  void OnJobEnd(JobEnd end);

  void SetBoost(bool boosted);
  void ReleaseBrake();
  // Asks `server` to read and verify all its chunks once, as fast as it can; 0: all servers.
  void ScrubNow(NodeId server);
  // Searches all volumes again, now.
  void SweepNow();

  // Changes the rules durably. `done` is called once, on the reconciler's thread; never if that
  // thread has ended.
  //
  // Errors: those of ApplyPolicy() and of the store.
  using PolicyDone = absl::AnyInvocable<void(absl::StatusOr<v1::RepairPolicy>)>;
  void SetPolicy(const v1::RepairPolicy& policy, PolicyDone done);

  KeeperReport Report() const ABSL_LOCKS_EXCLUDED(mu_);
  RepairRules rules() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  void Post(Actor::Event event) { actor_.Post(std::move(event)); }
  void Round();

  // Data servers.
  void TakeEvents();
  void OnUp(const ServerHub::Event& event);
  void OnReport(const ServerHub::Event& event);
  void OnDown(const ServerHub::Event& event);
  void OnHoldings(NodeId id, const std::string& store, std::map<VolumeId, Holding> holdings);
  void FetchHoldings(NodeId id, const std::string& store);
  void FetchMissingHoldings(absl::Duration now);
  void Configure(const std::vector<ServerConfig>& configs);
  absl::StatusOr<v1::RepairPolicy> ChangePolicy(const v1::RepairPolicy& change);
  void PushSettings(NodeId id);
  void SaveServer(NodeId id);

  // Volumes.
  void PlanOnce(absl::Duration now);
  void MeasureRates(absl::Duration now);
  void Begin(const Job& job);
  void EndJob(const JobEnd& end);
  void SealOnes();
  void OpenOnes(VolumeClass volume_class);
  absl::Status OpenOne(VolumeClass volume_class);
  std::optional<VolumeRecord> FindReopenable(VolumeClass volume_class);
  absl::Status Save(const VolumeRecord& record);

  // Sweep.
  void SweepOnce(absl::Duration now);
  void SweepAgain(VolumeId id);  // It could not be looked at.
  void OnScanned(VolumeId id, uint64_t epoch, const std::vector<NodeId>& replicas,
                 absl::StatusOr<VolumeLists> lists);
  void DeleteOrphans(VolumeId id, const std::vector<VolumeFindings::Piece>& orphans);
  // `epoch`: of the volume when it was looked at.
  void ForgetIfEmpty(VolumeId id, uint64_t epoch, const VolumeLists& lists);

  const Options options_;

  // The thread's own.
  RepairPlanner planner_;
  std::map<VolumeId, Job> running_;
  VolumeId next_volume_;
  // Volumes at or above this ID belong to a lost newer store.
  VolumeId future_volume_ = std::numeric_limits<VolumeId>::max();
  absl::Duration planned_at_ = -absl::InfiniteDuration();
  absl::Duration marked_at_ = -absl::InfiniteDuration();
  std::map<NodeId, absl::Duration> slow_since_;
  std::map<NodeId, uint64_t> damage_seen_;
  std::map<NodeId, absl::Duration> holdings_asked_at_;
  // Volumes with a delete that ended without an answer, and until when they are left alone: the
  // delete may still be carried out.
  std::map<VolumeId, absl::Duration> cooling_;
  struct Scrub {
    uint64_t rounds = 0;  // When it was asked for.
  };
  std::map<NodeId, Scrub> scrubs_;
  std::map<NodeId, uint64_t> scrub_rounds_;
  std::map<VolumeId, absl::Duration> swept_at_;
  bool sweeping_ = false;
  // Of the rates.
  absl::Duration measured_at_ = absl::ZeroDuration();
  uint64_t client_bytes_ = 0;
  uint64_t repair_bytes_ = 0;
  double client_rate_ = 0;
  double repair_rate_ = 0;

  mutable absl::Mutex mu_;
  KeeperReport report_ ABSL_GUARDED_BY(mu_);
  RepairRules rules_ ABSL_GUARDED_BY(mu_);  // The planner's, for others to see.

  ThreadExecutor executor_;
  Actor actor_;  // After all that its turns use.
};

}  // namespace convergia::datamgr
