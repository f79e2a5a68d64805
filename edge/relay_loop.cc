#include "edge/relay_loop.h"

#include <utility>

namespace convergia::edge {

RelayLoop::RelayLoop(Epoch epoch, const Switchboard::Options& options, const Clock& clock,
                     Messages* messages, Links* links)
    : epoch_(epoch),
      options_(options),
      clock_(clock),
      messages_(messages),
      links_(links),
      next_tick_(clock.Elapsed()) {}

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

void RelayLoop::Send(Switchboard::Token token, NodeId destination, Envelope envelope) {
  {
    absl::MutexLock lock(&mu_);
    if (!stopped_) {
      inbox_.requests.push_back({token, destination, std::move(envelope)});
      return;
    }
  }
  messages_->OnAnswers({{token, {.fail = FailCode::kUnroutable}}});
}

void RelayLoop::PostResults(std::vector<Result> results) {
  absl::MutexLock lock(&mu_);
  if (stopped_) return;
  for (Result& result : results) inbox_.results.push_back(result);
}

void RelayLoop::Post(Event event) {
  absl::MutexLock lock(&mu_);
  if (!stopped_) inbox_.events.push_back(std::move(event));
}

void RelayLoop::RunLoop(NodeId self) {
  Switchboard switchboard(self, epoch_, options_);
  Inbox taken;
  bool stopped = false;
  while (!stopped) {
    {
      absl::MutexLock lock(&mu_);
      mu_.AwaitWithTimeout(absl::Condition(this, &RelayLoop::HasWorkOrStopped), kTick);
      std::swap(taken, inbox_);
      stopped = stopped_;
    }
    Work(&taken, switchboard);
    taken.clear();
  }
  if (auto answers = switchboard.Abandon(); !answers.empty()) {
    messages_->OnAnswers(std::move(answers));
  }
}

void RelayLoop::Work(Inbox* inbox, Switchboard& switchboard) {
  const absl::Duration now = clock_.Elapsed();
  for (Event& event : inbox->events) std::move(event)(switchboard, now);
  for (const Result& result : inbox->results) {
    switchboard.OnResult(result.origin, result.origin_epoch, result.sequence, result.result);
  }
  for (Request& request : inbox->requests) {
    switchboard.Send(request.token, request.destination, std::move(request.envelope), now);
  }
  const bool ticks = now >= next_tick_;
  if (ticks) {
    next_tick_ = now + kTick;
    switchboard.OnTimer(now);
  }
  CarryOut(switchboard.Take(now), switchboard);
  if (ticks) links_->OnTick(now);
}

void RelayLoop::CarryOut(Switchboard::Output output, const Switchboard& switchboard) {
  for (auto& [link, frame] : output.frames) links_->SendFrame(link, std::move(frame));
  if (!output.deliveries.empty()) messages_->OnDeliveries(std::move(output.deliveries));
  if (!output.answers.empty()) messages_->OnAnswers(std::move(output.answers));
  for (LinkId link : output.dead_links) links_->OnDeadLink(link);
  if (output.links_changed) links_->OnLinksChanged(switchboard.Links(clock_.Elapsed()));
}

}  // namespace convergia::edge
