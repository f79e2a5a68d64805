#pragma once

#include <cstdint>

#include "absl/status/statusor.h"
#include "convergia/v1/admin.pb.h"
#include "convergia/v1/types.pb.h"

// What operators may make of a data server. No state, no I/O.
namespace convergia::mgmt {

inline constexpr int kLabelsMax = 16;
inline constexpr size_t kLabelBytesMax = 64;
// With less, what is kept free for deletes and compaction would leave hardly anything.
inline constexpr uint64_t kDataServerCapacityMin = 64 * 1024 * 1024;

// A data server of which no operator has said anything.
v1::NodeConfiguration DefaultConfiguration();

// `now` with what `change` sets; labels sorted by key.
//
// Errors: FailCode::kBadField: a label or a capacity against the rules, an unknown class.
absl::StatusOr<v1::NodeConfiguration> ChangeConfiguration(
    v1::NodeConfiguration now, const v1::ConfigureDataServerRequest& change);

}  // namespace convergia::mgmt
