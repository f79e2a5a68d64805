#include "client/terminal/prompt.h"

#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <iostream>

#include "absl/strings/string_view.h"
#include "common/base/fail.h"

namespace convergia::client {
namespace {

constexpr size_t kLineBytesMax = 4096;
constexpr char kCtrlC = 0x03;
constexpr char kCtrlD = 0x04;
constexpr char kCtrlU = 0x15;
constexpr char kBackspace = 0x08;
constexpr char kDelete = 0x7f;

absl::Status Cancelled() { return absl::CancelledError("nothing was entered"); }

void WriteAll(int fd, absl::string_view text) {
  while (!text.empty()) {
    const ssize_t count = write(fd, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return;
    text.remove_prefix(count);
  }
}

// False at the end of input.
bool ReadByte(int fd, char* byte) {
  ssize_t count = 0;
  do {
    count = read(fd, byte, 1);
  } while (count < 0 && errno == EINTR);
  return count == 1;
}

// The controlling terminal, byte by byte and without echo. Ctrl-C is read as a byte, so it cannot
// leave the terminal without echo.
class HiddenTerminal {
 public:
  HiddenTerminal() : fd_(open("/dev/tty", O_RDWR | O_CLOEXEC)) {
    if (fd_ < 0 || tcgetattr(fd_, &before_) != 0) return;
    termios hidden = before_;
    hidden.c_lflag &= ~(ECHO | ICANON | ISIG);
    hidden.c_cc[VMIN] = 1;
    hidden.c_cc[VTIME] = 0;
    ready_ = tcsetattr(fd_, TCSAFLUSH, &hidden) == 0;
  }
  ~HiddenTerminal() {
    if (ready_) tcsetattr(fd_, TCSAFLUSH, &before_);
    if (fd_ >= 0) close(fd_);
  }
  HiddenTerminal(const HiddenTerminal&) = delete;
  HiddenTerminal& operator=(const HiddenTerminal&) = delete;

  bool ready() const { return ready_; }
  void Write(absl::string_view text) { WriteAll(fd_, text); }
  // kCtrlD at the end of input.
  char Read() {
    char byte = 0;
    return ReadByte(fd_, &byte) ? byte : kCtrlD;
  }

 private:
  const int fd_;
  termios before_ = {};
  bool ready_ = false;
};

// Removes the last character, which may have several bytes in UTF-8.
void EraseLast(std::string* text) {
  while (!text->empty()) {
    const bool is_continuation = (text->back() & 0xc0) == 0x80;
    text->pop_back();
    if (!is_continuation) return;
  }
}

absl::StatusOr<std::string> ReadHidden(HiddenTerminal& terminal) {
  std::string text;
  while (true) {
    const char byte = terminal.Read();
    switch (byte) {
      case '\r':
      case '\n':
        return text;
      case kCtrlC:
        return Cancelled();
      case kCtrlD:
        if (text.empty()) return Cancelled();
        return text;
      case kCtrlU:
        text.clear();
        break;
      case kBackspace:
      case kDelete:
        EraseLast(&text);
        break;
      default:
        if (text.size() < kLineBytesMax) text.push_back(byte);
    }
  }
}

}  // namespace

bool InputIsTerminal() { return isatty(STDIN_FILENO) == 1; }

absl::StatusOr<std::string> AskLine(const std::string& prompt) {
  if (InputIsTerminal()) std::cerr << prompt << std::flush;
  std::string line;
  char byte = 0;
  // Byte by byte, since the bytes after the line belong to the next reader.
  while (ReadByte(STDIN_FILENO, &byte)) {
    if (byte == '\n') {
      if (!line.empty() && line.back() == '\r') line.pop_back();
      return line;
    }
    if (line.size() < kLineBytesMax) line.push_back(byte);
  }
  if (line.empty()) return Cancelled();
  return line;
}

absl::StatusOr<std::string> AskHidden(const std::string& prompt, bool stdin_is_taken) {
  if (!InputIsTerminal() && !stdin_is_taken) return AskLine(prompt);
  HiddenTerminal terminal;
  if (!terminal.ready()) {
    return Fail(FailCode::kNotSignedIn,
                "a password is needed and there is no terminal to ask for it; use --password-file");
  }
  terminal.Write(prompt);
  absl::StatusOr<std::string> text = ReadHidden(terminal);
  terminal.Write("\n");
  return text;
}

}  // namespace convergia::client
