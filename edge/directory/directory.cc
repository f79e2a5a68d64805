#include "edge/directory/directory.h"

#include <algorithm>
#include <utility>

namespace convergia::edge {

Directory::Directory() : rows_(std::make_unique<Rows>()) {}
Directory::~Directory() = default;

Places Directory::Find(absl::string_view user) const {
  const UserHash hash = HashOfUser(user);
  const Place first = MakePlace(hash, 0);
  const size_t at = BucketOf(hash);
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
  return versions_[BucketOf(HashOfUser(user))].load(std::memory_order_acquire);
}

bool Directory::Put(UserHash user, NodeId edge) {
  const Place place = MakePlace(user, edge);
  const size_t at = BucketOf(user);
  absl::MutexLock lock(&LockOf(at));
  Row& row = (*rows_)[at];
  auto next = std::lower_bound(row.begin(), row.end(), place);
  if (next != row.end() && *next == place) return false;
  if (row.size() == row.capacity()) {
    // An eighth more than needed, where a vector would double: memory is counted here.
    const size_t position = next - row.begin();
    row.reserve(row.size() + row.size() / 8 + 1);
    next = row.begin() + position;
  }
  row.insert(next, place);
  digests_[at] += PlaceDigest(user, edge);
  versions_[at].fetch_add(1, std::memory_order_release);
  return true;
}

bool Directory::Erase(UserHash user, NodeId edge) {
  const Place place = MakePlace(user, edge);
  const size_t at = BucketOf(user);
  {
    absl::MutexLock lock(&LockOf(at));
    Row& row = (*rows_)[at];
    const auto found = std::lower_bound(row.begin(), row.end(), place);
    if (found == row.end() || *found != place) return false;
    row.erase(found);
    digests_[at] -= PlaceDigest(user, edge);
    versions_[at].fetch_add(1, std::memory_order_release);
  }
  NoteLeft(user, edge);
  return true;
}

void Directory::NoteLeft(UserHash user, NodeId edge) {
  const absl::Duration now = absl::Milliseconds(now_ms_.load());
  absl::MutexLock lock(&left_mu_);
  const Left left(user, edge);
  left_[left] = now;
  left_in_order_.emplace_back(left, now);
  while (left_in_order_.size() > kLeftMax || now - left_in_order_.front().second > kLeftMemory) {
    const auto& [oldest, when] = left_in_order_.front();
    const auto found = left_.find(oldest);
    if (found != left_.end() && found->second == when) left_.erase(found);
    left_in_order_.pop_front();
  }
}

bool Directory::IsLost(NodeId edge) const {
  absl::MutexLock lock(&left_mu_);
  return lost_.contains(edge);
}

bool Directory::MaySendFrom(const std::string& user, NodeId edge) const {
  const Places places = Find(user);
  return std::find(places.begin(), places.end(), edge) != places.end() || IsLost(edge) ||
         LeftLately(user, edge);
}

void Directory::SetLost(NodeId edge, bool lost) {
  absl::MutexLock lock(&left_mu_);
  if (lost) {
    lost_.insert(edge);
  } else {
    lost_.erase(edge);
  }
}

bool Directory::LeftLately(absl::string_view user, NodeId edge) const {
  const Left left(HashOfUser(user), edge);
  const absl::Duration now = absl::Milliseconds(now_ms_.load());
  absl::MutexLock lock(&left_mu_);
  const auto found = left_.find(left);
  return found != left_.end() && now - found->second <= kLeftMemory;
}

void Directory::Become(size_t at, Row next) {
  uint64_t digest = 0;
  for (const Place& place : next) digest += PlaceDigest(place.user(), place.edge);
  digests_[at] = digest;
  absl::MutexLock lock(&LockOf(at));
  (*rows_)[at].swap(next);
  versions_[at].fetch_add(1, std::memory_order_release);
}

void Directory::EraseEdge(NodeId edge) {
  const auto is_there = [edge](const Place& place) { return place.edge == edge; };
  for (size_t at = 0; at < kRows; ++at) {
    const Row& row = (*rows_)[at];  // Only this thread writes.
    const size_t gone = std::count_if(row.begin(), row.end(), is_there);
    if (gone == 0) continue;
    Row next;
    next.reserve(row.size() - gone);
    std::remove_copy_if(row.begin(), row.end(), std::back_inserter(next), is_there);
    Become(at, std::move(next));
  }
}

void Directory::ReplaceEdge(NodeId edge, std::vector<UserHash> users) {
  std::sort(users.begin(), users.end(), [](UserHash a, UserHash b) {
    return std::make_pair(BucketOf(a), a) < std::make_pair(BucketOf(b), b);
  });
  users.erase(std::unique(users.begin(), users.end()), users.end());
  auto user = users.begin();
  Row then;
  for (size_t at = 0; at < kRows; ++at) {
    then.clear();
    for (; user != users.end() && BucketOf(*user) == at; ++user) {
      then.push_back(MakePlace(*user, edge));
    }
    const Row& row = (*rows_)[at];
    Row now, others;
    for (const Place& place : row) (place.edge == edge ? now : others).push_back(place);
    if (now == then) continue;
    Row next;
    next.reserve(others.size() + then.size());
    std::merge(others.begin(), others.end(), then.begin(), then.end(), std::back_inserter(next));
    Become(at, std::move(next));
  }
}

void Directory::ReplaceBucket(size_t bucket, absl::Span<const UserAt> places,
                              absl::FunctionRef<bool(NodeId)> keeps) {
  Row next;
  const Row& row = (*rows_)[bucket];
  next.reserve(places.size());
  for (const UserAt& place : places) {
    if (!keeps(place.edge)) next.push_back(MakePlace(place.user, place.edge));
  }
  for (const Place& place : row) {
    if (keeps(place.edge)) next.push_back(place);
  }
  std::sort(next.begin(), next.end());
  next.erase(std::unique(next.begin(), next.end()), next.end());
  Become(bucket, std::move(next));
}

std::vector<UserHash> Directory::UsersAt(NodeId edge) const {
  std::vector<UserHash> users;
  for (const Row& row : *rows_) {
    for (const Place& place : row) {
      if (place.edge == edge) users.push_back(place.user());
    }
  }
  return users;
}

size_t Directory::size() const {
  size_t size = 0;
  for (const Row& row : *rows_) size += row.size();
  return size;
}

size_t Directory::bytes() const {
  size_t bytes = sizeof(Directory) + sizeof(Rows);
  for (const Row& row : *rows_) bytes += row.capacity() * sizeof(Place);
  return bytes;
}

}  // namespace convergia::edge
