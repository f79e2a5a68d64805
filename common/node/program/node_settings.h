#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace convergia::node {

// The settings of every node that joins a cluster. Each role adds its own. Addresses are
// "host:port".
struct NodeSettings {
  std::string name;
  std::string dir;                          // Of the node's files (NodeFiles).
  std::vector<std::string> mgmt_addresses;  // Empty: those of the enrolment.
  std::string join_token_file;              // Needed only for the enrolment.
  std::string grpc_listen;
  std::vector<std::string> advertise_grpc;  // Empty: the address on which it listens.
};

// OK if `address` is "host:port". Errors: kInvalidArgument; the text begins with `field`.
absl::Status CheckAddress(absl::string_view field, absl::string_view address);

// Checks all fields, and returns them with `name` in its normal form. Errors: kInvalidArgument; the
// text begins with the field and says what is wrong.
absl::StatusOr<NodeSettings> CheckNodeSettings(NodeSettings settings);

// Reads and checks the settings in `config`, a message of config.proto. `grpc_listen` is the
// default of that field. Errors: those of CheckNodeSettings().
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
