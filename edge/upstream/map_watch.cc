#include "edge/upstream/map_watch.h"

#include <grpcpp/generic/generic_stub.h>

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/clock.h"
#include "common/base/random.h"
#include "common/line/reply.h"
#include "edge/commands/server_map_text.h"
#include "edge/upstream/mgmt_client.h"

namespace convergia::edge {
namespace {

// The method streams in one direction only. A bidirectional call, on which this side sends one
// message and ends, is the same on the wire, and so StandingStream can be used.
constexpr char kMethod[] = "/convergia.v1.Accounts/WatchServerMap";
using Calls = grpc::TemplatedGenericStub<v1::WatchServerMapRequest, v1::ServerMapUpdate>;

constexpr char kMissed[] =
    "changes of the server map may have been missed; read it again with GETSERVERMAP";

void TellOfMissed(const lineserver::SessionHandle& handle) {
  handle.shard->Post([weak = handle.session] {
    if (const auto session = weak.lock()) session->Push("NOTICE", kMissed);
  });
}

}  // namespace

MapWatch::MapWatch(ChannelSource channel, absl::Duration open_timeout)
    : stream_({.executor = &executor_, .clock = &RealClock::Get()}, StreamOptions(open_timeout),
              MakeHooks(std::move(channel))) {
  stream_.SetWanted(false);
  stream_.Start();
}

MapWatch::Stream::Options MapWatch::StreamOptions(absl::Duration open_timeout) {
  Stream::Options options;
  options.plan.greet_timeout = open_timeout;
  options.plan.seed = RandomSeed();
  options.server = std::string(RoleWord(Role::kMgmt));
  options.logs_ends = false;  // The agent logs that mgmt is gone.
  options.says_only_hello = true;
  return options;
}

MapWatch::Stream::Hooks MapWatch::MakeHooks(ChannelSource channel) {
  Stream::Hooks hooks;
  hooks.make_channel = [channel = std::move(channel)](const rpc::ServerAddress&) {
    return channel();
  };
  hooks.open = [](const auto& to, grpc::ClientContext* context, auto* reactor) {
    Calls(to).PrepareBidiStreamingCall(context, kMethod, grpc::StubOptions(), reactor);
  };
  hooks.hello = [] { return v1::WatchServerMapRequest(); };
  hooks.on_up = [this](auto&, auto&) { OnUp(); };
  hooks.on_message = [this](auto&, const v1::ServerMapUpdate& update) { OnUpdate(update); };
  hooks.on_down = [this](const Stream::End& end) { OnDown(end); };
  return hooks;
}

// Needs the lock, so that the later of two changes stays. SetWanted() calls nothing that takes it.
void MapWatch::UpdateWanted() {
  const bool is_wanted = attached_ && !stopped_ && !IsIdle();
  if (!is_wanted) is_open_ = false;  // Sessions that come now wait for the next stream.
  stream_.SetWanted(is_wanted);
}

void MapWatch::OnAttached() {
  absl::MutexLock lock(&mu_);
  attached_ = true;
  // This may be another mgmt. A new address makes the stream ask for a new channel.
  stream_.SetAddresses({{.address = absl::StrCat("mgmt ", ++attaches_), .name = ""}});
  UpdateWanted();
}

void MapWatch::OnDetached() {
  std::vector<Waiting> in_vain;
  {
    absl::MutexLock lock(&mu_);
    attached_ = false;
    in_vain.swap(waiting_);
    UpdateWanted();
  }
  for (Waiting& one : in_vain) one.responder.Fail(ManagementIsDown());
}

void MapWatch::Add(lineserver::Session& session, lineserver::Responder responder) {
  bool is_watching = false;
  {
    absl::MutexLock lock(&mu_);
    if (attached_ && !stopped_) {
      is_watching = is_open_;
      if (is_watching) {
        watchers_[session.id()] = {session.handle()};
      } else {
        waiting_.push_back({session.id(), session.handle(), std::move(responder)});
        UpdateWanted();
      }
    }
  }
  if (is_watching) return responder.Ok();
  if (responder) responder.Fail(ManagementIsDown());
}

void MapWatch::Remove(lineserver::Session& session) {
  std::vector<Waiting> overtaken;
  {
    absl::MutexLock lock(&mu_);
    watchers_.erase(session.id());
    const auto theirs =
        std::stable_partition(waiting_.begin(), waiting_.end(),
                              [&](const Waiting& one) { return one.id != session.id(); });
    std::move(theirs, waiting_.end(), std::back_inserter(overtaken));
    waiting_.erase(theirs, waiting_.end());
    UpdateWanted();
  }
  for (Waiting& one : overtaken) one.responder.Ok();
}

void MapWatch::OnUp() {
  std::vector<Waiting> answered;
  std::vector<lineserver::SessionHandle> told;
  {
    absl::MutexLock lock(&mu_);
    if (!attached_ || IsIdle()) return;
    is_open_ = true;
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
  line::AppendPush("SERVERMAPUPDATE", ServerMapText(ServerMapOf(update.rows())), packet.get());
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
        if (const auto session = weak.lock()) session->PushShared(shared);
      }
    });
  }
}

void MapWatch::OnDown(const Stream::End& end) {
  std::vector<Waiting> in_vain;
  {
    absl::MutexLock lock(&mu_);
    is_open_ = false;
    for (auto& [id, watcher] : watchers_) watcher.missed = true;
    // If this side ended the stream, because no session watched, later sessions wait for the next.
    if (end.was_wanted) in_vain.swap(waiting_);
    UpdateWanted();
  }
  for (Waiting& one : in_vain) one.responder.Fail(ManagementIsDown());
}

void MapWatch::Stop() {
  std::vector<Waiting> in_vain;
  {
    absl::MutexLock lock(&mu_);
    stopped_ = true;
    in_vain.swap(waiting_);
  }
  for (Waiting& one : in_vain) one.responder.Fail(ManagementIsDown());
  stream_.Stop();
}

}  // namespace convergia::edge
