#include "dataserver/store/chunks/chunk_writer.h"

#include <glog/logging.h>

#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "common/base/fail.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"

namespace convergia::dataserver {
namespace {

// The cost of a waiting task besides its bytes.
constexpr size_t kTaskBytes = 512;

}  // namespace

ChunkWriter::ChunkWriter(const StoreParts& parts, uint64_t segment_bytes)
    : parts_(parts),
      segment_bytes_(segment_bytes),
      active_({.disk = parts.disk,
               .files = parts.files,
               .ledger = parts.ledger,
               .segment_bytes = segment_bytes}) {
  thread_ = std::thread([this] { Loop(); });
}

ChunkWriter::~ChunkWriter() { Stop(); }

void ChunkWriter::Stop() {
  {
    absl::MutexLock lock(&mu_);
    stopped_ = true;
  }
  if (thread_.joinable()) thread_.join();
}

void ChunkWriter::Put(NewChunk chunk, DoneCallback done) {
  Task task;
  task.bytes = chunk.bytes.size();
  task.change = [chunk = std::move(chunk)](WriteGroup& group) { return group.Put(chunk); };
  task.done = std::move(done);
  Add(std::move(task), /*is_bounded=*/true);
}

void ChunkWriter::Delete(std::vector<ChunkKey> keys, DoneCallback done) {
  Task task;
  task.bytes = keys.size() * RecordBytes(0);
  task.change = [keys = std::move(keys)](WriteGroup& group) {
    for (const ChunkKey& key : keys) CVG_RETURN_IF_ERROR(group.Delete(key));
    return absl::OkStatus();
  };
  task.done = std::move(done);
  Add(std::move(task), /*is_bounded=*/true);
}

void ChunkWriter::DropVolume(uint64_t volume, DoneCallback done) {
  Task task;
  task.alone = [this, volume] { return DropNow(volume); };
  task.done = std::move(done);
  Add(std::move(task), /*is_bounded=*/true);
}

void ChunkWriter::ReportBad(const ChunkKey& key, const ChunkRow& row, const std::string& reason) {
  Task task;
  task.change = [=](WriteGroup& group) { return group.MarkBad(key, row, reason); };
  task.done = [](const absl::Status&) {};
  Add(std::move(task), /*is_bounded=*/true);
}

absl::Status ChunkWriter::Seal(uint64_t volume) {
  Task task;
  task.alone = [this, volume] {
    active_.Seal(volume);
    while (const auto open = parts_.ledger->FindOpen(volume)) {
      parts_.ledger->SetUse(open->first, SegmentUse::kSealed);
    }
    return absl::OkStatus();
  };
  return Await(std::move(task));
}

std::optional<std::pair<SegmentId, SegmentRow>> ChunkWriter::LendOpen(uint64_t volume,
                                                                      uint64_t record_bytes) {
  std::optional<std::pair<SegmentId, SegmentRow>> lent;
  Task task;
  task.alone = [this, volume, record_bytes, &lent] {
    const auto open = parts_.ledger->FindOpen(volume);
    if (open.has_value() && open->second.file_bytes + record_bytes <= segment_bytes_) {
      parts_.ledger->SetUse(open->first, SegmentUse::kTarget);
      lent.emplace(open->first, open->second.row);
    }
    return absl::OkStatus();
  };
  // A stopped writer lends nothing.
  Await(std::move(task)).IgnoreError();
  return lent;
}

absl::Status ChunkWriter::Move(std::vector<MovedRecord> records, SegmentId segment,
                               const SegmentRow& row) {
  Task task;
  task.change = [records = std::move(records), segment, row](WriteGroup& group) {
    return group.Move(records, segment, row);
  };
  return Await(std::move(task));
}

absl::Status ChunkWriter::Retire(SegmentId segment, uint64_t volume,
                                 std::vector<std::pair<ChunkKey, ChunkRow>> tombstones) {
  Task task;
  task.alone = [this, segment, volume, tombstones = std::move(tombstones)] {
    return RetireNow(segment, volume, tombstones);
  };
  return Await(std::move(task));
}

absl::Status ChunkWriter::ReleaseReserve() {
  Task task;
  task.alone = [this] { return parts_.space->ReleaseReserve(); };
  return Await(std::move(task));
}

absl::Status ChunkWriter::TakeReserve() {
  Task task;
  task.alone = [this]() -> absl::Status {
    CVG_ASSIGN_OR_RETURN(const SpaceView view, parts_.space->View());
    return MayTakeReserve(view) ? parts_.space->TakeReserve() : absl::OkStatus();
  };
  return Await(std::move(task));
}

void ChunkWriter::Add(Task task, bool is_bounded) {
  absl::Status refused;
  task.bytes += kTaskBytes;
  {
    absl::MutexLock lock(&mu_);
    if (stopped_) {
      refused = absl::UnavailableError("this data server is stopping");
    } else if (is_bounded && waiting_bytes_ + task.bytes > limits::kChunksWaitingBytesMax) {
      refused = Fail(FailCode::kBusy, "this data server's disk is behind; try again in a moment");
    } else {
      waiting_bytes_ += task.bytes;
      tasks_.push_back(std::move(task));
      return;
    }
  }
  task.done(refused);
}

absl::Status ChunkWriter::Await(Task task) {
  // Shared, because the waiter may return while the writer is still in Notify().
  struct Answer {
    absl::Notification given;
    absl::Status status;
  };
  const auto answer = std::make_shared<Answer>();
  task.done = [answer](absl::Status status) {
    answer->status = std::move(status);
    answer->given.Notify();
  };
  Add(std::move(task), /*is_bounded=*/false);
  answer->given.WaitForNotification();
  return answer->status;
}

std::vector<ChunkWriter::Task> ChunkWriter::Take() {
  absl::MutexLock lock(&mu_);
  mu_.Await(absl::Condition(this, &ChunkWriter::HasWorkOrStopped));
  std::vector<Task> tasks;
  size_t bytes = 0;
  while (!tasks_.empty() && bytes < limits::kChunkGroupBytesMax) {
    const bool is_alone = tasks_.front().alone != nullptr;
    if (is_alone && !tasks.empty()) break;
    bytes += tasks_.front().bytes;
    tasks.push_back(std::move(tasks_.front()));
    tasks_.pop_front();
    if (is_alone) break;
  }
  waiting_bytes_ -= bytes;
  return tasks;
}

void ChunkWriter::Loop() {
  while (true) {
    std::vector<Task> tasks = Take();
    if (tasks.empty()) return;
    Run(std::move(tasks));
  }
}

void ChunkWriter::Run(std::vector<Task> tasks) {
  if (tasks.front().alone != nullptr) {
    tasks.front().done(tasks.front().alone());
    return;
  }
  WriteGroup group(parts_, &active_);
  std::vector<absl::Status> outcomes;
  for (Task& task : tasks) outcomes.push_back(task.change(group));
  const absl::Status committed = group.Commit();
  for (size_t i = 0; i < tasks.size(); ++i) {
    tasks[i].done(outcomes[i].ok() ? committed : outcomes[i]);
  }
}

absl::Status ChunkWriter::DropNow(uint64_t volume) {
  CVG_RETURN_IF_ERROR(parts_.health->Writable());
  const std::vector<SegmentId> segments = parts_.ledger->SegmentsOf(volume);
  ChunkIndex::Batch batch;
  for (const SegmentId segment : segments) {
    const auto entry = parts_.ledger->Find(segment);
    if (entry.has_value() && entry->use == SegmentUse::kTarget) {
      return Fail(FailCode::kBusy, "this volume is being compacted; try again in a moment");
    }
    batch.RemoveSegment(segment);
  }
  active_.Drop(volume);
  batch.RemoveVolume(volume);
  // Remove the rows first, durably: a row without a file is damage. After a crash, a file without
  // rows only means that the volume was not dropped.
  if (const absl::Status written = parts_.index->WriteDurably(std::move(batch)); !written.ok()) {
    if (!disk::IsNoSpace(written)) parts_.health->SetReadOnly(written.message());
    return written;
  }
  parts_.ledger->ForgetVolume(volume);
  for (const SegmentId segment : segments) parts_.ledger->RemoveSegment(segment);
  return RemoveFiles(volume, segments);
}

absl::Status ChunkWriter::RemoveFiles(uint64_t volume, absl::Span<const SegmentId> segments) {
  absl::Status failed;
  for (const SegmentId segment : segments) {
    const absl::Status gone = parts_.disk->Remove(parts_.files->PathOf(volume, segment));
    if (!gone.ok() && !absl::IsNotFound(gone)) failed = gone;
    parts_.files->Forget(segment);
  }
  if (failed.ok()) failed = parts_.disk->SyncFolder(parts_.files->dir());
  // Only a restart can tell which files are gone.
  if (!failed.ok()) parts_.health->SetReadOnly(failed.message());
  return failed;
}

absl::Status ChunkWriter::RetireNow(SegmentId segment, uint64_t volume,
                                    const std::vector<std::pair<ChunkKey, ChunkRow>>& tombstones) {
  CVG_RETURN_IF_ERROR(parts_.health->Writable());
  uint64_t dropped_bytes = 0;
  for (const auto& [key, row] : tombstones) dropped_bytes += row.record_bytes();
  const auto entry = parts_.ledger->Find(segment);
  if (entry.has_value() && entry->live_bytes > dropped_bytes) {
    return absl::InternalError(
        absl::StrCat("segment ", segment, " is not removed: chunks still point to it"));
  }
  // First make durable where the records went: rows lost in a crash could be found only in
  // segments, and this one goes. Then remove the file durably, before the rows of its tombstones: a
  // record in it may need them.
  if (const absl::Status synced = parts_.index->Sync(); !synced.ok()) {
    if (!disk::IsNoSpace(synced)) parts_.health->SetReadOnly(synced.message());
    return synced;
  }
  CVG_RETURN_IF_ERROR(RemoveFiles(volume, {segment}));
  ChunkIndex::Batch batch;
  batch.RemoveSegment(segment);
  for (const auto& [key, row] : tombstones) {
    CVG_ASSIGN_OR_RETURN(const std::optional<ChunkRow> now, parts_.index->Find(key));
    if (now.has_value() && *now == row) batch.RemoveChunk(key);
  }
  CVG_RETURN_IF_ERROR(WriteIndex(std::move(batch)));
  parts_.ledger->RemoveSegment(segment);
  return absl::OkStatus();
}

absl::Status ChunkWriter::WriteIndex(ChunkIndex::Batch batch) {
  const absl::Status written = parts_.index->Write(std::move(batch));
  // The files are already gone; a restart makes index and disk agree.
  if (!written.ok()) parts_.health->SetReadOnly(written.message());
  return written;
}

}  // namespace convergia::dataserver
