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

// Reads chunks: from one replica; from the next if that one is slow, gone, or its bytes are bad, of
// which the repair is told. The data server verified every byte against its checksums on the disk;
// here they are verified once more after the wire.
//
// Thread-safe. Never blocks. What is under way ends when the hub stops.
class ReplicaReader {
 public:
  struct Deps {  // All must outlive the reader.
    const VolumeState* state = nullptr;
    ServerHub* hub = nullptr;
    // A replica lacks this chunk or has it damaged. On any thread; must not block.
    std::function<void(VolumeId volume, ChunkId chunk)> report_bad;
  };
  explicit ReplicaReader(Deps deps) : deps_(std::move(deps)) {}

  void Read(const ChunkRef& ref, uint32_t offset, uint32_t length, ChunkLayer::ReadDone done);

 private:
  struct Task;
  void Next(const std::shared_ptr<Task>& task);
  void OnRead(const std::shared_ptr<Task>& task, absl::StatusOr<v1::ChunkResponse> response);
  void Give(const std::shared_ptr<Task>& task, absl::StatusOr<std::string> result);

  const Deps deps_;
};

}  // namespace convergia::datamgr
