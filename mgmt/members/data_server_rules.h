#pragma once

#include <cstdint>

#include "absl/status/statusor.h"
#include "convergia/v1/admin.pb.h"
#include "convergia/v1/types.pb.h"

// The rules for an operator's settings of a data server. No state, no I/O.
namespace convergia::mgmt {

inline constexpr int kLabelsMax = 16;
inline constexpr size_t kLabelBytesMax = 64;
// In bytes. A smaller store would have hardly any room left: some is kept free for deletes and
// compaction.
inline constexpr uint64_t kDataServerCapacityMin = 64 * 1024 * 1024;

// The configuration of a data server that no operator has configured.
v1::NodeConfiguration DefaultConfiguration();

// Returns `now` with the settings of `change`; labels sorted by key.
//
// Errors: FailCode::kBadField for an invalid label or capacity, or an unknown class.
absl::StatusOr<v1::NodeConfiguration> ChangeConfiguration(
    v1::NodeConfiguration now, const v1::ConfigureDataServerRequest& change);

}  // namespace convergia::mgmt
