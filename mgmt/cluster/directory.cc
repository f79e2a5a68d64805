#include "mgmt/cluster/directory.h"

#include <algorithm>
#include <limits>
#include <tuple>
#include <utility>

namespace convergia::mgmt {
namespace {

// The bounds of one message of Differing(): places and buckets.
constexpr size_t kPartPlacesMax = 100'000;  // 1.3 MB or so.

size_t UsersIn(const v1::EdgeUsers& change) { return change.here_size() + change.left_size(); }

// The cost of keeping a batch.
size_t CostOf(const v1::DirectoryBatch& batch) {
  size_t cost = 1;
  for (const v1::EdgeUsers& change : batch.edges()) cost += 1 + UsersIn(change);
  return cost;
}

bool IsName(const std::string& text) {
  const absl::StatusOr<Username> name = Username::Parse(text);
  return name.ok() && name->str() == text;
}

// Moves `count` from the end of `*from` to `*to`.
void MoveLast(google::protobuf::RepeatedField<uint64_t>* from, size_t count,
              google::protobuf::RepeatedField<uint64_t>* to) {
  const int keep = from->size() - static_cast<int>(count);
  to->Add(from->begin() + keep, from->end());
  from->Truncate(keep);
}

}  // namespace

Directory::Directory(const Options& options)
    : options_(options), buckets_(std::make_unique<std::array<Bucket, kDirectoryBuckets>>()) {}

// ---- Places

bool Directory::IsAt(UserHash user, NodeId edge) const {
  const Bucket& bucket = (*buckets_)[BucketOf(user)];
  const auto place = std::lower_bound(
      bucket.begin(), bucket.end(), std::make_pair(user, edge),
      [](const Place& p, const auto& key) { return std::make_pair(p.user, p.edge) < key; });
  return place != bucket.end() && place->user == user && place->edge == edge;
}

bool Directory::IsOnline(const Place& who) const {
  const Bucket& bucket = (*buckets_)[BucketOf(who.user)];
  auto place = std::lower_bound(bucket.begin(), bucket.end(), who.user,
                                [](const Place& p, UserHash user) { return p.user < user; });
  for (; place != bucket.end() && place->user == who.user; ++place) {
    if (place->name == who.name) return true;
  }
  return false;
}

void Directory::Insert(Bucket* bucket, Bucket::iterator at, Place place) {
  Edge& edge = edges_[place.edge];
  if (!IsOnline(place)) ++users_online_;
  if (!IsAt(place.user, place.edge)) {
    digests_[BucketOf(place.user)] += PlaceDigest(place.user, place.edge);
  }
  edge.dirty.insert(place.user);
  ++edge.users;
  if (watched_) changed_users_.push_back(place.name);
  if (bucket->size() == bucket->capacity()) {
    // An eighth more than needed, where a vector would double: memory is counted here.
    const size_t position = at - bucket->begin();
    bucket->reserve(bucket->size() + bucket->size() / 8 + 1);
    at = bucket->begin() + position;
  }
  bucket->insert(at, std::move(place));
}

void Directory::OnErased(const Place& place) {
  Edge& edge = edges_[place.edge];
  edge.dirty.insert(place.user);
  --edge.users;
  if (!IsOnline(place)) --users_online_;
  if (watched_) changed_users_.push_back(place.name);
}

void Directory::Put(NodeId id, const v1::LocationChange& change) {
  Edge& edge = edges_[id];
  const UserHash user = HashOfUser(change.username());
  Bucket& bucket = (*buckets_)[BucketOf(user)];
  const auto key = std::tie(user, id, change.username());
  const auto place = std::lower_bound(
      bucket.begin(), bucket.end(), key,
      [](const Place& p, const auto& wanted) { return std::tie(p.user, p.edge, p.name) < wanted; });
  const bool is_here =
      place != bucket.end() && std::tie(place->user, place->edge, place->name) == key;
  // A user that a whole report names again is news only if the edge has restarted. A change is
  // always news: a whole report may have held it early, at a version that others know without it.
  if (!edge.whole_under_way || edge.told_epoch != edge.whole_epoch) edge.dirty.insert(user);
  if (change.sessions() == 0) {
    if (!is_here) return;
    const Place gone = std::move(*place);
    bucket.erase(place);
    if (!IsAt(user, id)) digests_[BucketOf(user)] -= PlaceDigest(user, id);
    return OnErased(gone);
  }
  const auto sessions = static_cast<uint16_t>(
      std::min<uint32_t>(change.sessions(), std::numeric_limits<uint16_t>::max()));
  if (is_here) {
    edge.users_in_whole += place->generation != edge.generation;
    place->account = change.account_id();
    place->sessions = sessions;
    place->generation = edge.generation;
    return;
  }
  ++edge.users_in_whole;
  Insert(&bucket, place,
         {.user = user,
          .account = change.account_id(),
          .edge = id,
          .sessions = sessions,
          .generation = edge.generation,
          .name = change.username()});
}

void Directory::EraseStale(NodeId id, Edge* edge, bool all) {
  std::vector<Place> gone;
  for (size_t i = 0; i < buckets_->size() && edge->users > 0; ++i) {
    Bucket& bucket = (*buckets_)[i];
    gone.clear();
    auto kept = bucket.begin();
    for (auto place = bucket.begin(); place != bucket.end(); ++place) {
      if (place->edge == id && (all || place->generation != edge->generation)) {
        gone.push_back(std::move(*place));
      } else {
        if (kept != place) *kept = std::move(*place);
        ++kept;
      }
    }
    bucket.erase(kept, bucket.end());
    for (size_t g = 0; g < gone.size(); ++g) {
      // Two names with one hash are one place.
      const bool again = g > 0 && gone[g].user == gone[g - 1].user;
      if (!again && !IsAt(gone[g].user, id)) digests_[i] -= PlaceDigest(gone[g].user, id);
      OnErased(gone[g]);
    }
    if (bucket.capacity() > 2 * bucket.size() + 16) bucket.shrink_to_fit();
  }
}

// ---- Reports

Directory::Applied Directory::Admit(Edge* edge, Epoch epoch, const v1::LocationReport& report) {
  if (report.whole()) {
    if (std::make_pair(epoch, report.version()) < std::make_pair(edge->epoch, edge->version)) {
      return Applied::kRepeated;
    }
    ++edge->generation;
    edge->users_in_whole = 0;
    edge->whole_under_way = true;
    edge->whole_epoch = epoch;
    edge->whole_version = report.version();
    return Applied::kApplied;
  }
  if (edge->whole_under_way) {
    const bool is_next = epoch == edge->whole_epoch && report.version() == edge->whole_version;
    return is_next ? Applied::kApplied : Applied::kGap;
  }
  if (epoch == edge->epoch && report.version() <= edge->version) return Applied::kRepeated;
  const bool is_next =
      edge->announced && epoch == edge->epoch && report.version() == edge->version + 1;
  return is_next ? Applied::kApplied : Applied::kGap;
}

Directory::Applied Directory::Apply(NodeId id, Epoch epoch, const v1::LocationReport& report) {
  Edge& edge = edges_[id];
  const Applied admitted = Admit(&edge, epoch, report);
  if (admitted != Applied::kApplied) {
    if (admitted == Applied::kGap) ++refused_[id].reports;
    return admitted;
  }
  for (const v1::LocationChange& change : report.changes()) {
    if (edge.users < kUsersOfEdgeMax && IsName(change.username())) {
      Put(id, change);
    } else {
      ++refused_[id].names;
    }
  }
  if (!edge.whole_under_way) {
    edge.version = report.version();
    return Applied::kApplied;
  }
  if (report.more()) return Applied::kApplied;
  EndWhole(id, &edge);
  return Applied::kAnnounced;
}

Directory::Refused Directory::refused(NodeId edge) const {
  const auto found = refused_.find(edge);
  return found == refused_.end() ? Refused() : found->second;
}

void Directory::EndWhole(NodeId id, Edge* edge) {
  edge->whole_under_way = false;
  edge->announced = true;
  edge->skipped |= edge->version != edge->whole_version;
  edge->epoch = edge->whole_epoch;
  edge->version = edge->whole_version;
  edge->gone.reset();  // Its return says as much.
  if (edge->users_in_whole < edge->users) EraseStale(id, edge, /*all=*/false);
}

void Directory::EdgeGone(NodeId id) {
  const auto found = edges_.find(id);
  if (found == edges_.end()) return;
  Edge& edge = found->second;
  if (edge.users > 0) EraseStale(id, &edge, /*all=*/true);
  // Also one that no batch has named: an edge that compared digests knows it.
  std::optional<Epoch> gone = edge.gone;
  if (edge.told_epoch != 0) gone = edge.told_epoch;
  if (edge.announced) gone = edge.epoch;
  edge = Edge();
  edge.gone = gone;
  if (!gone) edges_.erase(found);
}

// ---- Batches

bool Directory::HasNews(const Edge& edge) const {
  if (edge.gone) return true;
  if (!edge.announced || edge.whole_under_way) return false;
  return std::tie(edge.told_epoch, edge.told_version) != std::tie(edge.epoch, edge.version);
}

void Directory::FillChange(NodeId id, Edge* edge, v1::DirectoryBatch* batch, size_t* room) {
  v1::EdgeUsers change;
  if (rest_) {
    change = *std::exchange(rest_, std::nullopt);
  } else {
    change.set_edge(id);
    change.set_epoch(edge->gone ? *edge->gone : edge->epoch);
    change.set_gone(edge->gone.has_value());
    if (!change.gone()) {
      change.set_from(edge->told_epoch == edge->epoch ? edge->told_version : 0);
      change.set_version(edge->version);
      for (const UserHash user : edge->dirty) {
        (IsAt(user, id) ? change.mutable_here() : change.mutable_left())->Add(user);
      }
      if (change.from() == 0) change.clear_left();
      change.set_exact(std::exchange(edge->skipped, false) && change.from() > 0);
      edge->told_epoch = edge->epoch;
      edge->told_version = edge->version;
    }
    if (!std::exchange(edge->gone, std::nullopt)) edge->dirty.clear();
  }
  if (UsersIn(change) <= *room) {
    *room -= std::min(*room, 1 + UsersIn(change));
    *batch->add_edges() = std::move(change);
    return;
  }
  v1::EdgeUsers* const part = batch->add_edges();
  part->set_edge(change.edge());
  part->set_epoch(change.epoch());
  part->set_from(change.from());
  part->set_version(change.version());
  part->set_part(change.part());
  part->set_exact(change.exact());
  part->set_more(true);
  const size_t here = std::min<size_t>(*room, change.here_size());
  MoveLast(change.mutable_here(), here, part->mutable_here());
  MoveLast(change.mutable_left(), *room - here, part->mutable_left());
  change.set_part(change.part() + 1);
  rest_ = std::move(change);
  *room = 0;
}

std::optional<v1::DirectoryBatch> Directory::TakeBatch() {
  v1::DirectoryBatch batch;
  size_t room = options_.batch_users_max;
  if (rest_) FillChange(rest_->edge(), nullptr, &batch, &room);
  for (auto edge = edges_.begin(); edge != edges_.end() && room > 0;) {
    const bool has_news = HasNews(edge->second);
    const bool is_gone = edge->second.gone.has_value();
    if (has_news) FillChange(edge->first, &edge->second, &batch, &room);
    const bool is_empty = !edge->second.announced && !edge->second.whole_under_way;
    edge = has_news && is_gone && is_empty ? edges_.erase(edge) : std::next(edge);
  }
  if (batch.edges_size() == 0) return std::nullopt;
  batch.mutable_position()->set_epoch(options_.epoch);
  batch.mutable_position()->set_sequence(++sequence_);
  history_users_ += CostOf(batch);
  history_.push_back(batch);
  while (history_users_ > options_.history_users_max && !history_.empty()) {
    history_users_ -= CostOf(history_.front());
    history_.pop_front();
  }
  return batch;
}

std::optional<std::vector<v1::DirectoryBatch>> Directory::Since(
    const v1::DirectoryPosition& position) const {
  const uint64_t oldest = sequence_ + 1 - history_.size();
  if (position.epoch() != options_.epoch || position.sequence() > sequence_ ||
      position.sequence() + 1 < oldest) {
    return std::nullopt;
  }
  return std::vector<v1::DirectoryBatch>(history_.begin() + (position.sequence() + 1 - oldest),
                                         history_.end());
}

std::vector<v1::DirectoryBuckets> Directory::Differing(const DirectoryDigests& digests) const {
  std::vector<v1::DirectoryBuckets> parts(1);
  for (const auto& [id, edge] : edges_) {
    if (!edge.announced) continue;
    v1::EdgeVersion* const row = parts[0].add_edges();
    row->set_edge(id);
    row->set_epoch(edge.epoch);
    row->set_version(edge.version);
  }
  size_t places = 0;
  for (size_t i = 0; i < buckets_->size(); ++i) {
    if (digests[i] == digests_[i]) continue;
    if (places > kPartPlacesMax) {
      parts.emplace_back();
      places = 0;
    }
    v1::DirectoryBucket* const bucket = parts.back().add_buckets();
    bucket->set_index(i);
    for (const Place& place : (*buckets_)[i]) {
      bucket->add_users(place.user);
      bucket->add_edges(place.edge);
    }
    places += 1 + bucket->users_size();
  }
  for (v1::DirectoryBuckets& part : parts) {
    part.set_epoch(options_.epoch);
    part.set_sequence(sequence_);
    part.set_more(&part != &parts.back());
  }
  return parts;
}

// ---- Questions

void Directory::SetWatched(bool watched) {
  watched_ = watched;
  if (!watched) changed_users_ = {};
}

std::vector<std::string> Directory::TakeChangedUsers() { return std::exchange(changed_users_, {}); }

std::vector<NodeId> Directory::EdgesOf(absl::string_view name) const {
  const UserHash user = HashOfUser(name);
  const Bucket& bucket = (*buckets_)[BucketOf(user)];
  std::vector<NodeId> edges;
  auto place = std::lower_bound(bucket.begin(), bucket.end(), user,
                                [](const Place& p, UserHash wanted) { return p.user < wanted; });
  for (; place != bucket.end() && place->user == user; ++place) {
    if (place->name == name) edges.push_back(place->edge);
  }
  return edges;
}

std::vector<std::string> Directory::UsersOn(NodeId edge) const {
  std::vector<std::string> users;
  users.reserve(users_on(edge));
  for (const Bucket& bucket : *buckets_) {
    for (const Place& place : bucket) {
      if (place.edge == edge) users.push_back(place.name);
    }
  }
  return users;
}

size_t Directory::users_on(NodeId edge) const {
  const auto there = edges_.find(edge);
  return there == edges_.end() ? 0 : there->second.users;
}

AccountId Directory::AccountOf(absl::string_view name) const {
  const UserHash user = HashOfUser(name);
  const Bucket& bucket = (*buckets_)[BucketOf(user)];
  auto place = std::lower_bound(bucket.begin(), bucket.end(), user,
                                [](const Place& p, UserHash wanted) { return p.user < wanted; });
  for (; place != bucket.end() && place->user == user; ++place) {
    if (place->name == name) return place->account;
  }
  return 0;
}

size_t Directory::bytes() const {
  size_t bytes = sizeof(Directory) + sizeof(*buckets_);
  for (const Bucket& bucket : *buckets_) {
    bytes += bucket.capacity() * sizeof(Place);
    for (const Place& place : bucket) {
      if (place.name.capacity() > 15) bytes += place.name.capacity() + 1;  // On the heap.
    }
  }
  return bytes;
}

}  // namespace convergia::mgmt
