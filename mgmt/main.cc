#include <glog/logging.h>

#include <atomic>

#include "common/base/clock.h"
#include "common/node/program/program.h"
#include "mgmt/config.h"
#include "mgmt/init.h"
#include "mgmt/mgmt_server.h"
#include "mgmt/new_operator.h"
#include "mgmt/own_certificate.h"

namespace {

namespace mgmt = convergia::mgmt;
namespace node = convergia::node;

// Pending requests are short; nodes and clients reconnect by themselves.
constexpr absl::Duration kDrainDeadline = absl::Seconds(4);

int Serve(const convergia::v1::MgmtConfig& config, node::ShutdownSignal& shutdown) {
  std::atomic<bool> fenced = false;
  auto server =
      mgmt::MgmtServer::Create({.config = config, .on_fenced = [&](const absl::Status& why) {
                                  LOG(ERROR) << "fatal error; exiting so the supervisor restarts "
                                             << "this node: " << why.message();
                                  fenced = true;
                                  shutdown.Trigger();
                                }});
  if (!server.ok()) return node::ExitWith(server.status());
  (*server)->Start();
  node::PrintReady({{"name", mgmt::kOwnName},
                    {"role", "mgmt"},
                    {"grpc", (*server)->grpc_address()},
                    {"line", (*server)->line_address()},
                    {"open_line", (*server)->open_line_address()},
                    {"http", ""}});
  shutdown.Await();
  LOG(INFO) << "stopping";
  (*server)->Drain(kDrainDeadline);
  (*server)->Stop();
  return fenced ? node::kExitFailed : node::kExitOk;
}

}  // namespace

int main(int argc, char** argv) {
  node::ShutdownSignal shutdown;
  node::ProgramFlags flags;
  const node::ProgramFacts facts = {"mgmt", "The management server of Convergia.",
                                    /*has_init=*/true};
  if (auto done = node::StartProgram(argc, argv, facts, &flags)) return *done;
  convergia::v1::MgmtConfig written;
  if (absl::Status read = node::ReadConfig(flags.config, &written); !read.ok()) {
    return node::ExitWith(read);
  }
  const auto config = mgmt::CompleteConfig(written);
  if (!config.ok() || flags.check) return node::ExitWith(config.status());
  if (flags.init) {
    return node::ExitWith(mgmt::InitCluster(*config, convergia::RealClock::Get()));
  }
  if (!flags.new_operator.empty()) {
    return node::ExitWith(
        mgmt::NewOperator(*config, flags.new_operator, convergia::RealClock::Get()));
  }
  return Serve(*config, shutdown);
}
