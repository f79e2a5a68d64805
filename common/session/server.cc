#include "common/session/server.h"

#include <glog/logging.h>

#include <utility>

#include "common/base/status_macros.h"
#include "common/session/server_state.h"

namespace convergia::session {

absl::StatusOr<std::unique_ptr<Server>> Server::Create(const Deps& deps, Options options) {
  std::unique_ptr<Server> server(new Server(deps, options));
  CVG_RETURN_IF_ERROR(server->Listen(std::move(options.listen)));
  return server;
}

Server::Server(const Deps& deps, const Options& options) {
  CHECK(options.shards > 0 && deps.tls != nullptr);
  for (const Rate& rate : {options.limits.messages, options.limits.message_bytes}) {
    CHECK(rate.per_second > 0 && rate.burst >= 1);
  }
  for (int index = 0; index < options.shards; ++index) {
    shards_.push_back(std::make_shared<Shard>(index, *deps.clock, options.tick));
  }
  state_ = std::make_unique<ServerState>(options.limits, *deps.tls, shards_);
}

Server::~Server() { Stop(); }

absl::Status Server::Listen(std::vector<PortOptions> ports) {
  for (PortOptions& port : ports) {
    CHECK(port.make_dialect != nullptr);
    CVG_ASSIGN_OR_RETURN(std::shared_ptr<Listener> listener,
                         Listener::Create(std::move(port), *state_, shards_));
    listeners_.push_back(std::move(listener));
  }
  return absl::OkStatus();
}

void Server::Start() {
  CHECK(!is_started_ && !is_stopped_);
  is_started_ = true;
  for (const std::shared_ptr<Listener>& listener : listeners_) listener->Start();
  for (const std::shared_ptr<Shard>& shard : shards_) shard->Start();
}

void Server::StopListening() {
  for (const std::shared_ptr<Listener>& listener : listeners_) {
    if (is_started_) {
      shards_.front()->Post([listener] { listener->Stop(); });
    } else {
      listener->Stop();
    }
  }
}

void Server::Drain(absl::Duration timeout) {
  if (!is_started_ || is_stopped_) return;
  StopListening();
  state_->draining = true;  // For connections still in their handshake.
  for (const std::shared_ptr<Shard>& shard : shards_) {
    shard->Post([&shard = *shard] {
      for (const std::shared_ptr<Connection>& connection : shard.Connections()) connection->Drain();
    });
  }
  state_->addresses.WaitUntilEmpty(timeout);
}

void Server::Stop() {
  if (is_stopped_) return;
  is_stopped_ = true;
  StopListening();
  for (const std::shared_ptr<Shard>& shard : shards_) shard->Stop();
  listeners_.clear();
}

std::vector<std::string> Server::addresses() const {
  std::vector<std::string> addresses;
  for (const std::shared_ptr<Listener>& listener : listeners_) {
    addresses.push_back(listener->address());
  }
  return addresses;
}

int64_t Server::connections() const { return state_->addresses.connections(); }
int64_t Server::signed_in() const { return state_->addresses.signed_in(); }
int64_t Server::memory_bytes() const { return state_->memory.bytes(); }

CounterValues Server::counters() const {
  CounterValues sums = {};
  for (const std::shared_ptr<Shard>& shard : shards_) shard->counters().AddTo(&sums);
  return sums;
}

}  // namespace convergia::session
