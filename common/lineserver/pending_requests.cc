#include "common/lineserver/pending_requests.h"

#include <glog/logging.h>

#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"

namespace convergia::lineserver {

std::optional<RequestKey> PendingRequests::Begin(absl::string_view id) {
  CHECK(id.size() <= kIdBytesMax);  // The parser refuses longer ids.
  if (!id.empty() && outstanding_ > 0) {
    for (const Slot& slot : slots_) {
      if (slot.busy && slot.id_view() == id) return std::nullopt;
    }
  }
  uint32_t index = 0;
  if (free_.empty()) {
    index = static_cast<uint32_t>(slots_.size());
    slots_.emplace_back();
  } else {
    index = free_.back();
    free_.pop_back();
  }
  Slot& slot = slots_[index];
  slot.generation = ++generation_;
  slot.busy = true;
  slot.reserved_bytes = 0;
  slot.id_bytes = static_cast<uint8_t>(id.size());
  if (!id.empty()) std::memcpy(slot.id, id.data(), id.size());
  ++outstanding_;
  const RequestKey key = {index, slot.generation};
  if (id.empty()) ordered_.push_back({key, std::nullopt});
  return key;
}

bool PendingRequests::IsOutstanding(RequestKey key) const {
  return key.slot < slots_.size() && slots_[key.slot].busy &&
         slots_[key.slot].generation == key.generation;
}

void PendingRequests::Reserve(RequestKey key, size_t bytes) {
  if (!IsOutstanding(key)) return;
  slots_[key.slot].reserved_bytes = static_cast<uint32_t>(bytes);
  reserved_bytes_ += bytes;
}

bool PendingRequests::Finish(RequestKey key, Write write, std::string* out, size_t* answers) {
  if (!IsOutstanding(key)) return false;
  const Slot& slot = slots_[key.slot];
  if (slot.id_bytes > 0) {
    write(slot.id_view(), out);
    ++*answers;
    --outstanding_;
    Free(key.slot);
    return true;
  }
  if (ordered_.front().key.generation == key.generation) {
    write(absl::string_view(), out);
    ordered_.erase(ordered_.begin());
    const size_t written = 1 + ReleaseHeld(out);
    outstanding_ -= written;
    *answers += written;
  } else {
    for (Ordered& ordered : ordered_) {
      if (ordered.key.generation != key.generation) continue;
      write(absl::string_view(), &ordered.answer.emplace());
      held_bytes_ += ordered.answer->size();
    }
  }
  Free(key.slot);
  return true;
}

size_t PendingRequests::ReleaseHeld(std::string* out) {
  size_t count = 0;
  while (count < ordered_.size() && ordered_[count].answer) {
    absl::StrAppend(out, *ordered_[count].answer);
    held_bytes_ -= ordered_[count].answer->size();
    ++count;
  }
  ordered_.erase(ordered_.begin(), ordered_.begin() + static_cast<ptrdiff_t>(count));
  return count;
}

void PendingRequests::Weigh(RequestKey key, size_t bytes) {
  if (!IsOutstanding(key)) return;
  slots_[key.slot].bytes = static_cast<uint32_t>(bytes);
  outstanding_bytes_ += slots_[key.slot].bytes;
}

void PendingRequests::Free(uint32_t slot) {
  outstanding_bytes_ -= slots_[slot].bytes;
  slots_[slot].bytes = 0;
  slots_[slot].busy = false;
  reserved_bytes_ -= slots_[slot].reserved_bytes;
  free_.push_back(slot);
}

void PendingRequests::Shrink() {
  if (outstanding_ > 0 || !ordered_.empty() || slots_.empty()) return;
  slots_ = std::vector<Slot>();
  free_ = std::vector<uint32_t>();
  ordered_ = std::vector<Ordered>();
}

}  // namespace convergia::lineserver
