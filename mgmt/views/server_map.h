#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/base/ids.h"
#include "convergia/v1/server_map.pb.h"
#include "mgmt/accounts/account_store.h"
#include "mgmt/cluster/cluster_state.h"

namespace convergia::mgmt {

// The map that users see: servers in the order of their numbers, then clients, online or not, in
// the order of theirs. A view for the length of one call.
class ServerMap {
 public:
  // Rows of one answer hold about so many bytes at most, so that it fits a packet.
  static constexpr size_t kPageBytesMax = 900 * 1024;
  // Rows that change at once and are told one by one. When more do, as when a large edge dies, who
  // watches is told to read the map anew: a megabyte at once would close whoever watches.
  static constexpr size_t kChangesAtOnceMax = 10'000;

  ServerMap(const ClusterState& state, const AccountStore& accounts);

  // The rows after the one with id `after` (empty: from the first), at most `limit`; may be fewer
  // though there are more. With `only_client`, that is the only client shown.
  //
  // Errors: FailCode::kBadField: `after` is no id.
  absl::StatusOr<std::vector<v1::ServerMapRow>> Page(absl::string_view after, int limit,
                                                     std::optional<Username> only_client) const;

  std::vector<v1::ServerMapRow> AllNodes() const;
  // nullopt: no such account.
  std::optional<v1::ServerMapRow> Client(absl::string_view user) const;

 private:
  v1::ServerMapRow NodeRow(const Member& member) const;
  void AddDataNeighbours(const Member& member, v1::ServerMapRow* row) const;
  v1::ServerMapRow ClientRow(const Account& account) const;

  // What datamgr says of its connections, from both ends; sorted.
  std::vector<std::pair<NodeId, NodeId>> data_neighbours_;
  const ClusterState& state_;
  const AccountStore& accounts_;
};

// As `id, name, type, online|offline|removed, notes, connected` with TABs and LFs.
std::string MapRowsText(const std::vector<v1::ServerMapRow>& rows);

}  // namespace convergia::mgmt
