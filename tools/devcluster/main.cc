// devcluster: runs a complete cluster of real processes on this machine until SIGTERM.

#include <glog/logging.h>
#include <signal.h>
#include <sys/wait.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <sstream>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/base/standard_streams.h"
#include "common/base/status_macros.h"
#include "common/base/version.h"
#include "tools/devcluster/cluster.h"

namespace convergia::devcluster {
namespace {

struct Flags {
  Cluster::Options cluster;
  std::string accounts;
  std::string once;
  std::string mgmt_binary;
  std::string edge_binary;
  bool restart = false;
};

void DeclareFlags(CLI::App* app, Flags* flags) {
  app->add_option("--dir", flags->cluster.dir, "Where all of it lives; made if it is not there")
      ->required();
  for (const NodeKind& kind : NodeKinds()) {
    if (kind.flag.empty()) continue;
    app->add_option(absl::StrCat("--", kind.flag), flags->cluster.counts.*kind.count,
                    "How many nodes of this kind")
        ->capture_default_str()
        ->check(CLI::Range(0, 100));
  }
  app->add_option("--accounts", flags->accounts, "Accounts to make: alice:password,bob:password");
  app->add_option("--once", flags->once,
                  "Run this shell command against the cluster ($CONVERGIA_CLUSTER names its "
                  "cluster.json), stop, and exit with its status");
  app->add_flag("--restart", flags->restart, "Start a node again that dies by itself");
  app->add_option("--mgmt_binary", flags->mgmt_binary, "Another program for mgmt");
  app->add_option("--edge_binary", flags->edge_binary, "Another program for edges");
}

absl::Status CompleteOptions(Flags* flags) {
  for (const absl::string_view account : absl::StrSplit(flags->accounts, ',', absl::SkipEmpty())) {
    const std::vector<std::string> parts = absl::StrSplit(account, absl::MaxSplits(':', 1));
    if (parts.size() != 2) {
      return absl::InvalidArgumentError(
          absl::StrCat("--accounts: \"", account, "\" is not name:password"));
    }
    flags->cluster.accounts.push_back({parts[0], parts[1]});
  }
  if (!flags->mgmt_binary.empty()) flags->cluster.programs[Role::kMgmt] = flags->mgmt_binary;
  if (!flags->edge_binary.empty()) flags->cluster.programs[Role::kEdge] = flags->edge_binary;
  return absl::OkStatus();
}

sigset_t EndSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, signal);
  return signals;
}

// Interrupts the waits of `cluster` when a signal asks this program to end. After its destruction
// such signals stay blocked.
class EndSignalWaiter {
 public:
  explicit EndSignalWaiter(Cluster* cluster)
      : thread_([cluster] {
          const sigset_t signals = EndSignals();
          int signal = 0;
          sigwait(&signals, &signal);
          cluster->Interrupt();
        }) {}
  ~EndSignalWaiter() {
    pthread_kill(thread_.native_handle(), SIGTERM);  // Wakes the thread if no signal came.
    thread_.join();
  }

 private:
  std::thread thread_;
};

void PrintNodes(const Cluster& cluster) {
  for (const Cluster::Node& node : cluster.nodes()) {
    std::cout << node.name << "\tpid " << node.pid << "\tgrpc " << node.grpc << "\tline "
              << node.line << "\tlog " << node.log << "\n";
  }
  std::cout << "ready: " << cluster.json_file() << std::endl;
}

// Runs `command`. Returns its exit status, or 128 plus its signal, like a shell.
absl::StatusOr<int> RunCommand(Cluster* cluster, const std::string& command) {
  Process::Options options;
  options.arguments = {"/bin/sh", "-c", command};
  options.environment = {absl::StrCat("CONVERGIA_CLUSTER=", cluster->json_file())};
  options.on_exit = [cluster](int) { cluster->Interrupt(); };
  CVG_ASSIGN_OR_RETURN(const auto process, Process::Start(std::move(options)));
  while (const auto death = cluster->AwaitDeath()) {
    std::cerr << "devcluster: " << death->name << " died: " << death->how << std::endl;
  }
  process->Signal(SIGTERM);  // Ends the command if we were interrupted and it was not.
  const int wait_status = *process->AwaitExit(absl::InfiniteDuration());
  return WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 128 + WTERMSIG(wait_status);
}

void Supervise(Cluster* cluster, bool restart) {
  while (const auto death = cluster->AwaitDeath()) {
    const std::string log = cluster->node(death->name)->log;
    std::cerr << "devcluster: " << death->name << " died: " << death->how << "; see " << log
              << std::endl;
    if (!restart) continue;
    const absl::Status restarted = cluster->Restart(death->name);
    std::cerr << "devcluster: " << death->name
              << (restarted.ok() ? " runs again" : absl::StrCat(": ", restarted.message()))
              << std::endl;
  }
}

absl::StatusOr<int> Run(Flags flags) {
  CVG_RETURN_IF_ERROR(CompleteOptions(&flags));
  CVG_ASSIGN_OR_RETURN(const std::unique_ptr<Cluster> cluster, Cluster::Create(flags.cluster));
  const EndSignalWaiter waiter(cluster.get());
  CVG_RETURN_IF_ERROR(cluster->Start());
  PrintNodes(*cluster);
  if (!flags.once.empty()) return RunCommand(cluster.get(), flags.once);
  Supervise(cluster.get(), flags.restart);
  return 0;
}

}  // namespace
}  // namespace convergia::devcluster

int main(int argc, char** argv) {
  convergia::OpenStandardStreams(argv, convergia::ClosedStream::kDiscards);
  FLAGS_logtostderr = true;
  google::InitGoogleLogging(argv[0]);
  // Before any thread starts, so that only the waiting thread receives these signals.
  const sigset_t signals = convergia::devcluster::EndSignals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  CLI::App app("Starts a whole cluster on this machine and ends it on SIGTERM.", "devcluster");
  app.set_version_flag("--version", convergia::VersionText("devcluster"));
  convergia::devcluster::Flags flags;
  convergia::devcluster::DeclareFlags(&app, &flags);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    std::ostringstream out;  // The parser reports --help and --version as errors too.
    if (const int wrong = app.exit(error, out, std::cerr); wrong != 0) return wrong;
    const absl::Status printed = convergia::PrintToStandardOutput(out.str());
    if (!printed.ok()) std::cerr << "devcluster: " << printed.message() << std::endl;
    return printed.ok() ? 0 : 1;
  }
  const absl::StatusOr<int> status = convergia::devcluster::Run(std::move(flags));
  if (status.ok()) return *status;
  std::cerr << "devcluster: " << status.status().message() << std::endl;
  return 1;
}
