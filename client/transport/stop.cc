#include "client/transport/stop.h"

namespace convergia::client {

StopSource::Handle StopSource::Add(std::function<void()> on_stop) {
  if (stopped_) {
    on_stop();
    return 0;
  }
  waiting_.emplace(next_, std::move(on_stop));
  return next_++;
}

void StopSource::Stop() {
  if (stopped_) return;
  stopped_ = true;
  // Each may remove others while it runs.
  while (!waiting_.empty()) {
    const auto first = waiting_.begin();
    std::function<void()> on_stop = std::move(first->second);
    waiting_.erase(first);
    on_stop();
  }
}

Watchdog::Watchdog(const asio::any_io_executor& executor, StopSource& stop, absl::Duration timeout,
                   std::function<void()> on_end)
    : timer_(executor, absl::ToChronoNanoseconds(timeout)), stop_(stop) {
  auto fire = [fired = fired_, on_end = std::move(on_end)] {
    if (*fired) return;
    *fired = true;
    on_end();
  };
  timer_.async_wait([fire](const asio::error_code& error) {
    if (!error) fire();
  });
  handle_ = stop_.Add(fire);
}

Watchdog::~Watchdog() {
  *fired_ = true;  // A timer that is already due must find nothing to do.
  timer_.cancel();
  stop_.Remove(handle_);
}

}  // namespace convergia::client
