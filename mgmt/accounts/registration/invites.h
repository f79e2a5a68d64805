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
#include "absl/time/time.h"
#include "common/store/store.h"

namespace convergia::mgmt {

// Codes with which one account each may be registered. On disk is only their hash. They are used up
// by AccountStore::Add(), in one commit with the account.
//
// Thread-safe.
class Invites {
 public:
  static constexpr size_t kOpenPerMakerMax = 10;
  static constexpr size_t kOpenMax = 100'000;
  static constexpr absl::Duration kLifetime = absl::Hours(7 * 24);
  static constexpr absl::string_view kOperators = "";  // As a maker; without kOpenPerMakerMax.

  // Reads all; blocks. `store` must outlive it. Errors: those of the store; kDataLoss.
  static absl::StatusOr<std::unique_ptr<Invites>> Create(store::Store& store);

  struct Invite {
    std::string code;
    absl::Time expires;
  };
  // `maker`: a username, or kOperators. Blocks.
  //
  // Errors: FailCode::kRate: too many of this maker are open; kBusy: too many in all.
  absl::StatusOr<Invite> Make(absl::string_view maker, absl::Time now) ABSL_LOCKS_EXCLUDED(mu_);

  // The key of the row that stands for `code`, for AccountStore::Add().
  //
  // Errors: FailCode::kDenied: no such invite, used up, or too old.
  absl::StatusOr<std::string> Find(absl::string_view code, absl::Time now) const
      ABSL_LOCKS_EXCLUDED(mu_);

  // The row with this key is gone.
  void Forget(absl::string_view row_key) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct Open {
    std::string maker;
    absl::Time expires;
  };
  explicit Invites(store::Store& store) : store_(store) {}
  // Takes out of memory, and returns the keys of, what has ended.
  std::vector<std::string> TakeEnded(absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status Admit(absl::string_view maker) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  store::Store& store_;
  mutable absl::Mutex mu_;
  absl::flat_hash_map<std::string, Open> by_row_ ABSL_GUARDED_BY(mu_);
};

// Fail(DENIED) for an invite that is not good.
absl::Status NoSuchInvite();

}  // namespace convergia::mgmt
