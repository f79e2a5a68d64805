#include "common/node/leader/leader_watch.h"

#include <utility>

#include "absl/algorithm/container.h"
#include "common/base/random.h"

namespace convergia::node {

std::unique_ptr<LeaderWatch::Stream> LeaderWatch::Listen(const std::string& address) const {
  Stream::Options options;
  options.plan.seed = RandomSeed();
  options.server = std::string(RoleWord(Role::kMgmt));
  options.logs_ends = false;  // Some of several mgmts may be down; that is not worth a log line.
  Stream::Hooks hooks;
  hooks.make_channel = deps_.make_channel;
  hooks.open = [](const auto& channel, grpc::ClientContext* context, auto* reactor) {
    v1::Cluster::NewStub(channel)->async()->WhoLeads(context, reactor);
  };
  hooks.on_up = [](auto&, auto&) {};
  hooks.on_message = [this, address](auto&, const v1::Leader& leader) {
    deps_.on_word({.from = address,
                   .epoch = leader.epoch(),
                   .is_self = leader.is_self(),
                   .addresses = {leader.grpc_addresses().begin(), leader.grpc_addresses().end()}});
  };
  auto stream =
      std::make_unique<Stream>(Stream::Deps{.executor = deps_.executor, .clock = deps_.clock},
                               std::move(options), std::move(hooks));
  stream->SetAddresses({{.address = address, .name = ""}});
  stream->Start();
  return stream;
}

void LeaderWatch::SetAddresses(const std::vector<std::string>& addresses) {
  absl::MutexLock lock(&mu_);
  if (stopped_ || addresses.size() < 2) return;
  for (const std::string& address : addresses) {
    const auto is_same = [&](const Listener& known) { return known.address == address; };
    if (absl::c_any_of(listeners_, is_same)) continue;
    listeners_.push_back({address, Listen(address)});
  }
}

void LeaderWatch::Stop() {
  std::vector<Listener> last;
  {
    absl::MutexLock lock(&mu_);
    stopped_ = true;
    last.swap(listeners_);
  }
  for (const Listener& listener : last) listener.stream->Stop();
}

}  // namespace convergia::node
