#include "client/testing/terminal_program.h"

#include <poll.h>
#include <pty.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "common/base/clock.h"

namespace convergia::client {
namespace {

// False if no output came before `deadline`, a time of the clock's Elapsed().
bool AwaitReadable(int fd, absl::Duration deadline) {
  while (true) {
    const absl::Duration left = deadline - RealClock::Get().Elapsed();
    pollfd polled = {fd, POLLIN, 0};
    const int64_t wait_ms = std::clamp<int64_t>(absl::ToInt64Milliseconds(left), 0, 60'000);
    const int ready = poll(&polled, 1, static_cast<int>(wait_ms));
    if (ready > 0) return true;
    if (ready == 0 && left <= absl::ZeroDuration()) return false;
    if (ready < 0 && errno != EINTR) return false;
  }
}

int StatusOf(pid_t pid) {
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) continue;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace

absl::StatusOr<int> AwaitEnd(pid_t pid, absl::Duration patience) {
  const int handle = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
  if (handle < 0) return absl::ErrnoToStatus(errno, absl::StrCat("pidfd_open of ", pid));
  const auto close_handle = absl::MakeCleanup([handle] { close(handle); });
  const bool ended = AwaitReadable(handle, RealClock::Get().Elapsed() + patience);
  if (!ended) kill(pid, SIGKILL);
  const int status = StatusOf(pid);
  if (ended) return status;
  return absl::DeadlineExceededError(
      absl::StrCat("still ran after ", absl::FormatDuration(patience), ", and was killed"));
}

absl::StatusOr<std::unique_ptr<TerminalProgram>> TerminalProgram::Start(
    const std::vector<std::string>& arguments) {
  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  winsize size = {.ws_row = 24, .ws_col = 80};
  int fd = -1;
  const pid_t pid = forkpty(&fd, nullptr, nullptr, &size);
  if (pid < 0) {
    return absl::ResourceExhaustedError(
        absl::StrCat("no terminal to be had (is /dev/pts mounted?): errno ", errno));
  }
  if (pid == 0) {
    execv(argv[0], argv.data());
    _exit(127);
  }
  return std::unique_ptr<TerminalProgram>(new TerminalProgram(pid, fd));
}

TerminalProgram::~TerminalProgram() {
  if (pid_ > 0) {
    kill(pid_, SIGKILL);
    StatusOf(pid_);
  }
  close(fd_);
}

absl::Status TerminalProgram::Type(absl::string_view keys) {
  if (write(fd_, keys.data(), keys.size()) == static_cast<ssize_t>(keys.size())) {
    return absl::OkStatus();
  }
  return absl::ErrnoToStatus(errno, "the terminal does not take what is typed");
}

// Reading from a terminal fails with EIO after the program has left it.
TerminalProgram::Seen TerminalProgram::ReadMore(absl::Duration deadline) {
  if (!AwaitReadable(fd_, deadline)) return Seen::kNothing;
  std::array<char, 4096> bytes;
  const ssize_t count = read(fd_, bytes.data(), bytes.size());
  if (count <= 0) return Seen::kEnd;
  shown_.append(bytes.data(), count);
  return Seen::kMore;
}

absl::StatusOr<std::string> TerminalProgram::AwaitShown(absl::string_view wanted,
                                                        absl::Duration patience) {
  const absl::Duration deadline = RealClock::Get().Elapsed() + patience;
  while (true) {
    const size_t at = shown_.find(wanted.data(), 0, wanted.size());
    if (at != std::string::npos) {
      std::string taken = shown_.substr(0, at + wanted.size());
      shown_.erase(0, taken.size());
      return taken;
    }
    const Seen seen = ReadMore(deadline);
    if (seen == Seen::kEnd) {
      return absl::NotFoundError(
          absl::StrCat("the program ended and never showed: ", wanted, "\nbut: ", shown_));
    }
    if (seen == Seen::kNothing) {
      return absl::DeadlineExceededError(absl::StrCat(
          "not shown in ", absl::FormatDuration(patience), ": ", wanted, "\nbut: ", shown_));
    }
  }
}

absl::StatusOr<int> TerminalProgram::AwaitExit(absl::Duration patience) {
  const absl::Duration deadline = RealClock::Get().Elapsed() + patience;
  while (ReadMore(deadline) == Seen::kMore) continue;
  const absl::Duration left = deadline - RealClock::Get().Elapsed();
  const absl::StatusOr<int> code =
      AwaitEnd(std::exchange(pid_, -1), std::max(left, absl::ZeroDuration()));
  if (code.ok()) return code;
  return absl::Status(code.status().code(),
                      absl::StrCat(code.status().message(), "; it had shown: ", shown_));
}

}  // namespace convergia::client
