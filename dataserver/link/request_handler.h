#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/base/ids.h"
#include "common/base/work_queue.h"
#include "convergia/v1/chunks.pb.h"
#include "dataserver/store/chunk_store.h"

namespace convergia::dataserver {

// Carries out what datamgr asks: admits a request if the window has room for it, works on it with a
// thread of its own, and gives the response. Responses come in any order.
//
// A request belongs to an epoch of datamgr. When a higher one comes, what was asked under lower
// ones is answered UNAVAILABLE and not done, unless it has begun; that is finished before anything
// is done under the higher one. So the new datamgr sees the store as its own requests leave it.
//
// Thread-safe. Handle() never blocks, so it may be called on gRPC's threads.
class ChunkRequestHandler {
 public:
  struct Options {
    ChunkStore* store = nullptr;  // Outlives the handler.
    int threads = 4;
    size_t window_bytes = 0;  // What may be unanswered; beyond it BUSY.
  };
  explicit ChunkRequestHandler(const Options& options);
  ~ChunkRequestHandler();  // Stop().

  // Called once, on any thread; must not block.
  using Respond = std::function<void(v1::ChunkResponse response)>;
  void Handle(Epoch epoch, v1::ChunkRequest request, Respond respond) ABSL_LOCKS_EXCLUDED(mu_);

  // Requests of lower epochs than `epoch` count no longer.
  void Raise(Epoch epoch) ABSL_LOCKS_EXCLUDED(mu_);

  // What `request` takes of the window: the same on both sides.
  static size_t CostOf(const v1::ChunkRequest& request);

  size_t window_bytes() const { return options_.window_bytes; }

  // Takes no more; returns when all is answered, or false at the deadline.
  bool Drain(absl::Duration deadline) ABSL_LOCKS_EXCLUDED(mu_);

  // Takes no more; returns when the handler's threads have ended. What the store has not answered
  // then it answers when it stops.
  void Stop() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  // What waits until all requests of lower epochs are answered.
  struct Held {
    std::shared_ptr<v1::ChunkRequest> request;
    Epoch epoch = 0;
    Respond respond;
  };

  absl::Status Admit(Epoch epoch, size_t cost) ABSL_LOCKS_EXCLUDED(mu_);
  void Release(Epoch epoch, size_t cost) ABSL_LOCKS_EXCLUDED(mu_);
  // False: it need not wait.
  bool Hold(const Held& held) ABSL_LOCKS_EXCLUDED(mu_);
  void Post(Held held) ABSL_LOCKS_EXCLUDED(mu_);
  // Whether a higher epoch than `epoch` has come.
  bool IsOver(Epoch epoch) const ABSL_LOCKS_EXCLUDED(mu_);
  bool IsIdle() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return unanswered_bytes_ == 0; }

  void Work(v1::ChunkRequest& request, Respond respond);
  absl::Status Answer(const v1::ChunkRequest& request, v1::ChunkResponse* response) const;
  absl::Status AnswerRead(const v1::ReadChunk& read, v1::ReadResult* result) const;
  absl::Status AnswerList(const v1::ListChunks& list, v1::ListChunksResult* result) const;
  void AnswerVolumes(const v1::ListVolumes& list, v1::ListVolumesResult* result) const;
  void AnswerDamaged(const v1::ListDamaged& list, v1::ListDamagedResult* result) const;

  const Options options_;
  mutable absl::Mutex mu_;
  Epoch epoch_ ABSL_GUARDED_BY(mu_) = 0;         // The highest.
  size_t unanswered_ ABSL_GUARDED_BY(mu_) = 0;   // Of it.
  size_t overtaken_ ABSL_GUARDED_BY(mu_) = 0;    // Unanswered ones of lower epochs.
  std::vector<Held> held_ ABSL_GUARDED_BY(mu_);  // Of `epoch_`, while some are overtaken.
  size_t unanswered_bytes_ ABSL_GUARDED_BY(mu_) = 0;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  WorkQueue work_;  // Last: its threads use the rest.
};

}  // namespace convergia::dataserver
