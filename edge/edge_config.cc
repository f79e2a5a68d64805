#include "edge/edge_config.h"

#include <algorithm>
#include <cstdint>
#include <thread>
#include <utility>

#include "common/base/limits.h"
#include "common/base/status_macros.h"

namespace convergia::edge {
namespace {

template <typename Limit>
void SetIfGiven(uint32_t given, Limit* limit) {
  if (given != 0) *limit = static_cast<Limit>(given);
}

void ReadLimits(const v1::LineLimits& given, EdgeSettings* settings) {
  lineserver::SessionLimits& limits = settings->limits;
  SetIfGiven(given.unauthenticated_per_address_max(), &limits.unauthenticated_per_address_max);
  SetIfGiven(given.signed_in_per_address_max(), &limits.signed_in_per_address_max);
  SetIfGiven(given.sessions_per_user_max(), &settings->sessions_per_user_max);
  SetIfGiven(given.messages_per_second(), &limits.messages.per_second);
  SetIfGiven(given.messages_burst(), &limits.messages.burst);
  SetIfGiven(given.message_bytes_per_second(), &limits.message_bytes.per_second);
  SetIfGiven(given.message_bytes_burst(), &limits.message_bytes.burst);
}

}  // namespace

absl::StatusOr<EdgeSettings> ReadSettings(const v1::EdgeConfig& config) {
  EdgeSettings settings;
  CVG_ASSIGN_OR_RETURN(static_cast<node::NodeSettings&>(settings),
                       node::ReadNodeSettings(config, "0.0.0.0:64477"));
  settings.line_listen = config.line_listen().empty() ? "0.0.0.0:64473" : config.line_listen();
  CVG_RETURN_IF_ERROR(node::CheckAddress("line_listen", settings.line_listen));
  settings.advertise_line = config.advertise().line();
  if (!settings.advertise_line.empty()) {
    CVG_RETURN_IF_ERROR(node::CheckAddress("advertise.line", settings.advertise_line));
  }
  const int cores = static_cast<int>(std::thread::hardware_concurrency());
  settings.io_threads = std::max(1, cores / 2);
  SetIfGiven(config.io_threads(), &settings.io_threads);
  if (settings.io_threads > 1024) {
    return absl::InvalidArgumentError("io_threads: at most 1024");
  }
  // Below the 10 s that many wait between SIGTERM and SIGKILL.
  uint32_t drain_seconds = 8;
  SetIfGiven(config.drain_seconds(), &drain_seconds);
  if (drain_seconds > 3600) return absl::InvalidArgumentError("drain_seconds: at most 3600");
  settings.drain_within = absl::Seconds(drain_seconds);
  settings.sessions_per_user_max = limits::kSessionsPerUserMax;
  ReadLimits(config.line_limits(), &settings);
  return settings;
}

Advertised AdvertisedAddresses(const EdgeSettings& settings, absl::string_view grpc_bound,
                               absl::string_view line_bound,
                               absl::FunctionRef<std::string(absl::string_view bound)> reachable) {
  Advertised advertised = {.grpc = settings.advertise_grpc, .line = settings.advertise_line};
  if (advertised.grpc.empty()) advertised.grpc = {reachable(grpc_bound)};
  if (advertised.line.empty()) advertised.line = reachable(line_bound);
  return advertised;
}

}  // namespace convergia::edge
