#include "common/lineserver/line_server.h"

#include <glog/logging.h>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/line/reply.h"
#include "common/line/rows.h"
#include "common/lineserver/listener.h"
#include "common/lineserver/server_state.h"

namespace convergia::lineserver {
namespace {

std::string MakeGreeting(const LineServer::Options& options) {
  const SessionLimits& limits = options.limits;
  line::RowWriter rows;
  for (const auto& [key, value] : options.greeting) rows.Add({key, value});
  const auto add = [&rows](absl::string_view key, int64_t value) {
    rows.Add({key, absl::StrCat(value)});
  };
  add("packet_bytes_max_before_sign_in",
      static_cast<int64_t>(limits.packet_bytes_max_before_sign_in));
  add("packet_bytes_max", static_cast<int64_t>(limits.packet_bytes_max));
  add("requests_outstanding_max", limits.requests_outstanding_max);
  add("idle_ping_seconds", absl::ToInt64Seconds(limits.idle_ping_after));
  add("idle_close_seconds", absl::ToInt64Seconds(limits.idle_close_after));
  std::string packet;
  line::AppendPush("INFO", rows.data(), &packet);
  return packet;
}

}  // namespace

absl::StatusOr<std::unique_ptr<LineServer>> LineServer::Create(Options options) {
  std::unique_ptr<LineServer> server(new LineServer(options));
  CVG_RETURN_IF_ERROR(server->Listen(options.listen));
  return server;
}

LineServer::LineServer(const Options& options) {
  CHECK(options.shards > 0 && options.tls != nullptr && options.authenticator != nullptr);
  CHECK(options.limits.messages_per_second > 0 && options.limits.messages_burst >= 1);
  for (int index = 0; index < options.shards; ++index) {
    shards_.push_back(std::make_shared<Shard>(index, *options.clock, options.tick));
  }
  state_ = std::make_unique<ServerState>(options.limits, *options.tls, *options.authenticator,
                                         options.observer, MakeGreeting(options));
}

LineServer::~LineServer() { Stop(); }

absl::Status LineServer::Listen(const std::vector<ListenSpec>& specs) {
  for (const ListenSpec& spec : specs) {
    CHECK(spec.table != nullptr);
    CVG_ASSIGN_OR_RETURN(
        std::shared_ptr<Listener> listener,
        Listener::Create(
            {.address = spec.address, .table = spec.table, .sign_in_timeout = spec.sign_in_timeout},
            *state_, shards_));
    listeners_.push_back(std::move(listener));
  }
  return absl::OkStatus();
}

void LineServer::Start() {
  CHECK(!is_started_ && !is_stopped_);
  is_started_ = true;
  for (const std::shared_ptr<Listener>& listener : listeners_) listener->Start();
  for (const std::shared_ptr<Shard>& shard : shards_) shard->Start();
}

void LineServer::StopListening() {
  for (const std::shared_ptr<Listener>& listener : listeners_) {
    if (is_started_) {
      shards_.front()->Post([listener] { listener->Stop(); });
    } else {
      listener->Stop();
    }
  }
}

void LineServer::Drain(absl::Duration timeout) {
  if (!is_started_ || is_stopped_) return;
  StopListening();
  state_->draining = true;  // For those still shaking hands.
  for (const std::shared_ptr<Shard>& shard : shards_) {
    shard->Post([&shard = *shard] {
      for (const std::shared_ptr<Session>& session : shard.Sessions()) session->Drain();
    });
  }
  state_->addresses.WaitUntilEmpty(timeout);
}

void LineServer::Stop() {
  if (is_stopped_) return;
  is_stopped_ = true;
  StopListening();
  for (const std::shared_ptr<Shard>& shard : shards_) shard->Stop();
  listeners_.clear();
}

std::vector<std::string> LineServer::addresses() const {
  std::vector<std::string> addresses;
  for (const std::shared_ptr<Listener>& listener : listeners_) {
    addresses.push_back(listener->address());
  }
  return addresses;
}

int64_t LineServer::connections() const { return state_->addresses.connections(); }
int64_t LineServer::signed_in() const { return state_->addresses.signed_in(); }
int64_t LineServer::memory_bytes() const { return state_->memory_bytes; }

CounterValues LineServer::counters() const {
  CounterValues sums = {};
  for (const std::shared_ptr<Shard>& shard : shards_) shard->counters().AddTo(&sums);
  return sums;
}

}  // namespace convergia::lineserver
