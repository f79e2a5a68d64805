#include "datamgr/testing/mem_chunk_layer.h"

#include "common/base/fail.h"
#include "common/base/limits.h"

namespace convergia::datamgr {
namespace {

constexpr uint64_t kChunksPerVolume = 1000;

}  // namespace

void MemChunkLayer::Hold() {
  absl::MutexLock lock(&mu_);
  holding_ = true;
}

void MemChunkLayer::Let(bool newest_first) {
  std::deque<Answer> answers;
  {
    absl::MutexLock lock(&mu_);
    holding_ = false;
    answers.swap(held_);
  }
  while (!answers.empty()) {
    Answer answer = std::move(newest_first ? answers.back() : answers.front());
    newest_first ? answers.pop_back() : answers.pop_front();
    answer();
  }
}

void MemChunkLayer::HoldTasks() {
  absl::MutexLock lock(&mu_);
  holding_tasks_ = true;
}

void MemChunkLayer::LetTasks() {
  std::deque<std::function<void()>> tasks;
  {
    absl::MutexLock lock(&mu_);
    holding_tasks_ = false;
    tasks.swap(tasks_);
  }
  for (const auto& task : tasks) task();
}

bool MemChunkLayer::TryRun(std::function<void()> task) {
  {
    absl::MutexLock lock(&mu_);
    if (holding_tasks_) {
      tasks_.push_back(std::move(task));
      return true;
    }
  }
  task();
  return true;
}

void MemChunkLayer::FailWith(absl::Status status, bool reads_too) {
  absl::MutexLock lock(&mu_);
  failure_ = std::move(status);
  reads_fail_ = reads_too;
}

size_t MemChunkLayer::chunks() const {
  absl::MutexLock lock(&mu_);
  return chunks_.size();
}

std::vector<ChunkRef> MemChunkLayer::all() const {
  absl::MutexLock lock(&mu_);
  std::vector<ChunkRef> refs;
  for (const auto& [ref, bytes] : chunks_) refs.push_back(ref);
  return refs;
}

size_t MemChunkLayer::tasks_waiting() const {
  absl::MutexLock lock(&mu_);
  return tasks_.size();
}

size_t MemChunkLayer::waiting() const {
  absl::MutexLock lock(&mu_);
  return held_.size();
}

void MemChunkLayer::Give(Answer answer) {
  {
    absl::MutexLock lock(&mu_);
    if (holding_) return held_.push_back(std::move(answer));
  }
  answer();
}

void MemChunkLayer::Write(std::string bytes, ClassPreference /*preference*/, WriteDone done) {
  absl::StatusOr<ChunkRef> result;
  {
    absl::MutexLock lock(&mu_);
    if (!failure_.ok()) {
      result = failure_;
    } else if (bytes.empty() || bytes.size() > limits::kChunkBytesMax) {
      result = absl::InvalidArgumentError("a chunk of this size cannot be");
    } else {
      const ChunkRef ref{1 + next_ / kChunksPerVolume, next_, static_cast<uint32_t>(bytes.size())};
      ++next_;
      chunks_[ref] = std::move(bytes);
      result = ref;
    }
  }
  Give([done = std::move(done), result = std::move(result)]() mutable { done(std::move(result)); });
}

void MemChunkLayer::Read(const ChunkRef& ref, uint32_t offset, uint32_t length, ReadDone done) {
  absl::StatusOr<std::string> result;
  {
    absl::MutexLock lock(&mu_);
    const auto found = chunks_.find(ref);
    if (reads_fail_ && !failure_.ok()) {
      result = failure_;
    } else if (found == chunks_.end() || offset + uint64_t{length} > found->second.size()) {
      result = Fail(FailCode::kInternal, "these bytes were lost");
    } else {
      result = found->second.substr(offset, length);
    }
  }
  Give([done = std::move(done), result = std::move(result)]() mutable { done(std::move(result)); });
}

void MemChunkLayer::Release(std::vector<ChunkRef> refs, ReleaseDone done) {
  absl::Status result;
  {
    absl::MutexLock lock(&mu_);
    if (reads_fail_) result = failure_;
    for (const ChunkRef& ref : refs) {
      if (result.ok()) chunks_.erase(ref);
    }
  }
  Give([done = std::move(done), result]() mutable { done(result); });
}

void MemChunkLayer::Describe(std::vector<uint64_t> volumes, DescribeDone done) {
  std::vector<VolumePlaces> places;
  for (const uint64_t volume : volumes) {
    places.push_back({.volume = volume, .copies_wanted = 1, .holders = {{"memory", true}}});
  }
  Give([done = std::move(done), places = std::move(places)]() mutable { done(std::move(places)); });
}

}  // namespace convergia::datamgr
