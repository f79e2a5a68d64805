#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/time/time.h"
#include "common/base/clock.h"
#include "datamgr/chunk_layer.h"
#include "datamgr/servers/server_hub.h"
#include "datamgr/volumes/volume_state.h"

namespace convergia::datamgr {

// Reads chunks from one replica. If that one is slow, away, or gives bad bytes, it reads from the
// next. Bad or missing copies are reported for repair. The data server verifies the checksums on
// its disk; this class verifies an XXH3-64 checksum of the bytes that arrive.
//
// Thread-safe. Never blocks. Reads under way end when the hub stops.
class ReplicaReader {
 public:
  struct Deps {  // All must outlive the reader.
    const VolumeState* state = nullptr;
    ServerHub* hub = nullptr;
    // Called if a replica lacks this chunk or has it damaged. On any thread; must not block.
    std::function<void(VolumeId volume, ChunkId chunk)> report_bad;
  };
  explicit ReplicaReader(Deps deps) : deps_(std::move(deps)) {}

  // As ChunkLayer::Read(). A `length` of 0 gives "".
  void Read(const ChunkRef& ref, uint32_t offset, uint32_t length, ChunkLayer::ReadDone done);

 private:
  struct Task;
  void Next(const std::shared_ptr<Task>& task);
  void OnRead(const std::shared_ptr<Task>& task, absl::StatusOr<v1::ChunkResponse> response);
  void Give(const std::shared_ptr<Task>& task, absl::StatusOr<std::string> result);

  const Deps deps_;
};

}  // namespace convergia::datamgr
