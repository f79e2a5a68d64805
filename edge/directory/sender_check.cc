#include "edge/directory/sender_check.h"

namespace convergia::edge {

bool SenderCheck::IsPlausible(NodeId origin, absl::string_view user, bool is_listed, bool is_fresh,
                              absl::Duration now) {
  if (is_listed && doubts_.empty()) return true;
  if (!is_fresh) {
    doubts_.clear();
    return true;
  }
  std::pair<NodeId, std::string> who(origin, std::string(user));
  if (is_listed) {
    doubts_.erase(who);
    return true;
  }
  if (doubts_.size() >= kDoubtsMax && !doubts_.contains(who)) doubts_.clear();
  Doubt& doubt = doubts_.try_emplace(std::move(who), Doubt{now, now}).first->second;
  if (now - doubt.last > kQuiet) doubt.first = now;  // Another matter than back then.
  doubt.last = now;
  return now - doubt.first <= kGrace;
}

void SenderCheck::Sweep(absl::FunctionRef<bool(NodeId origin, const std::string& user)> listed) {
  absl::erase_if(doubts_,
                 [&](const auto& doubt) { return listed(doubt.first.first, doubt.first.second); });
}

}  // namespace convergia::edge
