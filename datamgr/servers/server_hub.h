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
#include "common/rpc/pin_set.h"
#include "convergia/v1/chunks.grpc.pb.h"

namespace convergia::datamgr {

class DataServerStream;

// The service that data servers dial (chunks.proto): keeps their streams, spreads requests over
// them within each server's window, and gives the answers.
//
// A server is here from its first stream's greeting until its last stream has ended. What happens
// is told in order by TakeEvents(); `wake` is called when there is something to take.
//
// Thread-safe. Outlives the rpc::Server that serves it.
class ServerHub final : public v1::Chunks::CallbackService {
 public:
  struct Deps {  // All must outlive the hub.
    const rpc::PinSet* pins = nullptr;
    const Clock* clock = nullptr;
    absl::AnyInvocable<void()> wake;  // On any thread; must not block.
  };
  struct Options {
    Epoch epoch = 0;  // Which start of datamgr this is.
    // A server that says nothing at all for so long is cut: its reports come every 2 s.
    absl::Duration silence_max = absl::Seconds(15);
  };
  ServerHub(Deps deps, const Options& options);
  ~ServerHub() override;

  // kSlow: it did not answer something in time. kCaughtUp: after that it has answered all that it
  // owed.
  enum class EventKind { kUp, kReport, kDown, kSlow, kCaughtUp };
  struct Event {
    EventKind kind = EventKind::kUp;
    NodeId server = 0;
    std::string name;             // kUp.
    std::string store_id;         // kUp.
    v1::DataServerReport report;  // kUp, kReport.
  };
  std::vector<Event> TakeEvents() ABSL_LOCKS_EXCLUDED(mu_);

  // Called once, on any thread; must not block. An error that the data server answers comes as its
  // status (with its FAIL code).
  using Done = absl::AnyInvocable<void(absl::StatusOr<v1::ChunkResponse>)>;
  enum class Priority { kClient, kRepair };  // Repair takes at most half of a window.

  // Asks `server`. Besides what it answers:
  //   kUnavailable       it is not here, or its stream ended: it may have done it or not.
  //   kDeadlineExceeded  no answer within `timeout`; the same. A kSlow event tells of it.
  //   FailCode::kBusy    too much is waiting for this server.
  void Ask(NodeId server, v1::ChunkRequest request, Priority priority, absl::Duration timeout,
           Done done) ABSL_LOCKS_EXCLUDED(mu_);

  // In force on all its streams, also later ones.
  void SetSettings(NodeId server, const v1::DataServerSettings& settings) ABSL_LOCKS_EXCLUDED(mu_);

  // Ends what took too long, and the streams of servers that are silent. Every few 100 ms.
  void Expire() ABSL_LOCKS_EXCLUDED(mu_);

  // Those that are here now, ascending.
  std::vector<NodeId> Connected() const ABSL_LOCKS_EXCLUDED(mu_);
  // Bytes asked and not answered: how busy a server is.
  uint64_t LoadOf(NodeId server) const ABSL_LOCKS_EXCLUDED(mu_);
  // Bytes that clients have had put and read since the start.
  uint64_t client_bytes() const ABSL_LOCKS_EXCLUDED(mu_);

  // Refuses streams from now on, cuts those that are here and fails what they were asked. The
  // events of that are not told any more. Idempotent.
  void Stop() ABSL_LOCKS_EXCLUDED(mu_);

  grpc::ServerBidiReactor<v1::FromDataServer, v1::ToDataServer>* Serve(
      grpc::CallbackServerContext* context) override;

 private:
  friend class DataServerStream;
  struct Asked {
    v1::ChunkRequest request;  // Until it is sent.
    Priority priority = Priority::kClient;
    size_t cost = 0;
    absl::Duration deadline;
    Done done;  // Null once it was called.
    DataServerStream* stream = nullptr;
  };
  struct Server {
    std::string name;
    std::string store_id;
    Epoch epoch = 0;
    size_t window_bytes = 0;
    size_t used_bytes = 0;    // Of the window.
    size_t repair_bytes = 0;  // Of used_bytes.
    size_t waiting_bytes = 0;
    std::map<DataServerStream*, size_t> streams;  // With the bytes asked there.
    std::map<uint64_t, Asked> asked;              // By request id.
    size_t late = 0;                              // Of those: whose time is over.
    std::deque<Asked> waiting[2];                 // By Priority.
    absl::Duration heard;
  };
  // Calls to make once the lock is free.
  struct Outbox {
    std::vector<std::pair<std::shared_ptr<DataServerStream>, v1::ToDataServer>> sends;
    std::vector<std::pair<Done, absl::StatusOr<v1::ChunkResponse>>> answers;
    std::vector<std::shared_ptr<DataServerStream>> cuts;
    absl::Status cut_reason = absl::CancelledError("cut by datamgr");
    bool wake = false;
  };

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
  // Sends what waits as far as the window goes.
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
  // All that have not closed, greeted or not.
  std::map<DataServerStream*, std::weak_ptr<DataServerStream>> all_streams_ ABSL_GUARDED_BY(mu_);
  std::vector<Event> events_ ABSL_GUARDED_BY(mu_);
  uint64_t last_id_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t client_bytes_ ABSL_GUARDED_BY(mu_) = 0;
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace convergia::datamgr
