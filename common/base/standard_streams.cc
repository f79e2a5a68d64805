#include "common/base/standard_streams.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <initializer_list>

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

}  // namespace

void OpenStandardStreams(char** argv) {
  bool taken = false;
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    const Stream state = StateOf(stream);
    if (state == Stream::kOpen) continue;
    if (state == Stream::kTaken) taken = true;
    const int nothing = open("/dev/null", O_RDWR);  // The lowest free number: perhaps `stream`.
    if (nothing < 0) _exit(1);
    if (nothing == stream) continue;
    if (dup2(nothing, stream) < 0) _exit(1);
    close(nothing);
  }
  if (!taken) return;
  execv("/proc/self/exe", argv);
  _exit(1);  // The library's descriptor is gone.
}

}  // namespace convergia
