#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/etcd/etcd_txns.h"
#include "common/store/replicated/replicated_log.h"
#include "etcd_rpc.grpc.pb.h"

namespace convergia::etcd {

// PEM texts for mutual TLS with etcd. etcd has a CA of its own, because it lets in every holder of
// a certificate of its CA.
struct EtcdTls {
  std::string ca;
  std::string certificate_chain;
  std::string key;
};

// A log in etcd, 3.4 or later. Thread-safe; see ReplicatedLog for its calls.
//
// Each call goes to one of etcd's members, and fails after 400 ms. The next call then goes to the
// next member, 50 ms later.
class EtcdLog final : public store::ReplicatedLog {
 public:
  struct Options {
    std::vector<std::string> endpoints;  // "host:port" of each member; at least one.
    EtcdTls tls;                         // Without a CA: no TLS, for tests.
    std::string prefix;                  // "convergia/mgmt/": of this log alone; ends with a slash.
    absl::Duration call_timeout = absl::Milliseconds(400);
  };

  explicit EtcdLog(const Options& options);
  ~EtcdLog() override;

  // Makes an empty log with `id` (kLogIdBytes, unpredictable), if there is none at the prefix.
  //
  // Errors: kUnavailable: no answer; it is made or not, so call again.
  absl::Status MakeIfAbsent(const std::string& id);

  absl::StatusOr<store::LogState> ReadState() override;
  store::AppendAnswer Append(const store::AppendRequest& request) override;
  absl::StatusOr<std::vector<store::LogEntry>> Read(store::Sequence from,
                                                    size_t bytes_max) override;
  absl::Status Trim(store::Sequence through) override;
  absl::Status ReportFlushed(const std::string& replica, store::Sequence through) override;
  store::CampaignAnswer TryCampaign(const store::Campaign& campaign) override
      ABSL_LOCKS_EXCLUDED(mu_);
  store::RenewAnswer Renew(const store::Term& term) override ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status Resign(uint64_t key) override;
  std::unique_ptr<store::LogWatch> Watch(store::Sequence from,
                                         store::LogWatchCallback callback) override;
  void Interrupt() override ABSL_LOCKS_EXCLUDED(mu_);

 private:
  class WatchThread;
  // A call under way, with its deadline, so that Interrupt() can end it.
  class Call;

  // Where the next call goes. A failed one moves on, unless another has already.
  std::shared_ptr<grpc::Channel> channel() ABSL_LOCKS_EXCLUDED(mu_);
  void MoveOnFrom(const std::shared_ptr<grpc::Channel>& channel) ABSL_LOCKS_EXCLUDED(mu_);
  // Runs `call` with a channel and a context. Errors: kUnavailable for every failure after which
  // the call may have been carried out or not; others as etcd gave them.
  absl::Status Run(const std::function<grpc::Status(const std::shared_ptr<grpc::Channel>&,
                                                    grpc::ClientContext*)>& call)
      ABSL_LOCKS_EXCLUDED(mu_);
  absl::StatusOr<etcdserverpb::TxnResponse> Txn(const etcdserverpb::TxnRequest& request);
  // A lease for the campaign with this candidacy, granted once only.
  absl::StatusOr<int64_t> GrantLease(const store::Campaign& campaign) ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status KeepAlive(int64_t lease, bool* is_alive);

  const EtcdTxns txns_;
  const absl::Duration call_timeout_;
  std::vector<std::shared_ptr<grpc::Channel>> channels_;

  absl::Mutex mu_;
  size_t next_ ABSL_GUARDED_BY(mu_) = 0;  // Of `channels_`.
  bool interrupted_ ABSL_GUARDED_BY(mu_) = false;
  std::set<grpc::ClientContext*> running_ ABSL_GUARDED_BY(mu_);
  std::string candidacy_ ABSL_GUARDED_BY(mu_);  // For which `lease_` was granted.
  int64_t lease_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace convergia::etcd
