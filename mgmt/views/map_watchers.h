#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <vector>

#include "convergia/v1/server_map.pb.h"

namespace convergia::mgmt {

// The watchers of the server map. Used only on the cluster loop's thread.
class MapWatchers {
 public:
  // Receives the changed rows; must not block.
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
