#pragma once

#include <csignal>

#include <array>

namespace convergia::client {

// Signals while a program edits lines at its terminal. One that ends the program restores the
// terminal first. Others are only noted: the editing thread takes them. At most one exists.
class TerminalSignals {
 public:
  // A noted signal writes to the eventfd `wake_fd`.
  explicit TerminalSignals(int wake_fd);
  ~TerminalSignals();
  TerminalSignals(const TerminalSignals&) = delete;
  TerminalSignals& operator=(const TerminalSignals&) = delete;

  // Each is true once after the signal came.
  bool TakeStop();      // Ctrl-Z. The program has to restore the terminal and to call Stop().
  bool TakeContinue();  // The program was stopped and continues.
  bool TakeResize();    // The terminal has another size.

  // Stops the program, as Ctrl-Z does without this object. Returns when it continues.
  void Stop();

 private:
  static constexpr std::array<int, 7> kSignals = {SIGINT,  SIGTERM, SIGHUP,  SIGQUIT,
                                                  SIGTSTP, SIGCONT, SIGWINCH};
  std::array<struct sigaction, kSignals.size()> before_;
};

}  // namespace convergia::client
