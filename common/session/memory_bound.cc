#include "common/session/memory_bound.h"

#include <utility>

#include "common/session/connection.h"
#include "common/session/shard.h"

namespace convergia::session {

MemoryBound::MemoryBound(size_t bytes_max, std::vector<std::shared_ptr<Shard>> shards)
    : bytes_max_(static_cast<int64_t>(bytes_max)), shards_(std::move(shards)) {}

void MemoryBound::Add(int64_t change) {
  bytes_ += change;
  if (change > 0 && IsOver() && !is_searching_.exchange(true)) Search();
}

// Each shard reports on its own thread. The last report ends the search.
void MemoryBound::Search() {
  {
    absl::MutexLock lock(&mu_);
    largest_ = {};
    shards_awaited_ = shards_.size();
  }
  for (const std::shared_ptr<Shard>& shard : shards_) {
    shard->Post([this, &shard = *shard] { OnLargestOf(shard); });
  }
}

void MemoryBound::OnLargestOf(const Shard& shard) {
  Holder holder;
  for (const std::shared_ptr<Connection>& connection : shard.Connections()) {
    if (connection->memory_bytes() <= holder.bytes) continue;
    holder = {connection, connection->memory_bytes()};
  }
  {
    absl::MutexLock lock(&mu_);
    if (holder.bytes > largest_.bytes) std::swap(holder, largest_);
    if (--shards_awaited_ > 0) return;
    std::swap(holder, largest_);
  }
  if (!IsOver() || holder.connection == nullptr) return EndSearch();
  Shard& home = holder.connection->shard();
  home.Post([this, connection = std::move(holder.connection)] { Close(connection); });
}

// On the connection's shard. The connection gives its memory back at the end of this turn, so the
// search ends in the next one.
void MemoryBound::Close(const std::shared_ptr<Connection>& connection) {
  connection->CloseForMemory();
  connection->shard().Post([this] { EndSearch(); });
}

void MemoryBound::EndSearch() {
  is_searching_ = false;
  if (IsOver() && !is_searching_.exchange(true)) Search();
}

}  // namespace convergia::session
