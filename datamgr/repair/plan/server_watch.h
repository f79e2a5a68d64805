#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "absl/time/time.h"
#include "convergia/v1/chunks.pb.h"
#include "datamgr/servers/server_table.h"

namespace convergia::datamgr {

// Remembers what data servers did and were asked lately, and decides what to ask them next. A core:
// events and the time come in. Not thread-safe.
class ServerWatch {
 public:
  void OnUp(NodeId id);
  void OnDown(NodeId id) { slow_since_.erase(id); }

  // A server that did not answer in time takes no new chunks until it has caught up, or until it is
  // forgiven after RepairRules::slow_pause.
  void OnSlow(NodeId id, absl::Duration now) { slow_since_[id] = now; }
  void OnCaughtUp(NodeId id) { slow_since_.erase(id); }
  // The slow servers that get another chance at `now`, after `pause`. Each is told once.
  std::vector<NodeId> TakeForgiven(absl::Duration now, absl::Duration pause);

  // The actions that follow from a report of `id`.
  struct Asked {
    bool push_settings = false;  // A scrub that an operator asked for is over.
    bool list_damaged = false;   // It found damaged chunks that it has not listed.
  };
  Asked OnReport(NodeId id, const v1::DataServerReport& report);

  // An operator wants `id` to verify all its chunks once. It is over with the second round that
  // ends: the first one was perhaps under way.
  void BeginScrub(NodeId id) { scrubs_[id] = rounds_[id]; }
  bool IsScrubbing(NodeId id) const { return scrubs_.contains(id); }

  // The connected servers that have not said what they hold and are to be asked at `now`. They
  // count as asked.
  std::vector<NodeId> TakeUnlisted(const ServerTable& servers, absl::Duration now);
  void OnHoldingsAsked(NodeId id, absl::Duration now) { holdings_asked_at_[id] = now; }

 private:
  std::map<NodeId, absl::Duration> slow_since_;
  std::map<NodeId, uint64_t> damage_seen_;  // One more than the count that was reported.
  std::map<NodeId, absl::Duration> holdings_asked_at_;
  std::map<NodeId, uint64_t> rounds_;  // Of scrubbing, as last reported.
  std::map<NodeId, uint64_t> scrubs_;  // Rounds when an operator asked for a scrub.
};

// The settings to send to a data server of this configuration. `scrubs_now`: it scrubs as fast as
// it can.
v1::DataServerSettings SettingsOf(const ServerConfig& config, bool scrubs_now);

}  // namespace convergia::datamgr
