#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "common/node/program/node_settings.h"
#include "convergia/v1/config.pb.h"

namespace convergia::dataserver {

// A data server's configuration with every default in its place.
struct DataServerSettings : node::NodeSettings {
  std::string datamgr_address;
  std::string data_dir;
  uint64_t capacity_bytes = 0;  // 0: all that the disk has.
  uint64_t scrub_bytes_per_second = 0;
  int disk_threads = 0;
  int streams = 0;
};

// Errors: kInvalidArgument, naming the field and what is wrong with it.
absl::StatusOr<DataServerSettings> ReadSettings(const v1::DataServerConfig& config);

}  // namespace convergia::dataserver
