#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/status/statusor.h"
#include "convergia/v1/admin.pb.h"
#include "mgmt/cluster/cluster_state.h"

// What operators ask for page by page: a thousand edges may have a million links and routes.
// Functions over one moment's state; what comes or goes between two pages is in neither or in one.
namespace convergia::mgmt {

// Rows of one answer, unless asked for fewer, and at most.
inline constexpr uint32_t kListedByDefault = 1'000;
inline constexpr uint32_t kListedMax = 10'000;
// Rows of one answer hold about so much at most: half of what grpcurl takes.
inline constexpr size_t kListedBytesMax = 2 * 1024 * 1024;

// Errors of both: FailCode::kNotFound: no edge of such a name; kBadField: half of an `after`.
absl::StatusOr<v1::ListLinksResponse> ListLinks(const ClusterState& state,
                                                const v1::ListLinksRequest& request);
absl::StatusOr<v1::ListRoutesResponse> ListRoutes(const ClusterState& state,
                                                  const v1::ListRoutesRequest& request);

}  // namespace convergia::mgmt
