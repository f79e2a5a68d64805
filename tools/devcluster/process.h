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

// One child process, from its start to its end. Each has a thread that starts it, reads its output
// and reaps it. The kernel kills the child when that thread ends (PR_SET_PDEATHSIG), so the child
// dies with us, even if we are killed.
//
// Thread-safe.
class Process {
 public:
  struct Options {
    std::vector<std::string> arguments;    // The first is the program's path.
    std::vector<std::string> environment;  // "NAME=value"; added to our environment.
    // The file to which its output is appended; if empty, the output goes to ours.
    std::string log;
    // Called with each line of its standard output; only with `log`. on_exit is called last. Both
    // run on the process's thread, and must neither end the process nor destroy this object.
    std::function<void(absl::string_view line)> on_line;
    std::function<void(int wait_status)> on_exit;
  };

  // Starts the program; returns when it runs.
  //
  // Errors: kUnavailable with the reason, which names the program or the log.
  static absl::StatusOr<std::unique_ptr<Process>> Start(Options options);
  ~Process();  // Kills the process if it lives, and waits for it.

  pid_t pid() const { return pid_; }

  // Sends a signal. Does nothing if the process has ended, so it never hits another process with
  // the same pid.
  void Signal(int signal) ABSL_LOCKS_EXCLUDED(mu_);

  // Sends SIGSTOP and waits until none of its threads runs. Returns at once if the process has
  // ended.
  void Stop() ABSL_LOCKS_EXCLUDED(mu_);

  // The status of waitpid(); nullopt if the process still runs after `timeout`.
  std::optional<int> AwaitExit(absl::Duration timeout) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  explicit Process(Options options) : options_(std::move(options)) {}

  void Run() ABSL_LOCKS_EXCLUDED(mu_);  // Runs on thread_.
  absl::Status Spawn();
  void ReadUntilExit();
  // False if nothing can be read now.
  bool ReadSome();
  void Collect() ABSL_LOCKS_EXCLUDED(mu_);

  const Options options_;
  pid_t pid_ = -1;  // Constant after Start().

  // Only for thread_.
  int log_ = -1;
  int out_ = -1;         // The child's output.
  std::string partial_;  // A line that is not complete yet.

  absl::Mutex mu_;
  std::optional<absl::Status> started_ ABSL_GUARDED_BY(mu_);
  std::optional<int> wait_status_ ABSL_GUARDED_BY(mu_);

  std::thread thread_;
};

// "exit status 1", "signal 9 (Killed)".
std::string DescribeWaitStatus(int wait_status);

// Finds a program: `path` itself, or one of this source tree, for example "edge/edge". Looks among
// the runfiles of a test, then beside the running program and in the folders above it. So it works
// anywhere below bazel-bin.
//
// Errors: kNotFound; the text says how to build the program.
absl::StatusOr<std::string> FindProgram(absl::string_view path);

}  // namespace convergia::devcluster
