#include "edge/upstream/data_client.h"

#include <glog/logging.h>
#include <grpcpp/channel.h>

#include <optional>
#include <utility>
#include <vector>

#include "common/base/fail.h"
#include "common/base/limits.h"
#include "common/base/random.h"
#include "common/rpc/stream_reactor.h"

namespace convergia::edge {
namespace {

// What waits to be sent to datamgr. Sessions are held back long before by their own bound.
constexpr size_t kQueueBytesMax = 64 * 1024 * 1024;
// What waits is packed into one message up to here.
constexpr size_t kPackedBytesMax = 1024 * 1024;
// Longer than datamgr itself waits for data servers: then it does not work at all.
constexpr absl::Duration kAnswerMax = absl::Seconds(90);
constexpr absl::Duration kWatchEvery = absl::Seconds(1);

bool Changes(const v1::DataRequest& request) {
  switch (request.operation_case()) {
    case v1::DataRequest::kReadFile:
    case v1::DataRequest::kListFolder:
    case v1::DataRequest::kGetInfo:
    case v1::DataRequest::kListMessages:
    case v1::DataRequest::kReadMessage:
    case v1::DataRequest::kGetMetadata:
    case v1::DataRequest::kListMetadata:
      return false;
    default:
      return true;
  }
}

absl::Status Lost(bool changes) {
  if (!changes) return StorageIsDown();
  return Fail(FailCode::kUnconfirmed,
              "lost the connection to the data management server; the request may or may not have "
              "been applied; check before retrying");
}

absl::Status ErrorOf(const v1::DataResponse& response) {
  const std::optional<FailCode> code = FailCodeFromWord(response.fail_code());
  return Fail(code.value_or(FailCode::kInternal), response.text());
}

}  // namespace

absl::Status StorageIsDown() {
  return Fail(
      FailCode::kStorageDown,
      "the data management server cannot be reached; try again in a minute (messages go on)");
}

class DataStream final : public rpc::ClientStream<v1::DataToEdge, v1::DataFromEdge> {
 public:
  explicit DataStream(DataClient* client)
      : ClientStream({.queue_bytes_max = kQueueBytesMax}), client_(*client) {}

 private:
  void OnMessage(v1::DataToEdge& message) override {
    if (!admitted_.has_value()) admitted_ = client_.AdmitDatamgr(this, message.epoch());
    if (*admitted_) client_.OnMessage(this, message);
  }
  void OnClosed(const absl::Status& status) override { client_.OnClosed(this, status); }
  bool Merge(v1::DataFromEdge& waiting, v1::DataFromEdge& next) override {
    if (waiting.ByteSizeLong() + next.ByteSizeLong() > kPackedBytesMax) return false;
    for (v1::DataRequest& request : *next.mutable_requests()) {
      *waiting.add_requests() = std::move(request);
    }
    return true;
  }

