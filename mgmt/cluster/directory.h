#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/container/inlined_vector.h"
#include "absl/strings/string_view.h"
#include "common/base/ids.h"
#include "convergia/v1/cluster.pb.h"

namespace convergia::mgmt {

// Where every user is signed in, as the edges report it, and the batches by which every edge learns
// it. Only in memory: after a restart the edges say it all again.
//
// Life: Apply()... TakeBatch() until there is none -> broadcast, again and again. Batches count up
// by one under the epoch of this start; the last ones are kept for who missed some. Not
// thread-safe.
class Directory {
 public:
  struct Options {
    Epoch epoch = 0;                       // Of this start of mgmt.
    size_t history_entries_max = 100'000;  // Users named in batches that are kept.
    int batch_users_max = 5'000;           // Of one message.
  };
  explicit Directory(const Options& options) : options_(options) {}

  // What `edge` reports. A whole replaces what it said before: users that are not named again are
  // dropped when it is complete, that is at EndOfWhole(). Invalid names are ignored.
  void Apply(NodeId edge, const v1::LocationReport& report);
  // The whole report of `edge` that is under way, if any, is complete.
  void EndOfWhole(NodeId edge);

  // `edge` is gone and all locations there with it: one record, however many they were.
  void EdgeGone(NodeId edge);

  // The changes since the last batch, as many as one takes, as the next one; nullopt if there are
  // none. `changed`, if not null, gets the users whose row on the map changed.
  std::optional<v1::DirectoryBatch> TakeBatch(std::vector<std::string>* changed);

  // What whoever is at `position` needs: the batches since, or the whole in several. Does not cover
  // changes that TakeBatch() has not taken yet.
  std::vector<v1::DirectoryBatch> Since(const v1::DirectoryPosition& position) const;
  std::vector<v1::DirectoryBatch> Whole() const;

  // The edges where `user` is, sorted; empty if offline.
  std::vector<NodeId> EdgesOf(absl::string_view user) const;
  AccountId AccountOf(absl::string_view user) const;  // 0 if offline.

  // Who is signed in on `edge`, and how many they are.
  std::vector<std::string> UsersOn(NodeId edge) const;
  size_t users_on(NodeId edge) const;

  size_t users_online() const { return users_.size(); }
  uint64_t sequence() const { return sequence_; }

 private:
  struct Place {
    NodeId edge;
    uint32_t sessions;
    uint32_t generation;  // Of the whole report that named it last.
  };
  struct User {
    AccountId account = 0;
    absl::InlinedVector<Place, 1> places;
  };
  struct Edge {
    uint32_t generation = 0;
    bool whole_under_way = false;
    absl::flat_hash_set<std::string> users;
  };
  void Put(NodeId edge, const v1::LocationChange& change);
  // True if `user` was there.
  bool Drop(NodeId edge, const std::string& user);
  void FillPlaces(const User& user, v1::UserLocation* location) const;

  const Options options_;
  absl::flat_hash_map<std::string, User> users_;
  absl::flat_hash_map<NodeId, Edge> edges_;

  absl::flat_hash_set<std::string> dirty_;
  absl::btree_set<NodeId> gone_;
  std::vector<std::string> dropped_with_edges_;  // For the map; not named in the batch.

  uint64_t sequence_ = 0;
  std::deque<v1::DirectoryBatch> history_;
  size_t history_entries_ = 0;
};

}  // namespace convergia::mgmt
