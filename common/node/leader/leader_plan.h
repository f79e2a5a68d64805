#pragma once

#include <string>
#include <vector>

#include "common/base/ids.h"

namespace convergia::node {

// The message of one mgmt about which mgmt leads (Cluster.WhoLeads).
struct LeaderWord {
  std::string from;                    // The address of the sender, as this node dialled it.
  Epoch epoch = 0;                     // Of the leader; 0 if no mgmt leads.
  bool is_self = false;                // The sender is the leader.
  std::vector<std::string> addresses;  // Of the leader, if it is another mgmt.
};

// Decides to which mgmt a node attaches after a LeaderWord.
//
// A core: no thread, no I/O. Not thread-safe.
class LeaderPlan {
 public:
  // Returns the address to attach to, or "" to change nothing. A word counts if its epoch is at
  // least `highest`, the highest epoch that this node knows. It must also be higher than the epoch
  // of the mgmt that the node is attached to, or that an earlier word named. So two addresses of
  // one mgmt never replace each other.
  // `known` is the node's list of addresses. If the leader has several, one of the list is taken.
  std::string OnWord(const LeaderWord& word, Epoch highest, const std::vector<std::string>& known);

  // Reports that the node is attached to a mgmt of this epoch.
  void OnAttached(Epoch epoch) { settled_ = epoch; }
  // Reports that the stream has ended for any reason but a word.
  void OnDetached() { settled_ = 0; }

 private:
  Epoch settled_ = 0;  // Of the mgmt that is attached or chosen; 0 if none is.
};

}  // namespace convergia::node
