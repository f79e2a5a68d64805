#include "datamgr/volumes/replica_writer.h"

#include <xxhash.h>

#include <algorithm>
#include <utility>

#include "common/base/fail.h"

namespace convergia::datamgr {
namespace {

// The bytes of all unanswered writes. Beyond it the answer is BUSY.
constexpr size_t kUnwrittenBytesMax = 128 * 1024 * 1024;
constexpr int kAttemptsMax = 5;
// A server that takes longer for one chunk counts as failed.
constexpr absl::Duration kPutTimeout = absl::Seconds(8);
// Shorter than kChunkWriteDeadline by the time that answering takes.
constexpr absl::Duration kPatience = absl::Seconds(25);

v1::ChunkRequest PutRequest(const WritePlace& place, const std::string& bytes, uint64_t checksum) {
  v1::ChunkRequest request;
  v1::PutChunk* const put = request.mutable_put();
  put->mutable_key()->set_volume(place.volume);
  put->mutable_key()->set_chunk(place.chunk);
  put->set_bytes(bytes);
  put->set_checksum(checksum);
  return request;
}

// The error that users read after the last attempt failed.
absl::Status FinalStatus(const absl::Status& status) {
  const FailCode code = FailCodeOf(status);
  if (code == FailCode::kNoSpace || code == FailCode::kBusy || code == FailCode::kUnavailable) {
    return HasFailCode(status) ? status : Fail(code, status.message());
  }
  return Fail(FailCode::kUnavailable,
              "the data servers did not take these bytes; try again in a moment");
}

}  // namespace

struct ReplicaWriter::Task {
  std::string bytes;
  uint64_t checksum = 0;
  ClassPreference preference = ClassPreference::kNone;
  ChunkLayer::WriteDone done;
  absl::Duration deadline;

  absl::Mutex mu;
  WritePlace place ABSL_GUARDED_BY(mu);
  int attempt ABSL_GUARDED_BY(mu) = 0;
  size_t unanswered ABSL_GUARDED_BY(mu) = 0;  // In this attempt.
  bool failed ABSL_GUARDED_BY(mu) = false;    // This attempt failed; another follows.
  absl::Status last_failure ABSL_GUARDED_BY(mu);
};

void ReplicaWriter::Write(std::string bytes, ClassPreference preference,
                          ChunkLayer::WriteDone done) {
  auto task = std::make_shared<Task>();
  task->checksum = XXH3_64bits(bytes.data(), bytes.size());
  task->bytes = std::move(bytes);
  task->preference = preference;
  task->done = std::move(done);
  task->deadline = deps_.clock->Elapsed() + kPatience;
  absl::Status refusal;
  {
    absl::MutexLock lock(&mu_);
    if (stopped_) {
      refusal = Fail(FailCode::kUnavailable, "storage is stopping; try again in a moment");
    } else if (bytes_ + task->bytes.size() > kUnwrittenBytesMax) {
      refusal = Fail(FailCode::kBusy, "storage is busy; try again in a moment");
    } else {
      bytes_ += task->bytes.size();
    }
  }
  if (!refusal.ok()) return task->done(refusal);
  Begin(task);
}

void ReplicaWriter::Begin(const TaskPtr& task) {
  auto begun = deps_.state->BeginWrite(task->preference, static_cast<uint32_t>(task->bytes.size()));
  if (!begun.ok()) return End(task, begun.status());
  if (!begun->has_value()) return Wait(task);
  const WritePlace place = **begun;
  int attempt = 0;
  {
    absl::MutexLock lock(&task->mu);
    task->place = place;
    attempt = ++task->attempt;
    task->unanswered = place.servers.size();
    task->failed = false;
  }
  const absl::Duration left = task->deadline - deps_.clock->Elapsed();
  const absl::Duration timeout = std::clamp(left, absl::Seconds(1), kPutTimeout);
  for (const NodeId server : place.servers) {
    deps_.hub->Ask(server, PutRequest(place, task->bytes, task->checksum),
                   ServerHub::Priority::kClient, timeout,
                   [this, task, attempt, server](const auto& response) {
                     OnPut(task, attempt, server, response.status());
                   });
  }
}

void ReplicaWriter::OnPut(const TaskPtr& task, int attempt, NodeId server,
                          const absl::Status& status) {
  WritePlace place;
  bool is_first_failure = false;
  bool is_over = false;
  {
    absl::MutexLock lock(&task->mu);
    if (task->attempt != attempt || task->failed) return;  // The chunk has a newer name.
    --task->unanswered;
    place = task->place;
    if (!status.ok()) {
      task->failed = is_first_failure = true;
      task->last_failure = status;
      is_over = attempt >= kAttemptsMax && FailCodeOf(status) != FailCode::kBusy;
    } else if (task->unanswered > 0) {
      return;
    }
  }
  const auto bytes = static_cast<uint32_t>(task->bytes.size());
  deps_.state->EndWrite(place, bytes, status, server);
  if (!is_first_failure) return End(task, ChunkRef{place.volume, place.chunk, bytes});
  if (is_over) return End(task, FinalStatus(status));
  Wait(task);
}

void ReplicaWriter::Wait(const TaskPtr& task) {
  {
    absl::MutexLock lock(&mu_);
    if (!stopped_) {
      waiting_.push_back(task);
      deps_.wake();
      return;
    }
  }
  End(task, Fail(FailCode::kUnavailable, "storage is stopping; try again in a moment"));
}

void ReplicaWriter::Tick() {
  std::deque<TaskPtr> waiting;
  {
    absl::MutexLock lock(&mu_);
    waiting.swap(waiting_);
  }
  const absl::Duration now = deps_.clock->Elapsed();
  for (const TaskPtr& task : waiting) {
    if (now < task->deadline) {
      Begin(task);
      continue;
    }
    absl::Status why;
    {
      absl::MutexLock lock(&task->mu);
      why = task->last_failure;
    }
    End(task, why.ok() ? Fail(FailCode::kUnavailable, "no data server takes bytes now; try later")
                       : FinalStatus(why));
  }
}

void ReplicaWriter::End(const TaskPtr& task, absl::StatusOr<ChunkRef> result) {
  {
    absl::MutexLock lock(&mu_);
    bytes_ -= task->bytes.size();
  }
  task->done(std::move(result));
}

void ReplicaWriter::Stop() {
  std::deque<TaskPtr> waiting;
  {
    absl::MutexLock lock(&mu_);
    stopped_ = true;
    waiting.swap(waiting_);
  }
  for (const TaskPtr& task : waiting) {
    End(task, Fail(FailCode::kUnavailable, "storage is stopping; try again in a moment"));
  }
}

}  // namespace convergia::datamgr
