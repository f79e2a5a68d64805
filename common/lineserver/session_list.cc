#include "common/lineserver/session_list.h"

#include <algorithm>
#include <utility>

#include "common/base/fail.h"

namespace convergia::lineserver {

void SessionList::Add(Session& session, absl::Time now) {
  const AccountId account = session.signed_in()->account;
  absl::MutexLock lock(&mu_);
  by_account_[account][session.id()] = {session.handle(), session.peer_address(), now};
}

void SessionList::Remove(Session& session) {
  absl::MutexLock lock(&mu_);
  const auto found = by_account_.find(session.signed_in()->account);
  if (found == by_account_.end()) return;
  found->second.erase(session.id());
  if (found->second.empty()) by_account_.erase(found);
}

std::vector<SessionList::Row> SessionList::List(AccountId account) const {
  std::vector<Row> rows;
  {
    absl::MutexLock lock(&mu_);
    const auto found = by_account_.find(account);
    if (found == by_account_.end()) return rows;
    for (const auto& [id, entry] : found->second) rows.push_back({id, entry.address, entry.since});
  }
  std::sort(rows.begin(), rows.end(),
            [](const Row& a, const Row& b) { return a.session < b.session; });
  return rows;
}

bool SessionList::End(AccountId account, uint64_t session) {
  SessionHandle handle;
  {
    absl::MutexLock lock(&mu_);
    const auto found = by_account_.find(account);
    if (found == by_account_.end()) return false;
    const auto entry = found->second.find(session);
    if (entry == found->second.end()) return false;
    handle = entry->second.handle;
  }
  handle.shard->Post([weak = handle.session] {
    if (const auto live = weak.lock()) {
      live->Close(FailCode::kDenied, "you ended this session from another one");
    }
  });
  return true;
}

}  // namespace convergia::lineserver
