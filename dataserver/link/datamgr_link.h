#pragma once

#include <grpcpp/channel.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/base/executor.h"
#include "common/base/ids.h"
#include "common/rpc/standing_stream.h"
#include "convergia/v1/chunks.grpc.pb.h"
#include "dataserver/link/request_handler.h"
#include "dataserver/store/chunk_store.h"

namespace convergia::dataserver {

// Keeps the standing streams to datamgr (chunks.proto), and reports on the first of them.
//
// It listens only to the latest start of datamgr, and cuts the streams of earlier ones, by the
// epoch with which a stream begins. The highest epoch is on the disk before anything is done under
// it.
//
// Life: constructor → Start() → Drain() → Stop(). Thread-safe.
class DatamgrLink {
 public:
  struct Options {
    std::string address;  // Of datamgr, for the log.
    std::shared_ptr<grpc::Channel> channel;
    ChunkStore* store = nullptr;  // These outlive the link.
    ChunkRequestHandler* handler = nullptr;
    const Clock* clock = nullptr;
    Epoch epoch = 0;
    int streams = 4;
    std::string version;
    absl::Duration report_period = absl::Seconds(2);
    absl::Duration backoff_first = absl::Milliseconds(200);
    absl::Duration backoff_max = absl::Seconds(3);
    // Where capacity and scrub rate go back to when datamgr does not say.
    uint64_t scrub_bytes_per_second = 0;
  };
  // `on_replaced` is called at most once, from any thread: a newer start of this data server is at
  // datamgr, and this one must stop.
  using OnReplaced = std::function<void(const absl::Status& why)>;

  DatamgrLink(const Options& options, OnReplaced on_replaced);
  ~DatamgrLink();  // Stop().

  void Start();

  // Lets what was asked be answered, then ends the streams; at the deadline in any case.
  void Drain(absl::Duration deadline);

  // Ends all and waits for it. Idempotent.
  void Stop();

  // What mgmt says of how this data server is to be used. Once it has said anything, its capacity
  // goes before datamgr's.
  void Configure(const v1::NodeConfiguration& configuration) ABSL_LOCKS_EXCLUDED(mu_);

  // Streams on which datamgr has sent its settings.
  int streams_up() const ABSL_LOCKS_EXCLUDED(mu_);
  // Streams that were cut because a later start of datamgr was here. Since the start.
  uint64_t streams_refused() const;
  // The last that datamgr sent.
  v1::DataServerSettings settings() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  using Stream = rpc::StandingStream<v1::ToDataServer, v1::FromDataServer>;

  Stream::Options StreamOptions(int index) const;
  Stream::Hooks MakeHooks(int index);
  v1::FromDataServer MakeHello(int index) const;
  absl::Status SendReport();
  v1::DataServerReport MakeReport() const;

  // In bytes; 0: as the node's own configuration says.
  uint64_t WantedCapacity() const ABSL_LOCKS_EXCLUDED(mu_);
  void ApplyCapacity() ABSL_LOCKS_EXCLUDED(mu_);

  // From the streams.
  void OnUp(int index, Stream::Line& line, v1::ToDataServer& greeting) ABSL_LOCKS_EXCLUDED(mu_);
  void OnMessage(int index, Stream::Line& line, v1::ToDataServer& message) ABSL_LOCKS_EXCLUDED(mu_);
  void OnSettings(int index, const v1::DataServerSettings& settings) ABSL_LOCKS_EXCLUDED(mu_);
  void OnDown(int index) ABSL_LOCKS_EXCLUDED(mu_);
  void OnFinal(const absl::Status& why) ABSL_LOCKS_EXCLUDED(mu_);

  const Options options_;
  const OnReplaced on_replaced_;

  mutable absl::Mutex mu_;
  std::vector<bool> has_settings_ ABSL_GUARDED_BY(mu_);  // For each stream.
  v1::DataServerSettings settings_ ABSL_GUARDED_BY(mu_);
  std::optional<v1::NodeConfiguration> configuration_ ABSL_GUARDED_BY(mu_);
  bool replaced_ ABSL_GUARDED_BY(mu_) = false;

  ThreadExecutor executor_;
  std::vector<std::unique_ptr<Stream>> streams_;  // Constant after construction.
};

}  // namespace convergia::dataserver
