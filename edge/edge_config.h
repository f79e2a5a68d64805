#pragma once

#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/lineserver/session_limits.h"
#include "common/node/program/node_settings.h"
#include "convergia/v1/config.pb.h"

namespace convergia::edge {

// An edge's configuration with every default in its place.
struct EdgeSettings : node::NodeSettings {
  std::string line_listen;
  std::string advertise_line;  // Empty: where it listens.
  int io_threads = 1;
  int sessions_per_user_max = 0;
  absl::Duration drain_within;  // For clients to go elsewhere, when this edge is to stop.
  lineserver::SessionLimits limits;
};

// Errors: kInvalidArgument, naming the field and what is wrong with it.
absl::StatusOr<EdgeSettings> ReadSettings(const v1::EdgeConfig& config);

// Where others reach an edge: "host:port".
struct Advertised {
  std::vector<std::string> grpc;  // In order of preference; never empty.
  std::string line;
};
// As the settings say, else where the edge listens. `reachable` turns an address that it listens at
// into one that others can dial.
Advertised AdvertisedAddresses(const EdgeSettings& settings, absl::string_view grpc_bound,
                               absl::string_view line_bound,
                               absl::FunctionRef<std::string(absl::string_view bound)> reachable);

}  // namespace convergia::edge
