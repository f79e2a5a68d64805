#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "common/base/work_queue.h"
#include "datamgr/chunk_layer.h"
#include "datamgr/servers/server_hub.h"
#include "datamgr/volumes/volume_state.h"

namespace convergia::datamgr {

// Heals single chunks: asks every replica to verify its copy, and writes the bytes of a good one
// where they are damaged or missing.
//
// Thread-safe; never blocks.
class ChunkHealer {
 public:
  struct Deps {  // All must outlive what is under way.
    ServerHub* hub = nullptr;
    const LiveChunks* live = nullptr;
    WorkQueue* work = nullptr;  // For questions to the catalog.
    VolumeState* state = nullptr;
    // Chunks from this number on are too young to ask the catalog for.
    std::function<ChunkId()> young;
  };
  explicit ChunkHealer(Deps deps) : deps_(std::move(deps)) {}

  // Queues a chunk. If the queue is full, the chunk is dropped: the sweep finds it again.
  void Add(VolumeId volume, ChunkId chunk) ABSL_LOCKS_EXCLUDED(mu_);

  struct Counts {
    uint64_t healed = 0;  // Copies that are good again.
    uint64_t lost = 0;    // Times that no whole copy of a needed chunk was found.
    uint64_t waiting = 0;
  };
  Counts counts() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  using Piece = std::pair<VolumeId, ChunkId>;
  struct Patient;
  using PatientPtr = std::shared_ptr<Patient>;

  void Pump() ABSL_LOCKS_EXCLUDED(mu_);
  void AskCatalog(const Piece& piece);
  void Examine(const Piece& piece);
  void OnVerified(const PatientPtr& patient, NodeId server, const absl::Status& status);
  void Fetch(const PatientPtr& patient);
  void OnFetched(const PatientPtr& patient, absl::StatusOr<v1::ChunkResponse> response);
  void OnPut(const PatientPtr& patient, const absl::Status& status);
  void End(const Piece& piece) ABSL_LOCKS_EXCLUDED(mu_);

  const Deps deps_;
  mutable absl::Mutex mu_;
  std::set<Piece> waiting_ ABSL_GUARDED_BY(mu_);
  std::set<Piece> running_ ABSL_GUARDED_BY(mu_);
  Counts counts_ ABSL_GUARDED_BY(mu_);
};

}  // namespace convergia::datamgr
