#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "common/node/testing/fake_enrolment.h"
#include "common/rpc/auth/pin_set.h"
#include "common/rpc/server.h"
#include "common/rpc/testing/test_pki.h"
#include "convergia/v1/cluster.grpc.pb.h"

namespace convergia::node {

class FakeListener;
class FakeSession;

// A mgmt for tests: ENROL and the Cluster service over real TLS. A test sets its answers, and reads
// the messages that it received. Thread-safe, but Start() and Stop() are for one thread.
class FakeMgmt final : public v1::Cluster::CallbackService {
 public:
  // Serves at once. With `pki` it is another mgmt of the cluster of this `pki`. With null it makes
  // its own.
  explicit FakeMgmt(rpc::TestPki* pki = nullptr);
  ~FakeMgmt() override;

  // The text of a join token file, good for one node. An empty `ca_fingerprint` stands for that of
  // the CA.
  std::string MakeToken(Role role, const std::string& ca_fingerprint = "");

  // Stops the server, and starts it again at the same address.
  void Stop();
  void Start();
  const std::string& address() const { return address_; }

  // Sends `message` on all streams; ends all streams.
  void Push(const v1::ToNode& message) ABSL_LOCKS_EXCLUDED(mu_);
  void EndStreams(const absl::Status& status) ABSL_LOCKS_EXCLUDED(mu_);

  // Sets the answer of Attach from now on: the status of refusals, and whether a Welcome follows.
  void RefuseAttach(const absl::Status& status) ABSL_LOCKS_EXCLUDED(mu_);
  void SetWelcomes(bool welcomes) ABSL_LOCKS_EXCLUDED(mu_);
  // Sets the epoch that streams get which are opened from now on; 1 at first. nullopt: none.
  void SetEpoch(std::optional<Epoch> epoch) ABSL_LOCKS_EXCLUDED(mu_);
  void RefuseRenew(const absl::Status& status) ABSL_LOCKS_EXCLUDED(mu_);
  // Makes refusals of Attach name the leader at `address`.
  void RedirectTo(const std::string& address) ABSL_LOCKS_EXCLUDED(mu_);
  // Sends `leader` on all streams of WhoLeads. Later streams do not get it.
  void Announce(const v1::Leader& leader) ABSL_LOCKS_EXCLUDED(mu_);
  void AwaitListeners(size_t count) ABSL_LOCKS_EXCLUDED(mu_);

  // The messages that were received. Await...() abort the test after 30 s.
  std::vector<v1::Hello> AwaitHellos(size_t count) ABSL_LOCKS_EXCLUDED(mu_);
  void AwaitRenewCalls(int count) ABSL_LOCKS_EXCLUDED(mu_);
  // Waits for `count` refusals of Attach since the start.
  void AwaitRefusals(int count) ABSL_LOCKS_EXCLUDED(mu_);
  // Waits for `count` further heartbeats.
  void AwaitHeartbeats(int count) ABSL_LOCKS_EXCLUDED(mu_);
  std::vector<v1::FromNode> AwaitOthers(size_t count) ABSL_LOCKS_EXCLUDED(mu_);
  int enrol_calls() const ABSL_LOCKS_EXCLUDED(mu_);
  v1::Heartbeat last_heartbeat() const ABSL_LOCKS_EXCLUDED(mu_);

  rpc::TestPki& pki() { return *pki_; }
  rpc::PinSet& pins() { return pins_; }

  // The service Cluster.
  grpc::ServerUnaryReactor* Renew(grpc::CallbackServerContext* context,
                                  const v1::RenewRequest* request,
                                  v1::RenewResponse* response) override;
  grpc::ServerBidiReactor<v1::FromNode, v1::ToNode>* Attach(
      grpc::CallbackServerContext* context) override;
  grpc::ServerBidiReactor<v1::WhoLeadsRequest, v1::Leader>* WhoLeads(
      grpc::CallbackServerContext* context) override;

 private:
  friend class FakeSession;

  absl::StatusOr<std::string> Enrol(absl::string_view token_text, const std::string& name,
                                    absl::string_view csr_pem) ABSL_LOCKS_EXCLUDED(mu_);
  void Heard(FakeSession& session, const v1::FromNode& message) ABSL_LOCKS_EXCLUDED(mu_);
  void AwaitOrDie(const std::function<bool()>& condition) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const std::unique_ptr<rpc::TestPki> own_pki_;
  rpc::TestPki* const pki_;
  rpc::PinSet pins_;
  std::string address_ = "127.0.0.1:0";
  std::string enrol_address_ = "127.0.0.1:0";
  std::unique_ptr<rpc::Server> server_;
  std::unique_ptr<FakeEnrolment> enrolment_;

  mutable absl::Mutex mu_;
  std::map<std::string, Role> tokens_ ABSL_GUARDED_BY(mu_);  // Unused ones, by their secret.
  std::vector<std::weak_ptr<FakeSession>> sessions_ ABSL_GUARDED_BY(mu_);
  std::vector<std::shared_ptr<FakeListener>> listeners_ ABSL_GUARDED_BY(mu_);
  std::string redirect_ ABSL_GUARDED_BY(mu_);
  absl::Status attach_answer_ ABSL_GUARDED_BY(mu_);
  absl::Status renew_answer_ ABSL_GUARDED_BY(mu_);
  std::optional<Epoch> epoch_ ABSL_GUARDED_BY(mu_) = 1;
  bool welcomes_ ABSL_GUARDED_BY(mu_) = true;
  std::vector<v1::Hello> hellos_ ABSL_GUARDED_BY(mu_);
  std::vector<v1::FromNode> others_ ABSL_GUARDED_BY(mu_);
  v1::Heartbeat last_heartbeat_ ABSL_GUARDED_BY(mu_);
  int heartbeats_ ABSL_GUARDED_BY(mu_) = 0;
  int refusals_ ABSL_GUARDED_BY(mu_) = 0;
  int enrol_calls_ ABSL_GUARDED_BY(mu_) = 0;
  int renew_calls_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace convergia::node
