#include "bench/load/peers.h"

#include <unistd.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "common/base/status_macros.h"
#include "common/identity/files.h"
#include "tools/devcluster/free_ports.h"

namespace convergia::bench {
namespace {

constexpr char kProgram[] = "/usr/sbin/nats-server";
constexpr char kProgramElsewhere[] = "/usr/bin/nats-server";
constexpr absl::Duration kReadyTimeout = absl::Seconds(10);

const char* Program() { return access(kProgram, X_OK) == 0 ? kProgram : kProgramElsewhere; }

std::string Config(int port, int route_port, const std::string& certificate,
                   const std::string& key) {
  return absl::StrCat("listen: 127.0.0.1:", port, "\ntls { cert_file: \"", certificate,
                      "\", key_file: \"", key,
                      "\" }\ncluster { name: bench, listen: 127.0.0.1:", route_port, "\n");
}

}  // namespace

bool NatsPeer::Installed() { return access(Program(), X_OK) == 0; }

std::vector<int> NatsPeer::pids() const {
  std::vector<int> pids;
  for (const auto& process : processes_) pids.push_back(process->pid());
  return pids;
}

absl::StatusOr<std::unique_ptr<NatsPeer>> NatsPeer::Start(int servers, const std::string& dir,
                                                          const std::string& certificate,
                                                          const std::string& key) {
  CVG_ASSIGN_OR_RETURN(const std::vector<int> ports, devcluster::FindFreePorts(2 * servers));
  auto peer = std::make_unique<NatsPeer>();
  for (int i = 0; i < servers; ++i) {
    const int port = ports[2 * i];
    const std::string config_file = absl::StrCat(dir, "/nats", i, ".conf");
    std::string config = Config(port, ports[2 * i + 1], certificate, key);
    if (i > 0) absl::StrAppend(&config, "  routes: [nats-route://127.0.0.1:", ports[1], "]\n");
    config += "}\n";
    CVG_RETURN_IF_ERROR(identity::WriteFileAtomically(config_file, config, 0600));

    // Its log says when it listens, and (the second) when the route is up; it logs to stderr, which
    // a shell turns into the lines that Process reads.
    auto ready = std::make_shared<absl::Notification>();
    const absl::string_view sign = i == 0 ? "Server is ready" : "Route connection created";
    devcluster::Process::Options options;
    options.arguments = {"/bin/sh", "-c", absl::StrCat("exec ", Program(), " -c \"$0\" 2>&1"),
                         config_file};
    options.log = absl::StrCat(dir, "/nats", i, ".log");
    options.on_line = [ready, sign](absl::string_view line) {
      if (absl::StrContains(line, sign) && !ready->HasBeenNotified()) ready->Notify();
    };
    CVG_ASSIGN_OR_RETURN(auto process, devcluster::Process::Start(std::move(options)));
    if (!ready->WaitForNotificationWithTimeout(kReadyTimeout)) {
      return absl::UnavailableError(
          absl::StrCat("nats-server is not ready; see ", dir, "/nats", i, ".log"));
    }
    peer->ports_.push_back(port);
    peer->processes_.push_back(std::move(process));
  }
  return peer;
}

}  // namespace convergia::bench
