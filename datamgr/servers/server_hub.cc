#include "datamgr/servers/server_hub.h"

#include <glog/logging.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/fail.h"
#include "common/base/limits.h"
#include "common/rpc/epochs/epoch_metadata.h"
#include "datamgr/servers/data_server_stream.h"

namespace convergia::datamgr {
namespace {

// Each request costs so much of the window besides its bytes, as chunks.proto says.
constexpr size_t kRequestBytes = 512;
// The bound of the requests that wait for the window of one server. Past it they read BUSY.
constexpr size_t kWaitingBytesMax = 64 * 1024 * 1024;
constexpr size_t kWindowBytesMin = 2 * limits::kChunkBytesMax;
// Past this number of events reports are dropped. Only a reader of events that is stuck gets there.
constexpr size_t kEventsMax = 100'000;

absl::Status StatusOf(const v1::ChunkError& error) {
  const std::optional<FailCode> code = FailCodeFromWord(error.fail_code());
  if (code.has_value()) return Fail(*code, error.text());
  const auto canonical = static_cast<absl::StatusCode>(error.code());
  if (canonical == absl::StatusCode::kOk) return absl::InternalError(error.text());
  return absl::Status(canonical, error.text());
}

absl::Status NotHere(absl::string_view name) {
  return Fail(FailCode::kUnavailable, absl::StrCat("the data server ", name, " is not here"));
}

}  // namespace

ServerHub::ServerHub(Deps deps, const Options& options)
    : deps_(std::move(deps)), options_(options) {}

ServerHub::~ServerHub() { Stop(); }

size_t ServerHub::CostOf(const v1::ChunkRequest& request) {
  switch (request.operation_case()) {
    case v1::ChunkRequest::kPut:
      return kRequestBytes + request.put().bytes().size();
    case v1::ChunkRequest::kRead:
      return kRequestBytes + request.read().length();
    default:
      return kRequestBytes;
  }
}

std::vector<ServerHub::Event> ServerHub::TakeEvents() {
  absl::MutexLock lock(&mu_);
  return std::exchange(events_, {});
}

void ServerHub::PushEvent(Event event, Outbox* out) {
  if (stopped_) return;
  if (event.kind == EventKind::kReport && !events_.empty()) {
    Event& last = events_.back();
    if (last.kind == EventKind::kReport && last.server == event.server) {
      last = std::move(event);
      return;
    }
  }
  if (events_.size() >= kEventsMax && event.kind == EventKind::kReport) return;
  events_.push_back(std::move(event));
  out->wake = true;
}

void ServerHub::Carry(Outbox out) {
  for (auto& [stream, message] : out.sends) {
    // If the stream has ended, OnClosed() answers the requests on it.
    stream->Send(std::move(message)).IgnoreError();
  }
  for (auto& [done, answer] : out.answers) done(std::move(answer));
  for (const auto& stream : out.cuts) stream->Cancel(out.cut_reason);
  if (out.wake && deps_.wake) deps_.wake();
}

grpc::ServerBidiReactor<v1::FromDataServer, v1::ToDataServer>* ServerHub::Serve(
    grpc::CallbackServerContext* context) {
  rpc::SayEpoch(context, options_.epoch);
  const auto peer = rpc::PeerOf(*context, *deps_.pins);
  absl::Status refusal = peer.status();
  std::shared_ptr<DataServerStream> stream;
  if (refusal.ok()) {
    absl::MutexLock lock(&mu_);
    if (stopped_) refusal = absl::UnavailableError("datamgr is stopping");
    if (refusal.ok()) {
      stream = std::make_shared<DataServerStream>(context, this, *peer);
      all_streams_[stream.get()] = stream;
    }
  }
  if (!refusal.ok()) return rpc::RefuseStream<v1::FromDataServer, v1::ToDataServer>(refusal);
  return stream->Start(*deps_.pins, peer->pin);
}

absl::Status ServerHub::OnHello(DataServerStream* stream, const v1::DataServerHello& hello) {
  const NodeId id = stream->peer().node;
  const auto shared = std::static_pointer_cast<DataServerStream>(stream->shared_from_this());
  Outbox out;
  {
    absl::MutexLock lock(&mu_);
    if (stopped_) return absl::UnavailableError("datamgr is stopping");
    const auto known = servers_.find(id);
    if (known != servers_.end() && hello.epoch() < known->second.epoch) {
      return absl::FailedPreconditionError("a newer start of this data server is here");
    }
    // A newer start of the data server cuts the streams of the older one.
    if (known != servers_.end() && hello.epoch() > known->second.epoch) RemoveServer(id, &out);
    out.cut_reason = absl::FailedPreconditionError("a newer start of this data server is here");
    const auto [it, is_new] = servers_.try_emplace(id);
    Server& server = it->second;
    if (server.streams.contains(stream)) return absl::InvalidArgumentError("hello comes once");
    server.streams[stream] = 0;
    server.heard = deps_.clock->Elapsed();
    if (is_new) {
      server.name = stream->peer().name;
      server.epoch = hello.epoch();
      server.store_id = hello.store_id();
      server.window_bytes = std::max<size_t>(hello.window_bytes(), kWindowBytesMin);
      PushEvent({EventKind::kUp, id, server.name, server.store_id, hello.report()}, &out);
    }
    v1::ToDataServer answer;
    *answer.mutable_settings() = settings_[id];
    answer.set_epoch(options_.epoch);
    out.sends.emplace_back(shared, std::move(answer));
  }
  Carry(std::move(out));
  return absl::OkStatus();
}

void ServerHub::OnReport(DataServerStream* stream, const v1::DataServerReport& report) {
  Outbox out;
  {
    absl::MutexLock lock(&mu_);
    const auto it = servers_.find(stream->peer().node);
    if (it == servers_.end() || !it->second.streams.contains(stream)) return;
    it->second.heard = deps_.clock->Elapsed();
    PushEvent({EventKind::kReport, it->first, "", "", report}, &out);
  }
  Carry(std::move(out));
}

void ServerHub::OnResponse(DataServerStream* stream, v1::ChunkResponse response) {
  Outbox out;
  {
    absl::MutexLock lock(&mu_);
    const auto it = servers_.find(stream->peer().node);
    if (it == servers_.end()) return;
    Server& server = it->second;
    const auto asked = server.asked.find(response.id());
    if (asked == server.asked.end() || asked->second.stream != stream) return;
    server.heard = deps_.clock->Elapsed();
    Asked answered = std::move(asked->second);
    server.asked.erase(asked);
    server.used_bytes -= answered.cost;
    if (answered.priority == Priority::kRepair) server.repair_bytes -= answered.cost;
    server.streams[stream] -= answered.cost;
    if (!answered.done && --server.late == 0) PushEvent({EventKind::kCaughtUp, it->first}, &out);
    if (answered.done) {
      absl::StatusOr<v1::ChunkResponse> answer = absl::InternalError("");
      if (response.has_error()) {
        answer = StatusOf(response.error());
      } else {
        answer = std::move(response);
      }
      out.answers.emplace_back(std::move(answered.done), std::move(answer));
    }
    Pump(&server, &out);
  }
  Carry(std::move(out));
}

void ServerHub::OnClosed(DataServerStream* stream) {
  Outbox out;
  {
    absl::MutexLock lock(&mu_);
    all_streams_.erase(stream);
    RemoveStream(stream->peer().node, stream, &out);
  }
  Carry(std::move(out));
}

void ServerHub::RemoveStream(NodeId id, DataServerStream* stream, Outbox* out) {
  const auto it = servers_.find(id);
  if (it == servers_.end() || it->second.streams.erase(stream) == 0) return;
  Server& server = it->second;
  if (server.streams.empty()) return RemoveServer(id, out);
  for (auto asked = server.asked.begin(); asked != server.asked.end();) {
    if (asked->second.stream != stream) {
      ++asked;
      continue;
    }
    server.used_bytes -= asked->second.cost;
    if (asked->second.priority == Priority::kRepair) server.repair_bytes -= asked->second.cost;
    if (asked->second.done) {
      out->answers.emplace_back(std::move(asked->second.done), NotHere(server.name));
    } else {
      --server.late;  // Without an answer the server has not caught up, so there is no event.
    }
    asked = server.asked.erase(asked);
  }
  Pump(&server, out);
}

void ServerHub::RemoveServer(NodeId id, Outbox* out) {
  const auto it = servers_.find(id);
  Server& server = it->second;
  for (auto& [request_id, asked] : server.asked) {
    if (asked.done) out->answers.emplace_back(std::move(asked.done), NotHere(server.name));
  }
  for (auto& queue : server.waiting) {
    for (Asked& asked : queue) {
      out->answers.emplace_back(std::move(asked.done), NotHere(server.name));
    }
  }
  for (const auto& [stream, bytes] : server.streams) {
    if (auto shared = all_streams_[stream].lock()) out->cuts.push_back(std::move(shared));
  }
  servers_.erase(it);
  PushEvent({EventKind::kDown, id}, out);
}

bool ServerHub::MayBegin(const Server& server, const Asked& asked) const {
  if (server.used_bytes == 0) return true;
  if (server.used_bytes + asked.cost > server.window_bytes) return false;
  return asked.priority == Priority::kClient || server.repair_bytes == 0 ||
         server.repair_bytes + asked.cost <= server.window_bytes / 2;
}

void ServerHub::Begin(Server* server, Asked asked, Outbox* out) {
  // The stream with the least unanswered bytes.
  const auto stream =
      std::min_element(server->streams.begin(), server->streams.end(),
                       [](const auto& a, const auto& b) { return a.second < b.second; });
  auto shared = all_streams_[stream->first].lock();
  if (shared == nullptr) {
    out->answers.emplace_back(std::move(asked.done), NotHere(server->name));
    return;
  }
  stream->second += asked.cost;
  server->used_bytes += asked.cost;
  if (asked.priority == Priority::kRepair) server->repair_bytes += asked.cost;
  asked.stream = stream->first;
  asked.request.set_id(++last_id_);
  v1::ToDataServer message;
  *message.add_requests() = std::move(asked.request);
  server->asked.emplace(last_id_, std::move(asked));
  out->sends.emplace_back(std::move(shared), std::move(message));
}

void ServerHub::Pump(Server* server, Outbox* out) {
  for (auto& queue : server->waiting) {  // Clients first.
    while (!queue.empty() && MayBegin(*server, queue.front())) {
      Asked asked = std::move(queue.front());
      queue.pop_front();
      server->waiting_bytes -= asked.cost;
      Begin(server, std::move(asked), out);
    }
    // While a client's request waits for room, repair must not take it.
    if (!queue.empty() && queue.front().priority == Priority::kClient) return;
  }
}

void ServerHub::Ask(NodeId id, v1::ChunkRequest request, Priority priority, absl::Duration timeout,
                    Done done) {
  Outbox out;
  {
    absl::MutexLock lock(&mu_);
    const auto it = servers_.find(id);
    Asked asked;
    asked.cost = CostOf(request);
    asked.priority = priority;
    asked.deadline = deps_.clock->Elapsed() + timeout;
    asked.request = std::move(request);
    asked.done = std::move(done);
    if (it == servers_.end()) {
      out.answers.emplace_back(std::move(asked.done), NotHere(absl::StrCat(id)));
    } else if (it->second.waiting_bytes + asked.cost > kWaitingBytesMax) {
      out.answers.emplace_back(
          std::move(asked.done),
          Fail(FailCode::kBusy, absl::StrCat("too much is waiting for the data server ",
                                             it->second.name, "; try again")));
    } else {
      Server& server = it->second;
      if (priority == Priority::kClient) client_bytes_ += asked.cost;
      server.waiting_bytes += asked.cost;
      server.waiting[static_cast<int>(priority)].push_back(std::move(asked));
      Pump(&server, &out);
    }
  }
  Carry(std::move(out));
}

void ServerHub::SetSettings(NodeId id, const v1::DataServerSettings& settings) {
  Outbox out;
  {
    absl::MutexLock lock(&mu_);
    settings_[id] = settings;
    const auto it = servers_.find(id);
    if (it == servers_.end()) return;
    for (const auto& [stream, bytes] : it->second.streams) {
      auto shared = all_streams_[stream].lock();
      if (shared == nullptr) continue;
      v1::ToDataServer message;
      *message.mutable_settings() = settings;
      out.sends.emplace_back(std::move(shared), std::move(message));
    }
  }
  Carry(std::move(out));
}

void ServerHub::Expire() {
  Outbox out;
  const absl::Duration now = deps_.clock->Elapsed();
  {
    absl::MutexLock lock(&mu_);
    out.cut_reason = absl::DeadlineExceededError("this data server said nothing for too long");
    std::vector<NodeId> silent;
    for (auto& [id, server] : servers_) {
      if (now - server.heard > options_.silence_max) {
        silent.push_back(id);
        continue;
      }
      const absl::Status late = absl::DeadlineExceededError(
          absl::StrCat("the data server ", server.name, " did not answer in time"));
      bool slow = false;
      for (auto& [request_id, asked] : server.asked) {
        if (!asked.done || asked.deadline > now) continue;
        out.answers.emplace_back(std::move(asked.done), late);
        asked.done = nullptr;  // The server still works on it, so it keeps its part of the window.
        ++server.late;
        slow = true;
      }
      for (auto& queue : server.waiting) {
        while (!queue.empty() && queue.front().deadline <= now) {
          server.waiting_bytes -= queue.front().cost;
          out.answers.emplace_back(std::move(queue.front().done), late);
          queue.pop_front();
        }
      }
      if (slow) PushEvent({EventKind::kSlow, id}, &out);
    }
    for (const NodeId id : silent) {
      LOG(WARNING) << "the data server " << servers_[id].name << " says nothing; cut";
      RemoveServer(id, &out);
    }
  }
  Carry(std::move(out));
}

std::vector<NodeId> ServerHub::Connected() const {
  absl::MutexLock lock(&mu_);
  std::vector<NodeId> connected;
  for (const auto& [id, server] : servers_) connected.push_back(id);
  return connected;
}

uint64_t ServerHub::LoadOf(NodeId id) const {
  absl::MutexLock lock(&mu_);
  const auto it = servers_.find(id);
  return it == servers_.end() ? 0 : it->second.used_bytes + it->second.waiting_bytes;
}

uint64_t ServerHub::client_bytes() const {
  absl::MutexLock lock(&mu_);
  return client_bytes_;
}

void ServerHub::Stop() {
  Outbox out;
  {
    absl::MutexLock lock(&mu_);
    if (std::exchange(stopped_, true)) return;
    out.cut_reason = absl::UnavailableError("datamgr is stopping");
    while (!servers_.empty()) RemoveServer(servers_.begin()->first, &out);
    for (const auto& [stream, weak] : all_streams_) {
      if (auto shared = weak.lock()) out.cuts.push_back(std::move(shared));
    }
    events_.clear();
  }
  Carry(std::move(out));
}

}  // namespace convergia::datamgr
