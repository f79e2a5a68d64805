#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/status/statusor.h"
#include "convergia/v1/admin.pb.h"
#include "mgmt/cluster/cluster_state.h"

// Lists for operators, in pages: a thousand edges may have a million links and routes. Functions
// over the present state; rows that come or go between two pages may be missing.
namespace convergia::mgmt {

// The default and the greatest number of rows in one answer.
inline constexpr uint32_t kListedByDefault = 1'000;
inline constexpr uint32_t kListedMax = 10'000;
// About the most bytes of rows in one answer: half of grpcurl's limit.
inline constexpr size_t kListedBytesMax = 2 * 1024 * 1024;

// Errors of both: FailCode::kNotFound: no edge of such a name; kBadField: half of an `after`.
absl::StatusOr<v1::ListLinksResponse> ListLinks(const ClusterState& state,
                                                const v1::ListLinksRequest& request);
absl::StatusOr<v1::ListRoutesResponse> ListRoutes(const ClusterState& state,
                                                  const v1::ListRoutesRequest& request);

}  // namespace convergia::mgmt
