#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "common/base/ids.h"
#include "common/store/store.h"

namespace convergia::mgmt {

// From which networks (AddressGroup()) each account signed in with its password: at most
// kPerAccountMax of each, in memory and on disk. Only accounts that exist sign in, so their number
// bounds the whole.
//
// Thread-safe.
class KnownNetworks {
 public:
  static constexpr size_t kPerAccountMax = 8;

  // Reads all; blocks. `store` must outlive it. Errors: those of the store; kDataLoss.
  static absl::StatusOr<std::unique_ptr<KnownNetworks>> Create(store::Store& store);

  bool Contains(const Username& user, absl::string_view address) const ABSL_LOCKS_EXCLUDED(mu_);

  // Writes only what is new, or what would soon be forgotten for newer ones; blocks then. In case
  // of an error it is known until the next start.
  //
  // Errors: those of the store.
  absl::Status Add(const Username& user, absl::string_view address) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  explicit KnownNetworks(store::Store& store) : store_(store) {}

  store::Store& store_;
  mutable absl::Mutex mu_;
  // The one that was used last first.
  absl::flat_hash_map<std::string, std::vector<std::string>> by_user_ ABSL_GUARDED_BY(mu_);
};

}  // namespace convergia::mgmt
