#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "common/base/limits.h"

namespace convergia::client {

// One terminal on which one thread reads typed lines while any thread prints lines.
//
// At a terminal it has line editing and history (libedit), and printed lines appear above the line
// being typed. Otherwise it reads and prints plain lines.
class ChatTerminal {
 public:
  // The most printed lines that wait while the reader is busy. Further lines are counted but not
  // shown.
  static constexpr size_t kWaitingMax = 10'000;
  // A longer line cannot be a message. It is cut, but stays longer than this.
  static constexpr size_t kLineBytesMax = limits::kPacketBytesMax;

  struct Line {
    std::string text;            // Without its LF.
    bool begins_pasted = false;  // Its first character was pasted, not typed.
  };

  static std::unique_ptr<ChatTerminal> Create();
  virtual ~ChatTerminal();
  ChatTerminal(const ChatTerminal&) = delete;
  ChatTerminal& operator=(const ChatTerminal&) = delete;

  // Shows `text`, which must be printable, and an LF. Any thread.
  void Print(absl::string_view text) ABSL_LOCKS_EXCLUDED(mu_);

  // Whether a person types the lines and reads the output.
  virtual bool is_interactive() const = 0;

  // The next line; nullopt at the end of input. One thread.
  virtual std::optional<Line> ReadLine(const std::string& prompt) = 0;

  // The error that ended the input early; OK at its real end.
  virtual absl::Status input_error() const { return absl::OkStatus(); }

  // Shows all lines that wait. Must not run during ReadLine().
  void Flush() ABSL_LOCKS_EXCLUDED(mu_);

 protected:
  ChatTerminal();

  // Waits. Returns true if standard input has bytes, false if there are lines to print.
  bool AwaitInput();
  std::string TakeWaiting() ABSL_LOCKS_EXCLUDED(mu_);
  // A write to this eventfd ends AwaitInput() as if a line had to be printed.
  int wake_fd() const { return wake_fd_; }

 private:
  const int wake_fd_;  // An eventfd, readable while lines wait.

  absl::Mutex mu_;
  std::deque<std::string> waiting_ ABSL_GUARDED_BY(mu_);
  size_t not_shown_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace convergia::client
