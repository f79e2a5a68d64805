#pragma once

#include <sys/types.h>

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "common/rpc/auth/credentials.h"
#include "tools/devcluster/node_kinds.h"
#include "tools/devcluster/operator.h"
#include "tools/devcluster/process.h"
#include "tools/devcluster/ready_line.h"

namespace convergia::devcluster {

// A complete cluster of real processes on 127.0.0.1, in one directory:
//
//   cluster.json             all nodes and their addresses; written when all are ready
//   NAME.textproto NAME.log  the configuration and the output of a node
//   NAME/                    a node's own directory
//
//   ASSIGN(cluster, Cluster::Create({.dir = dir, .counts = {.edges = 2}}));
//   cluster->Start();  cluster->Kill("edge1");  cluster->Restart("edge1");  cluster->Stop();
//
// A directory from an earlier run keeps its nodes and accounts, on new ports. A node keeps its
// ports when it restarts. When this process ends for any reason, the cluster's processes die too.
//
// Not thread-safe, except for AwaitDeath() and Interrupt().
class Cluster {
 public:
  struct Account {
    std::string name;
    std::string password;
  };

  struct Options {
    std::string dir;
    NodeCounts counts;
    std::vector<Account> accounts;  // Accounts that exist already stay unchanged.
    // Start() waits until every pair of edges is linked. Set it to false for edges behind different
    // firewalls.
    bool await_links = true;
    absl::Duration ready_timeout = absl::Seconds(60);
    std::map<Role, std::string> programs;  // Overrides FindProgram().
    // By node name: a command that runs the node's program, for example {"/usr/bin/nsenter",
    // "--net=FILE"}. It must exec the program, not start it as a child, so that signals reach the
    // node.
    std::map<std::string, std::vector<std::string>> launchers;
    ConfigChanges config_changes;
  };

  struct Node {
    std::string name;
    Role role = Role::kMgmt;
    pid_t pid = -1;  // -1 while it is down.
    // "host:port"; empty if the node has no such address.
    std::string grpc, line, open_line, http;
    std::string dir, log;
  };

  struct Death {
    std::string name;
    std::string how;  // "signal 9 (Killed)".
  };

  // Locks the directory; starts nothing.
  //
  // Errors: kFailedPrecondition if another devcluster uses it; kNotFound if a program is not built;
  // kInvalidArgument.
  static absl::StatusOr<std::unique_ptr<Cluster>> Create(const Options& options);
  ~Cluster();  // Calls Stop().

  // Returns when the cluster is ready: every node serves, every edge is attached and linked, and
  // every data server and edge is connected to datamgr, so that a write would succeed. The accounts
  // exist and cluster.json is written.
  //
  // Errors: any failure, with the end of that node's log; kCancelled after Interrupt(). Processes
  // that were started then live until Stop().
  absl::Status Start();

  // Ends all processes, mgmt last, and waits for them. Sends SIGTERM, and SIGKILL after 10 s.
  // Leaves all files. Idempotent.
  void Stop();

  // Functions that take a name return kNotFound, or kFailedPrecondition if the node is down.
  absl::StatusOr<Node> node(absl::string_view name) const;
  std::vector<Node> nodes() const;

  // Sends SIGKILL and waits for the end of the process.
  absl::Status Kill(absl::string_view name);
  // Sends SIGTERM and waits for the end of the process, at most `timeout`.
  //
  // Errors: kDeadlineExceeded; kInternal if it exits with a status other than 0.
  absl::Status Terminate(absl::string_view name, absl::Duration timeout = absl::Seconds(30));
  // Kills the node if it is up, starts it, waits until it serves, and rewrites cluster.json.
  absl::Status Restart(absl::string_view name);
  // Sends SIGSTOP. The node hangs, with all its connections open, from this call's return until
  // Continue().
  absl::Status Pause(absl::string_view name);
  absl::Status Continue(absl::string_view name);

  absl::Status AddAccount(const Account& account);

  // Waits until mgmt hears from all running nodes and every pair of edges is linked (with
  // `await_links`). If datamgr runs, it must be connected to all running edges and data servers.
  //
  // Errors: kDeadlineExceeded with a list of what is missing; kCancelled after Interrupt().
  absl::Status AwaitWhole(absl::Duration timeout);

  // For operators' calls. Only after Start().
  Operator& admin() { return *operator_; }
  rpc::TlsFiles operator_files() const;
  std::string json_file() const;

  // Waits until a node ends unexpectedly; nullopt after Interrupt().
  std::optional<Death> AwaitDeath() ABSL_LOCKS_EXCLUDED(mu_);
  // Ends all present and future waits. From any thread.
  void Interrupt() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  // A node and its present process.
  struct Member {
    const NodeKind* kind;
    NodePlan plan;
    std::vector<std::string> command;  // Without its flags.
    std::string config;                // A file.
    std::string log;                   // A file.
    ReadyLine addresses;
    std::unique_ptr<Process> process;  // Null while the node is down. It may also have ended by
                                       // itself.

    bool is_running() const { return process && !process->AwaitExit(absl::ZeroDuration()); }
  };
  // The output and the end of a process; shared with its thread.
  struct Life {
    bool expected_to_end = false;
    std::optional<ReadyLine> ready;
    std::optional<int> wait_status;
  };

  explicit Cluster(const Options& options);

  absl::Status LockDirectory();
  absl::Status PlanMembers();
  absl::Status AddMembers(const NodeKind& kind);
  absl::Status AssignPorts();
  absl::Status WriteConfig(Member* member);
  // The planned address of its gRPC; empty if there is no datamgr.
  std::string DatamgrAddress() const;
  absl::Status InitMgmt(const Member& mgmt);
  // Writes a join token, if the node has no certificate yet.
  absl::Status PrepareToEnrol(const Member& member);
  absl::Status Launch(Member* member) ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status AwaitReady(Member* member) ABSL_LOCKS_EXCLUDED(mu_);
  // Marks the end of the process as expected.
  void ExpectEnd(const Member& member) ABSL_LOCKS_EXCLUDED(mu_);
  void StopAll(absl::Span<const std::unique_ptr<Member>> members);
  static Node Describe(const Member& member);
  absl::Status WriteJson() const;
  std::string PathOf(absl::string_view name) const;
  absl::StatusOr<Member*> FindRunning(absl::string_view name) const;
  absl::Status StartNodes();
  // Says why AwaitWhole() still waits; empty if it need not.
  std::string Missing(const v1::GetClusterMapResponse& map) const;
  // Likewise, for datamgr's streams.
  std::string MissingAtDatamgr(const v1::GetClusterMapResponse& map) const;

  const Options options_;
  const std::string dir_;  // Absolute.
  int lock_file_ = -1;
  std::vector<std::unique_ptr<Member>> members_;  // mgmt first.
  std::unique_ptr<Operator> operator_;

  absl::Mutex mu_;
  std::map<std::string, std::shared_ptr<Life>> lives_ ABSL_GUARDED_BY(mu_);
  std::deque<Death> deaths_ ABSL_GUARDED_BY(mu_);
  bool interrupted_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace convergia::devcluster
