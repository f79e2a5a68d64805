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
#include "common/rpc/credentials.h"
#include "tools/devcluster/node_kinds.h"
#include "tools/devcluster/operator.h"
#include "tools/devcluster/process.h"
#include "tools/devcluster/ready_line.h"

namespace convergia::devcluster {

// A whole cluster of real processes on 127.0.0.1, in one directory:
//
//   cluster.json             what runs where; there once all is ready
//   NAME.textproto NAME.log  a node's configuration and what it prints
//   NAME/                    a node's own directory
//
//   ASSIGN(cluster, Cluster::Create({.dir = dir, .counts = {.edges = 2}}));
//   cluster->Start();  cluster->Kill("edge1");  cluster->Restart("edge1");  cluster->Stop();
//
// A directory that was used before goes on with its nodes and accounts, on new ports; a node keeps
// its ports over its restarts. The processes die with this one, however it ends.
//
// Not thread-safe, but for AwaitDeath() and Interrupt().
class Cluster {
 public:
  struct Account {
    std::string name;
    std::string password;
  };

  struct Options {
    std::string dir;
    NodeCounts counts;
    std::vector<Account> accounts;  // Those that are there already stay as they are.
    // Start() waits until every two edges are linked. Not for edges behind different firewalls.
    bool await_links = true;
    absl::Duration ready_timeout = absl::Seconds(60);
    std::map<Role, std::string> programs;  // Instead of those that FindProgram() finds.
    // By a node's name: what stands before its program and runs it, such as {"/usr/bin/nsenter",
    // "--net=FILE"}. It must become the program, not start it, so that signals meet the node.
    std::map<std::string, std::vector<std::string>> launchers;
    ConfigChanges config_changes;
  };

  struct Node {
    std::string name;
    Role role = Role::kMgmt;
    pid_t pid = -1;  // -1 while it is down.
    // "host:port", empty where it has none.
    std::string grpc, line, open_line, http;
    std::string dir, log;
  };

  struct Death {
    std::string name;
    std::string how;  // "signal 9 (Killed)".
  };

  // Takes the directory; starts nothing.
  //
  // Errors: kFailedPrecondition if another devcluster uses it; kNotFound if a program is not built;
  // kInvalidArgument.
  static absl::StatusOr<std::unique_ptr<Cluster>> Create(const Options& options);
  ~Cluster();  // Stop().

  // Returns when every node serves, every edge is attached and linked, every data server and every
  // edge is connected to datamgr (so that a write would succeed), the accounts are there and
  // cluster.json is written.
  //
  // Errors: what went wrong, with the end of that node's log; kCancelled after Interrupt(). The
  // processes that were started then live until Stop().
  absl::Status Start();

  // Ends all processes, edges first, and waits for them: 10 s after SIGTERM comes SIGKILL. Leaves
  // all files. Idempotent.
  void Stop();

  // Errors of all that take a name: kNotFound; kFailedPrecondition if it is down.
  absl::StatusOr<Node> node(absl::string_view name) const;
  std::vector<Node> nodes() const;

  // SIGKILL, and waits for its end.
  absl::Status Kill(absl::string_view name);
  // SIGTERM, and waits for its end, at most `timeout`.
  //
  // Errors: kDeadlineExceeded; kInternal if it ends with another status than 0.
  absl::Status Terminate(absl::string_view name, absl::Duration timeout = absl::Seconds(30));
  // Kills it if it lives, starts it, waits until it serves, and writes cluster.json anew.
  absl::Status Restart(absl::string_view name);
  // SIGSTOP: it hangs, with all its connections open, from when this returns until Continue().
  absl::Status Pause(absl::string_view name);
  absl::Status Continue(absl::string_view name);

  absl::Status AddAccount(const Account& account);

  // Waits until mgmt hears from all nodes that run, each two edges are linked (with `await_links`),
  // and datamgr, if it runs, is connected to all edges and data servers that run.
  //
  // Errors: kDeadlineExceeded, saying what is missing; kCancelled after Interrupt().
  absl::Status AwaitWhole(absl::Duration timeout);

  // For the calls of operators. After Start().
  Operator& admin() { return *operator_; }
  rpc::TlsFiles operator_files() const;
  std::string json_file() const;

  // Waits for a node to end that nobody told to; nullopt after Interrupt().
  std::optional<Death> AwaitDeath() ABSL_LOCKS_EXCLUDED(mu_);
  // Ends all waiting, for good. From any thread.
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
    std::unique_ptr<Process> process;  // Null while it is down; or it ended by itself.

    bool is_running() const { return process && !process->AwaitExit(absl::ZeroDuration()); }
  };
  // What a process said and how it ended; shared with its thread.
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
  // Of its gRPC, as planned; empty if there is none.
  std::string DatamgrAddress() const;
  absl::Status InitMgmt(const Member& mgmt);
  // A join token, for a node that has no certificate yet.
  absl::Status PrepareToEnrol(const Member& member);
  absl::Status Launch(Member* member) ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status AwaitReady(Member* member) ABSL_LOCKS_EXCLUDED(mu_);
  // Its end is nobody's surprise.
  void ExpectEnd(const Member& member) ABSL_LOCKS_EXCLUDED(mu_);
  void StopAll(absl::Span<const std::unique_ptr<Member>> members);
  static Node Describe(const Member& member);
  absl::Status WriteJson() const;
  std::string PathOf(absl::string_view name) const;
  absl::StatusOr<Member*> FindRunning(absl::string_view name) const;
  absl::Status StartNodes();
  // What is missing for AwaitWhole(); empty if nothing.
  std::string Missing(const v1::GetClusterMapResponse& map) const;
  // The same, of datamgr's streams.
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
