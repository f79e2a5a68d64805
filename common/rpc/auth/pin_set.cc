#include "common/rpc/auth/pin_set.h"

#include <algorithm>
#include <utility>

namespace convergia::rpc {

void PinSet::Replace(const std::vector<PinEntry>& valid) {
  Swap([&valid](Pins& pins) {
    pins.clear();
    for (const PinEntry& entry : valid) pins[entry.pin] = entry;
  });
}

void PinSet::Apply(const std::vector<PinEntry>& valid, const std::vector<identity::Pin>& revoked) {
  Swap([&](Pins& pins) {
    for (const identity::Pin& pin : revoked) pins.erase(pin);
    for (const PinEntry& entry : valid) pins[entry.pin] = entry;
  });
}

std::optional<PinEntry> PinSet::Find(const identity::Pin& pin) const {
  absl::MutexLock lock(&mu_);
  const auto found = pins_.find(pin);
  if (found == pins_.end()) return std::nullopt;
  return found->second;
}

std::vector<PinEntry> PinSet::All() const {
  absl::MutexLock lock(&mu_);
  std::vector<PinEntry> all;
  all.reserve(pins_.size());
  for (const auto& [pin, entry] : pins_) all.push_back(entry);
  return all;
}

bool PinSet::filled() const {
  absl::MutexLock lock(&mu_);
  return filled_;
}

std::shared_ptr<void> PinSet::AddRevocationListener(Listener listener) const {
  auto token = std::make_shared<Listener>(std::move(listener));
  absl::MutexLock lock(&mu_);
  // Expired listeners are removed only when the vector is full, and the vector then gets room for
  // as many again. So a registration costs O(1) on average.
  if (listeners_.size() == listeners_.capacity()) {
    std::erase_if(listeners_, [](const auto& weak) { return weak.expired(); });
    listeners_.reserve(std::max<size_t>(16, 2 * listeners_.size()));
  }
  listeners_.push_back(token);
  return token;
}

void PinSet::Swap(std::function<void(Pins&)> change) {
  std::vector<identity::Pin> revoked;
  std::vector<std::shared_ptr<Listener>> listeners;
  {
    absl::MutexLock lock(&mu_);
    Pins next = pins_;
    change(next);
    for (const auto& [pin, entry] : pins_) {
      const auto kept = next.find(pin);
      if (kept == next.end() || kept->second.role != entry.role ||
          kept->second.name != entry.name) {
        revoked.push_back(pin);
      }
    }
    pins_.swap(next);
    filled_ = true;
    if (revoked.empty()) return;
    for (const auto& weak : listeners_) {
      if (auto listener = weak.lock()) listeners.push_back(std::move(listener));
    }
  }
  for (const auto& listener : listeners) {
    for (const identity::Pin& pin : revoked) (*listener)(pin);
  }
}

}  // namespace convergia::rpc
