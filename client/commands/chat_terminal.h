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

// Lines typed by one thread, and lines printed by any other meanwhile, on one terminal.
//
// At a terminal there is line editing and history (libedit), and what is printed appears above the
// line being typed, which stays as it was. Otherwise lines are read and printed plainly.
class ChatTerminal {
 public:
  // Printed lines wait here while the reader is busy; past this they are counted and not shown.
  static constexpr size_t kWaitingMax = 10'000;
  // A longer line can be no message. It comes cut, and longer than this.
  static constexpr size_t kLineBytesMax = limits::kPacketBytesMax;

  static std::unique_ptr<ChatTerminal> Create();
  virtual ~ChatTerminal();
  ChatTerminal(const ChatTerminal&) = delete;
  ChatTerminal& operator=(const ChatTerminal&) = delete;

  // Shows `text`, which holds nothing the terminal would obey, and an LF. Any thread.
  void Print(absl::string_view text) ABSL_LOCKS_EXCLUDED(mu_);

  // Whether a person types the lines, and sees what is printed.
  virtual bool is_interactive() const = 0;

  // The next line, without its LF; nullopt at the end of input. One thread.
  virtual std::optional<std::string> ReadLine(const std::string& prompt) = 0;

  // Shows what waits. Only while no ReadLine() runs.
  void Flush() ABSL_LOCKS_EXCLUDED(mu_);

 protected:
  ChatTerminal();

  // Awaits input. True: there is some on standard input. False: there is something to print.
  bool AwaitInput();
  std::string TakeWaiting() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  const int wake_fd_;  // An eventfd, readable while lines wait.

  absl::Mutex mu_;
  std::deque<std::string> waiting_ ABSL_GUARDED_BY(mu_);
  size_t not_shown_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace convergia::client
