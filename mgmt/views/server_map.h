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

// The map that users see: servers by number, then clients, online or not, by number. A view that
// lives for one call.
class ServerMap {
 public:
  // About the most bytes of rows in one answer, so that it fits a packet.
  static constexpr size_t kPageBytesMax = 900 * 1024;
  // The most rows that are pushed at once. If more change, for example when a large edge dies,
  // watchers are told to read the map again: a push of megabytes would close their sessions.
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

  // datamgr's connections, each in both directions; sorted.
  std::vector<std::pair<NodeId, NodeId>> data_neighbours_;
  const ClusterState& state_;
  const AccountStore& accounts_;
};

// As `id, name, type, online|offline|removed, notes, connected` with TABs and LFs.
std::string MapRowsText(const std::vector<v1::ServerMapRow>& rows);

}  // namespace convergia::mgmt
