#include "common/store/testing/mem_store.h"

#include <utility>

#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "common/store/commit_rules.h"

namespace convergia::store {

class MemStore::MemSnapshot final : public Snapshot {
 public:
  MemSnapshot(const MemStore* store, std::shared_ptr<Rows> rows)
      : store_(store), rows_(std::move(rows)) {}

  ~MemSnapshot() override {
    absl::MutexLock lock(&store_->mu_);
    --rows_->readers;
  }

  Revision revision() const override { return rows_->revision; }

  absl::StatusOr<std::optional<KeyValue>> Get(absl::string_view key) const override {
    return Find(*rows_, key);
  }

  absl::StatusOr<Page> Scan(absl::string_view begin, absl::string_view end,
                            int limit) const override {
    if (limit < 1) return absl::InvalidArgumentError("a scan's limit must be at least 1");
    const size_t rows_max = std::min(limit, limits::kStorePageRowsMax);
    Page page;
    page.revision = rows_->revision;
    size_t bytes = 0;
    for (auto it = rows_->map.lower_bound(begin);
         it != rows_->map.end() && (end.empty() || it->first < end); ++it) {
      if (page.rows.size() >= rows_max || bytes >= limits::kStorePageBytesMax) {
        page.next = it->first;
        break;
      }
      bytes += it->first.size() + it->second.value.size();
      page.rows.push_back({it->first, it->second.value, it->second.version});
    }
    return page;
  }

 private:
  const MemStore* const store_;
  const std::shared_ptr<Rows> rows_;
};

MemStore::MemStore(const HistoryBounds& history)
    : hub_(history, /*next=*/1), rows_(std::make_shared<Rows>()) {}

void MemStore::BreakNextCommit(bool done) {
  absl::MutexLock lock(&mu_);
  health_ = done ? Health::kBreaksDone : Health::kBreaksUndone;
}

std::optional<KeyValue> MemStore::Find(const Rows& rows, absl::string_view key) {
  const auto it = rows.map.find(key);
  if (it == rows.map.end()) return std::nullopt;
  return KeyValue{it->first, it->second.value, it->second.version};
}

absl::StatusOr<std::optional<KeyValue>> MemStore::Get(absl::string_view key) const {
  absl::MutexLock lock(&mu_);
  return Find(*rows_, key);
}

std::unique_ptr<Snapshot> MemStore::TakeSnapshot() const {
  absl::MutexLock lock(&mu_);
  ++rows_->readers;
  return std::make_unique<MemSnapshot>(this, rows_);
}

void MemStore::CommitAsync(Batch batch, CommitCallback done) {
  absl::StatusOr<Revision> outcome;
  {
    absl::MutexLock lock(&mu_);
    outcome = CommitLocked(batch);
  }
  done(std::move(outcome));
}

absl::StatusOr<Revision> MemStore::CommitLocked(const Batch& batch) {
  CVG_RETURN_IF_ERROR(ValidateBatch(batch));
  if (health_ == Health::kStopped) {
    return absl::FailedPreconditionError("the store is stopped; no commit is possible");
  }
  if (health_ == Health::kFenced) {
    return absl::FailedPreconditionError("an earlier write failed; no commit is possible");
  }
  const bool breaks = health_ != Health::kWell;
  if (breaks) {
    const bool is_done = health_ == Health::kBreaksDone;
    health_ = Health::kFenced;
    if (!is_done) return absl::UnknownError("the disk failed under this commit");
  }
  CVG_ASSIGN_OR_RETURN(const auto changes,
                       DecideCommit(batch, [&](absl::string_view key) -> absl::StatusOr<Revision> {
                         const auto it = rows_->map.find(key);
                         return it == rows_->map.end() ? 0 : it->second.version;
                       }));
  if (!changes.empty()) Apply(changes);
  if (breaks) return absl::UnknownError("the disk failed under this commit");
  return rows_->revision;
}

void MemStore::Apply(const std::vector<const Mutation*>& changes) {
  if (rows_->readers > 0) {
    auto copy = std::make_shared<Rows>();
    copy->map = rows_->map;
    copy->revision = rows_->revision;
    rows_ = std::move(copy);
  }
  const Revision revision = ++rows_->revision;
  for (const Mutation* change : changes) {
    if (change->kind == Mutation::Kind::kDelete) {
      rows_->map.erase(change->key);
    } else {
      rows_->map[change->key] = {change->value, revision};
    }
  }
  hub_.Append(MakeEvents(changes, revision));
}

absl::StatusOr<std::unique_ptr<Watcher>> MemStore::Watch(absl::string_view prefix,
                                                         Revision from_revision,
                                                         WatchCallback callback) {
  return hub_.Watch(prefix, from_revision, std::move(callback));
}

void MemStore::Stop() {
  absl::MutexLock lock(&mu_);
  health_ = Health::kStopped;
}

}  // namespace convergia::store
