#include <glog/logging.h>

#include <atomic>
#include <memory>

#include "common/node/program.h"
#include "edge/edge_server.h"

namespace {

using convergia::edge::EdgeServer;
using convergia::edge::EdgeSettings;
namespace node = convergia::node;

// For those who did not go elsewhere to read BYE; more time would only keep an operator waiting.
constexpr absl::Duration kByeDeadline = absl::Milliseconds(1500);

int Serve(const EdgeSettings& settings, node::ShutdownSignal& shutdown) {
  std::atomic<bool> expelled = false;
  auto server = EdgeServer::Create(settings, [&](const absl::Status& why) {
    LOG(ERROR) << "the cluster has no place for this node: " << why.message();
    expelled = true;
    shutdown.Trigger();
  });
  if (!server.ok()) return node::ExitWith(server.status());
  if (absl::Status started = (*server)->Start([&] { return shutdown.pending(); }); !started.ok()) {
    (*server)->Stop();
    if (expelled) return node::kExitExpelled;
    return absl::IsCancelled(started) ? node::kExitOk : node::ExitWith(started);
  }
  node::PrintReady({{"name", settings.name},
                    {"role", "edge"},
                    {"grpc", (*server)->grpc_address()},
                    {"line", (*server)->line_address()},
                    {"http", ""}});
  shutdown.Await();
  (*server)->Drain(kByeDeadline);
  (*server)->Stop();
  return expelled ? node::kExitExpelled : node::kExitOk;
}

}  // namespace

int main(int argc, char** argv) {
  node::ShutdownSignal shutdown;
  node::ProgramFlags flags;
  if (auto done = node::StartProgram(argc, argv, {"edge", "A main server of Convergia."}, &flags)) {
    return *done;
  }
  convergia::v1::EdgeConfig config;
  if (absl::Status read = node::ReadConfig(flags.config, &config); !read.ok()) {
    return node::ExitWith(read);
  }
  const auto settings = convergia::edge::ReadSettings(config);
  if (!settings.ok() || flags.check) return node::ExitWith(settings.status());
  return Serve(*settings, shutdown);
}
