#include "common/base/net/address_race.h"

#include <algorithm>
#include <utility>

namespace convergia {

std::vector<size_t> AddressRace::Interleaved(const std::vector<Family>& families) {
  std::vector<size_t> first, second;  // Of the family that the resolver prefers, of the other.
  for (size_t i = 0; i < families.size(); ++i) {
    (families[i] == families.front() ? first : second).push_back(i);
  }
  std::vector<size_t> order;
  for (size_t i = 0; i < std::max(first.size(), second.size()); ++i) {
    if (i < first.size()) order.push_back(first[i]);
    if (i < second.size()) order.push_back(second[i]);
  }
  return order;
}

AddressRace::Step AddressRace::OnResolved(const std::vector<Family>& families, absl::Duration now) {
  if (is_over() || !order_.empty()) return {};
  order_ = Interleaved(families);
  if (order_.size() > limits::kDialAddressesMax) order_.resize(limits::kDialAddressesMax);
  if (order_.empty()) return End(State::kLost);
  return StartNext(now);
}

AddressRace::Step AddressRace::OnConnected(size_t index) {
  if (is_over() || !Forget(index)) return {};
  winner_ = index;
  return End(State::kWon);
}

AddressRace::Step AddressRace::OnFailed(size_t index, absl::Duration now) {
  if (is_over() || !Forget(index)) return {};
  if (next_ < order_.size()) return StartNext(now);
  return under_way_.empty() ? End(State::kLost) : Step{};
}

AddressRace::Step AddressRace::OnTimer(absl::Duration now) {
  if (is_over()) return {};
  if (now >= deadline_) return End(State::kTimedOut);
  return now >= next_start_ ? StartNext(now) : Step{};
}

absl::Duration AddressRace::next_timer() const {
  return is_over() ? absl::InfiniteDuration() : std::min(next_start_, deadline_);
}

AddressRace::Step AddressRace::StartNext(absl::Duration now) {
  Step step;
  step.start = order_[next_++];
  under_way_.push_back(*step.start);
  next_start_ = next_ < order_.size() ? now + limits::kNextAddressAfter : absl::InfiniteDuration();
  return step;
}

AddressRace::Step AddressRace::End(State state) {
  if (is_over()) return {};
  state_ = state;
  Step step;
  step.cancel = std::exchange(under_way_, {});
  return step;
}

bool AddressRace::Forget(size_t index) { return std::erase(under_way_, index) > 0; }

}  // namespace convergia
