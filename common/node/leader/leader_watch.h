#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "common/base/actor/executor.h"
#include "common/base/clock.h"
#include "common/node/leader/leader_plan.h"
#include "common/rpc/streams/standing_stream.h"
#include "convergia/v1/cluster.grpc.pb.h"

namespace convergia::node {

// Listens to Cluster.WhoLeads of all mgmts of a list. So a node learns of a new leader even while
// the old one is frozen. With a single address there is no choice, and it does not listen.
//
// Life: constructor -> SetAddresses() -> Stop(). Thread-safe.
class LeaderWatch {
 public:
  struct Deps {
    Executor* executor = nullptr;  // Outlives the watch.
    const Clock* clock = nullptr;  // Outlives the watch.
    // Called on the executor.
    std::function<std::shared_ptr<grpc::Channel>(const rpc::ServerAddress&)> make_channel;
    // Called on gRPC threads, for several mgmts at once. Must not block.
    std::function<void(LeaderWord word)> on_word;
  };
  explicit LeaderWatch(Deps deps) : deps_(std::move(deps)) {}
  ~LeaderWatch() { Stop(); }

  // Begins to listen to each new address. It never stops listening to an old one. No effect with a
  // single address, or after Stop().
  void SetAddresses(const std::vector<std::string>& addresses) ABSL_LOCKS_EXCLUDED(mu_);

  // Ends all streams. on_word is not called after it returns. Idempotent; not from on_word, nor on
  // the executor.
  void Stop() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  using Stream = rpc::StandingStream<v1::Leader, v1::WhoLeadsRequest>;
  struct Listener {
    std::string address;
    std::unique_ptr<Stream> stream;
  };

  std::unique_ptr<Stream> Listen(const std::string& address) const;

  const Deps deps_;
  absl::Mutex mu_;
  std::vector<Listener> listeners_ ABSL_GUARDED_BY(mu_);
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace convergia::node
