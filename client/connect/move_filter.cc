#include "client/connect/move_filter.h"

#include "absl/hash/hash.h"

namespace convergia::client {

void MoveFilter::SawOnOld(absl::string_view data) {
  if (seen_.size() < messages_max_) ++seen_[absl::HashOf(data)];
}

bool MoveFilter::IsRepeat(absl::string_view data) {
  if (seen_.empty()) return false;
  const auto it = seen_.find(absl::HashOf(data));
  if (it == seen_.end()) return false;
  if (--it->second == 0) seen_.erase(it);
  return true;
}

}  // namespace convergia::client