  DataClient& client_;
  std::optional<bool> admitted_;  // Only in OnMessage(), which is called one at a time.
};

DataClient::DataClient(Options options)
    : options_(std::move(options)),
      backoff_(limits::kRpcReconnectFirst, limits::kRpcReconnectMax, RandomSeed()) {
  thread_ = std::thread([this] { Loop(); });
}

void DataClient::SetDatamgr(const std::string& name, const std::string& address) {
  absl::MutexLock lock(&mu_);
  if (name == name_ && address == address_) return;
  name_ = name;
  address_ = address;
  moved_ = true;
}

bool DataClient::is_up() const {
  absl::MutexLock lock(&mu_);
  return up_;
}

void DataClient::Ask(v1::DataRequest request, Done done) {
  std::shared_ptr<DataStream> stream;
  v1::DataFromEdge message;
  absl::Status sent;
  {
    // Sent under the lock, so that requests leave in the order of their numbers. Send() only
    // queues, and calls nothing of ours.
    absl::MutexLock lock(&mu_);
    if (!up_) {
      sent = StorageIsDown();
    } else {
      const uint64_t id = ++last_id_;
      const bool changes = Changes(request);
      request.set_id(id);
      *message.add_requests() = std::move(request);
      pending_[id] = {std::move(done), changes, options_.clock->Elapsed()};
      stream = stream_;
      sent = stream->Send(std::move(message));
      if (sent.ok()) return;
      done = std::move(pending_[id].done);
      pending_.erase(id);
    }
  }
  done(HasFailCode(sent) ? sent : StorageIsDown());
}

bool DataClient::AdmitDatamgr(const DataStream* stream, Epoch epoch) {
  const absl::Status admitted = options_.epochs->Admit(epoch);
  if (!absl::IsUnavailable(admitted)) {
    // A disk that takes nothing must not keep clients from what is stored.
    LOG_IF(ERROR, !admitted.ok()) << "datamgr's epoch cannot be kept yet: " << admitted.message();
    return true;
  }
  std::shared_ptr<DataStream> refused;
  {
    absl::MutexLock lock(&mu_);
    if (stream == stream_.get()) refused = stream_;
    const std::string complaint(admitted.message());
    LOG_IF(WARNING, complaint != complaint_) << complaint;
    complaint_ = complaint;
  }
  if (refused != nullptr) refused->Cancel(admitted);
  return false;
}

void DataClient::OnMessage(const DataStream* stream, v1::DataToEdge& message) {
  std::vector<std::pair<Done, v1::DataResponse>> answers;
  bool is_new = false;
  {
    absl::MutexLock lock(&mu_);
    if (stream != stream_.get()) return;
    is_new = !std::exchange(up_, true);
    backoff_.Reset();
    for (v1::DataResponse& response : *message.mutable_responses()) {
      const auto pending = pending_.find(response.id());
      if (pending == pending_.end()) continue;
      answers.emplace_back(std::move(pending->second.done), std::move(response));
      pending_.erase(pending);
    }
  }
  if (is_new) {
    LOG(INFO) << "datamgr is here";
    options_.on_up();
  }
  for (auto& [done, response] : answers) {
    if (response.fail_code().empty()) {
      done(std::move(response));
    } else {
      done(ErrorOf(response));
    }
  }
  for (const v1::MessageArrival& arrival : message.arrivals()) options_.on_arrival(arrival);
}

void DataClient::OnClosed(const DataStream* stream, const absl::Status& status) {
  std::map<uint64_t, Pending> lost;
  {
    absl::MutexLock lock(&mu_);
    if (stream != stream_.get()) return;
    LOG_IF(WARNING, up_) << "datamgr is gone, messages go on: " << status;
    up_ = false;
    lost.swap(pending_);
  }
  // A datamgr that ends in order has answered all that it has done.
  const bool in_order = HasFailCode(status) && FailCodeOf(status) == FailCode::kStorageDown;
  for (auto& [id, pending] : lost) pending.done(Lost(pending.changes && !in_order));
  // Only now: Stop() waits for this.
  absl::MutexLock lock(&mu_);
  stream_ = nullptr;
}

void DataClient::Loop() {
  while (true) {
    bool may_dial = false;
    absl::Duration wait = kWatchEvery;
    {
      absl::MutexLock lock(&mu_);
      if (stopping_ && stream_ == nullptr) return;
      may_dial = !stopping_ && stream_ == nullptr && !address_.empty();
    }
    if (may_dial) {
      Dial();
    } else {
      Watch();
    }
    absl::MutexLock lock(&mu_);
    const auto is_news = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
      return stream_ == nullptr && (stopping_ || !address_.empty());
    };
    const bool had_stream = stream_ != nullptr;
    mu_.AwaitWithTimeout(absl::Condition(&is_news), wait);
    // A stream that has just ended is dialled again after a while.
    if (had_stream && stream_ == nullptr && !stopping_) {
      mu_.AwaitWithTimeout(absl::Condition(&stopping_), backoff_.Next());
    }
  }
}

void DataClient::Dial() {
  std::string name;
  std::string address;
  bool moved = false;
  {
    absl::MutexLock lock(&mu_);
    name = name_;
    address = address_;
    moved = std::exchange(moved_, false);
  }
  if (moved || channel_ == nullptr) {
    channel_ = options_.make_channel(name, address);
    stub_ = v1::Data::NewStub(channel_);
  }
  auto stream = std::make_shared<DataStream>(this);
  {
    absl::MutexLock lock(&mu_);
    stream_ = stream;
  }
  stream->Start([this](grpc::ClientContext* context, auto* reactor) {
    stub_->async()->Serve(context, reactor);
  });
}

void DataClient::Watch() {
  std::shared_ptr<DataStream> stream;
  {
    absl::MutexLock lock(&mu_);
    const bool is_stuck = !pending_.empty() &&
                          options_.clock->Elapsed() - pending_.begin()->second.since > kAnswerMax;
    if (stopping_ || moved_ || is_stuck) stream = stream_;
  }
  if (stream != nullptr) stream->Cancel();
}

void DataClient::Stop() {
  std::shared_ptr<DataStream> stream;
  {
    absl::MutexLock lock(&mu_);
    stopping_ = true;
    stream = stream_;
  }
  if (stream != nullptr) stream->Cancel();
  if (thread_.joinable()) thread_.join();
}

}  // namespace convergia::edge
