#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "datamgr/repair/plan/repair_planner.h"

// The orders to a job's runner, and its answers.
namespace convergia::datamgr {

// A job with the facts that it needs from the tables.
struct JobOrder {
  Job job;
  std::vector<NodeId> replicas;  // The live ones.
  std::vector<NodeId> sources;   // All holders of any of it, in the order of reading.
  ChunkId young = 0;
};

struct JobEnd {
  Job job;
  absl::Status status;  // kCancelled if it was ceased.
  uint64_t bytes_copied = 0;
  uint64_t chunks = 0;  // A copy: that the target has now.
  uint64_t bytes = 0;
  std::vector<ChunkId> lost;
};

struct JobProgress {
  Job job;
  uint64_t bytes_done = 0;
  uint64_t bytes_total = 0;
};

}  // namespace convergia::datamgr
