#pragma once

#include <string>
#include <vector>

#include "common/base/ids.h"

namespace convergia::node {

// What one mgmt says of which mgmt leads (Cluster.WhoLeads).
struct LeaderWord {
  std::string from;                    // Its address, as it was dialled.
  Epoch epoch = 0;                     // Of the leader; 0: nobody leads.
  bool is_self = false;                // It leads itself.
  std::vector<std::string> addresses;  // Where the leader is, else.
};

// Decides where a node attaches after such a word.
//
// A core: no thread, no I/O. Not thread-safe.
class LeaderPlan {
 public:
  // The address to be at, or "" to change nothing. A word counts if no higher epoch was seen
  // (`highest`), and if its epoch is higher than that of the mgmt that is attached to or was named
  // before: so of several addresses of one mgmt none replaces another.
  // `known`: the addresses in the node's list. One of them is taken if there is a choice.
  std::string OnWord(const LeaderWord& word, Epoch highest, const std::vector<std::string>& known);

  void OnAttached(Epoch epoch) { settled_ = epoch; }
  // The stream has ended, and not because of a word.
  void OnDetached() { settled_ = 0; }

 private:
  Epoch settled_ = 0;
};

}  // namespace convergia::node
