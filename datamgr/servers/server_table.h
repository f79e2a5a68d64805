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

// The settings of a data server that operators chose.
struct ServerConfig {
  NodeId id = 0;
  std::string name;
  VolumeClass volume_class = VolumeClass::kVolatile;
  uint64_t capacity_bytes = 0;  // 0: the value in its own configuration.
  std::vector<std::pair<std::string, std::string>> labels;
  bool drain = false;

  friend bool operator==(const ServerConfig&, const ServerConfig&) = default;
};

// The space of a data server, as its last report has it.
struct ServerSpace {
  uint64_t capacity_bytes = 0;
  uint64_t used_bytes = 0;
  uint64_t live_bytes = 0;
  uint64_t free_bytes = 0;
  std::string read_only;  // The reason why it refuses new bytes; empty if it takes them.
};

// datamgr's view of one data server.
struct ServerView {
  ServerConfig config;
  // True if mgmt names it. False if an operator removed it, or if it came before mgmt named it.
  bool configured = false;
  bool connected = false;
  bool suspect = false;  // It is connected, but did not answer in time.
  std::string store;     // The store id of its last start; empty if it never connected.
  ServerSpace space;
  // The time of its last connect or disconnect, by Clock::Elapsed(). If there was none, the time
  // when this table learned of it.
  absl::Duration since = absl::ZeroDuration();
  int64_t last_seen_ms = 0;                // Of its last disconnect, since 1970 UTC; 0: never.
  std::vector<absl::Duration> departures;  // The latest disconnects, oldest first.
  std::map<VolumeId, Holding> holdings;    // Its volumes, as far as they are known.
  bool holdings_known = false;             // `holdings` is complete.

  // True if it may take `bytes` more bytes.
  bool MayWrite(uint64_t bytes) const {
    return connected && configured && !suspect && !config.drain && space.read_only.empty() &&
           space.free_bytes >= bytes;
  }
  // True if it is expected but does not answer: it is neither removed nor draining.
  bool IsAway() const { return configured && !config.drain && (!connected || suspect); }
  // True if `replica` is in its present store.
  bool Has(const Replica& replica) const { return connected && store == replica.store; }
};

// All data servers as datamgr sees them, from mgmt's messages and their own. A core: no thread, no
// I/O, no clock. Not thread-safe. `now` is Clock::Elapsed(). A call about an unknown server changes
// nothing, except Configure(), Restore() and OnConnected().
class ServerTable {
 public:
  // A server is flapping after `flap_count` disconnects within `flap_window`.
  explicit ServerTable(absl::Duration flap_window = absl::Hours(1), int flap_count = 3)
      : flap_window_(flap_window), flap_count_(flap_count) {}

  // Takes mgmt's whole list of data servers. Returns the servers that were added, removed or
  // changed.
  std::vector<NodeId> Configure(absl::Span<const ServerConfig> configs, absl::Duration now);

  // Adds a server from the catalog at the start of datamgr, before it connects.
  void Restore(const ServerConfig& config, const std::string& store, int64_t last_seen_ms,
               absl::Duration now);

  // Reports that the server has connected, and forgets its holdings. Returns true if its store is
  // not the same as before.
  bool OnConnected(NodeId id, const std::string& name, const std::string& store,
                   const ServerSpace& space, absl::Duration now);
  void OnDisconnected(NodeId id, absl::Duration now, int64_t now_ms);
  void OnReport(NodeId id, const ServerSpace& space);
  // Sets or clears `suspect` of a connected server.
  void OnSlow(NodeId id, bool slow);

  // Takes the complete list of volumes of a connected server. Volumes that AddHolding() added
  // since it connected stay too; a volume in both has the numbers of the list.
  void SetHoldings(NodeId id, std::map<VolumeId, Holding> holdings);
  // Adds to, or removes, a connected server's holding of `volume`, after datamgr changed it.
  void AddHolding(NodeId id, VolumeId volume, uint64_t chunks, uint64_t bytes);
  void DropHolding(NodeId id, VolumeId volume);
  // Takes `bytes` that were sent to the server off its free bytes, until its next report.
  void Charge(NodeId id, uint64_t bytes);

  // Null if the server is unknown. The pointer is valid as long as the table; it never forgets one.
  const ServerView* Find(NodeId id) const;
  const std::map<NodeId, ServerView>& servers() const { return servers_; }

  // True if the server of `replica` is connected with the store of `replica`.
  bool IsLive(const Replica& replica) const;
  // True if a server of this class IsAway().
  bool SomeAway(VolumeClass volume_class) const;
  // False for an unknown server.
  bool IsFlapping(NodeId id, absl::Duration now) const;

  // The name and state of a server, for texts that people read: "d3 (offline since 2026-01-02
  // 03:04:05 UTC)".
  std::string Describe(NodeId id) const;

 private:
  const absl::Duration flap_window_;
  const int flap_count_;
  std::map<NodeId, ServerView> servers_;
};

}  // namespace convergia::datamgr
