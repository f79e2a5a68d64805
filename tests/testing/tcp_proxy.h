#pragma once

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"

namespace convergia::testing {

// A wire between two processes that a test can cut: listens on a free port of loopback and passes
// all bytes to another port there and back.
//
// Thread-safe. Its thread ends with it.
class TcpProxy {
 public:
  // What happens to connections, old and new.
  enum class Mode {
    kPass,
    kCut,   // Broken at once, and new ones as soon as they come: a cable pulled from a switch.
    kHold,  // Nothing moves, nothing breaks: a firewall that forgot. What was sent waits.
  };

  // `target` is where it passes to, as "127.0.0.1:PORT"; it may be set later, but before anyone
  // connects.
  static absl::StatusOr<std::unique_ptr<TcpProxy>> Create(const std::string& target);
  ~TcpProxy();

  const std::string& address() const { return address_; }
  void SetTarget(const std::string& target) ABSL_LOCKS_EXCLUDED(mu_);

  // In force when it returns.
  void SetMode(Mode mode) ABSL_LOCKS_EXCLUDED(mu_);

  // Connections accepted so far.
  int accepted() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct Pair;
  TcpProxy(int listener, int wake_read, int wake_write, std::string address, std::string target);
  void PassLoop();
  void PassOnce(std::vector<std::unique_ptr<Pair>>* pairs);
  void Accept(std::vector<std::unique_ptr<Pair>>* pairs);
  void Wake();

  const int listener_;
  const int wake_read_;
  const int wake_write_;
  const std::string address_;

  mutable absl::Mutex mu_;
  std::string target_ ABSL_GUARDED_BY(mu_);
  Mode mode_ ABSL_GUARDED_BY(mu_) = Mode::kPass;
  int64_t mode_wanted_ ABSL_GUARDED_BY(mu_) = 0;   // Counts SetMode() calls ...
  int64_t mode_applied_ ABSL_GUARDED_BY(mu_) = 0;  // ... and how many the loop has seen.
  int accepted_ ABSL_GUARDED_BY(mu_) = 0;
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;

  std::thread thread_;  // Last: it uses all of the above.
};

}  // namespace convergia::testing
