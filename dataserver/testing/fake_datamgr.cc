#include "dataserver/testing/fake_datamgr.h"

#include <glog/logging.h>

#include <utility>

#include "absl/synchronization/notification.h"
#include "common/rpc/auth/credentials.h"
#include "common/rpc/auth/peer.h"
#include "common/rpc/epochs/epoch_metadata.h"
#include "common/rpc/streams/stream_reactor.h"

namespace convergia::dataserver {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(30);

}  // namespace

v1::ChunkRequest MakePut(const ChunkKey& key, const std::string& bytes) {
  v1::ChunkRequest request;
  request.mutable_put()->mutable_key()->set_volume(key.volume);
  request.mutable_put()->mutable_key()->set_chunk(key.chunk);
  request.mutable_put()->set_bytes(bytes);
  request.mutable_put()->set_checksum(Checksum(bytes));
  return request;
}

v1::ChunkRequest MakeRead(const ChunkKey& key, uint32_t offset, uint32_t length) {
  v1::ChunkRequest request;
  request.mutable_read()->mutable_key()->set_volume(key.volume);
  request.mutable_read()->mutable_key()->set_chunk(key.chunk);
  request.mutable_read()->set_offset(offset);
  request.mutable_read()->set_length(length);
  return request;
}

v1::ChunkRequest MakeDelete(const ChunkKey& key) {
  v1::ChunkRequest request;
  v1::ChunkKey* const proto = request.mutable_delete_()->add_keys();
  proto->set_volume(key.volume);
  proto->set_chunk(key.chunk);
  return request;
}

class FakeStream final : public rpc::ServerStream<v1::FromDataServer, v1::ToDataServer> {
 public:
  FakeStream(grpc::CallbackServerContext* context, FakeDatamgr* datamgr)
      : ServerStream(context, {.queue_bytes_max = size_t{1} << 30}), datamgr_(datamgr) {}

  void Ask(std::vector<v1::ChunkRequest> requests, std::vector<FakeDatamgr::Done> dones) {
    CHECK_EQ(requests.size(), dones.size());
    v1::ToDataServer message;
    {
      absl::MutexLock lock(&mu_);
      for (size_t i = 0; i < requests.size(); ++i) {
        requests[i].set_id(++last_id_);
        waiting_[last_id_] = std::move(dones[i]);
        *message.add_requests() = std::move(requests[i]);
      }
    }
    (void)Send(std::move(message));
  }

 private:
  void OnMessage(v1::FromDataServer& message) override {
    if (message.has_hello()) {
      const auto self = std::static_pointer_cast<FakeStream>(shared_from_this());
      datamgr_->OnHello(self, message.hello());
    }
    if (message.has_report()) datamgr_->OnReport(message.report());
    for (v1::ChunkResponse& response : *message.mutable_responses()) {
      FakeDatamgr::Done done;
      {
        absl::MutexLock lock(&mu_);
        auto waiting = waiting_.extract(response.id());
        CHECK(!waiting.empty()) << "a response to what was not asked: " << response.id();
        done = std::move(waiting.mapped());
      }
      done(std::move(response));
    }
  }

  void OnClosed(const absl::Status& status) override {
    datamgr_->OnStreamClosed(this);
    std::map<uint64_t, FakeDatamgr::Done> waiting;
    {
      absl::MutexLock lock(&mu_);
      waiting.swap(waiting_);
    }
    for (auto& [id, done] : waiting) done(absl::UnavailableError("the stream has ended"));
  }

  FakeDatamgr* const datamgr_;
  absl::Mutex mu_;
  uint64_t last_id_ ABSL_GUARDED_BY(mu_) = 0;
  std::map<uint64_t, FakeDatamgr::Done> waiting_ ABSL_GUARDED_BY(mu_);
};

FakeDatamgr::FakeDatamgr(rpc::TestPki* pki, const rpc::PinSet* pins) : pki_(pki), pins_(pins) {
  Start();
}

FakeDatamgr::~FakeDatamgr() { Stop(); }

void FakeDatamgr::Start() {
  const auto credentials = rpc::MakeServerCredentials(pki_->FilesOf({Role::kDatamgr, "datamgr"}),
                                                      rpc::CallPolicy::Cluster(), *pins_);
  CHECK(credentials.ok()) << credentials.status();
  auto server = rpc::Server::Create({address_, *credentials, {this}});
  CHECK(server.ok()) << server.status();
  server_ = *std::move(server);
  address_ = server_->address();
}

void FakeDatamgr::Stop() { server_.reset(); }

grpc::ServerBidiReactor<v1::FromDataServer, v1::ToDataServer>* FakeDatamgr::Serve(
    grpc::CallbackServerContext* context) {
  const auto peer = rpc::PeerOf(*context, *pins_);
  absl::MutexLock lock(&mu_);
  rpc::SayEpoch(context, epoch_);
  const absl::Status refusal = peer.ok() ? refusal_ : peer.status();
  if (!refusal.ok()) ++refusals_;
  if (!refusal.ok()) return rpc::RefuseStream<v1::FromDataServer, v1::ToDataServer>(refusal);
  return std::make_shared<FakeStream>(context, this)->Start(*pins_, peer->pin);
}

