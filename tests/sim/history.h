#pragma once

#include <cstdint>
#include <deque>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "tests/sim/event_queue.h"

namespace convergia::sim {

// What happened in one world, for people to read when it went wrong; and the first thing that did.
class History {
 public:
  // Keeps the last `lines_max` lines.
  History(const EventQueue* events, size_t lines_max) : events_(events), lines_max_(lines_max) {}

  template <typename... Parts>
  void Note(const Parts&... parts) {
    Add(absl::StrCat(parts...));
  }

  // A promise was broken; only the first counts, since others may follow from it.
  template <typename... Parts>
  void Broken(const Parts&... parts) {
    if (!broken_.empty()) return;
    broken_ = absl::StrCat(parts...);
    Add(absl::StrCat("BROKEN: ", broken_));
  }

  const std::string& broken() const { return broken_; }  // Empty: nothing.
  bool is_broken() const { return !broken_.empty(); }
  const std::deque<std::string>& lines() const { return lines_; }
  // Of all lines ever: the same for the same run.
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
