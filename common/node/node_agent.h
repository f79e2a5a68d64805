#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/base/actor/actor.h"
#include "common/base/actor/executor.h"
#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/identity/certificate.h"
#include "common/node/attach_options.h"
#include "common/node/enrolment/certificate_plan.h"
#include "common/node/enrolment/node_files.h"
#include "common/node/leader/leader_plan.h"
#include "common/node/leader/leader_watch.h"
#include "common/node/mgmt_memory.h"
#include "common/rpc/auth/credentials.h"
#include "common/rpc/auth/pin_set.h"
#include "common/rpc/calls/call_pool.h"
#include "common/rpc/epochs/highest_epoch.h"
#include "common/rpc/streams/standing_stream.h"
#include "convergia/v1/cluster.grpc.pb.h"

namespace convergia::node {

// A node's reactions to mgmt. Calls must not block. OnRestored(), OnAttached(), OnMessage() and
// OnDetached() run one at a time. They run in NodeAgent::Start() with data from the disk, and on
// gRPC threads with messages of mgmt.
class AttachHandler {
 public:
  virtual ~AttachHandler() = default;

  // Called first, in NodeAgent::Start(), with the latest data from mgmt that is on the disk, so
  // that the node can serve while mgmt is away. Not called if the disk has no Welcome. OnMessage()
  // with the latest Edges and Routes follows, as far as they are on the disk.
  virtual void OnRestored(const v1::Welcome& /*welcome*/, const v1::Revocations& /*revocations*/) {}

  // Called after each Welcome. mgmt knows only the Hello of this node, so Send() all reports again.
  virtual void OnAttached(const v1::Welcome& welcome) = 0;

  // Called with all messages except Welcome and Pins, which the agent keeps itself. `message` may
  // be moved from.
  virtual void OnMessage(v1::ToNode& message) = 0;

  // Called when the stream of the last OnAttached() has ended. The agent dials again by itself.
  virtual void OnDetached() = 0;

  // Called on the agent's own thread before each heartbeat. Adds the facts that only the node knows
  // (sessions, draining). The agent has set the others.
  virtual void FillHeartbeat(v1::Heartbeat* /*heartbeat*/) {}

  // Called on the agent's own thread after node.pem was renewed. gRPC reads the file by itself;
  // other users of the certificate must load it here.
  virtual void OnRenewed(const std::string& /*certificate_chain_pem*/) {}

  // Called on the agent's own thread, last and at most once: the cluster no longer has a place for
  // this node (revoked, replaced by a newer start, expired). The program should report it and stop.
  virtual void OnExpelled(const absl::Status& /*why*/) {}
};

// A node's membership in the cluster: it enrols once, renews the certificate, holds the stream to
// mgmt and knows the valid pins. It keeps them across a restart while mgmt is away. Every role but
// mgmt uses it.
//
// Only the latest start of mgmt counts. The epoch comes with Welcome and with refusals; the agent
// treats a mgmt of an earlier epoch as one that cannot be reached. If it knows several addresses of
// mgmt, it dials the next when one fails, and moves as soon as any mgmt names a new leader.
//
// Life: Create() -> EnsureEnrolled() -> (make servers with tls_files() and pins()) -> Start() ->
// Stop(). Thread-safe.
class NodeAgent {
 public:
  struct Options {
    Role role = Role::kEdge;
    std::string name;
    std::string dir;  // Of the node's files (node_files.h); made if missing.
    std::vector<std::string> mgmt_addresses;  // "host:port"; empty: those of the enrolment.
    std::string join_token_file;              // Needed only for the enrolment.
    std::string version;
    rpc::StandingPlan::Options plan = AttachOptions();
    absl::Duration renew_retry = absl::Minutes(1);
    const Clock* clock = &RealClock::Get();
  };

  // Reads the files in the folder, and counts this start (epoch()).
  //
  // Errors: those of NodeFiles and HighestEpoch::Open(); kInvalidArgument if the folder belongs to
  // another node, or if the node is enrolled but no address of mgmt is known.
  static absl::StatusOr<std::unique_ptr<NodeAgent>> Create(const Options& options);

  ~NodeAgent();  // Stop().

  // Returns at once if this node has a valid certificate. Otherwise it enrols, and tries again as
  // long as mgmt cannot be reached. Blocks. It calls `cancelled` ten times a second between two
  // tries; one try may take 10 s for each address.
  //
  // Errors: kCancelled if `cancelled` returns true; else the errors of EnrolOnce() that another try
  // cannot help: no token file, a token that mgmt refuses (with its reason), or a server that is
  // not of the cluster that made the token.
  absl::Status EnsureEnrolled(const std::function<bool()>& cancelled);

  // Attaches, and again after each end, until Stop() or AttachHandler::OnExpelled(). `hello` has
  // the addresses of this node; the agent adds epoch and version. `handler` must outlive Stop().
  // Once, after EnsureEnrolled().
  void Start(v1::Hello hello, AttachHandler* handler);

