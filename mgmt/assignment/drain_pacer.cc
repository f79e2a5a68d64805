#include "mgmt/assignment/drain_pacer.h"

#include <algorithm>
#include <utility>

namespace convergia::mgmt {

std::vector<DrainPacer::Telling> DrainPacer::Tick(NodeId id, const std::vector<std::string>& users,
                                                  absl::Duration left, absl::Duration now) {
  Edge& edge = edges_.try_emplace(id, Edge{.tell_by = now + left / 2, .last = now}).first->second;
  std::vector<const std::string*> due;
  absl::flat_hash_map<std::string, Told> still;
  for (const std::string& user : users) {
    const auto told = edge.told.find(user);
    if (told != edge.told.end()) still.insert(*told);
    if (told == edge.told.end() || now - told->second.at >= kTellAgainAfter) due.push_back(&user);
  }
  edge.told = std::move(still);  // The others have gone.
  const double seconds = std::max(1.0, absl::ToDoubleSeconds(edge.tell_by - now));
  const double pace = std::clamp(due.size() / seconds, kPerSecondMin, kPerSecondMax);
  edge.credit = std::min(edge.credit + pace * absl::ToDoubleSeconds(now - edge.last), pace);
  edge.last = now;
  // Users who were never told come first.
  std::stable_partition(due.begin(), due.end(),
                        [&](const std::string* user) { return !edge.told.contains(*user); });
  std::vector<Telling> tellings;
  for (const std::string* user : due) {
    if (edge.credit < 1) break;
    edge.credit -= 1;
    Told& told = edge.told[*user];
    tellings.push_back({*user, told.times});
    told = {told.times + 1, now};
  }
  return tellings;
}

std::vector<NodeId> DrainPacer::edges() const {
  std::vector<NodeId> ids;
  for (const auto& [id, edge] : edges_) ids.push_back(id);
  return ids;
}

}  // namespace convergia::mgmt
