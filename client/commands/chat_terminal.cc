#include "client/commands/chat_terminal.h"

#include <histedit.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <clocale>
#include <cstdint>
#include <cstdio>
#include <cwchar>
#include <iostream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/commands/cells.h"

namespace convergia::client {
namespace {

constexpr int kHistoryLines = 200;

void Write(absl::string_view text) { std::cout << text << std::flush; }

size_t Columns() {
  winsize size = {};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return size.ws_col;
}

// A terminal with libedit.
class EditedTerminal : public ChatTerminal {
 public:
  EditedTerminal()
      : history_(history_init()), editor_(el_init("convergia", stdin, stdout, stderr)) {
    HistEvent event;
    history(history_, &event, H_SETSIZE, kHistoryLines);
    history(history_, &event, H_SETUNIQUE, 1);
    el_set(editor_, EL_CLIENTDATA, this);
    el_set(editor_, EL_PROMPT, &EditedTerminal::Prompt);
    el_set(editor_, EL_EDITOR, "emacs");
    el_set(editor_, EL_SIGNAL, 1);  // A signal restores the terminal first.
    el_set(editor_, EL_HIST, history, history_);
    el_set(editor_, EL_BIND, "^I", "ed-insert", nullptr);  // A tab is text.
    el_set(editor_, EL_GETCFN, &EditedTerminal::GetCharacter);
    el_source(editor_, nullptr);  // Reads ~/.editrc if it exists.
  }
  ~EditedTerminal() override {
    el_end(editor_);
    history_end(history_);
  }

  bool is_interactive() const override { return true; }

  std::optional<std::string> ReadLine(const std::string& prompt) override {
    prompt_ = prompt;
    int count = 0;
    const char* line = el_gets(editor_, &count);
    if (line == nullptr || count <= 0) {
      Write("\n");
      return std::nullopt;
    }
    std::string text(line, count);
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
    HistEvent event;
    if (!text.empty()) history(history_, &event, H_ENTER, text.c_str());
    return text;
  }

 private:
  static EditedTerminal* Of(EditLine* editor) {
    void* self = nullptr;
    el_get(editor, EL_CLIENTDATA, &self);
    return static_cast<EditedTerminal*>(self);
  }
  static char* Prompt(EditLine* editor) { return Of(editor)->prompt_.data(); }

  // libedit calls this to wait for a key. It also waits for lines to print, so one thread does
  // both.
  static int GetCharacter(EditLine* editor, wchar_t* character) {
    EditedTerminal* const self = Of(editor);
    std::mbstate_t state = {};
    while (true) {
      if (!self->AwaitInput()) {
        self->PrintAboveLine();
        continue;
      }
      char byte = 0;
      const ssize_t count = read(STDIN_FILENO, &byte, 1);
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) return 0;
      const size_t length = std::mbrtowc(character, &byte, 1, &state);
      if (length == static_cast<size_t>(-2)) continue;  // More bytes belong to it.
      if (length != static_cast<size_t>(-1)) return 1;
      state = {};  // Not a character: ignore it.
    }
  }

  void PrintAboveLine() {
    const std::string text = TakeWaiting();
    if (text.empty()) return;
    const LineInfo* const line = el_line(editor_);
    const absl::string_view typed(line->buffer, line->cursor - line->buffer);
    const size_t rows_up = (CellsOf(prompt_) + CellsOf(typed)) / Columns();
    const std::string up = rows_up > 0 ? absl::StrCat("\033[", rows_up, "A") : "";
    Write(absl::StrCat(up, "\r\033[J", text));
    el_set(editor_, EL_REFRESH);
  }

  History* const history_;
  EditLine* const editor_;
  std::string prompt_;
};

// For pipes and files.
class PlainTerminal : public ChatTerminal {
 public:
  bool is_interactive() const override { return false; }

  std::optional<std::string> ReadLine(const std::string&) override {
    while (true) {
      Flush();
      if (std::optional<std::string> line = TakeLine(); line.has_value()) return line;
      if (ended_) return std::nullopt;
      if (!AwaitInput()) continue;
      std::array<char, 4096> bytes;
      const ssize_t count = read(STDIN_FILENO, bytes.data(), bytes.size());
      if (count < 0 && errno == EINTR) continue;
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
};

}  // namespace

std::unique_ptr<ChatTerminal> ChatTerminal::Create() {
  if (isatty(STDIN_FILENO) != 1 || isatty(STDOUT_FILENO) != 1) {
    return std::make_unique<PlainTerminal>();
  }
  std::setlocale(LC_CTYPE, "");
  if (MB_CUR_MAX == 1) std::setlocale(LC_CTYPE, "C.UTF-8");
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
  if (const std::string text = TakeWaiting(); !text.empty()) Write(text);
}

}  // namespace convergia::client
