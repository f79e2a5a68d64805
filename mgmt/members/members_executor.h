#pragma once

#include <atomic>
#include <functional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "common/base/buckets.h"
#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/base/work_queue.h"
#include "common/identity/certificate.h"
#include "mgmt/members/node_registry.h"

namespace convergia::mgmt {

// Who may do what with the registry, off the threads that must not block: one thread, behind a
// bounded queue, past which the answer is FailCode::kBusy. After each change, and before its
// answer, `on_change` is called on that thread, so whoever was told OK finds the cluster knowing
// it.
//
// Enrol() is open to strangers: what cannot be right is refused at once, an address that failed
// often waits (FailCode::kRate), and only so many wait that operators and nodes find room.
//
// Thread-safe. `done` is called exactly once. The errors are those of NodeRegistry.
class MembersExecutor {
 public:
  template <typename T>
  using Done = absl::AnyInvocable<void(absl::StatusOr<T>)>;

  // All outlive the executor.
  MembersExecutor(NodeRegistry& registry, const Clock& clock, const BucketRule& failed_enrolments,
                  std::function<void()> on_change);
  ~MembersExecutor() { Stop(); }

  static constexpr size_t kTasksMax = 1'000;
  static constexpr int kEnrolsMax = 100;  // Of them.
  static constexpr size_t kCsrBytesMax = 4 * 1024;

  void MakeToken(Role role, absl::string_view name, absl::Duration lifetime,
                 const std::vector<std::string>& addresses, Done<NodeRegistry::NewToken> done);
  // `token` is the text of a join token, `address` the IP address of who asks.
  void Enrol(absl::string_view token, absl::string_view name, absl::string_view csr_pem,
             absl::string_view address, Done<NodeRegistry::Admission> done)
      ABSL_LOCKS_EXCLUDED(mu_);
  void Renew(const identity::NodeIdentity& identity, absl::string_view csr_pem,
             Done<std::string> done);
  void AddOperator(absl::string_view name, absl::string_view csr_pem, Done<std::string> done);
  // The number of keys revoked.
  void Revoke(Role role, absl::string_view name, Done<int> done);
  // What is then in force.
  void Configure(const v1::ConfigureDataServerRequest& change, Done<v1::NodeConfiguration> done);
  void SetDrain(absl::string_view edge, bool drain, absl::Duration within,
                absl::AnyInvocable<void(absl::Status)> done);
  void Remove(absl::string_view name, absl::AnyInvocable<void(absl::Status)> done);

  void Stop() { work_.Stop(); }

 private:
  template <typename Result>
  void Post(absl::AnyInvocable<Result()> task, absl::AnyInvocable<void(Result)> done);

  absl::Status AdmitAddress(const std::string& group) const ABSL_LOCKS_EXCLUDED(mu_);
  void CountFailure(const std::string& group) ABSL_LOCKS_EXCLUDED(mu_);

  NodeRegistry& registry_;
  const Clock& clock_;
  const std::function<void()> on_change_;
  std::atomic<int> enrols_ = 0;  // Waiting or at work.
  mutable absl::Mutex mu_;
  Buckets failures_ ABSL_GUARDED_BY(mu_);  // Of Enrol(), by AddressGroup().
  WorkQueue work_;
};

}  // namespace convergia::mgmt
