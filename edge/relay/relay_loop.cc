#include "edge/relay/relay_loop.h"

#include <glog/logging.h>

#include <algorithm>
#include <utility>

namespace convergia::edge {
namespace {

// After a turn with so many items, the next turn lets more gather for kGather. After a turn with
// fewer, a message does not wait.
constexpr size_t kBusyItems = 16;
constexpr absl::Duration kGather = absl::Microseconds(150);

}  // namespace

RelayLoop::RelayLoop(Epoch epoch, const Switchboard::Options& options, Deps deps)
    : epoch_(epoch),
      options_(options),
      deps_(std::move(deps)),
      next_tick_(deps_.clock->Elapsed()),
      actor_({.executor = &executor_, .clock = deps_.clock},
             {.turn = [this](absl::Duration now, bool is_last) { return Turn(now, is_last); }}) {}

void RelayLoop::Start(NodeId self) {
  switchboard_.emplace(self, epoch_, options_);
  actor_.Start();
}

void RelayLoop::Stop() {
  {
    absl::MutexLock lock(&mu_);
    stopped_ = true;
  }
  actor_.Stop();
}

template <typename Add>
bool RelayLoop::Put(Add&& add) {
  bool wakes = false;
  {
    absl::MutexLock lock(&mu_);
    if (stopped_) return false;
    wakes = inbox_.empty() && !gathers_;  // Else a turn is on its way.
    add(inbox_);
  }
  if (wakes) actor_.Wake();
  return true;
}

void RelayLoop::Send(std::vector<Request>* requests) {
  if (requests->empty()) return;
  const bool sent = Put([requests](Inbox& inbox) {
    for (Request& request : *requests) inbox.requests.push_back(std::move(request));
  });
  if (!sent) {
    std::vector<RelaySender::Answer> answers;
    for (const Request& request : *requests) {
      answers.push_back({request.message, {.fail = FailCode::kUnroutable}});
    }
    deps_.answer(std::move(answers));
  }
  requests->clear();
}

void RelayLoop::PostResults(std::vector<RelaySender::Answer> results) {
  if (results.empty()) return;
  Put([&results](Inbox& inbox) {
    for (const RelaySender::Answer& result : results) inbox.results.push_back(result);
  });
}

void RelayLoop::Post(Event event) {
  Put([&event](Inbox& inbox) { inbox.events.push_back(std::move(event)); });
}

absl::Duration RelayLoop::Turn(absl::Duration now, bool is_last) {
  bool gathers = false;
  {
    absl::MutexLock lock(&mu_);
    std::swap(taken_, inbox_);
    gathers = gathers_ = taken_.size() >= kBusyItems;
  }
  Work(now);
  taken_.clear();
  if (is_last) Abandon();
  // One wake-up serves all events that come within kGather after this turn.
  if (gathers) return deps_.clock->Elapsed() - now + kGather;
  return std::clamp(switchboard_->NextTake() - now, absl::ZeroDuration(), kTick);
}

void RelayLoop::Work(absl::Duration now) {
  for (Event& event : taken_.events) std::move(event)(*switchboard_, now);
  if (!taken_.results.empty()) deps_.results(taken_.results, *switchboard_);
  for (Request& request : taken_.requests) {
    switchboard_->Send(request.message, request.destination, std::move(request.envelope), now);
  }
  const bool ticks = now >= next_tick_;
  if (ticks) {
    next_tick_ = now + kTick;
    segments_refused_ = switchboard_->counters().segments_refused;
    routes_refused_ = switchboard_->counters().routes_refused;
    switchboard_->OnTimer(now);
  }
  CarryOut(switchboard_->Take(now));
  if (!ticks) return;
  deps_.tick(now);
}

void RelayLoop::CarryOut(Switchboard::Output output) {
  for (const std::string& warning : output.warnings) LOG(WARNING) << warning;
  for (auto& [link, frame] : output.frames) deps_.send_frame(link, std::move(frame));
  if (!output.deliveries.empty()) deps_.deliver(std::move(output.deliveries));
  if (!output.answers.empty()) deps_.answer(std::move(output.answers));
  for (const LinkId link : output.dead_links) deps_.close_link(link);
  if (!output.locations_taken.empty()) deps_.locations_taken(std::move(output.locations_taken));
  if (output.links_changed) deps_.links_changed(switchboard_->Links(deps_.clock->Elapsed()));
}

void RelayLoop::Abandon() {
  if (auto answers = switchboard_->Abandon(); !answers.empty()) {
    deps_.answer(std::move(answers));
  }
  const Switchboard::Counters& counters = switchboard_->counters();
  LOG(INFO) << "relay: " << counters.items_sent << " messages and results in "
            << counters.frames_sent << " frames; segments forwarded " << counters.segments_forwarded
            << ", bounced " << counters.segments_bounced << ", came back "
            << counters.segments_came_back << ", dropped " << counters.segments_dropped
            << ", refused " << counters.segments_refused;
}

}  // namespace convergia::edge
