#include "client/terminal/edited_terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <clocale>
#include <cstdio>
#include <cstdlib>
#include <cwchar>
#include <iostream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/output/cells.h"

namespace convergia::client {
namespace {

constexpr int kHistoryLines = 200;

// libedit follows the locale when it begins.
EditLine* NewEditor() {
  std::setlocale(LC_CTYPE, "");
  if (MB_CUR_MAX == 1) std::setlocale(LC_CTYPE, "C.UTF-8");
  return el_init("convergia", stdin, stdout, stderr);
}

void Write(absl::string_view text) { std::cout << text << std::flush; }

size_t Columns() {
  winsize size = {};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return size.ws_col;
}

}  // namespace

EditedTerminal::EditedTerminal() : history_(history_init()), editor_(NewEditor()) {
  HistEvent event;
  history(history_, &event, H_SETSIZE, kHistoryLines);
  history(history_, &event, H_SETUNIQUE, 1);
  el_set(editor_, EL_CLIENTDATA, this);
  el_set(editor_, EL_PROMPT, &EditedTerminal::Prompt);
  el_set(editor_, EL_EDITOR, "emacs");
  el_set(editor_, EL_HIST, history, history_);
  el_set(editor_, EL_BIND, "^I", "ed-insert", nullptr);  // A tab is text.
  el_set(editor_, EL_GETCFN, &EditedTerminal::GetCharacter);
  el_source(editor_, nullptr);  // Reads ~/.editrc if it exists.
}

EditedTerminal::~EditedTerminal() {
  el_end(editor_);
  history_end(history_);
}

std::optional<ChatTerminal::Line> EditedTerminal::ReadLine(const std::string& prompt) {
  prompt_ = prompt;
  begins_pasted_ = false;
  int count = 0;
  signals_.emplace(wake_fd());
  Write(PasteScanner::PasteOn());
  const char* const read = el_gets(editor_, &count);
  Write(PasteScanner::PasteOff());
  signals_.reset();
  if (read == nullptr || count <= 0) {
    Write("\n");
    return std::nullopt;
  }
  std::string text(read, count);
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  // The history is as typed, and "//" is how a person types a text that begins with "/".
  const bool is_slash_text = begins_pasted_ && absl::StartsWith(text, "/");
  const std::string as_typed = absl::StrCat(is_slash_text ? "/" : "", text);
  HistEvent event;
  if (!text.empty()) history(history_, &event, H_ENTER, as_typed.c_str());
  return Line{std::move(text), begins_pasted_};
}

EditedTerminal* EditedTerminal::Of(EditLine* editor) {
  void* self = nullptr;
  el_get(editor, EL_CLIENTDATA, &self);
  return static_cast<EditedTerminal*>(self);
}

char* EditedTerminal::Prompt(EditLine* editor) { return Of(editor)->prompt_.data(); }

int EditedTerminal::GetCharacter(EditLine* editor, wchar_t* character) {
  EditedTerminal* const self = Of(editor);
  std::mbstate_t state = {};
  while (true) {
    if (self->InsertPasted()) {
      *character = L'\n';
      return 1;
    }
    char byte = 0;
    const Came came = self->AwaitByte(&byte);
    if (came == Came::kEnd) return 0;
    if (came == Came::kPaste) continue;
    const size_t length = std::mbrtowc(character, &byte, 1, &state);
    if (length == static_cast<size_t>(-2)) continue;  // More bytes belong to it.
    if (length == static_cast<size_t>(-1)) {
      state = {};  // Not a character: ignore it.
      continue;
    }
    const LineInfo* const line = el_line(editor);
    if (line->lastchar == line->buffer) self->begins_pasted_ = false;
    return 1;
  }
}

EditedTerminal::Came EditedTerminal::AwaitByte(char* byte) {
  while (typed_.empty()) {
    if (!AwaitInput()) {
      PrintAboveLine();
      TakeSignals();
      continue;
    }
    char next = 0;
    const ssize_t count = read(STDIN_FILENO, &next, 1);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return Came::kEnd;
    scanner_.Add(next, &typed_);
    if (std::optional<std::string> pasted = scanner_.TakePasted(); pasted.has_value()) {
      absl::StrAppend(&pasted_, *pasted);
      return Came::kPaste;
    }
  }
  *byte = typed_.front();
  typed_.erase(0, 1);
  return Came::kByte;
}

bool EditedTerminal::InsertPasted() {
  const size_t end = pasted_.find('\n');
  const std::string part = pasted_.substr(0, end);
  pasted_.erase(0, end == std::string::npos ? end : end + 1);
  if (!part.empty()) {
    const LineInfo* const line = el_line(editor_);
    if (line->cursor == line->buffer) begins_pasted_ = true;
    ClearLine();
    el_insertstr(editor_, part.c_str());
    el_set(editor_, EL_REFRESH);
  }
  return end != std::string::npos;
}

void EditedTerminal::TakeSignals() {
  if (signals_->TakeResize()) el_resize(editor_);
  const bool stops = signals_->TakeStop();
  if (stops) {
    el_set(editor_, EL_PREP_TERM, 0);
    Write(PasteScanner::PasteOff());
    signals_->Stop();
  }
  if (!signals_->TakeContinue() && !stops) return;
  // The shell may have changed the terminal, and what it has written stays.
  el_set(editor_, EL_PREP_TERM, 0);
  el_set(editor_, EL_PREP_TERM, 1);
  Write(absl::StrCat(PasteScanner::PasteOn(), "\r\033[J"));
  el_set(editor_, EL_REFRESH);
}

void EditedTerminal::ClearLine() {
  const LineInfo* const line = el_line(editor_);
  const absl::string_view typed(line->buffer, line->cursor - line->buffer);
  const size_t rows_up = (CellsOf(prompt_) + CellsOf(typed)) / Columns();
  Write(absl::StrCat(rows_up > 0 ? absl::StrCat("\033[", rows_up, "A") : "", "\r\033[J"));
}

void EditedTerminal::PrintAboveLine() {
  const std::string text = TakeWaiting();
  if (text.empty()) return;
  ClearLine();
  Write(text);
  el_set(editor_, EL_REFRESH);
}

}  // namespace convergia::client
