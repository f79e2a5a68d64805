#include "dataserver/dataserver_config.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/base/net/host_port.h"
#include "common/base/status_macros.h"

namespace convergia::dataserver {
namespace {

constexpr uint64_t kCapacityMin = 64 * 1024 * 1024;
constexpr uint64_t kScrubDefault = 8 * 1024 * 1024;
constexpr uint16_t kDatamgrPort = 64481;
constexpr int kThreadsMax = 256;
constexpr int kStreamsMax = 16;

absl::StatusOr<int> ReadCount(absl::string_view field, uint32_t given, int fallback, int max) {
  if (given > static_cast<uint32_t>(max)) {
    return absl::InvalidArgumentError(absl::StrCat(field, ": at most ", max));
  }
  return given == 0 ? fallback : static_cast<int>(given);
}

}  // namespace

absl::StatusOr<DataServerSettings> ReadSettings(const v1::DataServerConfig& config) {
  DataServerSettings settings;
  CVG_ASSIGN_OR_RETURN(static_cast<node::NodeSettings&>(settings),
                       node::ReadNodeSettings(config, "0.0.0.0:0"));
  settings.data_dir = config.data_dir().empty() ? config.dir() + "/data" : config.data_dir();
  settings.datamgr_address = config.datamgr();
  if (settings.datamgr_address.empty()) {
    if (settings.mgmt_addresses.empty()) {
      return absl::InvalidArgumentError("datamgr: say where datamgr's gRPC is, or where mgmt's is");
    }
    CVG_ASSIGN_OR_RETURN(HostPort datamgr, HostPort::Parse(settings.mgmt_addresses.front()));
    datamgr.port = kDatamgrPort;
    settings.datamgr_address = datamgr.ToString();
  }
  CVG_RETURN_IF_ERROR(node::CheckAddress("datamgr", settings.datamgr_address));
  settings.capacity_bytes = config.capacity_bytes();
  if (settings.capacity_bytes != 0 && settings.capacity_bytes < kCapacityMin) {
    return absl::InvalidArgumentError("capacity_bytes: at least 64 MiB, or leave it out");
  }
  settings.scrub_bytes_per_second =
      config.scrub_bytes_per_second() == 0 ? kScrubDefault : config.scrub_bytes_per_second();
  CVG_ASSIGN_OR_RETURN(settings.disk_threads,
                       ReadCount("disk_threads", config.disk_threads(), 4, kThreadsMax));
  CVG_ASSIGN_OR_RETURN(settings.streams, ReadCount("streams", config.streams(), 4, kStreamsMax));
  return settings;
}

}  // namespace convergia::dataserver
