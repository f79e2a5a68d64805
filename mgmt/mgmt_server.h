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
#include "mgmt/accounts/captcha.h"

namespace convergia::mgmt {

// The whole management server of one cluster.
//
//   CVG_ASSIGN_OR_RETURN(auto server, MgmtServer::Create(options));
//   server->Start();  ...  server->Drain(absl::Seconds(5));  server->Stop();
//
// Threads: the gRPC callbacks, the line server's shards, the executors' work queues and the
// cluster's loop. They meet at the executors and at ClusterLoop; nothing else is shared but the
// thread-safe AccountStore, NodeRegistry and PinSet.
class MgmtServer {
 public:
  struct Options {
    v1::MgmtConfig config;          // As ParseConfig() returns it; InitCluster() was done there.
    const Clock* clock = nullptr;   // The machine's, if null. All must outlive the server.
    store::Store* store = nullptr;  // That of config.dir, if null.
    CaptchaPainter* painter = nullptr;  // Real pictures, if null.
    PasswordHasher::Cost hash_cost;
    int line_shards = 1;
    int hash_threads = 0;  // 0: half the cores, at least one.
    // The store of config.dir can write no more: only a new start helps. From any thread.
    std::function<void(const absl::Status& why)> on_fenced;
  };

  // Opens the store and all ports. gRPC is served from here on, clients from Start() on.
  //
  // Errors: kFailedPrecondition without --init; what is wrong with files, store or ports.
  static absl::StatusOr<std::unique_ptr<MgmtServer>> Create(const Options& options);
  ~MgmtServer();  // Stop().

  void Start();
  // Takes no new clients and calls; lets what is under way be answered, at most until `deadline`.
  void Drain(absl::Duration deadline);
  // Ends all, and waits for it. Idempotent.
  void Stop();

  // Which mgmt leads from now on; this one at first (ClusterService::SetLeader()).
  void SetLeader(const v1::Leader& leader);

  // "host:port" with the real ports.
  const std::string& grpc_address() const;
  const std::string& line_address() const;
  const std::string& open_line_address() const;

 private:
  struct Parts;
  explicit MgmtServer(std::unique_ptr<Parts> parts);

  const std::unique_ptr<Parts> parts_;
};

}  // namespace convergia::mgmt
