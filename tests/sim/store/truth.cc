#include "tests/sim/store/truth.h"

#include "absl/strings/str_cat.h"

namespace convergia::sim {

StoreTruth::StoreTruth(const store::EntryCodec* codec, History* history)
    : codec_(codec), history_(history), follower_(codec, {codec->log_id(), 0, {}}) {}

std::string StoreTruth::KeyOf(uint64_t operation) { return absl::StrCat("operation/", operation); }

void StoreTruth::OnAppended(const store::LogEntry& entry) {
  const auto actions = follower_.OnEntries({entry});
  if (!actions.ok() || actions->list || actions->apply.size() != 1) {
    history_->Broken("the log took entry ", entry.sequence,
                     ", which does not continue it: ", actions.status().ToString());
    return;
  }
  const absl::Status applied = state_.Apply(actions->apply, EncodeMark(follower_.mark()));
  if (!applied.ok()) history_->Broken("entry ", entry.sequence, ": ", applied.ToString());
}

void StoreTruth::OnOutcome(uint64_t operation, const absl::StatusOr<store::Revision>& outcome) {
  asked_.erase(operation);
  const store::Revision decided = state_.VersionOf(KeyOf(operation));
  if (outcome.ok()) {
    ++counts_.acknowledged;
    acknowledged_[operation] = *outcome;
    acknowledged_revision_ = std::max(acknowledged_revision_, *outcome);
    if (decided != *outcome) {
      history_->Broken("operation ", operation, " was acknowledged at revision ", *outcome,
                       ", but the log has it at ", decided);
    }
    return;
  }
  if (absl::IsUnknown(outcome.status())) {
    ++counts_.unknown;
    return;
  }
  ++(store::IsConflict(outcome) ? counts_.conflicts : counts_.fenced);
  refused_.insert(operation);
  if (decided != 0) {
    history_->Broken("operation ", operation, " was refused (", outcome.status().ToString(),
                     "), but the log has it at revision ", decided);
  }
}

void StoreTruth::OnLeads(Epoch epoch, const std::string& process) {
  const auto [it, is_new] = leaders_.emplace(epoch, process);
  if (!is_new && it->second != process) {
    history_->Broken("epoch ", epoch, " has two leaders: ", it->second, " and ", process);
  }
}

void StoreTruth::OnRead(const std::string& process, store::Revision revision) {
  if (revision >= acknowledged_revision_) return;
  history_->Broken(process, " reads at revision ", revision, ", though revision ",
                   acknowledged_revision_, " was acknowledged");
}

void StoreTruth::CheckAtEnd() {
  for (const auto& [operation, revision] : acknowledged_) {
    if (state_.VersionOf(KeyOf(operation)) == revision) continue;
    history_->Broken("operation ", operation, " was acknowledged and is lost");
  }
  for (const uint64_t operation : refused_) {
    if (state_.VersionOf(KeyOf(operation)) == 0) continue;
    history_->Broken("operation ", operation, " was refused and is there");
  }
}

void StoreTruth::CheckEqual(const std::string& replica, const StoreDisk& disk) {
  if (disk.rows == state_.rows && disk.revision == state_.revision && disk.mark == state_.mark) {
    return;
  }
  history_->Broken(replica, " is at revision ", disk.revision, " and differs from the log, at ",
                   state_.revision);
}

StoreTruth::Counts StoreTruth::counts() const {
  Counts counts = counts_;
  counts.unanswered = asked_.size();
  return counts;
}

}  // namespace convergia::sim
