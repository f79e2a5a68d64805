#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/store/replicated/entry_codec.h"
#include "common/store/replicated/testing/log_model.h"
#include "tests/sim/network/event_queue.h"
#include "tests/sim/network/history.h"
#include "tests/sim/store/disk.h"
#include "tests/sim/store/plan.h"
#include "tests/sim/store/process.h"
#include "tests/sim/store/truth.h"

namespace convergia::sim {

// Replicas of a store over one log, with clients, in simulated time: messages are lost, doubled and
// late; processes crash at any step, stand still, are cut off, resign. All from one seed.
class StoreWorld {
 public:
  explicit StoreWorld(const StorePlan& plan);

  // Until the end of the plan, or the first broken promise.
  void Run();

  const History& history() const { return history_; }
  const StoreTruth& truth() const { return truth_; }
  int steps() const { return steps_; }  // At which a process could crash.
  int crashes() const { return crashes_; }
  int seedings() const { return seedings_; }
  const store::LogModel& log() const { return log_; }

  // ---- For processes.
  using ProcessPtr = std::shared_ptr<StoreProcess>;

  EventQueue& events() { return events_; }
  Dice& dice() { return dice_; }
  History& notes() { return history_; }
  StoreTruth& promises() { return truth_; }
  const store::EntryCodec& codec() const { return codec_; }

  // Carries `request` to the log, and back what it answers; nullopt: no answer in time. The request
  // may be carried out twice, late, or without an answer.
  template <typename Answer>
  void Ask(const ProcessPtr& process, std::function<Answer()> request,
           std::function<void(std::optional<Answer>)> done);
  store::LogModel& log_for_request();  // After its lease was seen to.
  store::AppendAnswer AppendToLog(const store::AppendRequest& request);
  store::CampaignAnswer Campaign(const store::Campaign& campaign);
  store::RenewAnswer Renew(uint64_t key);

  // Runs `task` in `process` after `wait`, if it lives then; when it goes on if it stands still.
  void Later(const ProcessPtr& process, absl::Duration wait, std::function<void()> task);
  // A step of `process` at which it may crash. True: it has; return at once.
  bool CrashesAt(StoreProcess* process, const char* step);
  // The process ends and is started again by its supervisor.
  void End(StoreProcess* process);
  // The disk of another replica, as a checkpoint.
  void SeedFromAnother(int replica, StoreDisk* disk);

 private:
  struct Replica {
    StoreDisk disk;
    ProcessPtr process;
    int starts = 0;
    bool is_cut = false;
  };

  bool IsLost(int replica);
  absl::Duration Delay();
  void Deliver(const ProcessPtr& process, const std::function<void()>& task);
  void StartReplica(int replica);
  void Kill(int replica, absl::Duration restart_after);
  void GoOn(const ProcessPtr& process);
  void MakeTrouble();
  void SendOperation();
  void CheckLeaders();
  bool is_troubled() const { return events_.now() < troubled_until_; }

  const StorePlan plan_;
  EventQueue events_;
  Dice dice_;
  History history_;
  const store::EntryCodec codec_;
  store::LogModel log_;
  absl::Duration lease_ends_;
  StoreTruth truth_;
  const absl::Duration troubled_until_;
  const absl::Duration operations_until_;
  const absl::Duration ends_;
  std::vector<Replica> replicas_;
  uint64_t operations_ = 0;
  int steps_ = 0, crashes_ = 0, seedings_ = 0;
};

template <typename Answer>
void StoreWorld::Ask(const ProcessPtr& process, std::function<Answer()> request,
                     std::function<void(std::optional<Answer>)> done) {
  const auto is_settled = std::make_shared<bool>(false);
  const auto settle = [=, this](std::optional<Answer> answer) {
    if (std::exchange(*is_settled, true)) return;
    Deliver(process, [=] { done(answer); });
  };
  const bool is_doubled = is_troubled() && dice_.Below(100) < static_cast<uint64_t>(plan_.doubled);
  for (int copy = 0; copy <= (is_doubled ? 1 : 0); ++copy) {
    if (IsLost(process->replica())) continue;
    events_.After(Delay(), [=, this] {
      const Answer answer = request();
      if (IsLost(process->replica())) return;
      events_.After(Delay(), [=] { settle(answer); });
    });
  }
  events_.After(absl::Milliseconds(400), [=] { settle(std::nullopt); });
}

}  // namespace convergia::sim
