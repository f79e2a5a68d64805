#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "absl/types/span.h"
#include "common/base/ids.h"
#include "datamgr/volumes/volume_types.h"

namespace convergia::datamgr {

// What operators decided about a data server.
struct ServerConfig {
  NodeId id = 0;
  std::string name;
  VolumeClass volume_class = VolumeClass::kVolatile;
  uint64_t capacity_bytes = 0;  // 0: as its own configuration says.
  std::vector<std::pair<std::string, std::string>> labels;
  bool drain = false;

  friend bool operator==(const ServerConfig&, const ServerConfig&) = default;
};

// What it last said of itself.
struct ServerSpace {
  uint64_t capacity_bytes = 0;
  uint64_t used_bytes = 0;
  uint64_t live_bytes = 0;
  uint64_t free_bytes = 0;
  std::string read_only;  // Not empty: why it takes no more bytes.
};

// datamgr's view of one data server.
struct ServerView {
  ServerConfig config;
  bool configured =
      false;  // mgmt names it; else an operator removed it, or mgmt was not heard yet.
  bool connected = false;
  bool suspect = false;  // It is connected, but did not answer in time.
  std::string store;     // Of its last start; empty if it was never here.
  ServerSpace space;
  // When it came, or went; of Clock::Elapsed(). For one that never came: when datamgr started.
  absl::Duration since = absl::ZeroDuration();
  int64_t last_seen_ms = 0;                // 1970 UTC, for people; 0: never.
  std::vector<absl::Duration> departures;  // Lately, oldest first.
  std::map<VolumeId, Holding> holdings;    // As it said when it came, and since.
  bool holdings_known = false;             // All of them.

  bool MayRead() const { return connected; }
  // May take bytes, as far as `bytes` go.
  bool MayWrite(uint64_t bytes) const {
    return connected && configured && !suspect && !config.drain && space.read_only.empty() &&
           space.free_bytes >= bytes;
  }
  // Would be there, but does not answer.
  bool IsAway() const { return configured && !config.drain && (!connected || suspect); }
  bool Has(const Replica& replica) const { return connected && store == replica.store; }
};

// All data servers as datamgr sees them: told by mgmt, and by themselves. A core: events in.
class ServerTable {
 public:
  // From departures within `flap_window`, `flap_count` make a server a flapping one.
  explicit ServerTable(absl::Duration flap_window = absl::Hours(1), int flap_count = 3)
      : flap_window_(flap_window), flap_count_(flap_count) {}

  // These are all that mgmt names. Returns those whose configuration changed.
  std::vector<NodeId> Configure(absl::Span<const ServerConfig> configs, absl::Duration now);

  // From the store, at start: what was known of a server that has not come yet.
  void Restore(const ServerConfig& config, const std::string& store, int64_t last_seen_ms,
               absl::Duration now);

  // It came. Whether its store is another one than before.
  bool OnConnected(NodeId id, const std::string& name, const std::string& store,
                   const ServerSpace& space, absl::Duration now);
  void OnDisconnected(NodeId id, absl::Duration now, int64_t now_ms);
  void OnReport(NodeId id, const ServerSpace& space);
  void OnSlow(NodeId id, bool slow);

  // What it said that it holds; what was added since it came stays too.
  void SetHoldings(NodeId id, std::map<VolumeId, Holding> holdings);
  // What a server holds of a volume changed by our doing.
  void AddHolding(NodeId id, VolumeId volume, uint64_t chunks, uint64_t bytes);
  void DropHolding(NodeId id, VolumeId volume);
  // Bytes were sent that no report counts yet.
  void Charge(NodeId id, uint64_t bytes);

  const ServerView* Find(NodeId id) const;
  const std::map<NodeId, ServerView>& servers() const { return servers_; }

  bool IsLive(const Replica& replica) const;
  bool SomeAway(VolumeClass volume_class) const;
  bool IsFlapping(NodeId id, absl::Duration now) const;

  // "d3 (offline since 2026-01-02 03:04:05 UTC)", for texts that people read.
  std::string Describe(NodeId id) const;

 private:
  const absl::Duration flap_window_;
  const int flap_count_;
  std::map<NodeId, ServerView> servers_;
};

}  // namespace convergia::datamgr
