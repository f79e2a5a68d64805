#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"
#include "common/base/ids.h"
#include "convergia/v1/cluster.pb.h"

namespace convergia::mgmt {

// Questions to edges about the sessions of one user, each until all edges that were asked have
// answered or are gone, or its time is over. Pure; not thread-safe.
class SessionQueries {
 public:
  // An edge may be slow; the person who asks waits.
  static constexpr absl::Duration kAnswerWithin = absl::Seconds(3);
  static constexpr size_t kOpenMax = 10'000;

  struct Outcome {
    std::map<NodeId, std::vector<v1::SessionRow>> rows;  // Of those that answered.
    std::set<NodeId> silent;                             // These did not.
  };
  using Done = absl::AnyInvocable<void(Outcome)>;

  // The number of the new question; 0 if there are kOpenMax, and then `done` is dropped. Those that
  // cannot be asked are silent. With nobody to ask `done` is called at once.
  uint64_t Begin(const std::set<NodeId>& edges, std::set<NodeId> silent, absl::Duration now,
                 Done done);

  // Answers of edges that were not asked, or not this, are ignored.
  void OnAnswer(NodeId edge, const v1::SessionsAnswer& answer);
  // Its stream has ended.
  void OnGone(NodeId edge);
  void OnTick(absl::Duration now);

 private:
  struct Query {
    std::set<NodeId> awaited;
    absl::Duration until;
    Outcome outcome;
    Done done;
  };
  void Finish(std::map<uint64_t, Query>::iterator query);

  uint64_t last_ = 0;
  std::map<uint64_t, Query> queries_;  // All have the same time, so the oldest ends first.
};

}  // namespace convergia::mgmt
