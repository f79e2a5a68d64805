#include "common/node/program/node_settings.h"

#include "absl/strings/str_cat.h"
#include "common/base/ids.h"
#include "common/base/limits.h"
#include "common/base/net/host_port.h"
#include "common/base/status_macros.h"

namespace convergia::node {

absl::Status CheckAddress(absl::string_view field, absl::string_view address) {
  const absl::Status status = HostPort::Parse(address).status();
  if (status.ok()) return status;
  return absl::InvalidArgumentError(absl::StrCat(field, ": ", status.message()));
}

absl::StatusOr<NodeSettings> CheckNodeSettings(NodeSettings settings) {
  const absl::StatusOr<std::string> name = ParseNodeName(settings.name);
  if (!name.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("name: ", name.status().message()));
  }
  settings.name = *name;
  if (settings.dir.empty()) {
    return absl::InvalidArgumentError(
        "dir: say where this node keeps its key, its certificate and what else it must remember");
  }
  if (settings.mgmt_addresses.size() > limits::kMgmtAddressesMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("mgmt: at most ", limits::kMgmtAddressesMax, " addresses"));
  }
  for (const std::string& address : settings.mgmt_addresses) {
    CVG_RETURN_IF_ERROR(CheckAddress("mgmt", address));
  }
  CVG_RETURN_IF_ERROR(CheckAddress("grpc_listen", settings.grpc_listen));
  for (const std::string& address : settings.advertise_grpc) {
    CVG_RETURN_IF_ERROR(CheckAddress("advertise.grpc", address));
  }
  return settings;
}

}  // namespace convergia::node
