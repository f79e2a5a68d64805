#include "mgmt/cluster/directory.h"

#include <algorithm>
#include <utility>

namespace convergia::mgmt {
namespace {

v1::DirectoryPosition Position(Epoch epoch, uint64_t sequence) {
  v1::DirectoryPosition position;
  position.set_epoch(epoch);
  position.set_sequence(sequence);
  return position;
}

// What a batch costs to keep.
size_t EntriesOf(const v1::DirectoryBatch& batch) {
  return 1 + batch.users_size() + batch.edges_gone_size();
}

}  // namespace

void Directory::Apply(NodeId edge, const v1::LocationReport& report) {
  Edge& there = edges_[edge];
  if (report.whole()) {
    ++there.generation;
    there.whole_under_way = true;
  }
  for (const v1::LocationChange& change : report.changes()) Put(edge, change);
}

void Directory::Put(NodeId edge, const v1::LocationChange& change) {
  const absl::StatusOr<Username> name = Username::Parse(change.username());
  if (!name.ok() || name->str() != change.username()) return;
  if (change.sessions() == 0) {
    if (Drop(edge, name->str())) dirty_.insert(name->str());
    return;
  }
  Edge& there = edges_[edge];
  User& user = users_[name->str()];
  user.account = change.account_id();
  const auto place = std::find_if(user.places.begin(), user.places.end(),
                                  [&](const Place& p) { return p.edge == edge; });
  if (place != user.places.end()) {
    place->sessions = change.sessions();
    place->generation = there.generation;
    return;  // Other edges know already that the user is there.
  }
  user.places.push_back({edge, change.sessions(), there.generation});
  there.users.insert(name->str());
  dirty_.insert(name->str());
}

bool Directory::Drop(NodeId edge, const std::string& name) {
  const auto user = users_.find(name);
  if (user == users_.end()) return false;
  auto& places = user->second.places;
  const auto place =
      std::find_if(places.begin(), places.end(), [&](const Place& p) { return p.edge == edge; });
  if (place == places.end()) return false;
  places.erase(place);
  if (places.empty()) users_.erase(user);
  const auto there = edges_.find(edge);
  if (there != edges_.end()) there->second.users.erase(name);
  return true;
}

void Directory::EndOfWhole(NodeId edge) {
  const auto there = edges_.find(edge);
  if (there == edges_.end() || !std::exchange(there->second.whole_under_way, false)) return;
  std::vector<std::string> stale;
  for (const std::string& name : there->second.users) {
    for (const Place& place : users_.at(name).places) {
      if (place.edge == edge && place.generation != there->second.generation) stale.push_back(name);
    }
  }
  for (const std::string& name : stale) {
    Drop(edge, name);
    dirty_.insert(name);
  }
}

void Directory::EdgeGone(NodeId edge) {
  const auto there = edges_.find(edge);
  gone_.insert(edge);
  if (there == edges_.end()) return;
  const absl::flat_hash_set<std::string> users = std::move(there->second.users);
  edges_.erase(there);
  for (const std::string& name : users) {
    Drop(edge, name);
    dropped_with_edges_.push_back(name);
  }
}

void Directory::FillPlaces(const User& user, v1::UserLocation* location) const {
  for (const Place& place : user.places) location->add_edges(place.edge);
  std::sort(location->mutable_edges()->begin(), location->mutable_edges()->end());
}

std::optional<v1::DirectoryBatch> Directory::TakeBatch(std::vector<std::string>* changed) {
  if (dirty_.empty() && gone_.empty()) return std::nullopt;
  v1::DirectoryBatch batch;
  *batch.mutable_position() = Position(options_.epoch, ++sequence_);
  for (const NodeId edge : gone_) {
    if (!edges_.contains(edge)) {
      batch.add_edges_gone(edge);
    } else {  // It died and came back since the last batch: its users are named one by one.
      dirty_.insert(dropped_with_edges_.begin(), dropped_with_edges_.end());
    }
  }
  if (changed != nullptr) {
    changed->insert(changed->end(), dropped_with_edges_.begin(), dropped_with_edges_.end());
  }
  gone_.clear();
  dropped_with_edges_.clear();
  for (auto it = dirty_.begin();
       it != dirty_.end() && batch.users_size() < options_.batch_users_max;) {
    v1::UserLocation* location = batch.add_users();
    location->set_username(*it);
    const auto user = users_.find(*it);
    if (user != users_.end()) FillPlaces(user->second, location);
    if (changed != nullptr) changed->push_back(*it);
    dirty_.erase(it++);
  }
  history_entries_ += EntriesOf(batch);
  history_.push_back(batch);
  while (history_entries_ > options_.history_entries_max && !history_.empty()) {
    history_entries_ -= EntriesOf(history_.front());
    history_.pop_front();
  }
  return batch;
}

std::vector<v1::DirectoryBatch> Directory::Since(const v1::DirectoryPosition& position) const {
  const uint64_t oldest = history_.empty() ? sequence_ + 1 : history_.front().position().sequence();
  if (position.epoch() != options_.epoch || position.sequence() > sequence_ ||
      position.sequence() + 1 < oldest) {
    return Whole();
  }
  return {history_.begin() + (position.sequence() + 1 - oldest), history_.end()};
}

std::vector<v1::DirectoryBatch> Directory::Whole() const {
  std::vector<v1::DirectoryBatch> batches;
  for (const auto& [name, user] : users_) {
    if (batches.empty() || batches.back().users_size() >= options_.batch_users_max) {
      batches.emplace_back();
    }
    v1::UserLocation* location = batches.back().add_users();
    location->set_username(name);
    FillPlaces(user, location);
  }
  if (batches.empty()) batches.emplace_back();
  for (v1::DirectoryBatch& batch : batches) {
    *batch.mutable_position() = Position(options_.epoch, sequence_);
    batch.set_whole(true);
    batch.set_more(&batch != &batches.back());
  }
  return batches;
}

std::vector<NodeId> Directory::EdgesOf(absl::string_view name) const {
  std::vector<NodeId> edges;
  const auto user = users_.find(name);
  if (user == users_.end()) return edges;
  for (const Place& place : user->second.places) edges.push_back(place.edge);
  std::sort(edges.begin(), edges.end());
  return edges;
}

std::vector<std::string> Directory::UsersOn(NodeId edge) const {
  const auto there = edges_.find(edge);
  if (there == edges_.end()) return {};
  return {there->second.users.begin(), there->second.users.end()};
}

size_t Directory::users_on(NodeId edge) const {
  const auto there = edges_.find(edge);
  return there == edges_.end() ? 0 : there->second.users.size();
}

AccountId Directory::AccountOf(absl::string_view name) const {
  const auto user = users_.find(name);
  return user == users_.end() ? 0 : user->second.account;
}

}  // namespace convergia::mgmt
