#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "datamgr/servers/server_table.h"
#include "datamgr/volumes/placement.h"
#include "datamgr/volumes/volume_table.h"

namespace convergia::datamgr {

struct RepairRules {
  PlacementRules placement;
  // How long a server may be away before its copies are made elsewhere; twice as long for a
  // flapping one.
  absl::Duration grace_volatile = absl::Minutes(15);
  absl::Duration grace_non_volatile = absl::Hours(1);
  // A server that did not answer in time gets no new chunks until it has caught up, or for this
  // time. A shorter one would make a hanging server fail each write.
  absl::Duration slow_pause = absl::Seconds(15);
  // If more than this share of all servers is away, the network or the power has probably failed.
  // Nothing is copied until enough are back, or an operator releases the brake.
  double brake_fraction = 0.25;
  // The most copies under way that involve one server: while clients are busy, while they are
  // quiet, and with the operator's boost.
  int streams_busy = 1;
  int streams_quiet = 4;
  int streams_boosted = 8;
  int copies_max = 16;  // On all servers; bounds the memory of copies.
  // How long a surplus copy (its server came back after its grace) is kept, unless its server gets
  // full.
  absl::Duration surplus_keep = absl::Minutes(10);
  // How long a volume without a row is kept.
  absl::Duration orphan_age = absl::Minutes(30);
  // A server that is fuller than another one by this share of its capacity gives volumes to it.
  double rebalance_gap = 0.1;
  // How often each volume is searched for orphans and missing chunks.
  absl::Duration sweep_every = absl::Hours(6);
  // When to try again if the servers of the volume were away or did not answer.
  absl::Duration sweep_again_after = absl::Minutes(1);
};

enum class ReplicaState {
  kLive,  // Can be read.
  kAway,  // Its server is away, for less than its grace.
  kGone,  // Its server is away for longer, removed, or there with another disk.
};

// The state of a volume's copies.
struct VolumeHealth {
  int wanted = 0;
  int live = 0;
  int away = 0;
  int gone = 0;
  int leaving = 0;    // Of the live ones: their servers are drained.
  int misplaced = 0;  // Of the live ones: on servers of the other class.

  // Copies that are missing even if all servers that are away come back.
  int missing() const { return std::max(0, wanted - live - away); }
  bool IsWhole() const { return live >= wanted && gone == 0 && away == 0; }
};

enum class JobKind {
  kRepair,     // A copy is missing.
  kMove,       // A copy is where it should not stay: drain, class.
  kRebalance,  // A copy is on a full server while another is empty.
  kTrim,       // A copy is surplus, and all wanted copies are there.
  kDropOrphan  // A volume without a row.
};
absl::string_view JobKindWord(JobKind kind);

// Work on one volume. A copy: bring all of the volume to `target`. A trim: verify all replicas,
// then drop it from `target`.
struct Job {
  JobKind kind = JobKind::kRepair;
  VolumeId volume = 0;
  NodeId target = 0;
  NodeId source = 0;  // The first to read from.
  NodeId victim = 0;  // The server whose copy it replaces; 0: decided at the end.
  uint64_t bytes = 0;

  bool IsCopy() const { return kind < JobKind::kTrim; }
  friend bool operator==(const Job&, const Job&) = default;
};

// The extent of the repair that is needed, for operators.
struct RepairDebt {
  uint64_t missing_volumes = 0;  // With fewer copies than wanted, whether or not due.
  uint64_t missing_bytes = 0;    // To copy, of those that are due.
  uint64_t due_volumes = 0;
  uint64_t waiting_volumes = 0;  // For a server to come back within its grace.
  uint64_t single_volumes = 0;   // Volatile ones with one live copy.
  uint64_t dark_volumes = 0;     // No live copy now.
  uint64_t stuck_volumes = 0;    // Due, but there is no server to copy to.
  uint64_t moving_volumes = 0;   // To be moved: drain, class.
  uint64_t moving_bytes = 0;
  uint64_t surplus_copies = 0;
  bool brake = false;
  uint64_t absent_servers = 0;  // Counted by the brake.
  uint64_t known_servers = 0;
};

// Decides which volumes are sealed, copied, moved and dropped, and in which order: volumes with
// fewer live copies first, then those that have waited longer; deletes last.
//
// A core: Next() takes the present tables and returns the jobs to start and to stop. Between calls
// it remembers only since when it has seen a shortage or a surplus. Not thread-safe.
class RepairPlanner {
 public:
  explicit RepairPlanner(const RepairRules& rules) : rules_(rules) {}

  struct Plan {
    std::vector<VolumeId> seal;
    std::vector<VolumeId> make_volatile;  // Non-volatile volumes without any such server.
    std::vector<Job> start;               // Most urgent first, within the bounds.
    std::vector<VolumeId> cease;          // Running jobs that are no longer needed.
    RepairDebt debt;
  };
  // `running`: the jobs that were started and have not ended, by volume. `next_volume`: all volumes
  // that this datamgr made have smaller numbers.
  Plan Next(absl::Duration now, const ServerTable& servers, const VolumeTable& volumes,
            const std::map<VolumeId, Job>& running, bool clients_quiet, VolumeId next_volume);

  void SetBoost(bool boosted) { boosted_ = boosted; }
  bool boosted() const { return boosted_; }
  // Servers that are away now no longer count for the brake, until they have been back.
  void ReleaseBrake(const ServerTable& servers);

  const RepairRules& rules() const { return rules_; }
  void SetRules(const RepairRules& rules) { rules_ = rules; }

  ReplicaState StateOf(const Replica& replica, const ServerTable& servers,
                       absl::Duration now) const;
  VolumeHealth HealthOf(const Volume& volume, const ServerTable& servers, absl::Duration now) const;

  // The record of `volume` once `target` has all of it, in the place of a gone copy or of the
  // victim. nullopt if the copy is no longer needed: then it is surplus.
  std::optional<VolumeRecord> RecordAfter(const Volume& volume, const Job& job,
                                          const Replica& target, const ServerTable& servers,
                                          absl::Duration now) const;

 private:
  struct Round;  // The state of one Next().

  absl::Duration GraceOf(const ServerView& server, const ServerTable& servers,
                         absl::Duration now) const;
  bool IsLeaving(const Replica& replica, const ServerTable& servers) const;
  bool IsMisplaced(const Volume& volume, const Replica& replica, const ServerTable& servers) const;
  bool MustSeal(const Volume& volume, const ServerTable& servers) const;
  bool MustBecomeVolatile(const Volume& volume, const ServerTable& servers) const;
  void CountBrake(Round* round);
  void LookAt(const Volume& volume, Round* round);
  std::optional<Job> CopyOf(const Volume& volume, const VolumeHealth& health, Round* round) const;
  NodeId TargetOf(const CopyNeed& need, VolumeId volume, const Round& round) const;
  void AddCopies(Round* round);
  void AddRebalance(Round* round);
  void AddRebalanceOf(VolumeClass volume_class, Round* round);
  void AddTrims(Round* round);
  void FindSurplus(Round* round);
  bool TakeStreams(const Job& job, Round* round) const;

  RepairRules rules_;
  bool boosted_ = false;
  std::set<NodeId> written_off_;                    // By ReleaseBrake().
  std::map<VolumeId, absl::Duration> short_since_;  // Since when a volume is short of copies.
  std::map<std::pair<VolumeId, NodeId>, absl::Duration> surplus_since_;
};

}  // namespace convergia::datamgr
