#include "client/commands/progress_bar.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/commands/cells.h"
#include "client/commands/stored.h"
#include "client/commands/text.h"

namespace convergia::client {
namespace {

constexpr absl::Duration kRedrawAfter = absl::Milliseconds(100);
constexpr int kBarWidth = 24;

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

void ProgressBar::OnFile(absl::string_view name, bool moved) {
  ++(moved ? files_moved_ : files_left_);
  name_ = std::string(name);
  Draw(false);
}

void ProgressBar::OnTrouble(absl::string_view name, const absl::Status& why) {
  // Repeated tries fail in the same way; one line is enough.
  std::string line = ErrorLine(About(name, why).message());
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
  const double rate = done_ / seconds;
  const std::string speed = absl::StrCat(FormatBytes(static_cast<uint64_t>(rate)), "/s");
  if (is_tree_) {
    const uint64_t files = files_moved_ + files_left_;
    return absl::StrFormat("%d %s, %s, %s  %s", files, files == 1 ? "file" : "files",
                           FormatBytes(done_), speed, PrintableName(name_));
  }
  const double share = expected_ == 0 ? 1 : static_cast<double>(done_) / expected_;
  const int filled = std::clamp(static_cast<int>(share * kBarWidth), 0, kBarWidth);
  const uint64_t left = expected_ - std::min(done_, expected_);
  const std::string eta =
      rate > 0 ? absl::FormatDuration(absl::Seconds(static_cast<int64_t>(left / rate))) : "?";
  return absl::StrFormat("[%s%s] %3d%%  %s of %s, %s, %s left", std::string(filled, '#'),
                         std::string(kBarWidth - filled, '.'), static_cast<int>(share * 100),
                         FormatBytes(done_), FormatBytes(expected_), speed, eta);
}

}  // namespace convergia::client
