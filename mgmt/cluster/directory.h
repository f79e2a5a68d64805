#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "common/base/hash/user_hash.h"
#include "common/base/ids.h"
#include "convergia/v1/cluster.pb.h"
#include "convergia/v1/locations.pb.h"

namespace convergia::mgmt {

// The locations of all users, as the edges report them, and the batches that tell every edge. Only
// in memory: after a restart the edges report everything again.
//
// Each edge counts its changes (proto/convergia/v1/locations.proto), so its state here is a set of
// users and a version. A batch holds the changes since the last batch. Batches count up by one
// under the epoch of this start, and the last ones are kept for edges that missed some. An edge
// that missed more sends digests of its 4,096 buckets, and gets those that differ.
//
// Life: Apply()... TakeBatch() until there is none -> broadcast, again and again. Not thread-safe.
class Directory {
 public:
  struct Options {
    Epoch epoch = 0;                     // Of this start of mgmt.
    size_t history_users_max = 500'000;  // Users named in batches that are kept: 4 MB.
    size_t batch_users_max = 200'000;    // Of one message: 1.6 MB.
  };
  explicit Directory(const Options& options);

  enum class Applied {
    kApplied,
    kAnnounced,  // Applied, and now all users of the edge are known.
    kRepeated,   // It was applied before; nothing changes.
    kGap,        // It does not follow the last report: the edge must announce itself again.
  };
  // Takes a report of this start of `edge`. A whole report replaces earlier ones: at its end, users
  // that it does not name are dropped. Invalid names are left out and counted.
  Applied Apply(NodeId edge, Epoch epoch, const v1::LocationReport& report);

  // `edge` is gone, and all its locations with it: one record in the next batch.
  void EdgeGone(NodeId edge);

  // The next batch: changes since the last one, up to the bound; nullopt if there are none.
  std::optional<v1::DirectoryBatch> TakeBatch();

  // The batches that an edge at `position` has missed; nullopt if they are not kept.
  std::optional<std::vector<v1::DirectoryBatch>> Since(const v1::DirectoryPosition& position) const;

  // The content of all buckets whose digests differ from these, in one message at least.
  std::vector<v1::DirectoryBuckets> Differing(const DirectoryDigests& digests) const;

  // If `watched`, TakeChangedUsers() returns the names of users who came or went since its last
  // call, some more than once.
  void SetWatched(bool watched);
  std::vector<std::string> TakeChangedUsers();

  // The edges where `user` is, sorted; empty if offline.
  std::vector<NodeId> EdgesOf(absl::string_view user) const;
  AccountId AccountOf(absl::string_view user) const;  // 0 if offline.

  // The users signed in on `edge`, and their number.
  std::vector<std::string> UsersOn(NodeId edge) const;
  size_t users_on(NodeId edge) const;

  size_t users_online() const { return users_online_; }
  uint64_t sequence() const { return sequence_; }
  // Counts of what an edge reported and could not be true, while it is enrolled: invalid or too
  // many names, and reports that do not follow the last one (repeated ones do not count).
  struct Refused {
    uint64_t names = 0;
    uint64_t reports = 0;
  };
  Refused refused(NodeId edge) const;
  void ForgetRefused(NodeId edge) { refused_.erase(edge); }
  const DirectoryDigests& digests() const { return digests_; }
  // The memory of the locations, without the kept batches.
  size_t bytes() const;

 private:
  // One user at one edge. In the order of hash, edge, name.
  struct Place {
    UserHash user = 0;
    AccountId account = 0;
    NodeId edge = 0;
    uint16_t sessions = 0;
    uint16_t generation = 0;  // Of the whole report that named it last.
    std::string name;
  };
  using Bucket = std::vector<Place>;
  struct Edge {
    Epoch epoch = 0;
    uint64_t version = 0;
    Epoch told_epoch = 0;  // As the batches so far say.
    uint64_t told_version = 0;
    uint16_t generation = 0;
    bool announced = false;  // A whole has come to its end: `epoch` and `version` are its.
    // A whole under way, which is not told until its end, and its version then.
    bool whole_under_way = false;
    Epoch whole_epoch = 0;
    uint64_t whole_version = 0;
    bool skipped = false;                 // Versions, since the batches so far.
    size_t users = 0;                     // Places, to be exact.
    size_t users_in_whole = 0;            // Named by the last whole.
    absl::flat_hash_set<UserHash> dirty;  // Came or went since the last batch.
    std::optional<Epoch> gone;            // That start is, and the batches do not say so yet.
  };

  void Put(NodeId edge, const v1::LocationChange& change);
  // Whether `report` follows what came before; counts it if not.
  Applied Admit(Edge* edge, Epoch epoch, const v1::LocationReport& report);
  void EndWhole(NodeId id, Edge* edge);
  // Takes out all places at `edge` that are not of its generation, or all.
  void EraseStale(NodeId id, Edge* edge, bool all);
  void Insert(Bucket* bucket, Bucket::iterator at, Place place);
  // It has left its bucket.
  void OnErased(const Place& place);
  bool IsAt(UserHash user, NodeId edge) const;
  bool IsOnline(const Place& who) const;
  bool HasNews(const Edge& edge) const;
  void FillChange(NodeId id, Edge* edge, v1::DirectoryBatch* batch, size_t* room);

  const Options options_;
  std::unique_ptr<std::array<Bucket, kDirectoryBuckets>> buckets_;
  DirectoryDigests digests_ = {};
  std::map<NodeId, Edge> edges_;
  size_t users_online_ = 0;

  bool watched_ = false;
  std::vector<std::string> changed_users_;
  absl::flat_hash_map<NodeId, Refused> refused_;

  uint64_t sequence_ = 0;
  // Of a step that is told in parts: what is left of it.
  std::optional<v1::EdgeUsers> rest_;
  std::deque<v1::DirectoryBatch> history_;
  size_t history_users_ = 0;
};

}  // namespace convergia::mgmt
