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

// What a node does with what mgmt says. Calls must not block. OnRestored() to OnDetached() come one
// at a time.
class AttachHandler {
 public:
  virtual ~AttachHandler() = default;

  // From the disk, in NodeAgent::Start(), before anything else: what mgmt said last before this
  // start, so that the node can serve while mgmt is away. Not called if it never said anything. If
  // it said Edges and Routes, OnMessage() with the last of each follows.
  virtual void OnRestored(const v1::Welcome& /*welcome*/, const v1::Revocations& /*revocations*/) {}

  // mgmt has welcomed us and knows nothing of us but Hello: now is the time to Send() the whole.
  virtual void OnAttached(const v1::Welcome& welcome) = 0;

  // All but Welcome and Pins, which the agent keeps itself. `message` may be moved from.
  virtual void OnMessage(v1::ToNode& message) = 0;

  // The stream of the last OnAttached() has ended; the agent is trying again already.
  virtual void OnDetached() = 0;

  // On the agent's own thread: add what only the node knows (sessions, draining); the rest is
  // there.
  virtual void FillHeartbeat(v1::Heartbeat* /*heartbeat*/) {}

  // On the agent's own thread: node.pem was renewed. gRPC reads it by itself; reload what does not.
  virtual void OnRenewed(const std::string& /*certificate_chain_pem*/) {}

  // On the agent's own thread, last and at most once: the cluster has no place for this node any
  // more (revoked, replaced by a newer start, expired). The program should say so and stop.
  virtual void OnExpelled(const absl::Status& /*why*/) {}
};

// A node's membership in the cluster: it enrols once, keeps the certificate fresh, holds the stream
// to mgmt and knows the valid pins, also across a restart while mgmt is away. The same for every
// role but mgmt.
//
// It listens only to the latest start of mgmt: an earlier one, by the epoch that comes with Welcome
// and with refusals, is like one that cannot be reached. If it knows several addresses of mgmt, it
// dials the next when one fails, and moves as soon as any mgmt names a new leader.
//
// Life: Create() → EnsureEnrolled() → (make servers with tls_files() and pins()) → Start() →
// Stop(). Thread-safe.
class NodeAgent {
 public:
  struct Options {
    Role role = Role::kEdge;
    std::string name;
    std::string dir;  // Of the node's files (node_files.h); made if missing.
    std::vector<std::string> mgmt_addresses;  // "host:port"; empty: as mgmt said at enrolment.
    std::string join_token_file;              // Needed until enrolled.
    std::string version;
    rpc::StandingPlan::Options plan = AttachOptions();
    absl::Duration renew_retry = absl::Minutes(1);
    const Clock* clock = &RealClock::Get();
  };

  // Reads what is in the folder, and counts this start (epoch()).
  //
  // Errors: a folder that cannot be used, or that belongs to another node; names the file.
  static absl::StatusOr<std::unique_ptr<NodeAgent>> Create(const Options& options);

  ~NodeAgent();  // Stop().

  // Returns once this node has a certificate: at once if it is enrolled. Else, and if its
  // certificate has expired, it enrols, for as long as mgmt cannot be reached, asking `cancelled`
  // several times a second. Blocks.
  //
  // Errors: kCancelled when given up; else what trying again would not change: no token file, a
  // token that mgmt refuses (with its reason), or a server that is not the mgmt that made the
  // token.
  absl::Status EnsureEnrolled(const std::function<bool()>& cancelled);

  // Attaches from now on, for ever. `hello` says where this node is reached; the agent adds epoch
  // and version. `handler` must outlive Stop().
  void Start(v1::Hello hello, AttachHandler* handler);

  // Ends the stream in order and returns when no handler call is under way or will come.
  // Idempotent.
  void Stop();

  // Queues `message` for mgmt. Errors: kUnavailable while not attached (OnAttached() is the time to
  // say it again); kBusy if too much waits, then the stream is given up and all is announced anew.
  absl::Status Send(v1::FromNode message) { return stream_.Send(std::move(message)); }

  // A heartbeat now and not only at the next beat; for news such as draining.
  void BeatNow() { stream_.BeatNow(); }

  bool attached() const { return attached_; }
  // OK, or why OnExpelled() was (or is about to be) called.
  absl::Status final_status() const { return stream_.final_status(); }
  // 0 until the first Welcome, also of an earlier start.
  NodeId node_id() const { return memory_.node_id(); }
  Epoch epoch() const { return epoch_; }

  // Of mgmt's gRPC, the first of the list. After EnsureEnrolled().
  const std::string& mgmt_address() const { return mgmt_addresses_.front(); }

  const rpc::PinSet& pins() const { return memory_.pins(); }
  const NodeFiles& files() const { return files_; }
  rpc::TlsFiles tls_files() const { return files_.tls_files(); }
  // For the other services of mgmt: to the mgmt that this node was attached to last, so ask for it
  // at each call. Before the first attach, to the first of the list. After EnsureEnrolled().
  std::shared_ptr<grpc::Channel> mgmt_channel() ABSL_LOCKS_EXCLUDED(mu_);

  // How often it has opened the stream to mgmt, in vain or not.
  uint64_t attaches() const { return stream_.dials(); }

  // For tests that move a FakeClock: look at it again now.
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
  // Adds `address` to the ring. False: it is full.
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
  std::vector<std::string> mgmt_addresses_;  // As configured or told at the enrolment.
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
  std::vector<std::string> ring_;  // mgmt_addresses_ and those that mgmts have named.
  absl::Duration cpu_used_ = absl::ZeroDuration();
  absl::Duration cpu_read_at_ = absl::ZeroDuration();

  absl::Mutex mu_;
  CertificatePlan certificate_plan_ ABSL_GUARDED_BY(mu_);
  LeaderPlan leader_plan_ ABSL_GUARDED_BY(mu_);
  std::map<std::string, std::shared_ptr<grpc::Channel>> channels_ ABSL_GUARDED_BY(mu_);
  std::shared_ptr<grpc::Channel> attached_channel_ ABSL_GUARDED_BY(mu_);  // The last.

  // The agent's own thread, and what runs on it.
  ThreadExecutor executor_;
  Actor actor_;
  Stream stream_;
  LeaderWatch leaders_;
};

}  // namespace convergia::node
