#include "common/store/replicated/testing/fake_log.h"

#include <utility>

namespace convergia::store {
namespace {

absl::Status NoAnswer() { return absl::UnavailableError("no answer"); }

}  // namespace

class FakeQuorum::Watch final : public LogWatch {
 public:
  Watch(FakeQuorum* quorum, LogWatchCallback callback) : quorum_(quorum) {
    absl::MutexLock lock(&quorum_->watch_mu_);
    quorum_->watchers_.push_back({std::move(callback), 0});
    at_ = std::prev(quorum_->watchers_.end());
  }
  ~Watch() override {
    absl::MutexLock lock(&quorum_->watch_mu_);
    quorum_->watchers_.erase(at_);
  }

 private:
  FakeQuorum* const quorum_;
  std::list<Watcher>::iterator at_;
};

LogState FakeQuorum::State() const {
  absl::MutexLock lock(&mu_);
  return model_.State();
}

void FakeQuorum::EndLease() {
  absl::MutexLock lock(&mu_);
  model_.RemoveLeader();
}

bool FakeQuorum::AwaitFlushed(const std::string& replica, Sequence through) {
  const auto is_there = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    const LogState state = model_.State();
    const auto it = state.flushed.find(replica);
    return it != state.flushed.end() && it->second >= through;
  };
  absl::MutexLock lock(&mu_);
  return mu_.AwaitWithTimeout(absl::Condition(&is_there), absl::Seconds(30));
}

void FakeQuorum::DeliverLate() {
  std::vector<AppendRequest> late;
  {
    absl::MutexLock lock(&mu_);
    late.swap(late_);
  }
  for (const AppendRequest& request : late) Append(request);
}

AppendAnswer FakeQuorum::Append(const AppendRequest& request) {
  AppendAnswer answer;
  {
    absl::MutexLock lock(&mu_);
    answer = model_.Append(request);
  }
  if (answer.kind == AppendAnswer::Kind::kAppended) {
    LogNews news;
    news.entries.push_back(request.entry);
    Tell(news);
  }
  return answer;
}

CampaignAnswer FakeQuorum::TryCampaign(const Campaign& campaign) {
  CampaignAnswer answer;
  LogNews news;
  {
    absl::MutexLock lock(&mu_);
    answer = model_.TryCampaign(campaign);
    news.leader = model_.leader();
  }
  Tell(news);
  return answer;
}

void FakeQuorum::Tell(const LogNews& news) {
  absl::MutexLock lock(&watch_mu_);
  for (Watcher& watcher : watchers_) {
    if (!news.entries.empty() && watcher.deaf_to > 0) {
      --watcher.deaf_to;
    } else {
      watcher.callback(news);
    }
  }
}

void FakeLog::FailAppends(std::vector<Fault> faults) {
  absl::MutexLock lock(&mu_);
  faults_.assign(faults.begin(), faults.end());
}

void FakeLog::Cut() {
  absl::MutexLock lock(&mu_);
  cut_ = true;
}

void FakeLog::Mend() {
  absl::MutexLock lock(&mu_);
  cut_ = false;
}

bool FakeLog::AwaitStuck() {
  absl::MutexLock lock(&mu_);
  return mu_.AwaitWithTimeout(absl::Condition(&is_stuck_), absl::Seconds(30));
}

void FakeLog::LoseNews(int count) {
  absl::MutexLock lock(&quorum_->watch_mu_);
  for (FakeQuorum::Watcher& watcher : quorum_->watchers_) watcher.deaf_to = count;
}

void FakeLog::Interrupt() {
  absl::MutexLock lock(&mu_);
  interrupted_ = true;
}

bool FakeLog::Pass() {
  absl::MutexLock lock(&mu_);
  mu_.Await(absl::Condition(this, &FakeLog::MayGoOn));
  return !interrupted_;
}

std::optional<FakeLog::Fault> FakeLog::NextFault() {
  absl::MutexLock lock(&mu_);
  std::optional<Fault> fault;
  if (!faults_.empty()) {
    fault = faults_.front();
    faults_.pop_front();
  }
  cut_ = cut_ || fault == Fault::kCut;
  is_stuck_ = cut_;
  mu_.Await(absl::Condition(this, &FakeLog::MayGoOn));
  is_stuck_ = false;
  return interrupted_ ? Fault::kLoseRequest : fault;
}

AppendAnswer FakeLog::Append(const AppendRequest& request) {
  const std::optional<Fault> fault = NextFault();
  if (!fault.has_value()) return quorum_->Append(request);
  switch (*fault) {
    case Fault::kLoseRequest:
      return {};
    case Fault::kLoseAnswer:
      quorum_->Append(request);
      return {};
    case Fault::kTwice:
      quorum_->Append(request);
      return quorum_->Append(request);
    case Fault::kLate: {
      absl::MutexLock lock(&quorum_->mu_);
      quorum_->late_.push_back(request);
      return {};
    }
    case Fault::kCut:
      return quorum_->Append(request);
  }
  return {};
}

absl::StatusOr<LogState> FakeLog::ReadState() {
  if (!Pass()) return NoAnswer();
  return quorum_->State();
}

absl::StatusOr<std::vector<LogEntry>> FakeLog::Read(Sequence from, size_t bytes_max) {
  if (!Pass()) return NoAnswer();
  absl::MutexLock lock(&quorum_->mu_);
  return quorum_->model_.Read(from, bytes_max);
}

absl::Status FakeLog::Trim(Sequence through) {
  if (!Pass()) return NoAnswer();
  absl::MutexLock lock(&quorum_->mu_);
  quorum_->model_.Trim(through);
  return absl::OkStatus();
}

absl::Status FakeLog::ReportFlushed(const std::string& replica, Sequence through) {
  if (!Pass()) return NoAnswer();
  absl::MutexLock lock(&quorum_->mu_);
  quorum_->model_.ReportFlushed(replica, through);
  return absl::OkStatus();
}

CampaignAnswer FakeLog::TryCampaign(const Campaign& campaign) {
  if (!Pass()) return {};
  return quorum_->TryCampaign(campaign);
}

RenewAnswer FakeLog::Renew(const Term& term) {
  if (!Pass()) return RenewAnswer::kNoAnswer;
  absl::MutexLock lock(&quorum_->mu_);
  return quorum_->model_.Leads(term.key) ? RenewAnswer::kRenewed : RenewAnswer::kGone;
}

absl::Status FakeLog::Resign(uint64_t key) {
  if (!Pass()) return NoAnswer();
  absl::MutexLock lock(&quorum_->mu_);
  quorum_->model_.Resign(key);
  return absl::OkStatus();
}

std::unique_ptr<LogWatch> FakeLog::Watch(Sequence /*from*/, LogWatchCallback callback) {
  return std::make_unique<FakeQuorum::Watch>(quorum_, std::move(callback));
}

}  // namespace convergia::store
