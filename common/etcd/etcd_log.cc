#include "common/etcd/etcd_log.h"

#include <glog/logging.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <algorithm>
#include <optional>
#include <thread>
#include <utility>

#include "absl/hash/hash.h"
#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/rpc/calls/deadline.h"

namespace convergia::etcd {
namespace {

namespace pb = etcdserverpb;

// Of one Read(): the entries are a group each, 64 KiB as a rule and 1 MiB at most.
constexpr int64_t kReadEntriesMax = 16;
constexpr int kMessageBytesMax = 64 * 1024 * 1024;
constexpr absl::Duration kRedialAfter = absl::Milliseconds(200);
constexpr absl::Duration kPauseAfterFailure = absl::Milliseconds(50);

std::shared_ptr<grpc::ChannelCredentials> CredentialsOf(const EtcdTls& tls) {
  if (tls.ca.empty()) return grpc::InsecureChannelCredentials();
  grpc::SslCredentialsOptions options;
  options.pem_root_certs = tls.ca;
  options.pem_cert_chain = tls.certificate_chain;
  options.pem_private_key = tls.key;
  return grpc::SslCredentials(options);
}

// A channel that dials again soon: a member that restarts is back within a second.
std::shared_ptr<grpc::Channel> MakeChannel(const std::string& endpoint, const EtcdTls& tls) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1'000);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetMaxReceiveMessageSize(kMessageBytesMax);
  return grpc::CreateCustomChannel(endpoint, CredentialsOf(tls), arguments);
}

absl::Status ToStatus(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  const std::string text = absl::StrCat("etcd: ", status.error_message());
  switch (status.error_code()) {
    case grpc::StatusCode::NOT_FOUND:
      return absl::NotFoundError(text);
    case grpc::StatusCode::FAILED_PRECONDITION:
      return absl::FailedPreconditionError(text);
    case grpc::StatusCode::INVALID_ARGUMENT:
      return absl::InvalidArgumentError(text);
    default:
      return absl::UnavailableError(text);
  }
}

}  // namespace

class EtcdLog::Call {
 public:
  Call(EtcdLog* log, absl::Duration timeout) : log_(log) {
    context_.set_wait_for_ready(true);
    if (timeout != absl::InfiniteDuration()) {
      context_.set_deadline(rpc::DeadlineIn(timeout));
    }
    absl::MutexLock lock(&log_->mu_);
    log_->running_.insert(&context_);
    if (log_->interrupted_) context_.TryCancel();
  }
  ~Call() {
    absl::MutexLock lock(&log_->mu_);
    log_->running_.erase(&context_);
  }
  grpc::ClientContext* context() { return &context_; }

 private:
  EtcdLog* const log_;
  grpc::ClientContext context_;
};

// Watches everything below the prefix, and dials again when the stream ends.
class EtcdLog::WatchThread final : public store::LogWatch {
 public:
  WatchThread(EtcdLog* log, store::LogWatchCallback callback)
      : log_(log), callback_(std::move(callback)), thread_([this] { Run(); }) {}
  ~WatchThread() override {
    {
      absl::MutexLock lock(&mu_);
      ended_ = true;
      if (context_ != nullptr) context_->TryCancel();
    }
    thread_.join();
  }

 private:
  void Run() {
    while (true) {
      const std::shared_ptr<grpc::Channel> channel = log_->channel();
      Call call(log_, absl::InfiniteDuration());
      // A member without a leader would be silent; it ends the stream instead.
      call.context()->AddMetadata("hasleader", "true");
      {
        absl::MutexLock lock(&mu_);
        if (ended_) return;
        context_ = call.context();
      }
      WatchOnce(channel, call.context());
      callback_({.lost = true});
      log_->MoveOnFrom(channel);
      absl::MutexLock lock(&mu_);
      context_ = nullptr;
      if (mu_.AwaitWithTimeout(absl::Condition(&ended_), kRedialAfter)) return;
    }
  }

  void WatchOnce(const std::shared_ptr<grpc::Channel>& channel, grpc::ClientContext* context) {
    const auto stub = pb::Watch::NewStub(channel);
    const auto stream = stub->Watch(context);
    pb::WatchRequest request;
    *request.mutable_create_request() = log_->txns_.WatchAll();
    pb::WatchResponse response;
    bool goes_on = stream->Write(request);
    while (goes_on && stream->Read(&response)) {
      // Entries from before the watch was created are to be read.
      if (response.created()) callback_({.lost = true});
      absl::StatusOr<store::LogNews> news = log_->txns_.ReadNews(response);
      goes_on = news.ok() && !response.canceled();
      LOG_IF(ERROR, !news.ok()) << news.status();
      if (news.ok() && (!news->entries.empty() || news->leader.has_value())) {
        callback_(*std::move(news));
      }
    }
    context->TryCancel();
    (void)stream->Finish();
  }

