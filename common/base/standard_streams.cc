#include "common/base/standard_streams.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <initializer_list>

namespace convergia {

void OpenStandardStreams() {
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (fcntl(stream, F_GETFD) != -1 || errno != EBADF) continue;
    // The lowest free number is `stream`: those below it are open by now. Not O_CLOEXEC: programs
    // that this one starts have the same streams.
    if (open("/dev/null", O_RDWR) != stream) _exit(1);
  }
}

}  // namespace convergia
