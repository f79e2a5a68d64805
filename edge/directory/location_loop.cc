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

}  // namespace

void LocationLoop::Start(NodeId self, Epoch epoch) {
  thread_ = std::thread([this, self, epoch] { RunLoop(self, epoch); });
}

void LocationLoop::Stop() {
  {
    absl::MutexLock lock(&mu_);
    stopped_ = true;
  }
  if (thread_.joinable()) thread_.join();
}

void LocationLoop::Post(Event event) {
  absl::MutexLock lock(&mu_);
  if (!stopped_) events_.push_back(std::move(event));
}

void LocationLoop::OnChange() {
  absl::MutexLock lock(&mu_);
  changed_ = true;
}

void LocationLoop::OnAttached() {
  absl::MutexLock lock(&mu_);
  whole_due_ = true;
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

// ---- the loop's thread

void LocationLoop::RunLoop(NodeId self, Epoch epoch) {
  LocationExchange exchange({.self = self, .epoch = epoch, .is_edge = rooms_.is_edge},
                            rooms_.directory);
  std::vector<Event> events;
  absl::Duration next_tick = rooms_.clock->Elapsed();
  absl::Duration rests_until = next_tick;
  bool stopped = false, fresh = false;
  while (!stopped) {
    bool whole = false, changed = false;
    {
      absl::MutexLock lock(&mu_);
      const absl::Duration until = resting_ ? std::min(rests_until, next_tick) : next_tick;
      mu_.AwaitWithTimeout(absl::Condition(this, &LocationLoop::HasWork),
                           std::max(until - rooms_.clock->Elapsed(), absl::ZeroDuration()));
      std::swap(events, events_);
      stopped = stopped_;
      whole = std::exchange(whole_due_, false);
      if (rooms_.clock->Elapsed() >= rests_until) resting_ = false;
      changed = whole || stopped || (changed_ && !resting_);
      if (changed) {
        changed_ = false;
        resting_ = true;
      }
    }
    const absl::Duration now = rooms_.clock->Elapsed();
    for (Event& event : events) std::move(event)(exchange, now);
    events.clear();
    if (changed) {
      ReportChanges(&exchange);
      rests_until = now + kPause;
    }
    if (whole) ReportWhole(exchange);
    if (now >= next_tick) {
      exchange.OnTick(now);
      next_tick = now + kTick;
    }
    CarryOut(exchange.Take());
    if (exchange.has_mgmt() != fresh) {
      fresh = exchange.has_mgmt();
      if (rooms_.on_fresh != nullptr) rooms_.on_fresh(fresh);
    }
  }
  const LocationExchange::Counters& counters = exchange.counters();
  LOG(INFO) << "directory: " << counters.changes_applied << " changes of other edges applied, "
            << counters.changes_known << " known already, " << counters.gaps << " gaps, "
            << counters.refused << " refused, " << counters.dropped << " dropped, "
            << counters.edges_lost << " edges lost, " << counters.buckets_replaced
            << " buckets replaced";
}

void LocationLoop::ReportChanges(LocationExchange* exchange) {
  const std::vector<EdgeSessionHub::Count> counts = rooms_.hub->TakeChanges();
  for (size_t from = 0; from < counts.size(); from += kChangesPerReport) {
    const size_t to = std::min(counts.size(), from + kChangesPerReport);
    std::vector<v1::LocationChange> changes;
    for (size_t i = from; i < to; ++i) changes.push_back(ChangeOf(counts[i]));
    v1::FromNode message;
    *message.mutable_locations() =
        exchange->OnOwnChanges(std::move(changes), rooms_.clock->Elapsed());
    rooms_.send(std::move(message));
  }
}

// After the changes: those who come meanwhile are in it, and in the next changes once more.
void LocationLoop::ReportWhole(const LocationExchange& exchange) {
  const std::vector<EdgeSessionHub::Count> everyone = rooms_.hub->Everyone();
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
    rooms_.send(std::move(message));
  } while (next < everyone.size());
}

void LocationLoop::CarryOut(LocationExchange::Output output) {
  for (const std::string& complaint : output.complaints) LOG(WARNING) << complaint;
  for (v1::FromNode& message : output.to_mgmt) rooms_.send(std::move(message));
  if (output.to_links.empty() && output.starts.empty()) return;
  rooms_.relay->Post([to_links = std::move(output.to_links), starts = std::move(output.starts)](
                         Switchboard& switchboard, absl::Duration now) mutable {
    switchboard.OnEpochHints(starts, now);
    for (auto& [peer, payload] : to_links) switchboard.SetLocations(peer, std::move(payload));
  });
}

}  // namespace convergia::edge
