#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace convergia::node {

// What the configuration of every node that joins a cluster says; each role adds its own.
struct NodeSettings {
  std::string name;
  std::string dir;
  std::vector<std::string> mgmt_addresses;  // Empty: as mgmt said at the enrolment.
  std::string join_token_file;
  std::string grpc_listen;
  std::vector<std::string> advertise_grpc;  // Empty: where it listens.
};

// Errors: kInvalidArgument, beginning with `field`.
absl::Status CheckAddress(absl::string_view field, absl::string_view address);

// Errors: kInvalidArgument, naming the field and what is wrong with it.
absl::StatusOr<NodeSettings> CheckNodeSettings(NodeSettings settings);

// `Config` is the role's message of config.proto. `grpc_listen`: where it listens unless it says.
template <typename Config>
absl::StatusOr<NodeSettings> ReadNodeSettings(const Config& config, absl::string_view grpc_listen) {
  return CheckNodeSettings(
      {.name = config.name(),
       .dir = config.dir(),
       .mgmt_addresses = {config.mgmt().begin(), config.mgmt().end()},
       .join_token_file = config.join_token_file(),
       .grpc_listen =
           config.grpc_listen().empty() ? std::string(grpc_listen) : config.grpc_listen(),
       .advertise_grpc = {config.advertise().grpc().begin(), config.advertise().grpc().end()}});
}

}  // namespace convergia::node
