#include "dataserver/dataserver_config.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/base/ids.h"
#include "common/base/status_macros.h"

namespace convergia::dataserver {
namespace {

constexpr uint64_t kCapacityMin = 64 * 1024 * 1024;
constexpr uint64_t kScrubDefault = 8 * 1024 * 1024;
constexpr int kThreadsMax = 256;
constexpr int kLanesMax = 16;

absl::Status CheckAddress(absl::string_view field, absl::string_view address) {
  const size_t colon = address.rfind(':');
  uint32_t port = 0;
  if (colon == absl::string_view::npos || colon == 0 ||
      !absl::SimpleAtoi(address.substr(colon + 1), &port) || port > 65535) {
    return absl::InvalidArgumentError(
        absl::StrCat(field, ": \"", address, "\" is not host:port, such as 10.0.0.5:64481"));
  }
  return absl::OkStatus();
}

absl::StatusOr<int> ReadCount(absl::string_view field, uint32_t given, int fallback, int max) {
  if (given > static_cast<uint32_t>(max)) {
    return absl::InvalidArgumentError(absl::StrCat(field, ": at most ", max));
  }
  return given == 0 ? fallback : static_cast<int>(given);
}

}  // namespace

absl::StatusOr<DataServerSettings> ReadSettings(const v1::DataServerConfig& config) {
  DataServerSettings settings;
  const absl::StatusOr<std::string> name = ParseNodeName(config.name());
  if (!name.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("name: ", name.status().message()));
  }
  settings.name = *name;
  if (config.dir().empty()) {
    return absl::InvalidArgumentError("dir: say where this node keeps its key and certificate");
  }
  settings.dir = config.dir();
  settings.data_dir = config.data_dir().empty() ? config.dir() + "/data" : config.data_dir();
  settings.join_token_file = config.join_token_file();
  settings.mgmt_address = config.mgmt();
  CVG_RETURN_IF_ERROR(CheckAddress("mgmt", settings.mgmt_address));
  settings.datamgr_address = config.datamgr();
  if (settings.datamgr_address.empty()) {
    const size_t colon = settings.mgmt_address.rfind(':');
    settings.datamgr_address = absl::StrCat(settings.mgmt_address.substr(0, colon), ":64481");
  }
  CVG_RETURN_IF_ERROR(CheckAddress("datamgr", settings.datamgr_address));
  settings.grpc_listen = config.grpc_listen().empty() ? "0.0.0.0:0" : config.grpc_listen();
  CVG_RETURN_IF_ERROR(CheckAddress("grpc_listen", settings.grpc_listen));
  for (const std::string& address : config.advertise().grpc()) {
    CVG_RETURN_IF_ERROR(CheckAddress("advertise.grpc", address));
    settings.advertise_grpc.push_back(address);
  }
  settings.capacity_bytes = config.capacity_bytes();
  if (settings.capacity_bytes != 0 && settings.capacity_bytes < kCapacityMin) {
    return absl::InvalidArgumentError("capacity_bytes: at least 64 MiB, or leave it out");
  }
  settings.scrub_bytes_per_second =
      config.scrub_bytes_per_second() == 0 ? kScrubDefault : config.scrub_bytes_per_second();
  CVG_ASSIGN_OR_RETURN(settings.disk_threads,
                       ReadCount("disk_threads", config.disk_threads(), 4, kThreadsMax));
  CVG_ASSIGN_OR_RETURN(settings.lanes, ReadCount("lanes", config.lanes(), 4, kLanesMax));
  return settings;
}

}  // namespace convergia::dataserver
