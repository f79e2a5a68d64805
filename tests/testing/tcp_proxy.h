#pragma once

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"

namespace convergia::testing {

// A connection between two processes that a test can cut. It listens on a free port of loopback and
// passes all bytes to another port, in both directions.
//
// Thread-safe. The destructor ends its thread.
class TcpProxy {
 public:
  // The fate of all connections, old and new.
  enum class Mode {
    kPass,
    kCut,   // Broken at once; new ones break as soon as they come. Like a pulled cable.
    kHold,  // Nothing moves and nothing breaks; sent bytes wait. Like a firewall that lost its
            // state.
  };

  // `target` is the address to pass to, "127.0.0.1:PORT". It may also be set later, before the
  // first connection.
  static absl::StatusOr<std::unique_ptr<TcpProxy>> Create(const std::string& target);
  ~TcpProxy();

  const std::string& address() const { return address_; }
  // For connections from now on.
  void SetTarget(const std::string& target) ABSL_LOCKS_EXCLUDED(mu_);

  // Returns when the mode is in force.
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
  int64_t mode_wanted_ ABSL_GUARDED_BY(mu_) = 0;   // Counts SetMode() calls.
  int64_t mode_applied_ ABSL_GUARDED_BY(mu_) = 0;  // The calls that the loop has applied.
  int accepted_ ABSL_GUARDED_BY(mu_) = 0;
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;

  std::thread thread_;  // Last: it uses all of the above.
};

}  // namespace convergia::testing
