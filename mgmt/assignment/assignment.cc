#include "mgmt/assignment/assignment.h"

#include <algorithm>
#include <limits>
#include <tuple>

namespace convergia::mgmt {
namespace {

// A probe above this says "very far", whatever the number.
constexpr uint32_t kRttUsMax = 60'000'000;

struct Candidate {
  NodeId id;
  bool alive;
  bool walled;
  bool full;
  uint32_t sessions;
  double score;
};

double MeanSessions(absl::Span<const EdgeLoad> edges) {
  double sessions = 0, count = 0;
  for (const EdgeLoad& edge : edges) {
    if (edge.draining || edge.walled) continue;
    sessions += edge.sessions;
    ++count;
  }
  return count == 0 ? 0 : sessions / count;
}

double TotalBytes(absl::Span<const Pull> pulls) {
  double bytes = 0;
  for (const Pull& pull : pulls) bytes += pull.bytes;
  return bytes;
}

}  // namespace

double SessionsBound(absl::Span<const EdgeLoad> edges, const AssignmentRule& rule) {
  return rule.over_mean * MeanSessions(edges) + rule.slack;
}

double CarryingCost(NodeId edge, absl::Span<const Pull> pulls, CostBetween cost) {
  double sum = 0;
  for (const Pull& pull : pulls) {
    double least = std::numeric_limits<double>::infinity();
    for (const NodeId there : pull.edges) least = std::min(least, cost(edge, there));
    if (!pull.edges.empty()) sum += pull.bytes * least;
  }
  return sum;
}

std::vector<NodeId> AssignEdges(absl::Span<const EdgeLoad> edges, absl::Span<const Probe> probes,
                                absl::Span<const Pull> pulls, CostBetween cost, int count,
                                const AssignmentRule& rule) {
  const double mean = MeanSessions(edges);
  const double bound = SessionsBound(edges, rule);
  const double traffic_us_per_byte =
      rule.traffic_us / (TotalBytes(pulls) + rule.traffic_bytes_half);
  std::vector<Candidate> candidates;
  for (const EdgeLoad& edge : edges) {
    const auto probe =
        std::find_if(probes.begin(), probes.end(), [&](const Probe& p) { return p.id == edge.id; });
    if (edge.draining || probe == probes.end()) continue;
    const double score = std::min(probe->rtt_us, kRttUsMax) +
                         rule.load_us * edge.sessions / (mean + rule.slack) +
                         traffic_us_per_byte * CarryingCost(edge.id, pulls, cost);
    const bool full = !edge.walled && edge.sessions + 1 > bound;
    candidates.push_back({edge.id, edge.alive, edge.walled, full, edge.sessions, score});
  }
  std::sort(candidates.begin(), candidates.end(), [](const Candidate& a, const Candidate& b) {
    return std::tie(b.alive, b.walled, a.full, a.score, a.sessions, a.id) <
           std::tie(a.alive, a.walled, b.full, b.score, b.sessions, b.id);
  });
  std::vector<NodeId> chosen;
  for (const Candidate& candidate : candidates) {
    if (chosen.size() < count && !candidate.full) chosen.push_back(candidate.id);
  }
  if (!chosen.empty() || candidates.empty() || count < 1) return chosen;
  const auto least = std::min_element(
      candidates.begin(), candidates.end(), [](const Candidate& a, const Candidate& b) {
        return std::tie(b.alive, a.sessions, a.id) < std::tie(a.alive, b.sessions, b.id);
      });
  return {least->id};
}

}  // namespace convergia::mgmt
