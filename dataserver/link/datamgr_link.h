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
#include "common/base/actor/executor.h"
#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/rpc/streams/standing_stream.h"
#include "convergia/v1/chunks.grpc.pb.h"
#include "dataserver/link/request_handler.h"
#include "dataserver/store/chunk_store.h"

namespace convergia::dataserver {

// Keeps the standing streams to datamgr (chunks.proto), and sends reports on the first of them.
//
// Only the latest start of datamgr counts. Each stream begins with an epoch; when a higher one
// comes, the streams of lower ones are cut. The highest epoch is on the disk before any request of
// it is carried out.
//
// Life: constructor -> Start() -> Drain() -> Stop(). Thread-safe.
class DatamgrLink {
 public:
  struct Options {
    std::string address;  // Of datamgr, for the log.
    std::shared_ptr<grpc::Channel> channel;
    ChunkStore* store = nullptr;  // Outlives the link, like the two below.
    ChunkRequestHandler* handler = nullptr;
    const Clock* clock = nullptr;
    Epoch epoch = 0;  // Of this data server.
    int streams = 4;
    std::string version;
    absl::Duration report_period = absl::Seconds(2);
    absl::Duration backoff_first = absl::Milliseconds(200);
    absl::Duration backoff_max = absl::Seconds(3);
    // The scrub rate while datamgr sets none.
    uint64_t scrub_bytes_per_second = 0;
  };
  // Called at most once, on the link's own thread: a newer start of this data server is connected
  // to datamgr, so this one must stop. Must not call Stop().
  using OnReplaced = std::function<void(const absl::Status& why)>;

  DatamgrLink(const Options& options, OnReplaced on_replaced);
  ~DatamgrLink();  // Stop().

  // Begins to dial. Once.
  void Start();

  // Refuses further requests, waits for the answers of the others, then ends the streams in order.
  // Returns after `deadline` at the latest.
  void Drain(absl::Duration deadline);

  // Cancels the streams and waits for their end. Idempotent.
  void Stop();

  // Takes mgmt's configuration of this data server. After the first call the capacity in it
  // overrides that of datamgr.
  void Configure(const v1::NodeConfiguration& configuration) ABSL_LOCKS_EXCLUDED(mu_);

  // The number of streams on which datamgr has sent its settings.
  int streams_up() const ABSL_LOCKS_EXCLUDED(mu_);
  // The number of greetings that did not count since the start: their epoch was lower than the
  // highest, or could not be written to the disk.
  uint64_t streams_refused() const;
  // The settings that datamgr sent last.
  v1::DataServerSettings settings() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  using Stream = rpc::StandingStream<v1::ToDataServer, v1::FromDataServer>;

  Stream::Options StreamOptions(int index) const;
  Stream::Hooks MakeHooks(int index);
  v1::FromDataServer MakeHello(int index) const;
  absl::Status SendReport();
  v1::DataServerReport MakeReport() const;

  // In bytes. 0 stands for the value in the node's own configuration.
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
