#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/rpc/auth/pin_set.h"
#include "convergia/v1/chunks.grpc.pb.h"

namespace convergia::datamgr {

class DataServerStream;

// The service that data servers dial (chunks.proto). Keeps their streams, spreads requests over
// them within the window of each server, and passes on the answers.
//
// A server is connected from the hello of its first stream until its last stream has ended, it is
// silent for too long, or a newer start of it says hello. TakeEvents() reports that in order.
//
// Thread-safe. Outlives the rpc::Server that serves it.
class ServerHub final : public v1::Chunks::CallbackService {
 public:
  struct Deps {  // All must outlive the hub.
    const rpc::PinSet* pins = nullptr;
    const Clock* clock = nullptr;
    // Called when there are events to take, on any thread. Must not block.
    absl::AnyInvocable<void()> wake;
  };
  struct Options {
    Epoch epoch = 0;  // Of this start of datamgr.
    // A server that sends nothing for this time is cut. Its reports come every 2 s.
    absl::Duration silence_max = absl::Seconds(15);
  };
  ServerHub(Deps deps, const Options& options);
  ~ServerHub() override;

  // kUp and kDown: the server is connected, or no longer so. kReport: it sent a report. kSlow: it
  // did not answer a request in time. kCaughtUp: it has then answered all late requests. If a
  // stream ends with late requests, kCaughtUp may never come.
  enum class EventKind { kUp, kReport, kDown, kSlow, kCaughtUp };
  struct Event {
    EventKind kind = EventKind::kUp;
    NodeId server = 0;
    std::string name;             // kUp.
    std::string store_id;         // kUp.
    v1::DataServerReport report;  // kUp, kReport.
  };
  // Returns the events since the last call, in order. Of two reports of a server in a row only the
  // newer is kept.
  std::vector<Event> TakeEvents() ABSL_LOCKS_EXCLUDED(mu_);

  // Called once, on any thread, perhaps before Ask() returns; must not block. An error of the data
  // server comes as a status with its FAIL code.
  using Done = absl::AnyInvocable<void(absl::StatusOr<v1::ChunkResponse>)>;
  // Requests of clients go first. Repair takes at most half of a window, or one request.
  enum class Priority { kClient, kRepair };

  // Sends `request` to `server` as soon as its window has room. Besides the answers of the server:
  //   kUnavailable       it is not connected, or its stream ended. It may have done the request.
  //   kDeadlineExceeded  Expire() found no answer after `timeout`. It may have done the request.
  //                      kSlow follows, unless the request still waited for the window.
  //   FailCode::kBusy    more than 64 MiB wait for this server.
  void Ask(NodeId server, v1::ChunkRequest request, Priority priority, absl::Duration timeout,
           Done done) ABSL_LOCKS_EXCLUDED(mu_);

  // Sends `settings` on all streams of `server`, and at the beginning of each later one.
  void SetSettings(NodeId server, const v1::DataServerSettings& settings) ABSL_LOCKS_EXCLUDED(mu_);

  // Answers requests whose time is over, and cuts the streams of silent servers. Call it every few
  // 100 ms.
  void Expire() ABSL_LOCKS_EXCLUDED(mu_);

  // The servers that are connected now, ascending.
  std::vector<NodeId> Connected() const ABSL_LOCKS_EXCLUDED(mu_);
  // The cost in bytes of all requests to `server` that wait or are unanswered.
  uint64_t LoadOf(NodeId server) const ABSL_LOCKS_EXCLUDED(mu_);
  // The cost in bytes of all requests of Priority::kClient since the start.
  uint64_t client_bytes() const ABSL_LOCKS_EXCLUDED(mu_);

  // Refuses streams from now on, cuts those that are there, and answers their requests
  // kUnavailable. Drops all events, and makes no further ones. Idempotent.
  void Stop() ABSL_LOCKS_EXCLUDED(mu_);

  grpc::ServerBidiReactor<v1::FromDataServer, v1::ToDataServer>* Serve(
      grpc::CallbackServerContext* context) override;

 private:
  friend class DataServerStream;
  struct Asked {
    v1::ChunkRequest request;  // Empty after it is sent.
    Priority priority = Priority::kClient;
    size_t cost = 0;                     // Of the window, in bytes.
    absl::Duration deadline;             // By Clock::Elapsed().
    Done done;                           // Null after it was called.
    DataServerStream* stream = nullptr;  // Null until it is sent.
  };
  struct Server {
    std::string name;
    std::string store_id;
    Epoch epoch = 0;
    size_t window_bytes = 0;
    size_t used_bytes = 0;    // Of the window.
    size_t repair_bytes = 0;  // Of used_bytes.
    size_t waiting_bytes = 0;
    std::map<DataServerStream*, size_t> streams;  // With the cost of the requests on each.
    std::map<uint64_t, Asked> asked;              // Sent and unanswered, by request id.
    size_t late = 0;                              // The number of `asked` whose time is over.
    std::deque<Asked> waiting[2];                 // By Priority.
    absl::Duration heard;                         // The time of its last message.
  };
  // Calls to make after the lock is free.
  struct Outbox {
    std::vector<std::pair<std::shared_ptr<DataServerStream>, v1::ToDataServer>> sends;
    std::vector<std::pair<Done, absl::StatusOr<v1::ChunkResponse>>> answers;
    std::vector<std::shared_ptr<DataServerStream>> cuts;
    absl::Status cut_reason = absl::CancelledError("cut by datamgr");
    bool wake = false;
  };

  // The cost of `request` in bytes of the window, as chunks.proto counts it.
  static size_t CostOf(const v1::ChunkRequest& request);

  // From the streams.
  absl::Status OnHello(DataServerStream* stream, const v1::DataServerHello& hello)
      ABSL_LOCKS_EXCLUDED(mu_);
  void OnReport(DataServerStream* stream, const v1::DataServerReport& report)
      ABSL_LOCKS_EXCLUDED(mu_);
  void OnResponse(DataServerStream* stream, v1::ChunkResponse response) ABSL_LOCKS_EXCLUDED(mu_);
  void OnClosed(DataServerStream* stream) ABSL_LOCKS_EXCLUDED(mu_);

  void RemoveStream(NodeId id, DataServerStream* stream, Outbox* out)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void RemoveServer(NodeId id, Outbox* out) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Sends waiting requests as long as the window has room.
  void Pump(Server* server, Outbox* out) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool MayBegin(const Server& server, const Asked& asked) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Begin(Server* server, Asked asked, Outbox* out) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void PushEvent(Event event, Outbox* out) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Carry(Outbox out) ABSL_LOCKS_EXCLUDED(mu_);

  Deps deps_;
  const Options options_;
  mutable absl::Mutex mu_;
  std::map<NodeId, Server> servers_ ABSL_GUARDED_BY(mu_);
  std::map<NodeId, v1::DataServerSettings> settings_ ABSL_GUARDED_BY(mu_);
  // All streams that have not closed, before and after their hello.
  std::map<DataServerStream*, std::weak_ptr<DataServerStream>> all_streams_ ABSL_GUARDED_BY(mu_);
  std::vector<Event> events_ ABSL_GUARDED_BY(mu_);
  uint64_t last_id_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t client_bytes_ ABSL_GUARDED_BY(mu_) = 0;
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace convergia::datamgr
