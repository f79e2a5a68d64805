#pragma once

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/actor/actor.h"
#include "common/base/actor/executor.h"
#include "common/base/clock.h"
#include "common/base/fail.h"
#include "mgmt/cluster/cluster.h"

namespace convergia::mgmt {

// Carries out the cluster's decisions. Called on the loop's thread; must not block.
class ClusterOutput {
 public:
  virtual ~ClusterOutput() = default;
  virtual void Send(StreamId stream, const v1::ToNode& message) = 0;
  virtual void Close(StreamId stream, const absl::Status& reason) = 0;
  virtual void OnMapRows(const std::vector<v1::ServerMapRow>& rows) = 0;
};

// The thread that runs the Cluster. It takes events from other threads in order, and flushes after
// each burst of them. It ticks every Cluster::kTick.
//
// Thread-safe. Life: events may be posted at once and run after Start(). Stop() runs the events
// that wait; later ones are refused.
class ClusterLoop {
 public:
  static constexpr size_t kTasksMax = 200'000;  // A second of the wildest burst.

  // `clock` and `output` outlive the loop.
  ClusterLoop(std::unique_ptr<Cluster> cluster, const Clock& clock, ClusterOutput& output);
  ~ClusterLoop() { Stop(); }

  void Start() { actor_.Start(); }
  void Stop() { actor_.Stop(); }

  using Task = absl::AnyInvocable<void(Cluster&)>;
  // False when full or stopped; `task` was then not taken.
  [[nodiscard]] bool Post(Task&& task) { return actor_.Post(Bind(std::move(task))); }
  // For events that must not be lost and whose number is bounded elsewhere: false only when
  // stopped.
  [[nodiscard]] bool PostUrgent(Task&& task) { return actor_.PostUrgent(Bind(std::move(task))); }

  // Runs `question` on the loop's thread and gives its answer to `done` there. If full or stopped,
  // gives FailCode::kBusy to `done` on the calling thread.
  template <typename T>
  void Ask(absl::AnyInvocable<absl::StatusOr<T>(Cluster&)> question,
           absl::AnyInvocable<void(absl::StatusOr<T>)> done) {
    // Shared, for a refused task is gone before we know.
    auto kept = std::make_shared<absl::AnyInvocable<void(absl::StatusOr<T>)>>(std::move(done));
    const bool posted = Post([kept, question = std::move(question)](Cluster& cluster) mutable {
      (*kept)(question(cluster));
    });
    if (!posted) {
      (*kept)(Fail(FailCode::kBusy, "the management server is busy; try again in a few seconds"));
    }
  }

  const Clock& clock() const { return clock_; }

 private:
  Actor::Event Bind(Task&& task) {
    return [this, task = std::move(task)]() mutable { task(*cluster_); };
  }
  absl::Duration Turn(absl::Duration now);
  void Flush();

  const Clock& clock_;
  ClusterOutput& output_;
  const std::unique_ptr<Cluster> cluster_;  // Only the executor's.
  absl::Duration ticked_;                   // The same.
  ThreadExecutor executor_;
  Actor actor_;  // After all that its turns use.
};

}  // namespace convergia::mgmt
