#pragma once

#include <cstdint>
#include <deque>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "tests/sim/network/event_queue.h"

namespace convergia::sim {

// The events of one world as lines of text, and the first broken promise.
class History {
 public:
  // Keeps only the last `lines_max` lines.
  History(const EventQueue* events, size_t lines_max) : events_(events), lines_max_(lines_max) {}

  template <typename... Parts>
  void Note(const Parts&... parts) {
    Add(absl::StrCat(parts...));
  }

  // Records a broken promise. Only the first one counts, since others may follow from it.
  template <typename... Parts>
  void Broken(const Parts&... parts) {
    if (!broken_.empty()) return;
    broken_ = absl::StrCat(parts...);
    Add(absl::StrCat("BROKEN: ", broken_));
  }

  const std::string& broken() const { return broken_; }  // Empty if none is broken.
  bool is_broken() const { return !broken_.empty(); }
  const std::deque<std::string>& lines() const { return lines_; }
  // A hash (FNV-1a) of all lines so far, equal for equal runs.
  uint64_t fingerprint() const { return fingerprint_; }

 private:
  void Add(absl::string_view text);

  const EventQueue* const events_;
  const size_t lines_max_;
  std::deque<std::string> lines_;
  std::string broken_;
  uint64_t fingerprint_ = 14695981039346656037ull;
};

}  // namespace convergia::sim
