#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
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

  static std::unique_ptr<ChatTerminal> Create();
  virtual ~ChatTerminal();
  ChatTerminal(const ChatTerminal&) = delete;
  ChatTerminal& operator=(const ChatTerminal&) = delete;

  // Shows `text`, which must be printable, and an LF. Any thread.
  void Print(absl::string_view text) ABSL_LOCKS_EXCLUDED(mu_);

  // Whether a person types the lines and reads the output.
  virtual bool is_interactive() const = 0;

  // The next line, without its LF; nullopt at the end of input. One thread.
  virtual std::optional<std::string> ReadLine(const std::string& prompt) = 0;

  // Shows all lines that wait. Must not run during ReadLine().
  void Flush() ABSL_LOCKS_EXCLUDED(mu_);

 protected:
  ChatTerminal();

  // Waits. Returns true if standard input has bytes, false if there are lines to print.
  bool AwaitInput();
  std::string TakeWaiting() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  const int wake_fd_;  // An eventfd, readable while lines wait.

  absl::Mutex mu_;
  std::deque<std::string> waiting_ ABSL_GUARDED_BY(mu_);
  size_t not_shown_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace convergia::client
