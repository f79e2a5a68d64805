#pragma once

#include <cstdint>
#include <map>
#include <set>

#include "common/store/replicated/entry_codec.h"
#include "common/store/replicated/log_follower.h"
#include "tests/sim/network/history.h"
#include "tests/sim/store/disk.h"

namespace convergia::sim {

// The decisions of the log and the answers to clients, and the promises that tie them.
class StoreTruth {
 public:
  struct Counts {
    uint64_t acknowledged = 0, conflicts = 0, fenced = 0, unknown = 0, unanswered = 0;
  };

  StoreTruth(const store::EntryCodec* codec, History* history);

  // An operation's key, which its commit puts.
  static std::string KeyOf(uint64_t operation);

  void OnAppended(const store::LogEntry& entry);
  void OnAsked(uint64_t operation) { asked_.insert(operation); }
  void OnOutcome(uint64_t operation, const absl::StatusOr<store::Revision>& outcome);
  // `epoch` is led by `process` from now on.
  void OnLeads(Epoch epoch, const std::string& process);
  // A leader that believes its lease would read in this state.
  void OnRead(const std::string& process, store::Revision revision);

  // At the end: nothing acknowledged is missing, nothing refused is there.
  void CheckAtEnd();
  void CheckEqual(const std::string& replica, const StoreDisk& disk);

  Counts counts() const;
  size_t epochs_led() const { return leaders_.size(); }
  store::Revision revision() const { return state_.revision; }

 private:
  const store::EntryCodec* const codec_;
  History* const history_;
  store::LogFollower follower_;
  StoreDisk state_;
  std::set<uint64_t> asked_;
  std::map<uint64_t, store::Revision> acknowledged_;
  std::set<uint64_t> refused_;  // Conflict or FENCED: nothing was applied.
  std::map<Epoch, std::string> leaders_;
  store::Revision acknowledged_revision_ = 0;
  Counts counts_;
};

}  // namespace convergia::sim
