#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/base/ids.h"
#include "common/lineserver/session.h"

namespace convergia::lineserver {

// The signed-in sessions of a server by account, so that users can list and end their own.
// Thread-safe.
class SessionList {
 public:
  // Adds a session that has signed in. On the session's thread.
  void Add(Session& session, absl::Time now) ABSL_LOCKS_EXCLUDED(mu_);
  // Has no effect if the session was not added.
  void Remove(Session& session) ABSL_LOCKS_EXCLUDED(mu_);

  struct Row {
    uint64_t session = 0;
    std::string address;
    absl::Time since;
  };
  // The account's sessions, in order of their numbers.
  std::vector<Row> List(AccountId account) const ABSL_LOCKS_EXCLUDED(mu_);

  // Posts an end of that session, with BYE DENIED. False if this account has no such session here.
  bool End(AccountId account, uint64_t session) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct Entry {
    SessionHandle handle;
    std::string address;
    absl::Time since;
  };

  mutable absl::Mutex mu_;
  absl::flat_hash_map<AccountId, absl::flat_hash_map<uint64_t, Entry>> by_account_
      ABSL_GUARDED_BY(mu_);
};

}  // namespace convergia::lineserver
