#pragma once

#include <grpcpp/channel.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/base/backoff.h"
#include "common/base/clock.h"
#include "common/base/ids.h"
#include "convergia/v1/chunks.grpc.pb.h"
#include "dataserver/link/request_handler.h"
#include "dataserver/store/chunk_store.h"

namespace convergia::dataserver {

class DatamgrStream;

// Keeps the streams to datamgr up (chunks.proto): dials, greets, reports, and dials again when one
// ends, for ever.
//
// It listens only to the latest start of datamgr, and cuts the streams of earlier ones, by the
// epoch with which a stream begins. The highest epoch is on the disk before anything is done under
// it.
//
// Life: constructor → Start() → Drain() → Stop(). Thread-safe.
class DatamgrLink {
 public:
  struct Options {
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
  void Drain(absl::Duration deadline) ABSL_LOCKS_EXCLUDED(mu_);

  // Ends all and waits for it. Idempotent.
  void Stop() ABSL_LOCKS_EXCLUDED(mu_);

  // What mgmt says of how this data server is to be used. Once it has said anything, its capacity
  // goes before datamgr's.
  void Configure(const v1::NodeConfiguration& configuration) ABSL_LOCKS_EXCLUDED(mu_);

  // Lanes on which datamgr has sent its settings.
  int streams_up() const ABSL_LOCKS_EXCLUDED(mu_);
  // Streams that were cut because a later start of datamgr was here. Since the start.
  uint64_t streams_refused() const ABSL_LOCKS_EXCLUDED(mu_);
  // The last that datamgr sent.
  v1::DataServerSettings settings() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  friend class DatamgrStream;
  struct Slot {
    std::shared_ptr<DatamgrStream> stream;  // The newest.
    bool is_open = false;                   // Not ended yet.
    bool is_up = false;                     // Greeted.
    Epoch epoch = 0;                        // Of the datamgr that greeted.
    absl::Duration dial_at = absl::ZeroDuration();
    std::unique_ptr<Backoff> backoff;
  };

  void Loop() ABSL_LOCKS_EXCLUDED(mu_);
  void DialOnce() ABSL_LOCKS_EXCLUDED(mu_);
  void Dial(int index) ABSL_LOCKS_EXCLUDED(mu_);
  void ReportOnce() ABSL_LOCKS_EXCLUDED(mu_);
  // How long until something is due.
  absl::Duration NextWait() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool HasNews() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return awake_ || stopping_; }
  v1::DataServerReport MakeReport() const;

  // In bytes; 0: as the node's own configuration says.
  uint64_t WantedCapacity() const ABSL_LOCKS_EXCLUDED(mu_);
  void ApplyCapacity() ABSL_LOCKS_EXCLUDED(mu_);

  // From the streams. Errors: `stream` is not to be listened to: kUnavailable if a later start of
  // datamgr was here, or those of the disk, which cannot keep `epoch`. Blocks on the disk when a
  // datamgr of a new epoch comes.
  absl::Status OnDatamgr(int index, const DatamgrStream* stream, Epoch epoch)
      ABSL_LOCKS_EXCLUDED(mu_);
  void OnSettings(int index, const v1::DataServerSettings& settings) ABSL_LOCKS_EXCLUDED(mu_);
  void OnLaneClosed(int index, const DatamgrStream* stream, const absl::Status& status,
                    std::optional<Epoch> said) ABSL_LOCKS_EXCLUDED(mu_);

  const Options options_;
  const OnReplaced on_replaced_;
  const std::unique_ptr<v1::Chunks::Stub> stub_;

  mutable absl::Mutex mu_;
  std::vector<Slot> slots_ ABSL_GUARDED_BY(mu_);
  v1::DataServerSettings settings_ ABSL_GUARDED_BY(mu_);
  uint64_t streams_refused_ ABSL_GUARDED_BY(mu_) = 0;
  std::optional<v1::NodeConfiguration> configuration_ ABSL_GUARDED_BY(mu_);
  absl::Duration report_at_ ABSL_GUARDED_BY(mu_) = absl::ZeroDuration();
  std::string complaint_ ABSL_GUARDED_BY(mu_);  // The last that was logged.
  bool awake_ ABSL_GUARDED_BY(mu_) = false;
  bool draining_ ABSL_GUARDED_BY(mu_) = false;
  bool replaced_ ABSL_GUARDED_BY(mu_) = false;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;

  std::thread thread_;
};

}  // namespace convergia::dataserver
