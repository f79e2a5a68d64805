#include "datamgr/services/data_service.h"

#include <glog/logging.h>

#include <set>
#include <string>
#include <utility>

#include "common/base/clock.h"
#include "common/base/limits.h"
#include "common/rpc/auth/peer.h"
#include "common/rpc/streams/stream_reactor.h"
#include "datamgr/scheduler/operations.h"

namespace convergia::datamgr {
namespace {

// The unanswered bytes of one edge: its requests and the results of its reads. Above it, reading
// from the edge pauses.
constexpr int64_t kUnansweredBytesMax = 64 * 1024 * 1024;
// The answers that wait for one edge. It is more than an edge can request at once; above it, the
// stream is cancelled.
constexpr size_t kAnswersBytesMax = 256 * 1024 * 1024;
// Waiting answers are packed into one message up to this size.
constexpr size_t kPackedBytesMax = 1024 * 1024;

int64_t WeightOf(const v1::DataRequest& request) {
  uint64_t length = 0;
  if (request.has_read_file()) length = request.read_file().length();
  if (request.has_read_message()) length = request.read_message().length();
  return static_cast<int64_t>(request.ByteSizeLong() +
                              std::min<uint64_t>(length, limits::kChunkBytesMax) + 256);
}

}  // namespace

// One stream of one edge.
class EdgeStream final : public rpc::ServerStream<v1::DataFromEdge, v1::DataToEdge> {
 public:
  EdgeStream(grpc::CallbackServerContext* context, DataService* service, uint64_t number,
             const rpc::Peer& peer)
      : ServerStream(context, {.queue_bytes_max = kAnswersBytesMax,
                               .when_full = rpc::StreamOptions::WhenFull::kCancel}),
        service_(*service),
        number_(number),
        name_(peer.name),
        node_(peer.node) {}

  uint64_t number() const { return number_; }
  const std::string& name() const { return name_; }
  NodeId node() const { return node_; }

 private:
  void OnMessage(v1::DataFromEdge& message) override {
    for (v1::DataRequest& request : *message.mutable_requests()) {
      const int64_t weight = WeightOf(request);
      if ((unanswered_ += weight) > kUnansweredBytesMax) PauseReading();
      const RequestScheduler::Client client = {number_, request.session()};
      service_.deps_.scheduler->Handle(
          client, std::move(request),
          [self = std::static_pointer_cast<EdgeStream>(shared_from_this()),
           weight](v1::DataResponse response) { self->Answer(std::move(response), weight); });
    }
  }

  void Answer(v1::DataResponse response, int64_t weight) {
    v1::DataToEdge message;
    *message.add_responses() = std::move(response);
    (void)Send(std::move(message));  // If the edge is gone, no answer is needed.
    const int64_t before = unanswered_.fetch_sub(weight);
    if (before > kUnansweredBytesMax && before - weight <= kUnansweredBytesMax) ResumeReading();
  }

  bool Merge(v1::DataToEdge& waiting, v1::DataToEdge& next) override {
    if (waiting.ByteSizeLong() + next.ByteSizeLong() > kPackedBytesMax) return false;
    for (v1::DataResponse& response : *next.mutable_responses()) {
      *waiting.add_responses() = std::move(response);
    }
    for (v1::MessageArrival& arrival : *next.mutable_arrivals()) {
      *waiting.add_arrivals() = std::move(arrival);
    }
    return true;
  }

  void OnClosed(const absl::Status& status) override {
    LOG(INFO) << "edge " << name_ << " has gone: " << status;
    service_.Forget(number_);
  }

  DataService& service_;
  const uint64_t number_;
  const std::string name_;
  const NodeId node_;
  std::atomic<int64_t> unanswered_ = 0;
};

grpc::ServerBidiReactor<v1::DataFromEdge, v1::DataToEdge>* DataService::Serve(
    grpc::CallbackServerContext* context) {
  const auto peer = rpc::PeerOf(*context, *deps_.pins);
  if (!peer.ok()) return rpc::RefuseStream<v1::DataFromEdge, v1::DataToEdge>(peer.status());
  std::vector<std::shared_ptr<EdgeStream>> older;
  std::shared_ptr<EdgeStream> stream;
  {
    absl::MutexLock lock(&mu_);
    older = StreamsOf(peer->name);
    const uint64_t number = ++last_stream_;
    stream = std::make_shared<EdgeStream>(context, this, number, *peer);
    streams_[number] = stream;
  }
  // An edge has one stream. This end may not know yet that an older one is over, so it ends that
  // one: none of its requests may be carried out from now on.
  for (const auto& other : older) {
    deps_.scheduler->Close(other->number());
    other->Cancel(absl::AbortedError("the edge has a newer stream"));
  }
  deps_.scheduler->Open(stream->number());
  LOG(INFO) << "edge " << peer->name << " is here";
  auto* const reactor = stream->Start(*deps_.pins, peer->pin);
  v1::DataToEdge greeting;  // It tells the edge our epoch.
  greeting.set_epoch(epoch_);
  (void)stream->Send(std::move(greeting));
  return reactor;
}

std::vector<std::shared_ptr<EdgeStream>> DataService::StreamsOf(absl::string_view name) const {
  std::vector<std::shared_ptr<EdgeStream>> streams;
  for (const auto& [number, weak] : streams_) {
    auto stream = weak.lock();
    if (stream == nullptr || (!name.empty() && stream->name() != name)) continue;
    streams.push_back(std::move(stream));
  }
  return streams;
}

std::vector<std::shared_ptr<EdgeStream>> DataService::AllStreams() const {
  absl::MutexLock lock(&mu_);
  return StreamsOf("");
}

std::vector<NodeId> DataService::ConnectedEdges() const {
  std::set<NodeId> edges;
  for (const auto& stream : AllStreams()) edges.insert(stream->node());
  return {edges.begin(), edges.end()};
}

void DataService::Forget(uint64_t stream) {
  deps_.scheduler->Close(stream);
  absl::MutexLock lock(&mu_);
  streams_.erase(stream);
}

void DataService::CloseStreams(const absl::Status& reason, absl::Duration longest) {
  const auto streams = AllStreams();
  for (const auto& stream : streams) stream->Close(reason);
  const absl::Duration end = RealClock::Get().Elapsed() + longest;
  for (const auto& stream : streams) {
    if (!stream->AwaitClosedFor(end - RealClock::Get().Elapsed())) return;
  }
}

void DataService::Announce(const std::vector<Arrival>& arrivals) {
  v1::DataToEdge message;
  for (const Arrival& arrival : arrivals) FillArrival(arrival, message.add_arrivals());
  for (const auto& stream : AllStreams()) {
    (void)stream->Send(message);
  }
}

}  // namespace convergia::datamgr
