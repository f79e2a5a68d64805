#pragma once

#include <cstddef>
#include <deque>
#include <list>
#include <optional>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"

namespace convergia::mgmt {

// A bounded queue that serves its keys in turn, one item of each (round-robin): who asks for much
// waits for himself. When it is full, a newcomer takes the place of the last item of the longest
// line, if its own line stays shorter than that. Not thread-safe.
template <typename T>
class FairQueue {
 public:
  explicit FairQueue(size_t items_max) : items_max_(items_max) {}

  // Returns what found no place: nothing, `item` itself, or another in its stead.
  std::optional<T> Push(absl::string_view key, T item) {
    std::optional<T> displaced;
    if (size_ >= items_max_) {
      const auto longest = Longest();
      const auto own = by_key_.find(key);
      const size_t own_size = own == by_key_.end() ? 0 : own->second->items.size();
      if (longest == lines_.end() || own_size + 1 >= longest->items.size()) return item;
      displaced.emplace(std::move(longest->items.back()));
      longest->items.pop_back();  // Never its only one.
      --size_;
    }
    auto found = by_key_.find(key);
    if (found == by_key_.end()) {
      lines_.push_back({std::string(key), {}});
      found = by_key_.emplace(std::string(key), std::prev(lines_.end())).first;
    }
    found->second->items.push_back(std::move(item));
    ++size_;
    return displaced;
  }

  std::optional<T> Pop() {
    if (lines_.empty()) return std::nullopt;
    const auto line = lines_.begin();
    T item = std::move(line->items.front());
    line->items.pop_front();
    --size_;
    if (line->items.empty()) {
      by_key_.erase(line->key);
      lines_.erase(line);
    } else {
      lines_.splice(lines_.end(), lines_, line);
    }
    return item;
  }

  size_t size() const { return size_; }

 private:
  struct Line {
    std::string key;
    std::deque<T> items;  // Never empty.
  };
  typename std::list<Line>::iterator Longest() {
    auto longest = lines_.begin();
    for (auto it = lines_.begin(); it != lines_.end(); ++it) {
      if (it->items.size() > longest->items.size()) longest = it;
    }
    return longest;
  }

  const size_t items_max_;
  size_t size_ = 0;
  std::list<Line> lines_;  // In the order of their turns.
  absl::flat_hash_map<std::string, typename std::list<Line>::iterator> by_key_;
};

}  // namespace convergia::mgmt
