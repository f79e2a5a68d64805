#include "common/store/replicated/testing/log_model.h"

#include <algorithm>

namespace convergia::store {

LogState LogModel::State() const {
  LogState state;
  state.id = id_;
  state.epoch = epoch_;
  state.leader = leader_;
  state.head = head_;
  state.first = first_;
  state.bytes = bytes_;
  state.flushed = flushed_;
  return state;
}

AppendAnswer LogModel::Append(const AppendRequest& request) {
  AppendAnswer answer;
  if (Leads(request.leader_key) && head_ == request.before) {
    entries_.push_back(request.entry.bytes);
    bytes_ += request.entry.bytes.size();
    head_ = request.after;
    epochs_of_entries_[head_.sequence] = leader_->epoch;
    answer.kind = AppendAnswer::Kind::kAppended;
    return answer;
  }
  answer.kind = AppendAnswer::Kind::kRefused;
  answer.leads = Leads(request.leader_key);
  answer.head = head_;
  const Sequence sequence = request.entry.sequence;
  if (sequence >= first_ && sequence <= head_.sequence) answer.entry = entries_[sequence - first_];
  return answer;
}

absl::StatusOr<std::vector<LogEntry>> LogModel::Read(Sequence from, size_t bytes_max) const {
  if (from < first_) return absl::OutOfRangeError("these entries are trimmed");
  std::vector<LogEntry> entries;
  size_t bytes = 0;
  for (Sequence at = from; at <= head_.sequence && (entries.empty() || bytes < bytes_max); ++at) {
    entries.push_back({at, entries_[at - first_]});
    bytes += entries.back().bytes.size();
  }
  return entries;
}

void LogModel::Trim(Sequence through) {
  while (first_ <= through && first_ < head_.sequence) {
    bytes_ -= entries_.front().size();
    entries_.pop_front();
    ++first_;
  }
}

void LogModel::ReportFlushed(const std::string& replica, Sequence through) {
  flushed_[replica] = through;
}

CampaignAnswer LogModel::TryCampaign(const Campaign& campaign) {
  CampaignAnswer answer;
  if (!leader_.has_value() && candidacies_.insert(campaign.candidacy).second) {
    leader_ = {campaign.replica, campaign.address, campaign.candidacy, ++epoch_, ++keys_};
    winners_[epoch_] = campaign.candidacy;
  }
  if (!leader_.has_value() || leader_->candidacy != campaign.candidacy) {
    answer.kind = CampaignAnswer::Kind::kLost;
    answer.leader = leader_;
    return answer;
  }
  answer.kind = CampaignAnswer::Kind::kWon;
  answer.term = {leader_->epoch, leader_->key, head_};
  return answer;
}

void LogModel::Resign(uint64_t key) {
  if (Leads(key)) leader_.reset();
}

}  // namespace convergia::store
