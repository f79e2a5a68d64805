#include "edge/directory.h"

#include <algorithm>

#include "absl/memory/memory.h"
#include "common/base/limits.h"
#include "xxhash.h"

namespace convergia::edge {
namespace {

uint64_t HashOf(absl::string_view user) { return XXH3_64bits(user.data(), user.size()); }

}  // namespace

Directory::Directory() : rows_(std::make_unique<Rows>()) {}
Directory::~Directory() = default;

Places Directory::Find(absl::string_view user) const {
  const uint64_t hash = HashOf(user);
  const Place first{static_cast<uint32_t>(hash >> 32), static_cast<uint32_t>(hash), 0};
  const size_t at = RowOf(hash);
  Places places;
  absl::MutexLock lock(&LockOf(at));
  const Row& row = (*rows_)[at];
  for (auto place = std::lower_bound(row.begin(), row.end(), first);
       place != row.end() && place->high == first.high && place->low == first.low; ++place) {
    places.push_back(place->edge);
  }
  return places;
}

uint32_t Directory::version(absl::string_view user) const {
  return versions_[RowOf(HashOf(user))].load(std::memory_order_acquire);
}

Directory::Step Directory::Begin(const Position& position, bool whole) {
  if (whole) {
    // The first part of a whole, or one that takes the place of another mgmt's.
    if (staged_ == nullptr || position.epoch != position_.epoch) {
      staged_ = std::make_unique<Rows>();
    }
    position_ = position;
    return Step::kApply;
  }
  if (position.epoch != position_.epoch) return Step::kGap;
  if (position.sequence <= position_.sequence) return Step::kIgnore;
  if (position.sequence != position_.sequence + 1) return Step::kGap;
  position_ = position;
  return Step::kApply;
}

void Directory::Change(Row* row, uint64_t hash, absl::Span<const NodeId> edges) {
  const Place first{static_cast<uint32_t>(hash >> 32), static_cast<uint32_t>(hash), 0};
  const auto same = [&](const Place& place) {
    return place.high == first.high && place.low == first.low;
  };
  auto begin = std::lower_bound(row->begin(), row->end(), first);
  begin = row->erase(begin, std::find_if_not(begin, row->end(), same));
  const size_t count = std::min<size_t>(edges.size(), limits::kSessionsPerUserMax);
  if (count == 0) return;
  const size_t at = begin - row->begin();
  // An eighth more than needed, where a vector would double: memory is counted here.
  if (row->size() + count > row->capacity()) row->reserve(row->size() + row->size() / 8 + count);
  row->insert(row->begin() + at, count, first);
  for (size_t i = 0; i < count; ++i) (*row)[at + i].edge = edges[i];
  std::sort(row->begin() + at, row->begin() + at + count);
}

void Directory::Set(absl::string_view user, absl::Span<const NodeId> edges) {
  const uint64_t hash = HashOf(user);
  const size_t at = RowOf(hash);
  if (staged_ != nullptr) return Change(&(*staged_)[at], hash, edges);
  absl::MutexLock lock(&LockOf(at));
  Change(&(*rows_)[at], hash, edges);
  versions_[at].fetch_add(1, std::memory_order_release);
}

void Directory::EraseEdge(Row* row, NodeId edge) {
  row->erase(std::remove_if(row->begin(), row->end(),
                            [&](const Place& place) { return place.edge == edge; }),
             row->end());
}

void Directory::RemoveEdge(NodeId edge) {
  for (size_t at = 0; at < kRows; ++at) {
    if (staged_ != nullptr) {
      EraseEdge(&(*staged_)[at], edge);
      continue;
    }
    absl::MutexLock lock(&LockOf(at));
    EraseEdge(&(*rows_)[at], edge);
    versions_[at].fetch_add(1, std::memory_order_release);
  }
}

void Directory::End(bool more) {
  if (staged_ != nullptr && !more) UseStaged();
}

void Directory::UseStaged() {
  for (size_t at = 0; at < kRows; ++at) {
    absl::MutexLock lock(&LockOf(at));
    (*rows_)[at].swap((*staged_)[at]);
    versions_[at].fetch_add(1, std::memory_order_release);
  }
  staged_ = nullptr;
}

void Directory::OnDetached() {
  if (staged_ == nullptr) return;
  staged_ = nullptr;
  position_ = {};  // Of the half that was forgotten: nothing follows it.
}

size_t Directory::size() const {
  size_t size = 0;
  for (size_t at = 0; at < kRows; ++at) {
    absl::MutexLock lock(&LockOf(at));
    size += (*rows_)[at].size();
  }
  return size;
}

size_t Directory::bytes() const {
  size_t bytes = sizeof(Rows) + sizeof(versions_);
  for (size_t at = 0; at < kRows; ++at) {
    absl::MutexLock lock(&LockOf(at));
    bytes += (*rows_)[at].capacity() * sizeof(Place);
  }
  return bytes;
}

}  // namespace convergia::edge
