#include "edge/map_watch.h"

#include <grpcpp/client_context.h>
#include <grpcpp/support/client_callback.h>

#include <utility>
#include <vector>

#include "common/line/reply.h"
#include "edge/map_rows.h"
#include "edge/mgmt_client.h"

namespace convergia::edge {

// The call WatchServerMap; held by the watch, and by itself until it is done.
class MapWatch::Stream final : public grpc::ClientReadReactor<v1::ServerMapUpdate> {
 public:
  explicit Stream(MapWatch* watch) : watch_(watch) {}

  void Open(v1::Accounts::Stub* stub, std::shared_ptr<Stream> self) {
    self_ = std::move(self);
    stub->async()->WatchServerMap(&context_, &request_, this);
    StartRead(&update_);
    StartCall();
  }
  void Cancel() { context_.TryCancel(); }

 private:
  void OnReadDone(bool ok) override {
    if (!ok) return;
    watch_->OnUpdate(update_);
    StartRead(&update_);
  }
  void OnDone(const grpc::Status&) override {
    const std::shared_ptr<Stream> last = std::move(self_);
    watch_->OnClosed(this);
  }

  MapWatch* const watch_;
  grpc::ClientContext context_;
  const v1::WatchServerMapRequest request_;
  v1::ServerMapUpdate update_;
  std::shared_ptr<Stream> self_;
};

std::shared_ptr<MapWatch::Stream> MapWatch::MakeIfNeeded() {
  if (!attached_ || stopped_ || stream_ != nullptr || watchers_.empty()) return nullptr;
  stream_ = std::make_shared<Stream>(this);
  return stream_;
}

void MapWatch::Open(const std::shared_ptr<Stream>& stream) {
  if (stream != nullptr) stream->Open(stub_, stream);
}

void MapWatch::OnAttached() {
  std::shared_ptr<Stream> fresh;
  {
    absl::MutexLock lock(&mu_);
    attached_ = true;
    fresh = MakeIfNeeded();
  }
  Open(fresh);
}

void MapWatch::OnDetached() {
  std::shared_ptr<Stream> stream;
  {
    absl::MutexLock lock(&mu_);
    attached_ = false;
    stream = stream_;
  }
  if (stream != nullptr) stream->Cancel();
}

absl::Status MapWatch::Add(lineserver::Session& session) {
  std::shared_ptr<Stream> fresh;
  {
    absl::MutexLock lock(&mu_);
    if (!attached_) return ManagementIsDown();
    watchers_[session.id()] = session.handle();
    fresh = MakeIfNeeded();
  }
  Open(fresh);
  return absl::OkStatus();
}

void MapWatch::Remove(lineserver::Session& session) {
  std::shared_ptr<Stream> superfluous;
  {
    absl::MutexLock lock(&mu_);
    if (watchers_.erase(session.id()) > 0 && watchers_.empty()) superfluous = stream_;
  }
  if (superfluous != nullptr) superfluous->Cancel();
}

void MapWatch::OnUpdate(const v1::ServerMapUpdate& update) {
  auto packet = std::make_shared<std::string>();
  line::AppendPush("SERVERMAPUPDATE", MapRowsText(update.rows()), packet.get());
  const std::shared_ptr<const std::string> shared = std::move(packet);
  absl::flat_hash_map<lineserver::Shard*, std::vector<std::weak_ptr<lineserver::Session>>> shards;
  {
    absl::MutexLock lock(&mu_);
    for (const auto& [id, handle] : watchers_) shards[handle.shard].push_back(handle.session);
  }
  for (auto& [shard, sessions] : shards) {
    shard->Post([shared, sessions = std::move(sessions)] {
      for (const std::weak_ptr<lineserver::Session>& weak : sessions) {
        if (const auto session = weak.lock()) session->PushEscaped(shared);
      }
    });
  }
}

void MapWatch::OnClosed(const Stream* stream) {
  std::shared_ptr<Stream> fresh;
  {
    absl::MutexLock lock(&mu_);
    if (stream_.get() != stream) return;
    stream_ = nullptr;
    fresh = MakeIfNeeded();
  }
  Open(fresh);
}

void MapWatch::Stop() {
  std::shared_ptr<Stream> stream;
  {
    absl::MutexLock lock(&mu_);
    stopped_ = true;
    stream = stream_;
  }
  if (stream != nullptr) stream->Cancel();
  absl::MutexLock lock(&mu_);
  mu_.Await(absl::Condition(this, &MapWatch::HasEnded));
}

}  // namespace convergia::edge
