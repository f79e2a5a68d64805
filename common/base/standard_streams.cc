#include "common/base/standard_streams.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <initializer_list>

#include "absl/strings/str_cat.h"

namespace convergia {
namespace {

enum class Stream { kOpen, kClosed, kTaken };

// Libraries make eventfds and the like before main(). Those have no file type; nobody hands one to
// a program as a standard stream.
Stream StateOf(int stream) {
  struct stat facts;
  if (fstat(stream, &facts) != 0) return Stream::kClosed;
  return (facts.st_mode & S_IFMT) == 0 ? Stream::kTaken : Stream::kOpen;
}

// With kFails, the stream is opened for the other direction: then each use of it fails with EBADF,
// as with a closed stream.
int ModeFor(int stream, ClosedStream closed) {
  if (closed == ClosedStream::kDiscards) return O_RDWR;
  return stream == STDIN_FILENO ? O_WRONLY : O_RDONLY;
}

}  // namespace

void OpenStandardStreams(char** argv, ClosedStream closed) {
  bool taken = false;
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    const Stream state = StateOf(stream);
    if (state == Stream::kOpen) continue;
    if (state == Stream::kTaken) taken = true;
    // The lowest free number: perhaps `stream`.
    const int nothing = open("/dev/null", ModeFor(stream, closed));
    if (nothing < 0) _exit(1);
    if (nothing == stream) continue;
    if (dup2(nothing, stream) < 0) _exit(1);
    close(nothing);
  }
  if (!taken) return;
  execv("/proc/self/exe", argv);
  _exit(1);  // The library's descriptor is gone.
}

absl::Status PrintToStandardOutput(absl::string_view text) {
  while (!text.empty()) {
    const ssize_t count = write(STDOUT_FILENO, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      return absl::UnknownError(
          absl::StrCat("cannot write standard output: ", std::strerror(errno)));
    }
    text.remove_prefix(count);
  }
  return absl::OkStatus();
}

}  // namespace convergia
