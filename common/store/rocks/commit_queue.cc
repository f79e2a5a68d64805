#include "common/store/rocks/commit_queue.h"

#include <glog/logging.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"

namespace convergia::store {
namespace {

constexpr size_t kGroupCommitsMax = 1000;

size_t BytesOf(const Batch& batch) {
  size_t bytes = sizeof(Batch);
  for (const Guard& guard : batch.guards) bytes += sizeof(Guard) + guard.key.size();
  for (const Mutation& mutation : batch.mutations) {
    bytes += sizeof(Mutation) + mutation.key.size() + mutation.value.size();
  }
  return bytes;
}

}  // namespace

CommitQueue::CommitQueue(WriteGroup write_group, size_t group_bytes)
    : write_group_(std::move(write_group)),
      group_bytes_(group_bytes),
      thread_([this] { WriteLoop(); }) {}

CommitQueue::~CommitQueue() { Stop(); }

void CommitQueue::Add(Batch batch, CommitCallback done) {
  Pending pending{std::move(batch), 0, std::move(done)};
  if (absl::Status refused = Admit(pending); !refused.ok()) pending.done(std::move(refused));
}

absl::Status CommitQueue::Admit(Pending& pending) {
  CVG_RETURN_IF_ERROR(ValidateBatch(pending.batch));
  pending.bytes = BytesOf(pending.batch);
  absl::MutexLock lock(&mu_);
  CVG_RETURN_IF_ERROR(fenced_);
  if (stopped_) {
    return absl::FailedPreconditionError("the store is stopped; no commit is possible");
  }
  if (waiting_.size() >= limits::kStoreCommitsWaitingMax ||
      waiting_bytes_ + pending.bytes > limits::kStoreWaitingBytesMax) {
    return absl::ResourceExhaustedError("too many commits wait for the disk; try again later");
  }
  waiting_bytes_ += pending.bytes;
  waiting_.push_back(std::move(pending));
  return absl::OkStatus();
}

void CommitQueue::Stop() {
  {
    absl::MutexLock lock(&mu_);
    stopped_ = true;
  }
  CHECK(std::this_thread::get_id() != thread_.get_id()) << "Stop() from a commit's callback";
  absl::MutexLock lock(&join_mu_);
  if (thread_.joinable()) thread_.join();
}

bool CommitQueue::NextFits(size_t commits, size_t bytes) const {
  if (waiting_.empty() || commits >= kGroupCommitsMax) return false;
  return commits == 0 || bytes + waiting_.front().bytes <= group_bytes_;
}

std::vector<CommitQueue::Pending> CommitQueue::TakeGroup() {
  std::vector<Pending> group;
  size_t bytes = 0;
  absl::MutexLock lock(&mu_);
  mu_.Await(absl::Condition(this, &CommitQueue::HasWorkOrStopped));
  while (NextFits(group.size(), bytes)) {
    bytes += waiting_.front().bytes;
    group.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
  waiting_bytes_ -= bytes;
  return group;
}

void CommitQueue::WriteLoop() {
  while (true) {
    std::vector<Pending> group = TakeGroup();
    if (group.empty()) return;
    WriteOnce(std::move(group));
  }
}

void CommitQueue::WriteOnce(std::vector<Pending> group) {
  absl::Status fenced;
  {
    absl::MutexLock lock(&mu_);
    fenced = fenced_;
  }
  std::vector<absl::StatusOr<Revision>> outcomes;
  outcomes.reserve(group.size());
  if (!fenced.ok()) {
    outcomes.assign(group.size(), fenced);
  } else {
    std::vector<const Batch*> batches;
    batches.reserve(group.size());
    for (const Pending& pending : group) batches.push_back(&pending.batch);
    if (const absl::Status written = write_group_(batches, &outcomes); !written.ok()) {
      LOG(ERROR) << "the store refuses all commits from here on: " << written;
      const bool is_nowhere = IsFenced(written);
      absl::MutexLock lock(&mu_);
      fenced_ = is_nowhere ? written
                           : absl::FailedPreconditionError(
                                 absl::StrCat("an earlier write failed (", written.message(),
                                              "); look after the disk and restart this program"));
      outcomes.assign(group.size(), is_nowhere ? written : absl::UnknownError(written.message()));
    }
  }
  CHECK_EQ(outcomes.size(), group.size());
  for (size_t i = 0; i < group.size(); ++i) group[i].done(std::move(outcomes[i]));
}

}  // namespace convergia::store
