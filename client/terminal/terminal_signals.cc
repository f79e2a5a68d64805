#include "client/terminal/terminal_signals.h"

#include <termios.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>

#include "client/terminal/paste_scanner.h"

namespace convergia::client {
namespace {

// A handler reaches nothing else.
termios at_start = {};
std::atomic<bool> has_start = false;
std::atomic<int> wake = -1;
std::atomic<bool> stop = false;
std::atomic<bool> continued = false;
std::atomic<bool> resized = false;

void Note(int signal_number) {
  const int error = errno;
  if (signal_number == SIGTSTP) stop = true;
  if (signal_number == SIGCONT) continued = true;
  if (signal_number == SIGWINCH) resized = true;
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(wake, &one, sizeof(one));
  errno = error;
}

void RestoreAndEnd(int signal_number) {
  if (has_start) tcsetattr(STDIN_FILENO, TCSANOW, &at_start);
  constexpr absl::string_view kOff = PasteScanner::PasteOff();
  [[maybe_unused]] const ssize_t written = write(STDOUT_FILENO, kOff.data(), kOff.size());
  std::signal(signal_number, SIG_DFL);
  raise(signal_number);  // Blocked until this returns.
}

struct sigaction ActionOf(int signal_number) {
  struct sigaction action = {};
  const bool is_noted =
      signal_number == SIGTSTP || signal_number == SIGCONT || signal_number == SIGWINCH;
  action.sa_handler = is_noted ? &Note : &RestoreAndEnd;
  action.sa_flags = SA_RESTART;
  return action;
}

}  // namespace

TerminalSignals::TerminalSignals(int wake_fd) {
  has_start = tcgetattr(STDIN_FILENO, &at_start) == 0;
  wake = wake_fd;
  stop = continued = resized = false;
  for (size_t i = 0; i < kSignals.size(); ++i) {
    const struct sigaction action = ActionOf(kSignals[i]);
    sigaction(kSignals[i], nullptr, &before_[i]);
    // The caller ignores it, as nohup ignores SIGHUP.
    if (before_[i].sa_handler != SIG_IGN) sigaction(kSignals[i], &action, nullptr);
  }
}

TerminalSignals::~TerminalSignals() {
  for (size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], &before_[i], nullptr);
}

bool TerminalSignals::TakeStop() { return stop.exchange(false); }
bool TerminalSignals::TakeContinue() { return continued.exchange(false); }
bool TerminalSignals::TakeResize() { return resized.exchange(false); }

void TerminalSignals::Stop() {
  struct sigaction noted = {};
  struct sigaction standard = {};
  standard.sa_handler = SIG_DFL;
  sigaction(SIGTSTP, &standard, &noted);
  raise(SIGTSTP);
  sigaction(SIGTSTP, &noted, nullptr);
}

}  // namespace convergia::client
