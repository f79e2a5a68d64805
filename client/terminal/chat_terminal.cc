#include "client/terminal/chat_terminal.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <iostream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/disk/local_file.h"
#include "client/terminal/edited_terminal.h"

namespace convergia::client {
namespace {

// For pipes and files.
class PlainTerminal : public ChatTerminal {
 public:
  bool is_interactive() const override { return false; }

  absl::Status input_error() const override { return error_; }

  std::optional<Line> ReadLine(const std::string&) override {
    while (true) {
      Flush();
      if (std::optional<std::string> line = TakeLine(); line.has_value()) {
        return Line{*std::move(line)};
      }
      if (ended_) return std::nullopt;
      if (!AwaitInput()) continue;
      std::array<char, 4096> bytes;
      const ssize_t count = read(STDIN_FILENO, bytes.data(), bytes.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) error_ = LocalFail(errno, "read", "standard input");
      ended_ = count <= 0;
      if (count > 0) Append(absl::string_view(bytes.data(), count));
    }
  }

 private:
  // A line that is too long is cut, but stays too long.
  void Append(absl::string_view bytes) {
    const bool is_overlong = read_.size() > kLineBytesMax && newline_ == std::string::npos;
    if (is_overlong) bytes.remove_prefix(std::min(bytes.find('\n'), bytes.size()));
    const size_t newline = bytes.find('\n');
    if (newline_ == std::string::npos && newline != std::string::npos) {
      newline_ = read_.size() + newline;
    }
    absl::StrAppend(&read_, bytes);
  }

  std::optional<std::string> TakeLine() {
    if (newline_ == std::string::npos && !(ended_ && !read_.empty())) return std::nullopt;
    std::string line = read_.substr(0, newline_);
    read_.erase(0, newline_ == std::string::npos ? newline_ : newline_ + 1);
    newline_ = read_.find('\n');
    return line;
  }

  std::string read_;
  size_t newline_ = std::string::npos;  // The first one in read_.
  bool ended_ = false;
  absl::Status error_;
};

}  // namespace

std::unique_ptr<ChatTerminal> ChatTerminal::Create() {
  if (isatty(STDIN_FILENO) != 1 || isatty(STDOUT_FILENO) != 1) {
    return std::make_unique<PlainTerminal>();
  }
  return std::make_unique<EditedTerminal>();
}

ChatTerminal::ChatTerminal() : wake_fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
ChatTerminal::~ChatTerminal() { close(wake_fd_); }

void ChatTerminal::Print(absl::string_view text) {
  {
    absl::MutexLock lock(&mu_);
    if (waiting_.size() >= kWaitingMax) {
      ++not_shown_;
      return;
    }
    waiting_.push_back(absl::StrCat(text, "\n"));
  }
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(wake_fd_, &one, sizeof(one));
}

bool ChatTerminal::AwaitInput() {
  std::array<pollfd, 2> polled = {{{STDIN_FILENO, POLLIN, 0}, {wake_fd_, POLLIN, 0}}};
  while (poll(polled.data(), polled.size(), -1) < 0 && errno == EINTR) {
  }
  return polled[1].revents == 0;
}

std::string ChatTerminal::TakeWaiting() {
  uint64_t count = 0;
  [[maybe_unused]] const ssize_t taken = read(wake_fd_, &count, sizeof(count));
  absl::MutexLock lock(&mu_);
  std::string text;
  for (const std::string& line : std::exchange(waiting_, {})) text += line;
  if (const size_t lost = std::exchange(not_shown_, 0); lost > 0) {
    absl::StrAppend(&text, "* ", lost, " lines are not shown: they came too fast\n");
  }
  return text;
}

void ChatTerminal::Flush() {
  if (const std::string text = TakeWaiting(); !text.empty()) std::cout << text << std::flush;
}

}  // namespace convergia::client
