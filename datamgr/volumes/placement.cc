#include "datamgr/volumes/placement.h"

#include <algorithm>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/fail.h"

namespace convergia::datamgr {
namespace {

struct Candidate {
  const ServerView* server = nullptr;
  uint64_t room_per_volume = 0;
};

int SharedWith(const ServerView& server, absl::Span<const ServerView* const> chosen) {
  int shared = 0;
  for (const ServerView* const other : chosen) shared += SharedLabels(server.config, other->config);
  return shared;
}

// Starts with `first` and repeatedly adds the candidate that shares the fewest labels with those
// chosen.
std::vector<const ServerView*> ChooseFrom(absl::Span<const Candidate> candidates, size_t first,
                                          int count, int* shared_total) {
  std::vector<const ServerView*> chosen = {candidates[first].server};
  *shared_total = 0;
  while (chosen.size() < static_cast<size_t>(count)) {
    const ServerView* best = nullptr;
    int best_shared = 0;
    for (const Candidate& candidate : candidates) {  // Most room first, so the first of equals.
      if (std::find(chosen.begin(), chosen.end(), candidate.server) != chosen.end()) continue;
      const int shared = SharedWith(*candidate.server, chosen);
      if (best == nullptr || shared < best_shared) {
        best = candidate.server;
        best_shared = shared;
      }
    }
    *shared_total += best_shared;
    chosen.push_back(best);
  }
  return chosen;
}

std::vector<Candidate> CandidatesFor(const ServerTable& servers, const VolumeTable& volumes,
                                     VolumeClass volume_class, uint64_t room_bytes_min) {
  std::vector<Candidate> candidates;
  for (const auto& [id, server] : servers.servers()) {
    if (server.config.volume_class != volume_class || !server.MayWrite(room_bytes_min)) continue;
    candidates.push_back({&server, server.space.free_bytes / (1 + volumes.OpenOn(id))});
  }
  std::stable_sort(candidates.begin(), candidates.end(), [](const auto& a, const auto& b) {
    return a.room_per_volume > b.room_per_volume;
  });
  return candidates;
}

// The error if `with_room` servers are too few. A server that does not answer does not count as
// full: when it returns, there may be enough.
absl::Status TooFew(const ServerTable& servers, const PlacementRules& rules,
                    VolumeClass volume_class, int with_room) {
  const int copies = rules.copies(volume_class);
  int there = 0;
  std::vector<std::string> away;
  for (const auto& [id, server] : servers.servers()) {
    if (server.config.volume_class != volume_class || !server.configured || server.config.drain ||
        !server.space.read_only.empty()) {
      continue;
    }
    const bool was_full =
        server.space.capacity_bytes > 0 && server.space.free_bytes < rules.room_bytes_min;
    if (!server.IsAway()) {
      ++there;
    } else if (!was_full) {
      away.push_back(servers.Describe(id));
    }
  }
  if (there >= copies && with_room + static_cast<int>(away.size()) < copies) {
    return Fail(FailCode::kNoSpace,
                absl::StrCat("the ", VolumeClassWord(volume_class),
                             " data servers are full; delete something, or ask for more room"));
  }
  const int usable = there >= copies ? with_room : there;
  const std::string who =
      away.empty() ? "" : absl::StrCat("; no answer from ", absl::StrJoin(away, ", "));
  return Fail(FailCode::kUnavailable,
              absl::StrCat("new data needs ", copies, " ", VolumeClassWord(volume_class),
                           " data server", copies == 1 ? "" : "s", ", and ", usable,
                           usable == 1 ? " is" : " are", " there now", who, "; try again later"));
}

}  // namespace

int SharedLabels(const ServerConfig& a, const ServerConfig& b) {
  int shared = 0;
  for (const auto& label : a.labels) {
    shared += static_cast<int>(std::count(b.labels.begin(), b.labels.end(), label));
  }
  return shared;
}

absl::StatusOr<std::vector<NodeId>> PlaceVolume(const ServerTable& servers,
                                                const VolumeTable& volumes,
                                                const PlacementRules& rules,
                                                VolumeClass volume_class) {
  const int copies = rules.copies(volume_class);
  const std::vector<Candidate> candidates =
      CandidatesFor(servers, volumes, volume_class, rules.room_bytes_min);
  if (candidates.size() < static_cast<size_t>(copies)) {
    return TooFew(servers, rules, volume_class, static_cast<int>(candidates.size()));
  }
  std::vector<const ServerView*> best;
  int best_shared = 0;
  for (size_t first = 0; first < candidates.size(); ++first) {
    int shared = 0;
    auto chosen = ChooseFrom(candidates, first, copies, &shared);
    if (best.empty() || shared < best_shared) {
      best = std::move(chosen);
      best_shared = shared;
    }
    if (best_shared == 0) break;  // Nothing can share less.
  }
  std::vector<NodeId> ids;
  for (const ServerView* const server : best) ids.push_back(server->config.id);
  return ids;
}

NodeId PlaceCopy(const ServerTable& servers, const CopyNeed& need, VolumeId volume) {
  std::vector<const ServerView*> staying;
  for (const NodeId id : need.staying) {
    if (const ServerView* const server = servers.Find(id)) staying.push_back(server);
  }
  using Rank = std::tuple<bool, bool, int, uint64_t>;  // Larger is better.
  NodeId best = 0;
  Rank best_rank;
  for (const auto& [id, server] : servers.servers()) {
    // A server whose holdings are unknown may already hold this volume.
    if (need.excluded.contains(id) || !server.holdings_known) continue;
    const bool holds = server.holdings.contains(volume);
    const uint64_t room = holds ? 0 : need.bytes;  // A holder needs no room.
    if (!server.MayWrite(room)) continue;
    const bool fits = server.config.volume_class == need.volume_class;
    if (!fits && need.volume_class == VolumeClass::kNonVolatile) continue;
    const Rank rank = {fits, holds, -SharedWith(server, staying), server.space.free_bytes};
    if (best == 0 || rank > best_rank) {
      best = id;
      best_rank = rank;
    }
  }
  return best;
}

}  // namespace convergia::datamgr
