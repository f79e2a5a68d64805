#include "edge/upstream/map_watch.h"

#include <grpcpp/client_context.h>
#include <grpcpp/support/client_callback.h>

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>

#include "common/base/limits.h"
#include "common/base/random.h"
#include "common/line/reply.h"
#include "common/rpc/deadline.h"
#include "edge/upstream/map_rows.h"
#include "edge/upstream/mgmt_client.h"

namespace convergia::edge {
namespace {

constexpr char kMissed[] =
    "changes of the server map may have been missed; read it again with GETSERVERMAP";

void TellOfMissed(const lineserver::SessionHandle& handle) {
  handle.shard->Post([weak = handle.session] {
    if (const auto session = weak.lock()) session->Push("NOTICE", kMissed);
  });
}

}  // namespace

// The call WatchServerMap; held by the watch, and by itself until it is done.
class MapWatch::Stream final : public grpc::ClientReadReactor<v1::ServerMapUpdate> {
 public:
  explicit Stream(MapWatch* watch) : watch_(watch) {}

  void Open(v1::Accounts::Stub* stub, std::shared_ptr<Stream> self, absl::Duration timeout) {
    timeout_.Set(rpc::DeadlineIn(timeout), [weak = std::weak_ptr(self)](bool is_due) {
      const std::shared_ptr<Stream> stream = weak.lock();
      if (is_due && stream != nullptr) stream->Cancel();
    });
    self_ = std::move(self);
    stub->async()->WatchServerMap(&context_, &request_, this);
    StartCall();
  }
  void Cancel() { context_.TryCancel(); }

 private:
  void OnReadInitialMetadataDone(bool ok) override {
    timeout_.Cancel();
    if (!ok) return;
    watch_->OnOpened(this);
    StartRead(&update_);
  }
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
  grpc::Alarm timeout_;  // Of the opening.
  std::shared_ptr<Stream> self_;
};

MapWatch::MapWatch(v1::Accounts::Stub* stub, absl::Duration open_timeout)
    : stub_(stub),
      open_timeout_(open_timeout),
      backoff_(limits::kRpcReconnectFirst, limits::kRpcReconnectMax, RandomSeed()) {}

std::shared_ptr<MapWatch::Stream> MapWatch::MakeIfNeeded() {
  if (!attached_ || stopped_ || stream_ != nullptr || retry_due_ || IsIdle()) return nullptr;
  stream_ = std::make_shared<Stream>(this);
  is_open_ = is_unused_ = false;
  return stream_;
}

void MapWatch::Open(const std::shared_ptr<Stream>& stream) {
  if (stream != nullptr) stream->Open(stub_, stream, open_timeout_);
}

void MapWatch::RetryLater() {
  if (retry_due_ || stopped_ || !attached_ || IsIdle()) return;
  retry_due_ = true;
  retry_ = std::make_unique<grpc::Alarm>();
  retry_->Set(rpc::DeadlineIn(backoff_.Next()), [this](bool) { OnRetry(); });
}

void MapWatch::OnRetry() {
  std::shared_ptr<Stream> fresh;
  {
    absl::MutexLock lock(&mu_);
    retry_due_ = false;
    fresh = MakeIfNeeded();
  }
  Open(fresh);
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
  std::vector<Waiting> in_vain;
  {
    absl::MutexLock lock(&mu_);
    attached_ = false;
    stream = stream_;
    in_vain.swap(waiting_);
  }
  if (stream != nullptr) stream->Cancel();
  for (Waiting& one : in_vain) one.responder.Fail(ManagementIsDown());
}

void MapWatch::Add(lineserver::Session& session, lineserver::Responder responder) {
  std::shared_ptr<Stream> fresh;
  bool is_watching = false;
  {
    absl::MutexLock lock(&mu_);
    if (attached_ && !stopped_) {
      is_watching = is_open_ && !is_unused_;
      if (is_watching) {
        watchers_[session.id()] = {session.handle()};
      } else {
        waiting_.push_back({session.id(), session.handle(), std::move(responder)});
        fresh = MakeIfNeeded();
      }
    }
  }
  Open(fresh);
  if (is_watching) return responder.Ok();
  if (responder) responder.Fail(ManagementIsDown());
}

void MapWatch::Remove(lineserver::Session& session) {
  std::shared_ptr<Stream> unused;
  std::vector<Waiting> overtaken;
  {
    absl::MutexLock lock(&mu_);
    const bool was_idle = IsIdle();
    watchers_.erase(session.id());
    const auto theirs =
        std::stable_partition(waiting_.begin(), waiting_.end(),
                              [&](const Waiting& one) { return one.id != session.id(); });
    std::move(theirs, waiting_.end(), std::back_inserter(overtaken));
    waiting_.erase(theirs, waiting_.end());
    if (!was_idle && IsIdle() && stream_ != nullptr) {
      is_unused_ = true;
      unused = stream_;
    }
  }
  if (unused != nullptr) unused->Cancel();
  for (Waiting& one : overtaken) one.responder.Ok();
}

void MapWatch::OnOpened(const Stream* stream) {
  std::vector<Waiting> answered;
  std::vector<lineserver::SessionHandle> told;
  {
    absl::MutexLock lock(&mu_);
    if (stream_.get() != stream || is_unused_ || !attached_) return;
    is_open_ = true;
    backoff_.Reset();
    for (auto& [id, watcher] : watchers_) {
      if (std::exchange(watcher.missed, false)) told.push_back(watcher.session);
    }
    answered.swap(waiting_);
    for (const Waiting& one : answered) watchers_[one.id] = {one.session};
  }
  for (const lineserver::SessionHandle& session : told) TellOfMissed(session);
  for (Waiting& one : answered) one.responder.Ok();
}

void MapWatch::OnUpdate(const v1::ServerMapUpdate& update) {
  auto packet = std::make_shared<std::string>();
  line::AppendPush("SERVERMAPUPDATE", MapRowsText(update.rows()), packet.get());
  const std::shared_ptr<const std::string> shared = std::move(packet);
  absl::flat_hash_map<lineserver::Shard*, std::vector<std::weak_ptr<lineserver::Session>>> shards;
  {
    absl::MutexLock lock(&mu_);
    for (const auto& [id, watcher] : watchers_) {
      shards[watcher.session.shard].push_back(watcher.session.session);
    }
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
  std::vector<Waiting> in_vain;
  {
    absl::MutexLock lock(&mu_);
    if (stream_.get() != stream) return;
    stream_ = nullptr;
    is_open_ = false;
    for (auto& [id, watcher] : watchers_) watcher.missed = true;
    if (is_unused_) {
      fresh = MakeIfNeeded();  // For those who came meanwhile.
    } else {
      in_vain.swap(waiting_);
      RetryLater();
    }
  }
  for (Waiting& one : in_vain) one.responder.Fail(ManagementIsDown());
  Open(fresh);
}

void MapWatch::Stop() {
  std::shared_ptr<Stream> stream;
  std::unique_ptr<grpc::Alarm> retry;
  std::vector<Waiting> in_vain;
  {
    absl::MutexLock lock(&mu_);
    stopped_ = true;
    stream = stream_;
    retry = std::move(retry_);
    in_vain.swap(waiting_);
  }
  for (Waiting& one : in_vain) one.responder.Fail(ManagementIsDown());
  if (stream != nullptr) stream->Cancel();
  if (retry != nullptr) retry->Cancel();
  absl::MutexLock lock(&mu_);
  mu_.Await(absl::Condition(this, &MapWatch::HasEnded));
}

}  // namespace convergia::edge
