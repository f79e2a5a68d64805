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

// The signed-in sessions of a server by account, so that people can see and end their own.
// Thread-safe.
class SessionList {
 public:
  // On the session's thread, once it is signed in.
  void Add(Session& session, absl::Time now) ABSL_LOCKS_EXCLUDED(mu_);
  // No effect if it was not added.
  void Remove(Session& session) ABSL_LOCKS_EXCLUDED(mu_);

  struct Row {
    uint64_t session = 0;
    std::string address;
    absl::Time since;
  };
  // By number.
  std::vector<Row> List(AccountId account) const ABSL_LOCKS_EXCLUDED(mu_);

  // Ends that session with BYE DENIED soon. False if this account has no such session here.
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
