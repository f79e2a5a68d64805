#pragma once

#include <deque>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "common/store/replicated/replicated_log.h"
#include "common/store/replicated/testing/log_model.h"

namespace convergia::store {

// The log that several FakeLogs share. Leases last until EndLease(). Thread-safe. Outlives
// the logs on it.
class FakeQuorum {
 public:
  FakeQuorum() : model_(std::string(kLogIdBytes, 'q')) {}

  LogState State() const ABSL_LOCKS_EXCLUDED(mu_);
  // The leader's lease ends, whatever the leader believes.
  void EndLease() ABSL_LOCKS_EXCLUDED(mu_);
  // Carries out the appends that are under way (FakeLog::Fault::kLate).
  void DeliverLate() ABSL_LOCKS_EXCLUDED(mu_, watch_mu_);
  // Waits until `replica` has said that it flushed `through`, or 30 s.
  bool AwaitFlushed(const std::string& replica, Sequence through) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  friend class FakeLog;
  struct Watcher {
    LogWatchCallback callback;
    int deaf_to = 0;  // So many entries more it does not see.
  };
  class Watch;

  AppendAnswer Append(const AppendRequest& request) ABSL_LOCKS_EXCLUDED(mu_, watch_mu_);
  CampaignAnswer TryCampaign(const Campaign& campaign) ABSL_LOCKS_EXCLUDED(mu_, watch_mu_);
  void Tell(const LogNews& news) ABSL_LOCKS_EXCLUDED(watch_mu_);

  mutable absl::Mutex mu_;
  LogModel model_ ABSL_GUARDED_BY(mu_);
  std::vector<AppendRequest> late_ ABSL_GUARDED_BY(mu_);

  absl::Mutex watch_mu_;  // Held while callbacks run.
  std::list<Watcher> watchers_ ABSL_GUARDED_BY(watch_mu_);
};

// One replica's way to the quorum, with faults. Thread-safe.
class FakeLog final : public ReplicatedLog {
 public:
  explicit FakeLog(FakeQuorum* quorum) : quorum_(quorum) {}

  enum class Fault {
    kLoseRequest,  // No answer; not done.
    kLoseAnswer,   // No answer; done.
    kTwice,        // Done, and the same request arrives again. The second answer is given.
    kLate,         // No answer; done when the quorum is told to deliver.
    kCut,          // The way is cut, and the append waits.
  };
  // The next appends that are sent have these faults, one each.
  void FailAppends(std::vector<Fault> faults) ABSL_LOCKS_EXCLUDED(mu_);
  // Nothing reaches the quorum until Mend(): calls wait.
  void Cut() ABSL_LOCKS_EXCLUDED(mu_);
  void Mend() ABSL_LOCKS_EXCLUDED(mu_);
  // Waits until an append waits for Mend(), or 30 s.
  bool AwaitStuck() ABSL_LOCKS_EXCLUDED(mu_);
  // The watches of all replicas miss the next `count` entries.
  void LoseNews(int count);

  absl::StatusOr<LogState> ReadState() override;
  AppendAnswer Append(const AppendRequest& request) override ABSL_LOCKS_EXCLUDED(mu_);
  absl::StatusOr<std::vector<LogEntry>> Read(Sequence from, size_t bytes_max) override;
  absl::Status Trim(Sequence through) override;
  absl::Status ReportFlushed(const std::string& replica, Sequence through) override;
  CampaignAnswer TryCampaign(const Campaign& campaign) override;
  RenewAnswer Renew(const Term& term) override;
  absl::Status Resign(uint64_t key) override;
  std::unique_ptr<LogWatch> Watch(Sequence from, LogWatchCallback callback) override;
  void Interrupt() override ABSL_LOCKS_EXCLUDED(mu_);

 private:
  // Waits while the way is cut; false if this log is interrupted.
  bool Pass() ABSL_LOCKS_EXCLUDED(mu_);
  std::optional<Fault> NextFault() ABSL_LOCKS_EXCLUDED(mu_);
  bool MayGoOn() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return !cut_ || interrupted_; }

  FakeQuorum* const quorum_;
  absl::Mutex mu_;
  bool cut_ ABSL_GUARDED_BY(mu_) = false;
  bool interrupted_ ABSL_GUARDED_BY(mu_) = false;
  bool is_stuck_ ABSL_GUARDED_BY(mu_) = false;  // An append waits.
  std::deque<Fault> faults_ ABSL_GUARDED_BY(mu_);
};

}  // namespace convergia::store