void FakeDatamgr::OnHello(const std::shared_ptr<FakeStream>& stream,
                          const v1::DataServerHello& hello) {
  absl::MutexLock lock(&mu_);
  streams_[static_cast<int>(hello.stream())] = stream;
  hellos_[static_cast<int>(hello.stream())] = hello;
  v1::ToDataServer answer;
  *answer.mutable_settings() = settings_;
  answer.set_epoch(epoch_);
  ++hellos_heard_;
  (void)stream->Send(std::move(answer));  // Under the lock, so later settings come later.
  for (const v1::ChunkRequest& request : at_once_) {
    std::vector<Done> dones;
    dones.push_back([](const absl::StatusOr<v1::ChunkResponse>&) {});
    stream->Ask({request}, std::move(dones));
  }
}

void FakeDatamgr::OnReport(const v1::DataServerReport& report) {
  absl::MutexLock lock(&mu_);
  last_report_ = report;
  ++reports_;
}

void FakeDatamgr::OnStreamClosed(const FakeStream* stream) {
  absl::MutexLock lock(&mu_);
  for (auto it = streams_.begin(); it != streams_.end();) {
    it = it->second.get() == stream ? streams_.erase(it) : std::next(it);
  }
}

void FakeDatamgr::SetSettings(const v1::DataServerSettings& settings) {
  std::vector<std::shared_ptr<FakeStream>> streams;
  {
    absl::MutexLock lock(&mu_);
    settings_ = settings;
    for (const auto& [index, stream] : streams_) streams.push_back(stream);
  }
  v1::ToDataServer message;
  *message.mutable_settings() = settings;
  for (const auto& stream : streams) (void)stream->Send(message);
}

void FakeDatamgr::SetEpoch(Epoch epoch) {
  absl::MutexLock lock(&mu_);
  epoch_ = epoch;
}

void FakeDatamgr::AwaitHellos(int count) {
  absl::MutexLock lock(&mu_);
  const int enough = hellos_heard_ + count;
  const auto there = [&] { return hellos_heard_ >= enough; };
  CHECK(mu_.AwaitWithTimeout(absl::Condition(&there), kPatience)) << "no stream came";
}

void FakeDatamgr::AwaitRefusals(int count) {
  absl::MutexLock lock(&mu_);
  const int enough = refusals_ + count;
  const auto there = [&] { return refusals_ >= enough; };
  CHECK(mu_.AwaitWithTimeout(absl::Condition(&there), kPatience)) << "no stream came";
}

void FakeDatamgr::AskAtOnce(const v1::ChunkRequest& request) {
  absl::MutexLock lock(&mu_);
  at_once_ = {request};
}

void FakeDatamgr::RefuseStreams(const absl::Status& status) {
  absl::MutexLock lock(&mu_);
  refusal_ = status;
}

void FakeDatamgr::Send(int stream, std::vector<v1::ChunkRequest> requests,
                       std::vector<Done> dones) {
  std::shared_ptr<FakeStream> found;
  {
    absl::MutexLock lock(&mu_);
    const auto it = streams_.find(stream);
    if (it != streams_.end()) found = it->second;
  }
  if (found != nullptr) return found->Ask(std::move(requests), std::move(dones));
  for (Done& done : dones) done(absl::UnavailableError("there is no such stream"));
}

absl::StatusOr<v1::ChunkResponse> FakeDatamgr::Ask(int stream, v1::ChunkRequest request) {
  absl::Notification given;
  absl::StatusOr<v1::ChunkResponse> answer;
  std::vector<v1::ChunkRequest> requests(1);
  requests[0] = std::move(request);
  std::vector<Done> dones;
  dones.push_back([&](absl::StatusOr<v1::ChunkResponse> response) {
    answer = std::move(response);
    given.Notify();
  });
  Send(stream, std::move(requests), std::move(dones));
  CHECK(given.WaitForNotificationWithTimeout(kPatience)) << "no response";
  return answer;
}

std::vector<v1::DataServerHello> FakeDatamgr::AwaitStreams(int count) {
  absl::MutexLock lock(&mu_);
  const auto there = [&] { return streams_.size() >= static_cast<size_t>(count); };
  CHECK(mu_.AwaitWithTimeout(absl::Condition(&there), kPatience)) << "the streams did not come";
  std::vector<v1::DataServerHello> hellos;
  for (const auto& [stream, hello] : hellos_) hellos.push_back(hello);
  return hellos;
}

v1::DataServerReport FakeDatamgr::AwaitReports(int count) {
  absl::MutexLock lock(&mu_);
  const int enough = reports_ + count;
  const auto there = [&] { return reports_ >= enough; };
  CHECK(mu_.AwaitWithTimeout(absl::Condition(&there), kPatience)) << "no report came";
  return last_report_;
}

void FakeDatamgr::AwaitNoStreams() {
  absl::MutexLock lock(&mu_);
  const auto none = [&] { return streams_.empty(); };
  CHECK(mu_.AwaitWithTimeout(absl::Condition(&none), kPatience)) << "the streams did not end";
}

}  // namespace convergia::dataserver
