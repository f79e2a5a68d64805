#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/store/replicated/election_plan.h"
#include "common/store/replicated/lease_plan.h"
#include "common/store/replicated/log_follower.h"
#include "common/store/replicated/log_writer.h"
#include "common/store/store.h"
#include "tests/sim/store/disk.h"

namespace convergia::sim {

class StoreWorld;

// One start of one replica: the real cores, joined by messages as ReplicatedStore and its election
// join them by calls. Dies at a crash; its disk stays.
class StoreProcess : public std::enable_shared_from_this<StoreProcess> {
 public:
  // `clock_rate`: how fast its clock is.
  StoreProcess(StoreWorld* world, int replica, std::string name, StoreDisk* disk,
               double clock_rate);

  void Start();
  void OnNews(const store::LogEntry& entry);
  // Commits `batch` and answers, later or never, to the world's truth.
  void Commit(uint64_t operation, store::Batch batch);
  // An operator stops it.
  void Resign();

  bool leads() const { return election_.stage() == store::ElectionPlan::Stage::kLeading; }
  // Whether it would answer reads.
  bool MayRead() const;
  const std::string& name() const { return name_; }
  const StoreDisk& disk() const { return *disk_; }
  int replica() const { return replica_; }

  // The world's.
  bool is_dead = false;
  bool is_paused = false;
  std::deque<std::function<void()>> backlog;  // Calls that came while it is paused.

 private:
  struct Pending {
    uint64_t operation = 0;
    store::Batch batch;
  };
  using Outcome = absl::StatusOr<store::Revision>;

  absl::Duration LocalNow() const;
  void Do(const store::ElectionPlan::Actions& actions);
  void SendCampaign(const store::Campaign& campaign);
  void Poll();
  void OnState(const store::LogState& state);
  bool BeginToFollow(const store::LogState& state);
  void List();
  // False: the process died.
  bool Take(absl::Span<const store::LogEntry> entries, bool* list);
  void SeeWhetherCaughtUp();
  void BeginToLead(const store::Term& term);
  void ReportAndTrim();

  void Tick();
  void WriteGroup();
  void SendAppend();
  void OnAppendAnswer(const store::AppendAnswer& answer);
  void FinishGroup();
  void RefuseGroup(const absl::Status& status);
  void EndSoon();

  StoreWorld* const world_;
  const int replica_;
  const std::string name_;
  StoreDisk* const disk_;
  const double clock_rate_;

  store::ElectionPlan election_;
  std::optional<store::LogFollower> follower_;
  bool is_listing_ = false;
  std::optional<store::Term> term_;  // Won; to catch up with, then to lead in.
  std::string candidacy_;
  absl::Duration asked_at_;  // When it was sent first.
  std::optional<store::LeasePlan> lease_;
  int ticks_ = 0;  // Only the last of those that were asked for counts.
  std::optional<store::LogWriter> writer_;
  bool is_stopping_ = false;  // Commits are refused.
  bool is_fenced_ = false;
  bool is_ending_ = false;

  std::deque<Pending> waiting_;
  bool is_writing_ = false;
  std::vector<std::pair<uint64_t, Outcome>> group_;  // Being written, with the outcomes decided.
  std::string changes_;
};

}  // namespace convergia::sim