  // Ends the stream in order, and cancels it after 1 s. After it returns no handler call is under
  // way, and none comes. Idempotent; not from a handler.
  void Stop();

  // Queues `message` for mgmt.
  //
  // Errors: kUnavailable while not attached; OnAttached() is the time to send it again. kBusy if
  // the queue is full; the stream then ends, and OnAttached() follows on the next one.
  absl::Status Send(v1::FromNode message) { return stream_.Send(std::move(message)); }

  // Sends a heartbeat now, for news that should not wait (draining).
  void BeatNow() { stream_.BeatNow(); }

  bool attached() const { return attached_; }
  // OK, or the reason for OnExpelled(), which was called or follows.
  absl::Status final_status() const { return stream_.final_status(); }
  // The number that mgmt gave this node; 0 until the first Welcome of all its starts.
  NodeId node_id() const { return memory_.node_id(); }
  // The number of this start of the node.
  Epoch epoch() const { return epoch_; }

  // The first address of mgmt's gRPC in the list. After EnsureEnrolled().
  const std::string& mgmt_address() const { return mgmt_addresses_.front(); }

  const rpc::PinSet& pins() const { return memory_.pins(); }
  const NodeFiles& files() const { return files_; }
  rpc::TlsFiles tls_files() const { return files_.tls_files(); }
  // A channel for the other services of mgmt. It leads to the mgmt that this node was attached to
  // last, so ask for it before each call. Before the first Welcome it leads to mgmt_address().
  // After EnsureEnrolled().
  std::shared_ptr<grpc::Channel> mgmt_channel() ABSL_LOCKS_EXCLUDED(mu_);

  // The number of times that it has dialled mgmt for the stream.
  uint64_t attaches() const { return stream_.dials(); }

  // Reads the clock again. For tests that move a FakeClock.
  void Wake();

 private:
  using Stream = rpc::StandingStream<v1::ToNode, v1::FromNode>;

  NodeAgent(const Options& options, NodeFiles files, Epoch epoch,
            std::unique_ptr<rpc::HighestEpoch> mgmt_epochs);

  absl::Status LoadCertificate();
  absl::Status FindMgmt();
  std::shared_ptr<grpc::Channel> ChannelTo(const std::string& address) ABSL_LOCKS_EXCLUDED(mu_);
  Stream::Options StreamOptions() const;
  Stream::Hooks MakeHooks();

  // On the executor.
  absl::Duration Turn(absl::Duration elapsed, bool is_last) ABSL_LOCKS_EXCLUDED(mu_);
  void SaveMemory(absl::Duration elapsed);
  absl::Status Beat();
  void AskForRenewal() ABSL_LOCKS_EXCLUDED(mu_);
  void TakeRenewal(absl::StatusOr<std::string> chain_pem) ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status KeepRenewed(const std::string& chain_pem) ABSL_LOCKS_EXCLUDED(mu_);
  void OnExpelled(const absl::Status& why);
  void OnLeader(const LeaderWord& word) ABSL_LOCKS_EXCLUDED(mu_);
  // Adds `address` to the ring. False if the ring is full.
  bool Learn(const std::string& address);
  void SetAddresses();

  // From the stream.
  void OnWelcome(const Stream::Line& line, const v1::Welcome& welcome) ABSL_LOCKS_EXCLUDED(mu_);
  void OnStreamMessage(v1::ToNode& message);
  void OnStreamClosed(const Stream::End& end) ABSL_LOCKS_EXCLUDED(mu_);

  // Constant after Start().
  const Options options_;
  const NodeFiles files_;
  const Epoch epoch_;
  identity::Pin own_pin_;
  std::vector<std::string> mgmt_addresses_;  // Of the configuration, or of the enrolment.
  bool has_certificate_ = false;
  absl::Time certificate_ends_;  // At the start.
  v1::Hello hello_;
  AttachHandler* handler_ = nullptr;

  // Provide their own synchronization.
  const std::unique_ptr<rpc::HighestEpoch> mgmt_epochs_;
  MgmtMemory memory_;
  std::atomic<bool> attached_ = false;  // The welcome is in memory_, and the stream has not ended.
  rpc::CallPool calls_{/*calls_max=*/4};

  // Only on the executor.
  std::vector<std::string> ring_;  // mgmt_addresses_, and addresses that mgmts have named.
  absl::Duration cpu_used_ = absl::ZeroDuration();
  absl::Duration cpu_read_at_ = absl::ZeroDuration();

  absl::Mutex mu_;
  CertificatePlan certificate_plan_ ABSL_GUARDED_BY(mu_);
  LeaderPlan leader_plan_ ABSL_GUARDED_BY(mu_);
  std::map<std::string, std::shared_ptr<grpc::Channel>> channels_ ABSL_GUARDED_BY(mu_);
  std::shared_ptr<grpc::Channel> attached_channel_ ABSL_GUARDED_BY(mu_);  // Of the last Welcome.

  // The agent's own thread, and the objects that use it.
  ThreadExecutor executor_;
  Actor actor_;
  Stream stream_;
  LeaderWatch leaders_;
};

}  // namespace convergia::node
