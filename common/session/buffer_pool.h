#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace convergia::session {

// Recycles strings with reserved capacity, so that writing allocates nothing and idle sessions hold
// no memory. One per shard, used only on its thread.
class BufferPool {
 public:
  std::string Take() {
    if (buffers_.empty()) {
      std::string fresh;
      fresh.reserve(kFreshBytes);
      return fresh;
    }
    std::string buffer = std::move(buffers_.back());
    buffers_.pop_back();
    return buffer;
  }

  void Give(std::string buffer) {
    if (buffer.capacity() > kKeptBytesMax || buffers_.size() >= kKeptMax) return;
    buffer.clear();
    buffers_.push_back(std::move(buffer));
  }

 private:
  static constexpr size_t kFreshBytes = 1024;
  static constexpr size_t kKeptBytesMax = 32 * 1024;  // With kKeptMax: at most 16 MiB a shard.
  static constexpr size_t kKeptMax = 512;

  std::vector<std::string> buffers_;
};

}  // namespace convergia::session
