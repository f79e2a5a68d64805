#pragma once

#include <ostream>
#include <string>

#include "absl/time/time.h"
#include "client/files/transfer.h"
#include "common/base/clock.h"

namespace convergia::client {

// Shows a transfer on a terminal in one line that it overwrites. Bytes that were there already
// count for the share, but not for the speed and the time left. Without a terminal it shows only
// errors. Used by one thread.
class ProgressBar final : public TransferObserver {
 public:
  // `is_tree`: many files, whose number is not known before the end. `columns` is the width of the
  // terminal; 0 if `out` is not a terminal. `out` and `clock` must outlive the bar.
  ProgressBar(std::ostream* out, const Clock* clock, bool is_tree, int columns);
  ~ProgressBar() override;  // End().

  // Shows the final state and ends the line. Idempotent. Nothing is shown after it.
  void End();

  void OnExpected(uint64_t bytes) override { expected_ += bytes; }
  void OnBytes(uint64_t bytes) override;
  void OnThere(uint64_t bytes) override;
  void OnFile(absl::string_view name, bool moved) override;
  void OnTrouble(absl::string_view name, const absl::Status& why) override;
  void OnRetry(absl::string_view name, const absl::Status& why) override;

  uint64_t files_moved() const { return files_moved_; }
  uint64_t files_left() const { return files_left_; }
  uint64_t bytes() const { return bytes_of_files_; }  // Of these files.

 private:
  // A line of its own, unless it is the same as the last.
  void Tell(std::string line);
  void Draw(bool now);
  void Erase();
  std::string Line(absl::Duration elapsed) const;

  std::ostream& out_;
  const Clock& clock_;
  const bool is_tree_;
  int columns_;  // 0: nothing is drawn.
  const absl::Duration started_;
  absl::Duration drawn_;
  bool is_drawn_ = false;
  uint64_t expected_ = 0;
  uint64_t done_ = 0;
  uint64_t there_ = 0;           // Of done_: not transferred.
  uint64_t settled_ = 0;         // Of done_: of files that have ended, well or not.
  uint64_t bytes_of_files_ = 0;  // Of settled_: of files that are whole.
  uint64_t files_moved_ = 0;
  uint64_t files_left_ = 0;
  std::string name_;
  std::string last_trouble_;
};

// The width of the terminal at `fd`; 0 if it is not a terminal.
int TerminalColumns(int fd);

}  // namespace convergia::client
