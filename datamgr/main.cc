#include <glog/logging.h>

#include <atomic>

#include "common/node/program.h"
#include "datamgr/datamgr_server.h"

namespace {

using convergia::datamgr::DatamgrServer;
using convergia::datamgr::DatamgrSettings;
namespace node = convergia::node;

int Serve(const DatamgrSettings& settings, node::ShutdownSignal& shutdown) {
  std::atomic<bool> expelled = false;
  std::atomic<bool> fenced = false;
  const auto on_expelled = [&](const absl::Status& why) {
    LOG(ERROR) << "the cluster has no place for this node: " << why.message();
    expelled = true;
    shutdown.Trigger();
  };
  const auto on_fenced = [&](const absl::Status& why) {
    LOG(ERROR) << "the store can write no more; ending, to be started anew: " << why.message();
    fenced = true;
    shutdown.Trigger();
  };
  auto server = DatamgrServer::Create(settings, on_expelled, on_fenced);
  if (!server.ok()) return node::ExitWith(server.status());
  if (absl::Status started = (*server)->Start([&] { return shutdown.pending(); }); !started.ok()) {
    (*server)->Stop();
    if (expelled) return node::kExitExpelled;
    return absl::IsCancelled(started) ? node::kExitOk : node::ExitWith(started);
  }
  node::PrintReady({{"name", settings.name},
                    {"role", "datamgr"},
                    {"grpc", (*server)->grpc_address()},
                    {"line", ""},
                    {"http", ""}});
  shutdown.Await();
  (*server)->Drain();
  (*server)->Stop();
  if (expelled) return node::kExitExpelled;
  return fenced ? node::kExitFailed : node::kExitOk;
}

}  // namespace

int main(int argc, char** argv) {
  node::ShutdownSignal shutdown;
  node::ProgramFlags flags;
  if (auto done = node::StartProgram(
          argc, argv, {"datamgr", "The data management server of Convergia."}, &flags)) {
    return *done;
  }
  convergia::v1::DatamgrConfig config;
  if (absl::Status read = node::ReadConfig(flags.config, &config); !read.ok()) {
    return node::ExitWith(read);
  }
  const auto settings = convergia::datamgr::ReadSettings(config);
  if (!settings.ok() || flags.check) return node::ExitWith(settings.status());
  return Serve(*settings, shutdown);
}
