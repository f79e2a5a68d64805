#include "client/terminal/progress_bar.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/output/cells.h"
#include "client/output/format.h"
#include "client/output/text.h"

namespace convergia::client {
namespace {

constexpr absl::Duration kRedrawAfter = absl::Milliseconds(100);
constexpr int kBarWidthMin = 6, kBarWidthMax = 24;
constexpr int kBarFrame = 3;  // "[", "]" and a space.

}  // namespace

int TerminalColumns(int fd) {
  if (isatty(fd) == 0) return 0;
  winsize size = {};
  return ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

ProgressBar::ProgressBar(std::ostream* out, const Clock* clock, bool is_tree, int columns)
    : out_(*out),
      clock_(*clock),
      is_tree_(is_tree),
      columns_(columns),
      started_(clock->Elapsed()),
      drawn_(started_) {}

ProgressBar::~ProgressBar() { End(); }

void ProgressBar::End() {
  if (columns_ == 0) return;
  Draw(true);
  out_ << std::endl;
  is_drawn_ = false;
  columns_ = 0;
}

void ProgressBar::OnBytes(uint64_t bytes) {
  done_ += bytes;
  Draw(false);
}

void ProgressBar::OnThere(uint64_t bytes) {
  there_ += bytes;
  OnBytes(bytes);
}

void ProgressBar::OnFile(absl::string_view name, bool moved) {
  ++(moved ? files_moved_ : files_left_);
  bytes_of_files_ += done_ - std::exchange(settled_, done_);
  name_ = std::string(name);
  Draw(false);
}

void ProgressBar::OnTrouble(absl::string_view name, const absl::Status& why) {
  settled_ = done_;  // Its bytes are not those of a file that was moved.
  Tell(ErrorLine(About(name, why).message()));
}

void ProgressBar::OnRetry(absl::string_view name, const absl::Status& why) {
  Tell(RetryLine(name, why));
}

void ProgressBar::Tell(std::string line) {
  // Repeated tries fail in the same way; one line is enough.
  if (line == last_trouble_) return;
  Erase();
  out_ << line << std::flush;
  last_trouble_ = std::move(line);
}

void ProgressBar::Erase() {
  if (is_drawn_) out_ << "\r\033[K";
  is_drawn_ = false;
}

void ProgressBar::Draw(bool now) {
  const absl::Duration elapsed = clock_.Elapsed();
  if (columns_ == 0 || (!now && elapsed - drawn_ < kRedrawAfter)) return;
  drawn_ = elapsed;
  Erase();
  out_ << CutToCells(Line(elapsed - started_), columns_ - 1) << std::flush;
  is_drawn_ = true;
}

std::string ProgressBar::Line(absl::Duration elapsed) const {
  const double seconds = std::max(absl::ToDoubleSeconds(elapsed), 0.001);
  const double rate = (done_ - there_) / seconds;
  const std::string speed = absl::StrCat(FormatBytes(static_cast<uint64_t>(rate)), "/s");
  if (is_tree_) {
    const uint64_t files = files_moved_ + files_left_;
    return absl::StrFormat("%d %s, %s, %s  %s", files, files == 1 ? "file" : "files",
                           FormatBytes(done_), speed, PrintableName(name_));
  }
  const double share = expected_ == 0 ? 1 : static_cast<double>(done_) / expected_;
  const uint64_t left = expected_ - std::min(done_, expected_);
  const std::string eta =
      rate > 0 ? absl::FormatDuration(absl::Seconds(static_cast<int64_t>(left / rate))) : "?";
  const std::string numbers =
      absl::StrFormat("%3d%%  %s of %s, %s, %s left", static_cast<int>(share * 100),
                      FormatBytes(done_), FormatBytes(expected_), speed, eta);
  // On a narrow terminal the numbers say more than the bar.
  const int room = columns_ - 1 - static_cast<int>(numbers.size()) - kBarFrame;
  const int width = std::min(kBarWidthMax, room);
  if (width < kBarWidthMin) return numbers;
  const int filled = std::clamp(static_cast<int>(share * width), 0, width);
  return absl::StrCat("[", std::string(filled, '#'), std::string(width - filled, '.'), "] ",
                      numbers);
}

}  // namespace convergia::client
