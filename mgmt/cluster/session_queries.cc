#include "mgmt/cluster/session_queries.h"

#include <utility>

namespace convergia::mgmt {

uint64_t SessionQueries::Begin(const std::set<NodeId>& edges, std::set<NodeId> silent,
                               absl::Duration now, Done done) {
  if (queries_.size() >= kOpenMax) return 0;
  const uint64_t number = ++last_;
  const auto query = queries_
                         .emplace(number, Query{.awaited = edges,
                                                .until = now + kAnswerWithin,
                                                .outcome = {.silent = std::move(silent)},
                                                .done = std::move(done)})
                         .first;
  if (edges.empty()) Finish(query);
  return number;
}

void SessionQueries::Finish(std::map<uint64_t, Query>::iterator query) {
  Query ended = std::move(query->second);
  queries_.erase(query);
  ended.outcome.silent.merge(ended.awaited);
  ended.done(std::move(ended.outcome));
}

void SessionQueries::OnAnswer(NodeId edge, const v1::SessionsAnswer& answer) {
  const auto query = queries_.find(answer.query());
  if (query == queries_.end() || query->second.awaited.erase(edge) == 0) return;
  query->second.outcome.rows[edge] = {answer.rows().begin(), answer.rows().end()};
  if (query->second.awaited.empty()) Finish(query);
}

void SessionQueries::OnGone(NodeId edge) {
  for (auto it = queries_.begin(); it != queries_.end();) {
    const auto query = it++;
    if (query->second.awaited.erase(edge) == 0) continue;
    if (query->second.awaited.empty()) Finish(query);
  }
}

void SessionQueries::OnTick(absl::Duration now) {
  while (!queries_.empty() && queries_.begin()->second.until <= now) Finish(queries_.begin());
}

}  // namespace convergia::mgmt
