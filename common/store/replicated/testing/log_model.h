#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/store/replicated/replicated_log.h"

namespace convergia::store {

// A log in memory: what a quorum of real ones does, without network and faults. Requests may reach
// it late, twice, or never; that is the business of those who carry them. It keeps a record of what
// it has decided, for checks. Not thread-safe.
class LogModel {
 public:
  explicit LogModel(std::string id) : id_(std::move(id)) {}

  LogState State() const;
  // Never kNoAnswer.
  AppendAnswer Append(const AppendRequest& request);
  absl::StatusOr<std::vector<LogEntry>> Read(Sequence from, size_t bytes_max) const;
  void Trim(Sequence through);
  void ReportFlushed(const std::string& replica, Sequence through);
  // Never kNoAnswer. The lease is the caller's business: RemoveLeader().
  CampaignAnswer TryCampaign(const Campaign& campaign);
  bool Leads(uint64_t key) const { return leader_.has_value() && leader_->key == key; }
  void Resign(uint64_t key);
  void RemoveLeader() { leader_.reset(); }

  const std::optional<Leader>& leader() const { return leader_; }
  const LogPosition& head() const { return head_; }
  Sequence first() const { return first_; }
  // Of each epoch, who won it; and the epoch in which each entry was appended.
  const std::map<Epoch, std::string>& winners() const { return winners_; }
  const std::map<Sequence, Epoch>& epochs_of_entries() const { return epochs_of_entries_; }

 private:
  const std::string id_;
  Epoch epoch_ = 0;
  uint64_t keys_ = 0;
  std::optional<Leader> leader_;
  LogPosition head_;
  Sequence first_ = 1;
  size_t bytes_ = 0;
  std::deque<std::string> entries_;  // From first_ on.
  std::map<std::string, Sequence> flushed_;
  std::set<std::string> candidacies_;  // That have won.
  std::map<Epoch, std::string> winners_;
  std::map<Sequence, Epoch> epochs_of_entries_;
};

}  // namespace convergia::store
