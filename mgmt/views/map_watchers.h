#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <vector>

#include "convergia/v1/server_map.pb.h"

namespace convergia::mgmt {

// Who wants to hear of changes of the server map. Lives on the cluster loop's thread, where it is
// called only.
class MapWatchers {
 public:
  // Gets the rows that changed; must not block.
  using Watcher = std::function<void(const std::vector<v1::ServerMapRow>& rows)>;
  using Id = uint64_t;

  Id Add(Watcher watcher) {
    watchers_.emplace(++last_, std::move(watcher));
    return last_;
  }
  void Remove(Id id) { watchers_.erase(id); }
  bool empty() const { return watchers_.empty(); }

  void Tell(const std::vector<v1::ServerMapRow>& rows) const {
    for (const auto& [id, watcher] : watchers_) watcher(rows);
  }

 private:
  Id last_ = 0;
  std::map<Id, Watcher> watchers_;
};

}  // namespace convergia::mgmt
