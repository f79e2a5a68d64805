#include "edge/directory/location_loop.h"

#include <glog/logging.h>

#include <algorithm>
#include <utility>

namespace convergia::edge {
namespace {

// Between two reports, so that a thousand sign-ins at once are a few messages.
constexpr absl::Duration kPause = absl::Milliseconds(10);
constexpr absl::Duration kTick = absl::Seconds(1);
constexpr size_t kChangesPerReport = 5'000;  // 200 KB or so.
// Batches of mgmt that wait; when one does not fit, all is compared again.
constexpr size_t kBatchBytesMax = 64 * 1024 * 1024;

v1::LocationChange ChangeOf(const EdgeSessionHub::Count& count) {
  v1::LocationChange change;
  change.set_username(count.user);
  change.set_account_id(count.account);
  change.set_sessions(count.sessions);
  return change;
}

void LogCounters(const LocationExchange::Counters& counters) {
  LOG(INFO) << "directory: " << counters.changes_applied << " changes of other edges applied, "
            << counters.changes_known << " known already, " << counters.gaps << " gaps, "
            << counters.refused << " refused, " << counters.dropped << " dropped, "
            << counters.edges_lost << " edges lost, " << counters.buckets_replaced
            << " buckets replaced";
}

}  // namespace

LocationLoop::LocationLoop(Deps deps)
    : deps_(std::move(deps)),
      next_tick_(deps_.clock->Elapsed()),
      rests_until_(next_tick_),
      actor_({&executor_, deps_.clock},
             {.turn = [this](absl::Duration now, bool is_last) { return Turn(now, is_last); }}) {}

void LocationLoop::Start(NodeId self, Epoch epoch) {
  exchange_.emplace(
      LocationExchange::Options{.self = self, .epoch = epoch, .is_edge = deps_.is_edge},
      deps_.directory);
  actor_.Start();
}

void LocationLoop::Post(Event event) {
  actor_.Post([this, event = std::move(event)]() mutable {
    std::move(event)(*exchange_, deps_.clock->Elapsed());
  });
}

void LocationLoop::OnChange() {
  {
    absl::MutexLock lock(&mu_);
    if (std::exchange(changed_, true)) return;  // A turn is due already.
  }
  actor_.Wake();
}

void LocationLoop::OnAttached() {
  {
    absl::MutexLock lock(&mu_);
    whole_due_ = true;
  }
  actor_.Wake();
}

void LocationLoop::OnBatch(v1::DirectoryBatch batch) {
  const size_t bytes = batch.ByteSizeLong();
  bool fits = false;
  {
    absl::MutexLock lock(&mu_);
    fits = batch_bytes_ == 0 || batch_bytes_ + bytes <= kBatchBytesMax;
    if (fits) batch_bytes_ += bytes;
  }
  if (!fits) return Post([](auto& exchange, auto now) { exchange.OnBatchLost(now); });
  Post([this, bytes, batch = std::move(batch)](LocationExchange& exchange, absl::Duration now) {
    exchange.OnBatch(batch, now);
    absl::MutexLock lock(&mu_);
    batch_bytes_ -= bytes;
  });
}

void LocationLoop::OnBuckets(v1::DirectoryBuckets part) {
  Post([part = std::move(part)](LocationExchange& exchange, absl::Duration now) mutable {
    exchange.OnBuckets(std::move(part), now);
  });
}

void LocationLoop::OnLinks(std::vector<NodeId> peers) {
  Post([peers = std::move(peers)](LocationExchange& exchange, absl::Duration now) {
    exchange.SetLinks(peers, now);
  });
}

void LocationLoop::OnLocations(NodeId from, v1::Locations payload,
                               absl::AnyInvocable<void()> done) {
  Post([from, payload = std::move(payload), done = std::move(done)](LocationExchange& exchange,
                                                                    absl::Duration now) mutable {
    exchange.OnLocations(from, std::move(payload), now);
    done();
  });
}

void LocationLoop::OnLinksReady(std::vector<NodeId> peers) {
  Post([peers = std::move(peers)](LocationExchange& exchange, absl::Duration) {
    for (const NodeId peer : peers) exchange.OnLinkReady(peer);
  });
}

// ---- On the executor.

absl::Duration LocationLoop::Turn(absl::Duration now, bool is_last) {
  bool whole = false, changed = false;
  {
    absl::MutexLock lock(&mu_);
    whole = std::exchange(whole_due_, false);
    changed = whole || is_last || (changed_ && now >= rests_until_);
    if (changed) changed_ = false;
  }
  if (changed) {
    ReportChanges(&*exchange_);
    rests_until_ = now + kPause;
  }
  if (whole) ReportWhole(*exchange_);
  if (now >= next_tick_) {
    exchange_->OnTick(now);
    next_tick_ = now + kTick;
  }
  CarryOut(exchange_->Take());
  if (exchange_->has_mgmt() != is_fresh_) {
    is_fresh_ = exchange_->has_mgmt();
    if (deps_.on_fresh != nullptr) deps_.on_fresh(is_fresh_);
  }
  if (is_last) LogCounters(exchange_->counters());
  absl::MutexLock lock(&mu_);
  return (changed_ ? std::min(rests_until_, next_tick_) : next_tick_) - now;
}

void LocationLoop::ReportChanges(LocationExchange* exchange) {
  const std::vector<EdgeSessionHub::Count> counts = deps_.hub->TakeChanges();
  for (size_t from = 0; from < counts.size(); from += kChangesPerReport) {
    const size_t to = std::min(counts.size(), from + kChangesPerReport);
    std::vector<v1::LocationChange> changes;
    for (size_t i = from; i < to; ++i) changes.push_back(ChangeOf(counts[i]));
    v1::FromNode message;
    *message.mutable_locations() =
        exchange->OnOwnChanges(std::move(changes), deps_.clock->Elapsed());
    deps_.send(std::move(message));
  }
}

// After the changes: those who come meanwhile are in it, and in the next changes once more.
void LocationLoop::ReportWhole(const LocationExchange& exchange) {
  const std::vector<EdgeSessionHub::Count> everyone = deps_.hub->Everyone();
  size_t next = 0;
  do {
    v1::FromNode message;
    v1::LocationReport& report = *message.mutable_locations();
    report.set_whole(next == 0);
    report.set_version(exchange.own_version());
    for (; next < everyone.size() && report.changes_size() < kChangesPerReport; ++next) {
      *report.add_changes() = ChangeOf(everyone[next]);
    }
    report.set_more(next < everyone.size());
    deps_.send(std::move(message));
  } while (next < everyone.size());
}

void LocationLoop::CarryOut(LocationExchange::Output output) {
  for (const std::string& complaint : output.complaints) LOG(WARNING) << complaint;
  for (v1::FromNode& message : output.to_mgmt) deps_.send(std::move(message));
  if (output.to_links.empty() && output.starts.empty()) return;
  deps_.relay->Post([to_links = std::move(output.to_links), starts = std::move(output.starts)](
                        Switchboard& switchboard, absl::Duration now) mutable {
    switchboard.OnEpochHints(starts, now);
    for (auto& [peer, payload] : to_links) switchboard.SetLocations(peer, std::move(payload));
  });
}

}  // namespace convergia::edge
