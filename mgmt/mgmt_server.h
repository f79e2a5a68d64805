#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/store/store.h"
#include "convergia/v1/cluster.pb.h"
#include "convergia/v1/config.pb.h"
#include "mgmt/accounts/accounts_executor.h"
#include "mgmt/accounts/registration/captcha.h"

namespace convergia::mgmt {

// The management server of one cluster, with all its parts.
//
//   CVG_ASSIGN_OR_RETURN(auto server, MgmtServer::Create(options));
//   server->Start();  ...  server->Drain(absl::Seconds(5));  server->Stop();
//
// Threads: the gRPC callbacks, the line servers' shards, the executors' work queues and the
// cluster's loop. They meet at the executors and at ClusterLoop. Besides these they share only the
// AccountStore, the NodeRegistry and the PinSet, which are thread-safe.
class MgmtServer {
 public:
  struct Options {
    v1::MgmtConfig config;              // From CompleteConfig(); InitCluster() has run in its dir.
    const Clock* clock = nullptr;       // Null: the machine's clock. All must outlive the server.
    store::Store* store = nullptr;      // Null: the store in config.dir.
    CaptchaPainter* painter = nullptr;  // Null: paints real pictures.
    PasswordHasher::Cost hash_cost;
    int line_shards = 1;
    int hash_threads = 0;  // 0: half the cores, at least one.
    // The store of config.dir cannot write until mgmt restarts. Called from any thread.
    std::function<void(const absl::Status& why)> on_fenced;
  };

  // Opens the store and all ports. Serves gRPC from now on, and clients after Start().
  //
  // Errors: kFailedPrecondition without --init; errors of the files, the store and the ports.
  static absl::StatusOr<std::unique_ptr<MgmtServer>> Create(const Options& options);
  ~MgmtServer();  // Calls Stop().

  void Start();
  // Accepts no new clients and calls. Waits until pending ones are answered, at most `deadline`.
  void Drain(absl::Duration deadline);
  // Ends everything and waits for it. Idempotent.
  void Stop();

  // Sets which mgmt leads from now on. At first this one leads (ClusterService::SetLeader()).
  void SetLeader(const v1::Leader& leader);

  // "host:port" with the ports really bound.
  const std::string& grpc_address() const;
  const std::string& line_address() const;
  const std::string& open_line_address() const;

 private:
  struct Parts;
  explicit MgmtServer(std::unique_ptr<Parts> parts);

  const std::unique_ptr<Parts> parts_;
};

}  // namespace convergia::mgmt
