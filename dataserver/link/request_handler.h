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

// Carries out the requests of datamgr. Admits a request if the window has room for it, works on it
// on threads of its own, and gives the response. Responses come in any order.
//
// A request belongs to an epoch of datamgr. When a higher epoch comes, requests of lower ones that
// have not begun are answered UNAVAILABLE and not carried out. Requests that have begun are
// finished before any request of the higher epoch begins. So the new datamgr sees only the effects
// of finished requests and of its own.
//
// Thread-safe. Handle() never blocks, so gRPC threads may call it.
class ChunkRequestHandler {
 public:
  struct Options {
    ChunkStore* store = nullptr;  // Outlives the handler.
    int threads = 4;
    size_t window_bytes = 0;  // The bound on the cost of unanswered requests.
  };
  explicit ChunkRequestHandler(const Options& options);
  ~ChunkRequestHandler();  // Stop().

  // Called once with the response, whose id is that of the request. On any thread, perhaps before
  // Handle() returns; must not block.
  using Respond = std::function<void(v1::ChunkResponse response)>;

  // Carries out `request` of `epoch`. Besides the errors that chunks.proto lists, the response may
  // be UNAVAILABLE (stopping, or a later datamgr is there), or BUSY (the window or the queue of the
  // threads is full). Neither has changed anything.
  void Handle(Epoch epoch, v1::ChunkRequest request, Respond respond) ABSL_LOCKS_EXCLUDED(mu_);

  // Makes `epoch` the highest: requests of lower epochs no longer count.
  void Raise(Epoch epoch) ABSL_LOCKS_EXCLUDED(mu_);

  // The cost of `request` in bytes of the window, as chunks.proto counts it. A read costs at most
  // one chunk.
  static size_t CostOf(const v1::ChunkRequest& request);

  size_t window_bytes() const { return options_.window_bytes; }

  // Refuses further requests. Returns true when all are answered, or false after `deadline`.
  bool Drain(absl::Duration deadline) ABSL_LOCKS_EXCLUDED(mu_);

  // Refuses further requests, and returns when the handler's threads have ended. Requests that are
  // in the store then are answered when the store stops. Idempotent.
  void Stop() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  // A request that waits until all requests of lower epochs are answered.
  struct Held {
    std::shared_ptr<v1::ChunkRequest> request;
    Epoch epoch = 0;
    Respond respond;
  };

  absl::Status Admit(Epoch epoch, size_t cost) ABSL_LOCKS_EXCLUDED(mu_);
  void Release(Epoch epoch, size_t cost) ABSL_LOCKS_EXCLUDED(mu_);
  // Keeps `held` for later. False if it need not wait.
  bool Hold(const Held& held) ABSL_LOCKS_EXCLUDED(mu_);
  void Post(Held held) ABSL_LOCKS_EXCLUDED(mu_);
  // True if a higher epoch than `epoch` has come.
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
  size_t unanswered_ ABSL_GUARDED_BY(mu_) = 0;   // Requests of `epoch_`.
  size_t overtaken_ ABSL_GUARDED_BY(mu_) = 0;    // Unanswered requests of lower epochs.
  std::vector<Held> held_ ABSL_GUARDED_BY(mu_);  // Of `epoch_`, while overtaken_ is not 0.
  size_t unanswered_bytes_ ABSL_GUARDED_BY(mu_) = 0;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  WorkQueue work_;  // Last: its threads use the rest.
};

}  // namespace convergia::dataserver
