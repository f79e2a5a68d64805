#pragma once

#include <deque>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "datamgr/chunk_layer.h"

namespace convergia::datamgr {

// Chunks in memory, for tests. Answers at once, or, once Hold() was called, when the test says so.
// Thread-safe.
class MemChunkLayer final : public ChunkLayer {
 public:
  // Answers wait until Let().
  void Hold() ABSL_LOCKS_EXCLUDED(mu_);
  // Gives the answers that wait, the oldest or the newest first, and all that come.
  void Let(bool newest_first = false) ABSL_LOCKS_EXCLUDED(mu_);

  // Tasks on many bytes wait until LetTasks().
  void HoldTasks() ABSL_LOCKS_EXCLUDED(mu_);
  void LetTasks() ABSL_LOCKS_EXCLUDED(mu_);

  // Writes fail with this until it is OK again. So does everything if `reads_too`.
  void FailWith(absl::Status status, bool reads_too = false) ABSL_LOCKS_EXCLUDED(mu_);

  size_t chunks() const ABSL_LOCKS_EXCLUDED(mu_);
  std::vector<ChunkRef> all() const ABSL_LOCKS_EXCLUDED(mu_);
  size_t waiting() const ABSL_LOCKS_EXCLUDED(mu_);
  size_t tasks_waiting() const ABSL_LOCKS_EXCLUDED(mu_);

  void Write(std::string bytes, ClassPreference preference, WriteDone done) override
      ABSL_LOCKS_EXCLUDED(mu_);
  void Read(const ChunkRef& ref, uint32_t offset, uint32_t length, ReadDone done) override
      ABSL_LOCKS_EXCLUDED(mu_);
  void Release(std::vector<ChunkRef> refs, ReleaseDone done) override ABSL_LOCKS_EXCLUDED(mu_);
  void Describe(std::vector<uint64_t> volumes, DescribeDone done) override ABSL_LOCKS_EXCLUDED(mu_);
  bool TryRun(std::function<void()> task) override ABSL_LOCKS_EXCLUDED(mu_);

 private:
  using Answer = absl::AnyInvocable<void()>;
  void Give(Answer answer) ABSL_LOCKS_EXCLUDED(mu_);

  mutable absl::Mutex mu_;
  std::map<ChunkRef, std::string> chunks_ ABSL_GUARDED_BY(mu_);
  std::deque<Answer> held_ ABSL_GUARDED_BY(mu_);
  bool holding_ ABSL_GUARDED_BY(mu_) = false;
  std::deque<std::function<void()>> tasks_ ABSL_GUARDED_BY(mu_);
  bool holding_tasks_ ABSL_GUARDED_BY(mu_) = false;
  absl::Status failure_ ABSL_GUARDED_BY(mu_);
  bool reads_fail_ ABSL_GUARDED_BY(mu_) = false;
  uint64_t next_ ABSL_GUARDED_BY(mu_) = 1;
};

}  // namespace convergia::datamgr
