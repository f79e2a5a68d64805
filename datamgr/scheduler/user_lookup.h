#pragma once

#include <grpcpp/channel.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "common/rpc/calls/call_pool.h"
#include "convergia/v1/accounts.grpc.pb.h"

namespace convergia::datamgr {

// Tells whether users exist. Thread-safe. Never blocks. Calls `done` once, on any thread.
class UserLookup {
 public:
  virtual ~UserLookup() = default;

  // OK if all of `users` (lower case, at most 100) have accounts.
  //
  // Errors: kNoSuchUser, naming one that has no account; kManagementDown if it cannot be known now.
  virtual void CheckExist(std::vector<std::string> users,
                          absl::AnyInvocable<void(absl::Status)> done) = 0;
};

// Asks mgmt, and caches the users that exist: accounts are never removed.
class MgmtUsers final : public UserLookup {
 public:
  // `channel` returns one that leads to the present mgmt.
  explicit MgmtUsers(std::function<std::shared_ptr<grpc::Channel>()> channel);

  void CheckExist(std::vector<std::string> users,
                  absl::AnyInvocable<void(absl::Status)> done) override ABSL_LOCKS_EXCLUDED(mu_);

  // Cancels all calls and returns when each `done` has returned. Idempotent.
  void Stop() { calls_.Stop(); }

 private:
  void OnAnswer(const std::vector<std::string>& asked,
                const absl::StatusOr<v1::LookUpResponse>& response,
                absl::AnyInvocable<void(absl::Status)> done) ABSL_LOCKS_EXCLUDED(mu_);

  const std::function<std::shared_ptr<grpc::Channel>()> channel_;
  absl::Mutex mu_;
  absl::flat_hash_set<std::string> known_ ABSL_GUARDED_BY(mu_);
  rpc::CallPool calls_;
};

}  // namespace convergia::datamgr