  EtcdLog* const log_;
  const store::LogWatchCallback callback_;
  absl::Mutex mu_;
  bool ended_ ABSL_GUARDED_BY(mu_) = false;
  grpc::ClientContext* context_ ABSL_GUARDED_BY(mu_) = nullptr;
  std::thread thread_;  // Last: it uses all of the above.
};

EtcdLog::EtcdLog(const Options& options)
    : txns_(options.prefix), call_timeout_(options.call_timeout) {
  CHECK(!options.endpoints.empty());
  for (const std::string& endpoint : options.endpoints) {
    channels_.push_back(MakeChannel(endpoint, options.tls));
  }
}

EtcdLog::~EtcdLog() = default;

std::shared_ptr<grpc::Channel> EtcdLog::channel() {
  absl::MutexLock lock(&mu_);
  return channels_[next_];
}

void EtcdLog::MoveOnFrom(const std::shared_ptr<grpc::Channel>& channel) {
  absl::MutexLock lock(&mu_);
  if (channels_[next_] == channel) next_ = (next_ + 1) % channels_.size();
}

void EtcdLog::Interrupt() {
  absl::MutexLock lock(&mu_);
  interrupted_ = true;
  for (grpc::ClientContext* const context : running_) context->TryCancel();
}

absl::Status EtcdLog::Run(const std::function<grpc::Status(const std::shared_ptr<grpc::Channel>&,
                                                           grpc::ClientContext*)>& call) {
  const std::shared_ptr<grpc::Channel> at = channel();
  Call running(this, call_timeout_);
  const absl::Status done = ToStatus(call(at, running.context()));
  if (absl::IsUnavailable(done)) {
    MoveOnFrom(at);
    // Callers repeat without a pause, and a member may refuse at once.
    absl::MutexLock lock(&mu_);
    mu_.AwaitWithTimeout(absl::Condition(&interrupted_), kPauseAfterFailure);
  }
  return done;
}

absl::StatusOr<pb::TxnResponse> EtcdLog::Txn(const pb::TxnRequest& request) {
  pb::TxnResponse response;
  CVG_RETURN_IF_ERROR(Run([&](const auto& channel, grpc::ClientContext* context) {
    return pb::KV::NewStub(channel)->Txn(context, request, &response);
  }));
  return response;
}

absl::Status EtcdLog::MakeIfAbsent(const std::string& id) {
  CHECK_EQ(id.size(), store::kLogIdBytes);
  return Txn(txns_.MakeTxn(id)).status();
}

absl::StatusOr<store::LogState> EtcdLog::ReadState() {
  CVG_ASSIGN_OR_RETURN(const pb::TxnResponse response, Txn(txns_.StateTxn()));
  CVG_ASSIGN_OR_RETURN(store::LogState state, txns_.ReadState(response));
  pb::StatusResponse status;
  CVG_RETURN_IF_ERROR(Run([&](const auto& channel, grpc::ClientContext* context) {
    return pb::Maintenance::NewStub(channel)->Status(context, {}, &status);
  }));
  state.bytes = status.dbsizeinuse();
  return state;
}

store::AppendAnswer EtcdLog::Append(const store::AppendRequest& request) {
  const absl::StatusOr<pb::TxnResponse> response = Txn(txns_.AppendTxn(request));
  if (!response.ok()) return {};
  absl::StatusOr<store::AppendAnswer> answer = txns_.ReadAppend(request.leader_key, *response);
  LOG_IF(ERROR, !answer.ok()) << answer.status();
  return answer.ok() ? *std::move(answer) : store::AppendAnswer();
}

absl::StatusOr<std::vector<store::LogEntry>> EtcdLog::Read(store::Sequence from, size_t bytes_max) {
  const int64_t limit =
      std::clamp<int64_t>(static_cast<int64_t>(bytes_max >> 16), 1, kReadEntriesMax);
  CVG_ASSIGN_OR_RETURN(const pb::TxnResponse response, Txn(txns_.ReadTxn(from, limit)));
  return txns_.ReadEntries(from, response);
}

