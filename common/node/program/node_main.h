#pragma once

#include <glog/logging.h>

#include <atomic>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/node/program/program.h"

namespace convergia::node {

// The main() of a node that joins a cluster:
//
//   int main(int argc, char** argv) {
//     return node::NodeMain<edge::EdgeServer>(
//         argc, argv, {"edge", "A main server of Convergia."}, edge::ReadSettings,
//         [](edge::EdgeServer& server) { server.Drain(kByeDeadline); });
//   }
//
// `Server` has Create(settings, on_expelled), or Create(settings, on_expelled, on_failed) if it can
// meet a fatal error. It also has Start(is_cancelled), Stop(), grpc_address(), and line_address()
// if clients connect to it. Any thread may call on_expelled and on_failed; the program then ends.
// `read` checks a configuration. `drain` is called after the signal to end and before Stop().
// Returns an exit status of program.h.
template <typename Server, typename Config, typename Settings, typename Drain>
int NodeMain(int argc, char** argv, const ProgramFacts& facts,
             absl::StatusOr<Settings> (*read)(const Config& config), Drain drain);

// ---- Implementation.

template <typename Server, typename Settings, typename Drain>
int ServeNode(const std::string& role, const Settings& settings, Drain drain,
              ShutdownSignal& shutdown) {
  std::atomic<int> outcome = kExitOk;
  const auto ends = [&](int status, const char* what) {
    return [&outcome, &shutdown, status, what](const absl::Status& why) {
      LOG(ERROR) << what << ": " << why.message();
      outcome = status;
      shutdown.Trigger();
    };
  };
  const auto on_expelled = ends(kExitExpelled, "the cluster has no place for this node");
  const auto on_failed =
      ends(kExitFailed, "fatal error; exiting so the supervisor restarts this node");
  auto server = [&] {
    if constexpr (requires { Server::Create(settings, on_expelled, on_failed); }) {
      return Server::Create(settings, on_expelled, on_failed);
    } else {
      return Server::Create(settings, on_expelled);
    }
  }();
  if (!server.ok()) return ExitWith(server.status());
  if (absl::Status started = (*server)->Start([&] { return shutdown.pending(); }); !started.ok()) {
    (*server)->Stop();
    if (outcome != kExitOk) return outcome;
    return absl::IsCancelled(started) ? kExitOk : ExitWith(started);
  }
  std::string line;
  if constexpr (requires { (*server)->line_address(); }) line = (*server)->line_address();
  PrintReady({{"name", settings.name},
              {"role", role},
              {"grpc", (*server)->grpc_address()},
              {"line", line},
              {"http", ""}});
  shutdown.Await();
  drain(**server);
  (*server)->Stop();
  return outcome;
}

template <typename Server, typename Config, typename Settings, typename Drain>
int NodeMain(int argc, char** argv, const ProgramFacts& facts,
             absl::StatusOr<Settings> (*read)(const Config& config), Drain drain) {
  ShutdownSignal shutdown;  // Before any thread.
  ProgramFlags flags;
  if (auto done = StartProgram(argc, argv, facts, &flags)) return *done;
  Config config;
  if (absl::Status written = ReadConfig(flags.config, &config); !written.ok()) {
    return ExitWith(written);
  }
  const absl::StatusOr<Settings> settings = read(config);
  if (!settings.ok() || flags.check) return ExitWith(settings.status());
  return ServeNode<Server>(facts.name, *settings, std::move(drain), shutdown);
}

}  // namespace convergia::node
