#include "edge/upstream/data_client.h"

#include <glog/logging.h>

#include <optional>
#include <utility>
#include <vector>

#include "common/base/fail.h"
#include "common/base/random.h"

namespace convergia::edge {
namespace {

// The queue to datamgr. The bound of each session holds its client back long before this one.
constexpr size_t kQueueBytesMax = 64 * 1024 * 1024;
// Waiting requests are packed into one message of at most this size.
constexpr size_t kPackedBytesMax = 1024 * 1024;
// datamgr waits for data servers less long than this. Past it datamgr itself is stuck.
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

bool Merge(v1::DataFromEdge& waiting, v1::DataFromEdge& next) {
  if (waiting.ByteSizeLong() + next.ByteSizeLong() > kPackedBytesMax) return false;
  for (v1::DataRequest& request : *next.mutable_requests()) {
    *waiting.add_requests() = std::move(request);
  }
  return true;
}

rpc::StandingStreamBase::Options StreamOptions() {
  rpc::StandingStreamBase::Options options;
  options.plan.first_beat = options.plan.beat = kWatchEvery;
  options.plan.seed = RandomSeed();
  options.queue = {.queue_bytes_max = kQueueBytesMax};
  options.self = std::string(RoleWord(Role::kEdge));
  options.server = std::string(RoleWord(Role::kDatamgr));
  return options;
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

DataClient::DataClient(Options options)
    : options_(std::move(options)),
      stream_({.executor = &executor_, .clock = options_.clock, .epochs = options_.epochs},
              StreamOptions(), MakeHooks()) {
  stream_.Start();
}

DataClient::Stream::Hooks DataClient::MakeHooks() {
  Stream::Hooks hooks;
  hooks.make_channel = [this](const rpc::ServerAddress& at) {
    return options_.make_channel(at.name, at.address);
  };
  hooks.open = [](const auto& channel, grpc::ClientContext* context, auto* reactor) {
    v1::Data::NewStub(channel)->async()->Serve(context, reactor);
  };
  hooks.epoch_of = [](const v1::DataToEdge& first) -> absl::StatusOr<Epoch> {
    return first.epoch();
  };
  hooks.on_up = [this](auto&, v1::DataToEdge& greeting) {
    LOG(INFO) << "datamgr is here";
    options_.on_up();
    OnMessage(greeting);
  };
  hooks.on_message = [this](auto&, v1::DataToEdge& message) { OnMessage(message); };
  hooks.on_down = [this](const Stream::End& end) { OnDown(end); };
  hooks.on_beat = [this] { return Watch(); };
  hooks.merge = Merge;
  return hooks;
}

void DataClient::SetDatamgr(const std::string& name, const std::string& address) {
  stream_.SetAddresses({{.address = address, .name = name}});
}

void DataClient::Ask(v1::DataRequest request, Done done) {
  v1::DataFromEdge message;
  absl::Status sent;
  {
    // Sent under the lock, so that requests leave in the order of their numbers. Send() only
    // queues, and calls nothing that takes this lock.
    absl::MutexLock lock(&mu_);
    const uint64_t id = ++last_id_;
    const bool changes = Changes(request);
    request.set_id(id);
    *message.add_requests() = std::move(request);
    Pending& pending = pending_[id];
    pending = {std::move(done), changes, options_.clock->Elapsed()};
    sent = stream_.Send(std::move(message));
    if (sent.ok()) return;
    done = std::move(pending.done);
    pending_.erase(id);
  }
  done(HasFailCode(sent) ? sent : StorageIsDown());
}

void DataClient::OnMessage(v1::DataToEdge& message) {
  std::vector<std::pair<Done, v1::DataResponse>> answers;
  {
    absl::MutexLock lock(&mu_);
    for (v1::DataResponse& response : *message.mutable_responses()) {
      const auto pending = pending_.find(response.id());
      if (pending == pending_.end()) continue;
      answers.emplace_back(std::move(pending->second.done), std::move(response));
      pending_.erase(pending);
    }
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

void DataClient::OnDown(const Stream::End& end) {
  std::map<uint64_t, Pending> lost;
  {
    absl::MutexLock lock(&mu_);
    lost.swap(pending_);
  }
  // A datamgr that stops in order (STORAGEDOWN) has answered every request that it applied.
  const bool in_order = HasFailCode(end.status) && FailCodeOf(end.status) == FailCode::kStorageDown;
  for (auto& [id, pending] : lost) pending.done(Lost(pending.changes && !in_order));
}

absl::Status DataClient::Watch() {
  absl::MutexLock lock(&mu_);
  // The lowest number is the oldest request.
  const bool is_stuck =
      !pending_.empty() && options_.clock->Elapsed() - pending_.begin()->second.since > kAnswerMax;
  return is_stuck ? absl::UnavailableError("it does not answer") : absl::OkStatus();
}

}  // namespace convergia::edge
