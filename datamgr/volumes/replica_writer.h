#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <set>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/base/clock.h"
#include "datamgr/chunk_layer.h"
#include "datamgr/servers/server_hub.h"
#include "datamgr/volumes/volume_state.h"

namespace convergia::datamgr {

// Writes chunks: to all replicas of an open volume side by side; OK once all of them have it
// durably. When one fails, the volume is closed and the chunk goes to another one, under another
// name; what the first ones have of it are orphans, which the sweep finds.
//
// Thread-safe. Never blocks.
class ReplicaWriter {
 public:
  struct Deps {  // All must outlive the writer.
    VolumeState* state = nullptr;
    ServerHub* hub = nullptr;
    const Clock* clock = nullptr;
    std::function<void()> wake;  // A volume is to be opened. On any thread; must not block.
  };
  explicit ReplicaWriter(Deps deps) : deps_(std::move(deps)) {}
  ~ReplicaWriter() { Stop(); }

  void Write(std::string bytes, ClassPreference preference, ChunkLayer::WriteDone done)
      ABSL_LOCKS_EXCLUDED(mu_);

  // Goes on with what waits for a volume, and ends what took too long. By the reconciler, whenever
  // it opened one, and every few 100 ms.
  void Tick() ABSL_LOCKS_EXCLUDED(mu_);

  // Fails what is under way; what comes later too. Idempotent.
  void Stop() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct Task;
  using TaskPtr = std::shared_ptr<Task>;

  void Begin(const TaskPtr& task) ABSL_LOCKS_EXCLUDED(mu_);
  void Put(const TaskPtr& task, int attempt, NodeId server) ABSL_LOCKS_EXCLUDED(mu_);
  void OnPut(const TaskPtr& task, int attempt, NodeId server, const absl::Status& status)
      ABSL_LOCKS_EXCLUDED(mu_);
  void Wait(const TaskPtr& task) ABSL_LOCKS_EXCLUDED(mu_);
  void End(const TaskPtr& task, absl::StatusOr<ChunkRef> result) ABSL_LOCKS_EXCLUDED(mu_);

  const Deps deps_;
  absl::Mutex mu_;
  std::deque<TaskPtr> waiting_ ABSL_GUARDED_BY(mu_);  // For a volume, or for a busy server.
  size_t bytes_ ABSL_GUARDED_BY(mu_) = 0;             // Of all that is not answered.
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace convergia::datamgr
