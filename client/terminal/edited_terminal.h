#pragma once

#include <histedit.h>

#include <optional>
#include <string>

#include "client/terminal/chat_terminal.h"
#include "client/terminal/paste_scanner.h"
#include "client/terminal/terminal_signals.h"

namespace convergia::client {

// A terminal with line editing and history (libedit). Pasted text is inserted as text: its line
// ends end lines, and none of its characters is a key.
class EditedTerminal final : public ChatTerminal {
 public:
  EditedTerminal();
  ~EditedTerminal() override;

  bool is_interactive() const override { return true; }
  std::optional<Line> ReadLine(const std::string& prompt) override;

 private:
  enum class Came { kByte, kPaste, kEnd };

  static EditedTerminal* Of(EditLine* editor);
  static char* Prompt(EditLine* editor);
  // libedit calls this to wait for a key. It also waits for lines to print and for signals, so one
  // thread does all.
  static int GetCharacter(EditLine* editor, wchar_t* character);

  Came AwaitByte(char* byte);
  // Puts the next pasted line into the editor. True if its end was pasted, too.
  bool InsertPasted();
  void TakeSignals();
  // Moves to the beginning of the prompt and clears the terminal from there on.
  void ClearLine();
  void PrintAboveLine();

  History* const history_;
  EditLine* const editor_;
  std::string prompt_;
  std::optional<TerminalSignals> signals_;  // During ReadLine().
  PasteScanner scanner_;
  std::string typed_;   // Bytes that the editor has not taken yet.
  std::string pasted_;  // The same of pastes.
  bool begins_pasted_ = false;
};

}  // namespace convergia::client
