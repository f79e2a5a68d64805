#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/inlined_vector.h"
#include "absl/hash/hash.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "common/base/fail.h"
#include "common/base/ids.h"
#include "edge/directory/directory.h"

namespace convergia::edge {

// The users who are signed in on this edge, with all their sessions. For the message path, one
// look-up tells where a recipient is: its sessions here, and other edges.
//
// For a user with a session here, the hub also keeps the other edges, with the version of the
// directory they were read at. So a message within the edge needs only one short lock.
//
// `Handle` reaches a session; it is copied out. Thread-safe. Remove a session on the thread that
// added it, or after its Add() has returned.
template <typename Handle>
class SessionHub {
 public:
  using SessionId = uint64_t;

  // `directory` must outlive the hub.
  SessionHub(const Directory* directory, int sessions_per_user_max)
      : directory_(directory), sessions_per_user_max_(sessions_per_user_max) {}

  // This edge's id, which the directory uses too. To be set before any user signs in.
  void set_self(NodeId self) { self_ = self; }
  NodeId self() const { return self_; }

  // Errors: FailCode::kBusy if the user has as many sessions as allowed.
  absl::Status Add(const Username& user, AccountId account, SessionId id, Handle handle);
  // Removes a session; no effect if it is not here.
  void Remove(const Username& user, SessionId id);

  struct Whereabouts {
    absl::InlinedVector<Handle, 2> sessions;
    Places edges;  // Other than this one.
  };
  // Where `user` is now. Both lists are empty if the user is offline.
  Whereabouts Find(absl::string_view user) const;

  const Directory& directory() const { return *directory_; }

  // Returns only the sessions here: for messages from other edges.
  absl::InlinedVector<Handle, 2> FindHere(absl::string_view user) const;

  // The number of sessions that a user has here now.
  struct Count {
    std::string user;
    AccountId account = 0;
    uint32_t sessions = 0;
  };
  // The users whose first session came or whose last one ended since the last call. Each appears
  // once, with its present count.
  std::vector<Count> TakeChanges();
  // All users who are here.
  std::vector<Count> Everyone() const;

  // The number of sessions of all users.
  size_t size() const;

 private:
  struct Person {
    AccountId account = 0;
    absl::InlinedVector<std::pair<SessionId, Handle>, 1> sessions;
    mutable Places elsewhere;
    mutable uint32_t elsewhere_version = 0;
    mutable bool elsewhere_known = false;
  };
  struct Stripe {
    mutable absl::Mutex mu;
    absl::flat_hash_map<std::string, Person> people ABSL_GUARDED_BY(mu);
    absl::flat_hash_map<std::string, AccountId> changed ABSL_GUARDED_BY(mu);
    size_t sessions ABSL_GUARDED_BY(mu) = 0;
  };
  static constexpr size_t kStripes = 64;

  static size_t StripeOf(absl::string_view user) {
    return absl::Hash<absl::string_view>()(user) % kStripes;
  }
  Places Elsewhere(absl::string_view user) const;

  std::atomic<NodeId> self_ = 0;
  const Directory* const directory_;
  const int sessions_per_user_max_;
  std::array<Stripe, kStripes> stripes_;
};

// Names one session of this edge: its shard, and its number.
struct SessionRef {
  uint32_t shard = 0;
  uint64_t id = 0;

