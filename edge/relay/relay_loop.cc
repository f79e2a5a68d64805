#include "edge/relay/relay_loop.h"

#include <glog/logging.h>

#include <algorithm>
#include <utility>

namespace convergia::edge {
namespace {

// Above this the loop lets more gather before its next turn; below, a message waits for nothing.
constexpr size_t kBusyItems = 16;
constexpr absl::Duration kGather = absl::Microseconds(150);

}  // namespace

RelayLoop::RelayLoop(Epoch epoch, const Switchboard::Options& options, Deps deps)
    : epoch_(epoch),
      options_(options),
      deps_(std::move(deps)),
      next_tick_(deps_.clock->Elapsed()) {}

RelayLoop::~RelayLoop() { Stop(); }

void RelayLoop::Start(NodeId self) {
  thread_ = std::thread([this, self] { RunLoop(self); });
}

void RelayLoop::Stop() {
  {
    absl::MutexLock lock(&mu_);
    stopped_ = true;
  }
  if (thread_.joinable()) thread_.join();
}

void RelayLoop::Send(std::vector<Request>* requests) {
  std::vector<RelaySender::Answer> answers;
  {
    absl::MutexLock lock(&mu_);
    for (Request& request : *requests) {
      if (stopped_) {
        answers.push_back({request.message, {.fail = FailCode::kUnroutable}});
      } else {
        inbox_.requests.push_back(std::move(request));
      }
    }
  }
  requests->clear();
  if (!answers.empty()) deps_.answer(std::move(answers));
}

void RelayLoop::PostResults(std::vector<RelaySender::Answer> results) {
  absl::MutexLock lock(&mu_);
  if (stopped_) return;
  for (const RelaySender::Answer& result : results) inbox_.results.push_back(result);
}

void RelayLoop::Post(Event event) {
  absl::MutexLock lock(&mu_);
  if (!stopped_) inbox_.events.push_back(std::move(event));
}

void RelayLoop::Await(const Switchboard& switchboard, bool is_busy) {
  // One wake-up for what many bring within a moment.
  if (is_busy) mu_.AwaitWithTimeout(absl::Condition(&stopped_), kGather);
  const absl::Duration wait = switchboard.NextTake() - deps_.clock->Elapsed();
  mu_.AwaitWithTimeout(absl::Condition(this, &RelayLoop::HasWorkOrStopped),
                       std::clamp(wait, absl::ZeroDuration(), kTick));
}

void RelayLoop::RunLoop(NodeId self) {
  Switchboard switchboard(self, epoch_, options_);
  Inbox taken;
  bool stopped = false;
  bool is_busy = false;
  while (!stopped) {
    {
      absl::MutexLock lock(&mu_);
      Await(switchboard, is_busy);
      std::swap(taken, inbox_);
      stopped = stopped_;
    }
    is_busy = taken.size() >= kBusyItems;
    Work(&taken, switchboard);
    taken.clear();
  }
  if (auto answers = switchboard.Abandon(); !answers.empty()) {
    deps_.answer(std::move(answers));
  }
  const Switchboard::Counters& counters = switchboard.counters();
  LOG(INFO) << "relay: " << counters.items_sent << " messages and results in "
            << counters.frames_sent << " frames; segments forwarded " << counters.segments_forwarded
            << ", bounced " << counters.segments_bounced << ", came back "
            << counters.segments_came_back << ", dropped " << counters.segments_dropped
            << ", refused " << counters.segments_refused;
}

void RelayLoop::Work(Inbox* inbox, Switchboard& switchboard) {
  const absl::Duration now = deps_.clock->Elapsed();
  for (Event& event : inbox->events) std::move(event)(switchboard, now);
  if (!inbox->results.empty()) deps_.results(inbox->results, switchboard);
  for (Request& request : inbox->requests) {
    switchboard.Send(request.message, request.destination, std::move(request.envelope), now);
  }
  const bool ticks = now >= next_tick_;
  if (ticks) {
    next_tick_ = now + kTick;
    segments_refused_ = switchboard.counters().segments_refused;
    routes_refused_ = switchboard.counters().routes_refused;
    switchboard.OnTimer(now);
  }
  CarryOut(switchboard.Take(now), switchboard);
  if (!ticks) return;
  deps_.tick(now);
}

void RelayLoop::CarryOut(Switchboard::Output output, const Switchboard& switchboard) {
  for (const std::string& warning : output.warnings) LOG(WARNING) << warning;
  for (auto& [link, frame] : output.frames) deps_.send_frame(link, std::move(frame));
  if (!output.deliveries.empty()) deps_.deliver(std::move(output.deliveries));
  if (!output.answers.empty()) deps_.answer(std::move(output.answers));
  for (const LinkId link : output.dead_links) deps_.close_link(link);
  if (!output.locations_taken.empty()) deps_.locations_taken(std::move(output.locations_taken));
  if (output.links_changed) deps_.links_changed(switchboard.Links(deps_.clock->Elapsed()));
}

}  // namespace convergia::edge
