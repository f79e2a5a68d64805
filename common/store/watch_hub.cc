#include "common/store/watch_hub.h"

#include <glog/logging.h>

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace convergia::store {
namespace {

// The most revisions for one watch in one turn, so that others get theirs meanwhile.
constexpr size_t kRevisionsPerTurn = 256;

size_t BytesOf(const std::vector<Event>& events) {
  size_t bytes = 0;
  for (const Event& event : events) bytes += sizeof(Event) + event.key.size() + event.value.size();
  return bytes;
}

absl::Status Compacted(Revision wanted, Revision first_kept) {
  return absl::OutOfRangeError(absl::StrCat("compacted: revision ", wanted,
                                            " is no longer kept, the oldest is ", first_kept,
                                            "; take a snapshot and watch from there"));
}

}  // namespace

struct WatchHub::Subscription {
  const std::string prefix;
  WatchCallback callback;  // Called by the hub's thread only.

  // Guarded by the hub's mutex.
  Revision next;
  bool running = false;
  bool ended = false;
};

class WatchHub::Handle final : public Watcher {
 public:
  Handle(WatchHub* hub, std::shared_ptr<Subscription> watch)
      : hub_(hub), watch_(std::move(watch)) {}
  ~Handle() override { hub_->End(watch_); }

 private:
  WatchHub* const hub_;
  const std::shared_ptr<Subscription> watch_;
};

WatchHub::WatchHub(const HistoryBounds& bounds, Revision next)
    : bounds_(bounds), first_kept_(next), thread_([this] { DispatchLoop(); }) {}

WatchHub::~WatchHub() {
  {
    absl::MutexLock lock(&mu_);
    CHECK(watches_.empty()) << "a watch outlives its store";
    stopped_ = true;
  }
  thread_.join();
}

void WatchHub::Append(std::vector<Event> events) {
  CHECK(!events.empty());
  auto change = std::make_shared<Change>();
  change->bytes = BytesOf(events);
  change->events = std::move(events);
  std::vector<ChangePtr> dropped;  // Freed after the lock.
  absl::MutexLock lock(&mu_);
  CHECK_EQ(change->events.front().revision, next_revision());
  bytes_ += change->bytes;
  changes_.push_back(std::move(change));
  while (changes_.size() > 1 &&
         (changes_.size() > bounds_.revisions_max || bytes_ > bounds_.bytes_max)) {
    bytes_ -= changes_.front()->bytes;
    dropped.push_back(std::move(changes_.front()));
    changes_.pop_front();
    ++first_kept_;
  }
}

Revision WatchHub::first_kept() const {
  absl::MutexLock lock(&mu_);
  return first_kept_;
}

absl::StatusOr<std::unique_ptr<Watcher>> WatchHub::Watch(absl::string_view prefix,
                                                         Revision from_revision,
                                                         WatchCallback callback) {
  auto watch = std::make_shared<Subscription>(
      Subscription{std::string(prefix), std::move(callback), from_revision});
  absl::MutexLock lock(&mu_);
  if (from_revision < first_kept_) return Compacted(from_revision, first_kept_);
  watches_.push_back(watch);
  return std::make_unique<Handle>(this, std::move(watch));
}

void WatchHub::End(const std::shared_ptr<Subscription>& watch) {
  absl::MutexLock lock(&mu_);
  watch->ended = true;
  watches_.remove(watch);
  if (std::this_thread::get_id() == thread_.get_id()) return;  // From within a callback.
  mu_.Await(absl::Condition(
      +[](Subscription* w) { return !w->running; }, watch.get()));
}

bool WatchHub::IsReady(const Subscription& watch) const {
  return watch.next < next_revision() && !watch.ended;
}

bool WatchHub::HasWorkOrStopped() const {
  if (stopped_) return true;
  for (const auto& watch : watches_) {
    if (IsReady(*watch)) return true;
  }
  return false;
}

std::shared_ptr<WatchHub::Subscription> WatchHub::NextReady() {
  for (auto it = watches_.begin(); it != watches_.end(); ++it) {
    if (!IsReady(**it)) continue;
    watches_.splice(watches_.end(), watches_, it);  // The others go first next time.
    return watches_.back();
  }
  return nullptr;
}

void WatchHub::DispatchLoop() {
  while (true) {
    std::shared_ptr<Subscription> watch;
    {
      absl::MutexLock lock(&mu_);
      mu_.Await(absl::Condition(this, &WatchHub::HasWorkOrStopped));
      if (stopped_) return;
      watch = NextReady();
      watch->running = true;
    }
    DispatchOnce(watch);
    absl::MutexLock lock(&mu_);
    watch->running = false;
  }
}

void WatchHub::DispatchOnce(const std::shared_ptr<Subscription>& watch) {
  std::vector<ChangePtr> changes;
  absl::StatusOr<std::vector<Event>> seen = std::vector<Event>();
  {
    absl::MutexLock lock(&mu_);
    if (watch->next < first_kept_) {
      seen = Compacted(watch->next, first_kept_);
      watch->ended = true;
    } else {
      const size_t begin = watch->next - first_kept_;
      const size_t end = std::min(changes_.size(), begin + kRevisionsPerTurn);
      changes.assign(changes_.begin() + begin, changes_.begin() + end);
      watch->next += changes.size();
    }
  }
  for (const ChangePtr& change : changes) {
    for (const Event& event : change->events) {
      if (absl::StartsWith(event.key, watch->prefix)) seen->push_back(event);
    }
  }
  if (!seen.ok() || !seen->empty()) watch->callback(seen);
}

}  // namespace convergia::store