  friend bool operator==(const SessionRef&, const SessionRef&) = default;
};
using EdgeSessionHub = SessionHub<SessionRef>;

// ---- Implementation.

template <typename Handle>
absl::Status SessionHub<Handle>::Add(const Username& user, AccountId account, SessionId id,
                                     Handle handle) {
  Stripe& stripe = stripes_[StripeOf(user.str())];
  absl::MutexLock lock(&stripe.mu);
  Person& person = stripe.people[user.str()];
  if (person.sessions.size() >= sessions_per_user_max_) {
    return Fail(FailCode::kBusy,
                absl::StrCat("you are signed in ", person.sessions.size(),
                             " times on this server, which is all there may be; sign out of one"));
  }
  if (person.sessions.empty()) stripe.changed[user.str()] = account;
  person.account = account;
  person.sessions.emplace_back(id, std::move(handle));
  ++stripe.sessions;
  return absl::OkStatus();
}

template <typename Handle>
void SessionHub<Handle>::Remove(const Username& user, SessionId id) {
  Stripe& stripe = stripes_[StripeOf(user.str())];
  absl::MutexLock lock(&stripe.mu);
  const auto found = stripe.people.find(user.str());
  if (found == stripe.people.end()) return;
  auto& sessions = found->second.sessions;
  for (auto session = sessions.begin(); session != sessions.end(); ++session) {
    if (session->first != id) continue;
    sessions.erase(session);
    --stripe.sessions;
    break;
  }
  if (!sessions.empty()) return;
  stripe.changed[user.str()] = found->second.account;
  stripe.people.erase(found);
}

template <typename Handle>
typename SessionHub<Handle>::Whereabouts SessionHub<Handle>::Find(absl::string_view user) const {
  Whereabouts whereabouts;
  const Stripe& stripe = stripes_[StripeOf(user)];
  const uint32_t version = directory_->version(user);
  {
    absl::MutexLock lock(&stripe.mu);
    const auto found = stripe.people.find(user);
    if (found != stripe.people.end()) {
      const Person& person = found->second;
      for (const auto& [id, handle] : person.sessions) whereabouts.sessions.push_back(handle);
      if (person.elsewhere_known && person.elsewhere_version == version) {
        whereabouts.edges = person.elsewhere;
        return whereabouts;
      }
    }
  }
  whereabouts.edges = Elsewhere(user);
  if (whereabouts.sessions.empty()) return whereabouts;
  absl::MutexLock lock(&stripe.mu);
  const auto found = stripe.people.find(user);
  if (found != stripe.people.end()) {
    // These places were read after `version`, so they are at least as new. If they are newer, the
    // only cost is one more look-up.
    found->second.elsewhere = whereabouts.edges;
    found->second.elsewhere_version = version;
    found->second.elsewhere_known = true;
  }
  return whereabouts;
}

template <typename Handle>
Places SessionHub<Handle>::Elsewhere(absl::string_view user) const {
  Places places = directory_->Find(user);
  for (auto place = places.begin(); place != places.end(); ++place) {
    if (*place != self_) continue;
    places.erase(place);
    break;
  }
  return places;
}

template <typename Handle>
absl::InlinedVector<Handle, 2> SessionHub<Handle>::FindHere(absl::string_view user) const {
  absl::InlinedVector<Handle, 2> handles;
  const Stripe& stripe = stripes_[StripeOf(user)];
  absl::MutexLock lock(&stripe.mu);
  const auto found = stripe.people.find(user);
  if (found == stripe.people.end()) return handles;
  for (const auto& [id, handle] : found->second.sessions) handles.push_back(handle);
  return handles;
}

template <typename Handle>
std::vector<typename SessionHub<Handle>::Count> SessionHub<Handle>::TakeChanges() {
  std::vector<Count> counts;
  for (Stripe& stripe : stripes_) {
    absl::MutexLock lock(&stripe.mu);
    for (const auto& [user, account] : stripe.changed) {
      const auto found = stripe.people.find(user);
      const uint32_t sessions = found == stripe.people.end() ? 0 : found->second.sessions.size();
      counts.push_back({user, account, sessions});
    }
    stripe.changed.clear();
  }
  return counts;
}

template <typename Handle>
std::vector<typename SessionHub<Handle>::Count> SessionHub<Handle>::Everyone() const {
  std::vector<Count> counts;
  for (const Stripe& stripe : stripes_) {
    absl::MutexLock lock(&stripe.mu);
    for (const auto& [user, person] : stripe.people) {
      counts.push_back({user, person.account, static_cast<uint32_t>(person.sessions.size())});
    }
  }
  return counts;
}

template <typename Handle>
size_t SessionHub<Handle>::size() const {
  size_t size = 0;
  for (const Stripe& stripe : stripes_) {
    absl::MutexLock lock(&stripe.mu);
    size += stripe.sessions;
  }
  return size;
}

}  // namespace convergia::edge
