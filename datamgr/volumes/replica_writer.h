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

// Writes chunks to all replicas of an open volume in parallel. OK once all of them have the chunk
// durably. If one fails, the volume is closed and the chunk goes to another volume, under another
// name. The copies of the failed attempt are orphans; the sweep finds them.
//
// Thread-safe. Never blocks.
class ReplicaWriter {
 public:
  struct Deps {  // All must outlive the writer.
    VolumeState* state = nullptr;
    ServerHub* hub = nullptr;
    const Clock* clock = nullptr;
    std::function<void()> wake;  // A write waits for a volume. On any thread; must not block.
  };
  explicit ReplicaWriter(Deps deps) : deps_(std::move(deps)) {}
  ~ReplicaWriter() { Stop(); }

  // As ChunkLayer::Write(). Errors: also kBusy beyond 128 MiB of unanswered bytes.
  void Write(std::string bytes, ClassPreference preference, ChunkLayer::WriteDone done)
      ABSL_LOCKS_EXCLUDED(mu_);

  // Continues writes that wait for a volume, and ends those past their deadline. The reconciler
  // calls it when it opened a volume, and every few 100 ms.
  void Tick() ABSL_LOCKS_EXCLUDED(mu_);

  // Fails writes that wait, and all later ones. Those at the data servers end with the hub.
  // Idempotent.
  void Stop() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct Task;
  using TaskPtr = std::shared_ptr<Task>;

  void Begin(const TaskPtr& task) ABSL_LOCKS_EXCLUDED(mu_);
  void OnPut(const TaskPtr& task, int attempt, NodeId server, const absl::Status& status)
      ABSL_LOCKS_EXCLUDED(mu_);
  void Wait(const TaskPtr& task) ABSL_LOCKS_EXCLUDED(mu_);
  void End(const TaskPtr& task, absl::StatusOr<ChunkRef> result) ABSL_LOCKS_EXCLUDED(mu_);

  const Deps deps_;
  absl::Mutex mu_;
  std::deque<TaskPtr> waiting_ ABSL_GUARDED_BY(mu_);  // For a volume, or for a busy server.
  size_t bytes_ ABSL_GUARDED_BY(mu_) = 0;             // Of all unanswered writes.
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace convergia::datamgr
