#include "mgmt/cluster/assignment.h"

#include <algorithm>
#include <tuple>

namespace convergia::mgmt {
namespace {

// A probe above this says "very far", whatever the number.
constexpr uint32_t kRttUsMax = 60'000'000;

struct Candidate {
  NodeId id;
  bool alive;
  bool full;
  uint32_t sessions;
  double score;
};

double MeanSessions(absl::Span<const EdgeLoad> edges) {
  double sessions = 0, count = 0;
  for (const EdgeLoad& edge : edges) {
    if (edge.draining) continue;
    sessions += edge.sessions;
    ++count;
  }
  return count == 0 ? 0 : sessions / count;
}

double Score(const EdgeLoad& edge, const Probe& probe, double mean, const AssignmentRule& rule) {
  const double load = edge.sessions / (mean + rule.slack);
  return std::min(probe.rtt_us, kRttUsMax) + rule.load_us * load;
}

std::vector<Candidate> Candidates(absl::Span<const EdgeLoad> edges, absl::Span<const Probe> probes,
                                  const AssignmentRule& rule) {
  const double mean = MeanSessions(edges);
  std::vector<Candidate> candidates;
  for (const EdgeLoad& edge : edges) {
    if (edge.draining) continue;
    const auto probe =
        std::find_if(probes.begin(), probes.end(), [&](const Probe& p) { return p.id == edge.id; });
    if (probe == probes.end()) continue;
    const bool full = edge.sessions + 1 > rule.over_mean * mean + rule.slack;
    candidates.push_back(
        {edge.id, edge.alive, full, edge.sessions, Score(edge, *probe, mean, rule)});
  }
  return candidates;
}

}  // namespace

std::vector<NodeId> AssignEdges(absl::Span<const EdgeLoad> edges, absl::Span<const Probe> probes,
                                int count, const AssignmentRule& rule) {
  std::vector<Candidate> candidates = Candidates(edges, probes, rule);
  std::sort(candidates.begin(), candidates.end(), [](const Candidate& a, const Candidate& b) {
    return std::tie(b.alive, a.full, a.score, a.sessions, a.id) <
           std::tie(a.alive, b.full, b.score, b.sessions, b.id);
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
