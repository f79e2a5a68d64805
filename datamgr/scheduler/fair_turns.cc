#include "datamgr/scheduler/fair_turns.h"

#include <algorithm>

namespace convergia::datamgr {
namespace {

// The most idle users whose cost is remembered. Beyond it, those who paid least are forgotten.
constexpr size_t kIdleMax = 100'000;

}  // namespace

void FairTurns::Add(const std::string& user, Client client) {
  if (!clients_.insert(client).second) return;
  User& account = users_[user];
  if (account.clients.empty()) {
    idle_.erase({account.paid, user});
    account.paid = std::max(account.paid, floor_);
    waiting_.insert({account.paid, user});
  }
  account.clients.push_back(client);
}

std::optional<FairTurns::Turn> FairTurns::Next() {
  if (waiting_.empty()) return std::nullopt;
  Turn turn{waiting_.begin()->second, {}};
  User& account = users_[turn.user];
  floor_ = account.paid;
  turn.client = account.clients.front();
  account.clients.pop_front();
  clients_.erase(turn.client);
  if (account.clients.empty()) {
    waiting_.erase(waiting_.begin());
    idle_.insert({account.paid, turn.user});
  }
  return turn;
}

void FairTurns::Charge(const std::string& user, uint64_t cost) {
  const auto found = users_.find(user);
  if (found == users_.end()) return;
  auto& in = found->second.clients.empty() ? idle_ : waiting_;
  in.erase({found->second.paid, user});
  found->second.paid += cost;
  in.insert({found->second.paid, user});
  ForgetIdle();
}

void FairTurns::ForgetIdle() {
  while (!idle_.empty() && (idle_.begin()->first <= floor_ || idle_.size() > kIdleMax)) {
    users_.erase(idle_.begin()->second);
    idle_.erase(idle_.begin());
  }
}

}  // namespace convergia::datamgr