absl::Status EtcdLog::Trim(store::Sequence through) { return Txn(txns_.TrimTxn(through)).status(); }

absl::Status EtcdLog::ReportFlushed(const std::string& replica, store::Sequence through) {
  return Txn(txns_.FlushedTxn(replica, through)).status();
}

absl::StatusOr<int64_t> EtcdLog::GrantLease(const store::Campaign& campaign) {
  const auto id = static_cast<int64_t>(absl::HashOf(campaign.candidacy) >> 1) | 1;
  {
    absl::MutexLock lock(&mu_);
    if (candidacy_ == campaign.candidacy) return lease_;
  }
  pb::LeaseGrantRequest request;
  request.set_ttl(absl::ToInt64Seconds(absl::Ceil(campaign.lease, absl::Seconds(1))));
  request.set_id(id);
  pb::LeaseGrantResponse response;
  const absl::Status granted = Run([&](const auto& channel, grpc::ClientContext* context) {
    return pb::Lease::NewStub(channel)->LeaseGrant(context, request, &response);
  });
  // FAILED_PRECONDITION: an earlier attempt had no answer and was carried out.
  if (!granted.ok() && !absl::IsFailedPrecondition(granted)) return granted;
  absl::MutexLock lock(&mu_);
  candidacy_ = campaign.candidacy;
  lease_ = id;
  return id;
}

store::CampaignAnswer EtcdLog::TryCampaign(const store::Campaign& campaign) {
  const absl::StatusOr<int64_t> lease = GrantLease(campaign);
  if (!lease.ok()) return {};
  pb::RangeResponse epoch;
  const absl::Status read = Run([&](const auto& channel, grpc::ClientContext* context) {
    return pb::KV::NewStub(channel)->Range(context, txns_.EpochRange(), &epoch);
  });
  if (!read.ok()) return {};
  const absl::StatusOr<pb::TxnRequest> request = txns_.CampaignTxn(campaign, *lease, epoch);
  if (!request.ok()) return {};
  const absl::StatusOr<pb::TxnResponse> response = Txn(*request);
  if (absl::IsNotFound(response.status()))
    return {.kind = store::CampaignAnswer::Kind::kLost};  // Lease.
  if (!response.ok()) return {};
  absl::StatusOr<store::CampaignAnswer> answer = txns_.ReadCampaign(campaign, *response);
  LOG_IF(ERROR, !answer.ok()) << answer.status();
  return answer.ok() ? *std::move(answer) : store::CampaignAnswer();
}

absl::Status EtcdLog::KeepAlive(int64_t lease, bool* is_alive) {
  return Run([&](const auto& channel, grpc::ClientContext* context) {
    const auto stub = pb::Lease::NewStub(channel);
    const auto stream = stub->LeaseKeepAlive(context);
    pb::LeaseKeepAliveRequest request;
    request.set_id(lease);
    pb::LeaseKeepAliveResponse response;
    const bool is_answered = stream->Write(request) && stream->Read(&response);
    *is_alive = is_answered && response.ttl() > 0;
    if (!is_answered) return stream->Finish();
    context->TryCancel();
    (void)stream->Finish();
    return grpc::Status::OK;
  });
}

// First a transaction that only the leader's key lets succeed, so that a key which was removed ends
// the leadership although its lease lives.
store::RenewAnswer EtcdLog::Renew(const store::Term& term) {
  const absl::StatusOr<pb::TxnResponse> leads = Txn(txns_.LeadsTxn(term.key));
  if (!leads.ok()) return store::RenewAnswer::kNoAnswer;
  if (!leads->succeeded()) return store::RenewAnswer::kGone;
  int64_t lease = 0;
  {
    absl::MutexLock lock(&mu_);
    lease = lease_;
  }
  bool is_alive = false;
  if (!KeepAlive(lease, &is_alive).ok()) return store::RenewAnswer::kNoAnswer;
  return is_alive ? store::RenewAnswer::kRenewed : store::RenewAnswer::kGone;
}

absl::Status EtcdLog::Resign(uint64_t key) { return Txn(txns_.ResignTxn(key)).status(); }

std::unique_ptr<store::LogWatch> EtcdLog::Watch(store::Sequence /*from*/,
                                                store::LogWatchCallback callback) {
  return std::make_unique<WatchThread>(this, std::move(callback));
}

}  // namespace convergia::etcd
