#include "edge/edge_config.h"

#include <algorithm>
#include <cstdint>
#include <thread>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/base/ids.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"

namespace convergia::edge {
namespace {

struct HostPort {
  std::string host;
  std::string port;
};

absl::StatusOr<HostPort> SplitAddress(absl::string_view field, absl::string_view address) {
  const size_t colon = address.rfind(':');
  uint32_t port = 0;
  if (colon == absl::string_view::npos || colon == 0 ||
      !absl::SimpleAtoi(address.substr(colon + 1), &port) || port > 65535) {
    return absl::InvalidArgumentError(
        absl::StrCat(field, ": \"", address, "\" is not host:port, such as 10.0.0.5:64477"));
  }
  return HostPort{std::string(address.substr(0, colon)), std::string(address.substr(colon + 1))};
}

absl::Status CheckAddresses(const EdgeSettings& settings) {
  CVG_RETURN_IF_ERROR(SplitAddress("mgmt", settings.mgmt_address).status());
  CVG_RETURN_IF_ERROR(SplitAddress("grpc_listen", settings.grpc_listen).status());
  CVG_RETURN_IF_ERROR(SplitAddress("line_listen", settings.line_listen).status());
  for (const std::string& address : settings.advertise_grpc) {
    CVG_RETURN_IF_ERROR(SplitAddress("advertise.grpc", address).status());
  }
  if (settings.advertise_line.empty()) return absl::OkStatus();
  return SplitAddress("advertise.line", settings.advertise_line).status();
}

template <typename Limit>
void SetIfGiven(uint32_t given, Limit* limit) {
  if (given != 0) *limit = static_cast<Limit>(given);
}

void ReadLimits(const v1::LineLimits& given, EdgeSettings* settings) {
  lineserver::SessionLimits& limits = settings->limits;
  SetIfGiven(given.unauthenticated_per_address_max(), &limits.unauthenticated_per_address_max);
  SetIfGiven(given.signed_in_per_address_max(), &limits.signed_in_per_address_max);
  SetIfGiven(given.sessions_per_user_max(), &settings->sessions_per_user_max);
  SetIfGiven(given.messages_per_second(), &limits.messages_per_second);
  SetIfGiven(given.messages_burst(), &limits.messages_burst);
}

std::string OrDefault(const std::string& given, absl::string_view fallback) {
  return given.empty() ? std::string(fallback) : given;
}

}  // namespace

absl::StatusOr<EdgeSettings> ReadSettings(const v1::EdgeConfig& config) {
  EdgeSettings settings;
  const absl::StatusOr<std::string> name = ParseNodeName(config.name());
  if (!name.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("name: ", name.status().message()));
  }
  settings.name = *name;
  if (config.dir().empty()) {
    return absl::InvalidArgumentError("dir: say where this node keeps its key and certificate");
  }
  settings.dir = config.dir();
  settings.mgmt_address = config.mgmt();
  settings.join_token_file = config.join_token_file();
  settings.grpc_listen = OrDefault(config.grpc_listen(), "0.0.0.0:64477");
  settings.line_listen = OrDefault(config.line_listen(), "0.0.0.0:64473");
  settings.advertise_grpc = {config.advertise().grpc().begin(), config.advertise().grpc().end()};
  settings.advertise_line = config.advertise().line();
  CVG_RETURN_IF_ERROR(CheckAddresses(settings));
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

}  // namespace convergia::edge
