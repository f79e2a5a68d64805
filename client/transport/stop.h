#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/steady_timer.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"

namespace convergia::client {

// Ends everything that is awaited when its owner is destroyed. Not thread-safe: only the io thread
// uses it.
class StopSource {
 public:
  using Handle = uint64_t;

  bool stopped() const { return stopped_; }

  // `on_stop` runs at Stop(), unless it is removed before; at once if Stop() was called already.
  Handle Add(std::function<void()> on_stop);
  void Remove(Handle handle) { waiting_.erase(handle); }

  // Idempotent.
  void Stop();

 private:
  bool stopped_ = false;
  Handle next_ = 1;
  absl::flat_hash_map<Handle, std::function<void()>> waiting_;
};

// While it exists, it runs `on_end` once: after `timeout` or at Stop(), whichever comes first.
// `on_end` cancels the awaited operation. Not thread-safe.
class Watchdog {
 public:
  Watchdog(const asio::any_io_executor& executor, StopSource& stop, absl::Duration timeout,
           std::function<void()> on_end);
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  bool fired() const { return *fired_; }

 private:
  asio::steady_timer timer_;
  StopSource& stop_;
  std::shared_ptr<bool> fired_ = std::make_shared<bool>(false);
  StopSource::Handle handle_ = 0;
};

}  // namespace convergia::client
