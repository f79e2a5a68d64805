#include "common/lineserver/line_server.h"

#include <glog/logging.h>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/line/reply.h"
#include "common/line/rows.h"
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

absl::StatusOr<std::unique_ptr<LineServer>> LineServer::Create(const Deps& deps, Options options) {
  CHECK(deps.authenticator != nullptr);
  std::unique_ptr<LineServer> server(new LineServer(
      std::make_unique<ServerState>(ServerState{.limits = options.limits,
                                                .authenticator = *deps.authenticator,
                                                .observer = deps.observer,
                                                .greeting = MakeGreeting(options)})));
  session::Server::Options below = {
      .shards = options.shards, .limits = options.limits, .tick = options.tick};
  for (const ListenSpec& spec : options.listen) {
    CHECK(spec.table != nullptr);
    const auto make_session = [state = server->state_.get(),
                               table = spec.table](session::Connection& connection) {
      return std::make_unique<Session>(connection, *state, *table);
    };
    below.listen.push_back({.address = spec.address,
                            .make_dialect = make_session,
                            .sign_in_timeout = spec.sign_in_timeout});
  }
  CVG_ASSIGN_OR_RETURN(
      server->server_,
      session::Server::Create({.tls = deps.tls, .clock = deps.clock}, std::move(below)));
  return server;
}

LineServer::LineServer(std::unique_ptr<ServerState> state) : state_(std::move(state)) {}

LineServer::~LineServer() = default;

}  // namespace convergia::lineserver
