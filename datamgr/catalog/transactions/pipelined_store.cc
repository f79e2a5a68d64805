#include "datamgr/catalog/transactions/pipelined_store.h"

#include <glog/logging.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"

namespace convergia::datamgr {
namespace {

// More than a disk takes with one sync, and less than the store lets wait.
constexpr size_t kCommitsAheadMax = 1'000;
constexpr size_t kBytesAheadMax = 16 * 1024 * 1024;
// One scan considers at most this many changes that are not durable, besides the wanted rows.
constexpr size_t kChangesPerScan = 200;

// The versions of rows that are not in the store yet. They are greater than any in the store.
constexpr store::Revision kVersionsAhead = store::Revision{1} << 62;

size_t BytesOf(const std::vector<store::Mutation>& mutations) {
  size_t bytes = 0;
  for (const store::Mutation& mutation : mutations) {
    bytes += sizeof(store::Mutation) + 2 * mutation.key.size() + mutation.value.size();
  }
  return bytes;
}

absl::Status Conflict(absl::string_view key) {
  return absl::AbortedError(absl::StrCat("a row has changed meanwhile: ", key.substr(0, 3)));
}

}  // namespace

PipelinedStore::~PipelinedStore() { Flush(); }

absl::StatusOr<std::optional<store::KeyValue>> PipelinedStore::Get(absl::string_view key) const {
  {
    absl::MutexLock lock(&mu_);
    if (const auto found = ahead_.find(key); found != ahead_.end()) {
      const Change& change = found->second;
      Touch(key, change.value.has_value() ? change.value->size() : 0);
      if (!change.value.has_value()) return std::nullopt;
      return store::KeyValue{std::string(key), *change.value, kVersionsAhead + change.commit};
    }
  }
  // A change leaves `ahead_` only after it is in the store, so this order misses no change.
  CVG_ASSIGN_OR_RETURN(std::optional<store::KeyValue> row, store_.Get(key));
  Touch(key, row.has_value() ? row->value.size() : 0);
  return row;
}

std::vector<PipelinedStore::Ahead> PipelinedStore::AheadIn(absl::string_view begin,
                                                           absl::string_view end, size_t limit,
                                                           std::string* next) const {
  std::vector<Ahead> rows;
  absl::MutexLock lock(&mu_);
  for (auto at = ahead_.lower_bound(begin); at != ahead_.end() && (end.empty() || at->first < end);
       ++at) {
    if (rows.size() == limit) {
      *next = at->first;
      break;
    }
    Touch(at->first, at->second.value.has_value() ? at->second.value->size() : 0);
    rows.push_back({at->first, at->second});
  }
  return rows;
}

absl::StatusOr<store::Page> PipelinedStore::ScanOnce(absl::string_view begin, absl::string_view end,
                                                     int limit) const {
  // If there are very many changes, this page covers only the rows before `cut`.
  std::string cut;
  std::vector<Ahead> ahead =
      AheadIn(begin, end, static_cast<size_t>(limit) + kChangesPerScan, &cut);
  if (!cut.empty()) end = cut;
  // Each change may hide a row of the store, so ask for that many more.
  const int wanted = static_cast<int>(
      std::min<size_t>(limits::kStorePageRowsMax, static_cast<size_t>(limit) + ahead.size()));
  CVG_ASSIGN_OR_RETURN(store::Page below, store_.Scan(begin, end, wanted));
  for (const store::KeyValue& row : below.rows) Touch(row.key, row.value.size());
  if (ahead.empty()) return below;
  store::Page page;
  page.revision = below.revision;
  page.next = below.next.empty() ? cut : below.next;
  const auto add = [&page, limit](store::KeyValue row) {
    if (page.rows.size() < static_cast<size_t>(limit)) {
      page.rows.push_back(std::move(row));
      return true;
    }
    page.next = row.key;
    return false;
  };
  auto low = below.rows.begin();
  for (Ahead& row : ahead) {
    if (!below.next.empty() && row.key >= below.next) break;
    for (; low != below.rows.end() && low->key < row.key; ++low) {
      if (!add(std::move(*low))) return page;
    }
    if (low != below.rows.end() && low->key == row.key) ++low;
    if (!row.change.value.has_value()) continue;
    if (!add({row.key, *std::move(row.change.value), kVersionsAhead + row.change.commit})) {
      return page;
    }
  }
  for (; low != below.rows.end(); ++low) {
    if (!add(std::move(*low))) return page;
  }
  return page;
}

absl::StatusOr<store::Page> PipelinedStore::Scan(absl::string_view begin, absl::string_view end,
                                                 int limit) const {
  if (limit < 1) return absl::InvalidArgumentError("a scan's limit must be at least 1");
  CVG_ASSIGN_OR_RETURN(store::Page page, ScanOnce(begin, end, limit));
  // A page may be short because its rows are deleted or very much has changed. Only the last page
  // may have fewer rows than `limit`.
  while (page.rows.size() < static_cast<size_t>(limit) && !page.next.empty()) {
    const std::string next = std::move(page.next);
    CVG_ASSIGN_OR_RETURN(store::Page more,
                         ScanOnce(next, end, limit - static_cast<int>(page.rows.size())));
    std::move(more.rows.begin(), more.rows.end(), std::back_inserter(page.rows));
    page.next = std::move(more.next);
  }
  return page;
}

absl::Status PipelinedStore::ForEach(
    absl::string_view prefix, absl::FunctionRef<absl::Status(const store::KeyValue&)> visit) const {
  const std::string end = store::PrefixEnd(prefix);
  std::string next(prefix);
  do {
    CVG_ASSIGN_OR_RETURN(store::Page page, Scan(next, end, limits::kStorePageRowsMax));
    for (const store::KeyValue& row : page.rows) CVG_RETURN_IF_ERROR(visit(row));
    next = std::move(page.next);
  } while (!next.empty());
  return absl::OkStatus();
}

absl::Status PipelinedStore::CheckGuards(const store::Batch& batch) const {
  for (const store::Guard& guard : batch.guards) {
    CVG_ASSIGN_OR_RETURN(const std::optional<store::KeyValue> row, Get(guard.key));
    const store::Revision version = row.has_value() ? row->version : 0;
    bool holds = false;
    switch (guard.kind) {
      case store::Guard::Kind::kAbsent:
        holds = version == 0;
        break;
      case store::Guard::Kind::kPresent:
        holds = version != 0;
        break;
      case store::Guard::Kind::kVersion: {
        // The row was ahead when it was read. It is in the store now, under the version it got
        // there.
        const bool has_landed =
            guard.version >= kVersionsAhead && version != 0 && version < kVersionsAhead;
        holds = version == guard.version || has_landed;
        break;
      }
    }
    if (!holds) return Conflict(guard.key);
  }
  return absl::OkStatus();
}

absl::Status PipelinedStore::Commit(store::Batch batch) {
  CVG_RETURN_IF_ERROR(store::ValidateBatch(batch));
  CVG_RETURN_IF_ERROR(CheckGuards(batch));
  // Only this class changes these rows, so the guards hold until the store applies the batch. The
  // store must not refuse a commit that later commits build on.
  batch.guards.clear();
  std::vector<store::Mutation> mutations = batch.mutations;
  for (const store::Mutation& mutation : mutations) Touch(mutation.key, mutation.value.size());
  uint64_t commit = 0;
  {
    absl::MutexLock lock(&mu_);
    mu_.Await(absl::Condition(this, &PipelinedStore::HasRoom));
    commit = ++last_commit_;
    early_.reset();
  }
  store_.CommitAsync(std::move(batch), [this, commit](absl::StatusOr<store::Revision> outcome) {
    OnOutcome(commit, outcome.status());
  });
  absl::MutexLock lock(&mu_);
  if (early_.has_value()) return *early_;
  TakeAhead(std::move(mutations));
  return absl::OkStatus();
}

void PipelinedStore::TakeAhead(std::vector<store::Mutation> mutations) {
  Pending pending{.commit = last_commit_, .bytes = BytesOf(mutations)};
  for (store::Mutation& mutation : mutations) {
    Change change{.commit = last_commit_};
    if (mutation.kind == store::Mutation::Kind::kPut) change.value = std::move(mutation.value);
    ahead_.insert_or_assign(mutation.key, std::move(change));
    pending.keys.push_back(std::move(mutation.key));
  }
  pending_bytes_ += pending.bytes;
  pending_.push_back(std::move(pending));
}

void PipelinedStore::OnOutcome(uint64_t commit, const absl::Status& outcome) {
  std::vector<Durable> waiting;
  {
    absl::MutexLock lock(&mu_);
    if (pending_.empty() || pending_.front().commit != commit) {
      CHECK_EQ(commit, last_commit_) << "commits of the catalog were answered out of order";
      early_ = outcome;
      return;
    }
    CHECK(outcome.ok() || absl::IsUnknown(outcome) || store::IsFenced(outcome))
        << "a commit of the catalog that others are built on was refused: " << outcome;
    Pending& done = pending_.front();
    for (const std::string& key : done.keys) {
      const auto at = ahead_.find(key);
      if (at != ahead_.end() && at->second.commit == commit) ahead_.erase(at);
    }
    waiting = std::move(done.waiting);
    pending_bytes_ -= done.bytes;
    pending_.pop_front();
    is_telling_ = true;
  }
  for (Durable& durable : waiting) durable(outcome);
  absl::MutexLock lock(&mu_);
  is_telling_ = false;
}

void PipelinedStore::WhenDurable(Durable done) {
  {
    absl::MutexLock lock(&mu_);
    if (!pending_.empty()) {
      pending_.back().waiting.push_back(std::move(done));
      return;
    }
  }
  done(absl::OkStatus());
}

bool PipelinedStore::HasRoom() const {
  return pending_.size() < kCommitsAheadMax && pending_bytes_ < kBytesAheadMax;
}

void PipelinedStore::Flush() {
  absl::MutexLock lock(&mu_);
  mu_.Await(absl::Condition(this, &PipelinedStore::IsQuiet));
}

}  // namespace convergia::datamgr
