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

// Runs the operations of NodeRegistry on one thread, behind a bounded queue, because they block. If
// the queue is full or stopped, the answer is FailCode::kBusy. After each success, and before its
// answer, the thread calls `on_change`. So a caller that got OK finds the change in the cluster.
//
// Any stranger may call Enrol(). A request that is no token, or too long, is refused at once
// (FailCode::kBadField). An address with many failures must wait (FailCode::kRate). At most
// kEnrolsMax enrolments wait or run, so that operators and nodes find room in the queue.
//
// Thread-safe. `done` is called exactly once, on any thread, perhaps before the call returns. It
// must not block. The other errors are those of NodeRegistry.
class MembersExecutor {
 public:
  template <typename T>
  using Done = absl::AnyInvocable<void(absl::StatusOr<T>)>;

  // `registry` and `clock` must outlive the executor. `failed_enrolments` bounds the failures of
  // Enrol() for each AddressGroup().
  MembersExecutor(NodeRegistry& registry, const Clock& clock, const BucketRule& failed_enrolments,
                  std::function<void()> on_change);
  ~MembersExecutor() { Stop(); }

  static constexpr size_t kTasksMax = 1'000;
  static constexpr int kEnrolsMax = 100;  // Part of kTasksMax.
  static constexpr size_t kCsrBytesMax = 4 * 1024;

  void MakeToken(Role role, absl::string_view name, absl::Duration lifetime,
                 const std::vector<std::string>& addresses, Done<NodeRegistry::NewToken> done);
  // `token` is the text of a join token; `address` is the caller's IP address.
  void Enrol(absl::string_view token, absl::string_view name, absl::string_view csr_pem,
             absl::string_view address, Done<NodeRegistry::Admission> done)
      ABSL_LOCKS_EXCLUDED(mu_);
  // Returns the certificate chain, as PEM.
  void Renew(const identity::NodeIdentity& identity, absl::string_view csr_pem,
             Done<std::string> done);
  // Returns the certificate chain, as PEM.
  void AddOperator(absl::string_view name, absl::string_view csr_pem, Done<std::string> done);
  // Returns the number of revoked keys.
  void Revoke(Role role, absl::string_view name, Done<int> done);
  // Returns the configuration that is now in force.
  void Configure(const v1::ConfigureDataServerRequest& change, Done<v1::NodeConfiguration> done);
  // `within` is how long present clients may stay; zero means the default.
  void SetDrain(absl::string_view edge, bool drain, absl::Duration within,
                absl::AnyInvocable<void(absl::Status)> done);
  void Remove(absl::string_view name, absl::AnyInvocable<void(absl::Status)> done);

  // Runs the operations that wait, and ends the thread. Idempotent. Not from a `done`.
  void Stop() { work_.Stop(); }

 private:
  template <typename Result>
  void Post(absl::AnyInvocable<Result()> task, absl::AnyInvocable<void(Result)> done);

  absl::Status AdmitAddress(const std::string& group) const ABSL_LOCKS_EXCLUDED(mu_);
  void CountFailure(const std::string& group) ABSL_LOCKS_EXCLUDED(mu_);

  NodeRegistry& registry_;
  const Clock& clock_;
  const std::function<void()> on_change_;
  std::atomic<int> enrols_ = 0;  // Waiting or running.
  mutable absl::Mutex mu_;
  Buckets failures_ ABSL_GUARDED_BY(mu_);  // Failures of Enrol(), by AddressGroup().
  WorkQueue work_;
};

}  // namespace convergia::mgmt
