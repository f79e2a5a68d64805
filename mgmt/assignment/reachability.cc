#include "mgmt/assignment/reachability.h"

#include <algorithm>
#include <utility>

namespace convergia::mgmt {

const Probe* Reachability::Reach::To(NodeId edge) const {
  const auto found =
      std::find_if(reached.begin(), reached.end(), [&](const Probe& p) { return p.id == edge; });
  return found == reached.end() ? nullptr : &*found;
}

void Reachability::AddTo(const Reach& reach, int sign) {
  for (const Probe& probe : reach.reached) counts_[probe.id].reached += sign;
  for (const NodeId edge : reach.missed) counts_[edge].missed += sign;
}

void Reachability::Put(absl::string_view user, Reach reach) {
  if (reach.reached.empty()) return;
  std::stable_sort(reach.reached.begin(), reach.reached.end(),
                   [](const Probe& a, const Probe& b) { return a.rtt_us < b.rtt_us; });
  if (reach.reached.size() > kEdgesMax) reach.reached.resize(kEdgesMax);
  if (reach.missed.size() > kEdgesMax) reach.missed.resize(kEdgesMax);
  const auto found = users_.find(user);
  if (found == users_.end() && users_.size() >= users_max_) return;
  if (found != users_.end()) AddTo(found->second, -1);
  AddTo(reach, 1);
  users_[user] = std::move(reach);
}

const Reachability::Reach* Reachability::Find(absl::string_view user) const {
  const auto found = users_.find(user);
  return found == users_.end() ? nullptr : &found->second;
}

bool Reachability::IsWalled(NodeId edge) const {
  const auto found = counts_.find(edge);
  if (found == counts_.end() || found->second.reached == 0) return false;
  const double missed = found->second.missed;
  return missed >= kWalledShare * (missed + found->second.reached);
}

void Reachability::ForgetMisses(NodeId edge) {
  const auto found = counts_.find(edge);
  if (found == counts_.end() || found->second.missed == 0) return;
  found->second.missed = 0;
  for (auto& [user, reach] : users_) {
    reach.missed.erase(std::remove(reach.missed.begin(), reach.missed.end(), edge),
                       reach.missed.end());
  }
}

void Reachability::Sweep(absl::FunctionRef<bool(const std::string& user)> keeps) {
  if (users_.size() < users_max_ / 10 * 9) return;
  for (auto user = users_.begin(); user != users_.end();) {
    const auto next = std::next(user);
    if (!keeps(user->first)) {
      AddTo(user->second, -1);
      users_.erase(user);
    }
    user = next;
  }
}

}  // namespace convergia::mgmt
