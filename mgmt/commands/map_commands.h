#pragma once

#include <vector>

#include "absl/container/flat_hash_map.h"
#include "common/lineserver/command_table.h"
#include "common/lineserver/session.h"
#include "mgmt/cluster/cluster_loop.h"
#include "mgmt/views/map_watchers.h"

namespace convergia::mgmt {

// The sessions that watch the map on mgmt's own port. Together they are one watcher. Only on the
// cluster loop's thread.
class LineMapWatchers {
 public:
  explicit LineMapWatchers(MapWatchers& watchers) : watchers_(watchers) {}

  void Add(uint64_t id, const lineserver::SessionHandle& session);
  void Remove(uint64_t id);

 private:
  void Tell(const std::vector<v1::ServerMapRow>& rows);
  void TellOfMissed();

  MapWatchers& watchers_;
  MapWatchers::Id id_ = 0;  // 0 while no session watches.
  absl::flat_hash_map<uint64_t, lineserver::SessionHandle> sessions_;
};

// GETSERVERMAP and WATCHSERVERMAP. All arguments outlive the table. `hide_other_clients`: a viewer
// sees no other clients.
std::vector<lineserver::CommandSpec> MapCommands(ClusterLoop& loop, MapWatchers& watchers,
                                                 LineMapWatchers& sessions,
                                                 bool hide_other_clients);

}  // namespace convergia::mgmt
