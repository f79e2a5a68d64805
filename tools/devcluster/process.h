#pragma once

#include <sys/types.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace convergia::devcluster {

// One child process, from its start to its end. It dies with us, also when we are killed: each has
// a thread of its own, which starts it, reads what it prints and collects it, and whose end the
// kernel tells the child by SIGKILL.
//
// Thread-safe.
class Process {
 public:
  struct Options {
    std::vector<std::string> arguments;    // The first is the program's path.
    std::vector<std::string> environment;  // "NAME=value", on top of ours.
    // What it prints is appended here; if empty, it prints where we do.
    std::string log;
    // Each line of its standard output (only with `log`). On the process's thread; must not end
    // the process nor destroy this object; likewise `on_exit`, which comes last.
    std::function<void(absl::string_view line)> on_line;
    std::function<void(int wait_status)> on_exit;
  };

  // Returns when the program runs.
  //
  // Errors: kUnavailable: why it cannot be started, naming the program or the log.
  static absl::StatusOr<std::unique_ptr<Process>> Start(Options options);
  ~Process();  // Kills it if it lives, and waits for it.

  pid_t pid() const { return pid_; }

  // Does nothing if it has ended: never hits another process with the same number.
  void Signal(int signal) ABSL_LOCKS_EXCLUDED(mu_);

  // SIGSTOP, and waits until not one of its threads runs: until then some may. Returns at once if
  // it has ended.
  void Stop() ABSL_LOCKS_EXCLUDED(mu_);

  // As waitpid() gives it; nullopt if it still runs after `timeout`.
  std::optional<int> AwaitExit(absl::Duration timeout) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  explicit Process(Options options) : options_(std::move(options)) {}

  void Run() ABSL_LOCKS_EXCLUDED(mu_);  // The thread.
  absl::Status Spawn();
  void ReadUntilExit();
  // False when nothing is there.
  bool ReadSome();
  void Collect() ABSL_LOCKS_EXCLUDED(mu_);

  const Options options_;
  pid_t pid_ = -1;  // Constant once Start() returned.

  // The thread's own.
  int log_ = -1;
  int out_ = -1;         // What the child prints.
  std::string partial_;  // A line of it that has not ended.

  absl::Mutex mu_;
  std::optional<absl::Status> started_ ABSL_GUARDED_BY(mu_);
  std::optional<int> wait_status_ ABSL_GUARDED_BY(mu_);

  std::thread thread_;
};

// "exit status 1", "signal 9 (Killed)".
std::string DescribeWaitStatus(int wait_status);

// The file itself, or a program of this source tree such as "edge/edge": looked for among the
// runfiles of a test, then beside the running program and upwards (so anywhere below bazel-bin).
//
// Errors: kNotFound, which says how to build it.
absl::StatusOr<std::string> FindProgram(absl::string_view path);

}  // namespace convergia::devcluster
