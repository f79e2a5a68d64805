#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "convergia/v1/config.pb.h"

namespace convergia::dataserver {

// A data server's configuration with every default in its place.
struct DataServerSettings {
  std::string name;
  std::string dir;
  std::string mgmt_address;
  std::string join_token_file;
  std::string datamgr_address;
  std::string data_dir;
  std::string grpc_listen;
  std::vector<std::string> advertise_grpc;  // Empty: where it listens.
  uint64_t capacity_bytes = 0;              // 0: all that the disk has.
  uint64_t scrub_bytes_per_second = 0;
  int disk_threads = 0;
  int lanes = 0;
};

// Errors: kInvalidArgument, naming the field and what is wrong with it.
absl::StatusOr<DataServerSettings> ReadSettings(const v1::DataServerConfig& config);

}  // namespace convergia::dataserver
