#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/base/ids.h"
#include "common/rpc/streams/standing_plan.h"
#include "convergia/v1/cluster.pb.h"
#include "edge/relay/switchboard.h"
#include "tests/sim/nodes/world_parts.h"

namespace convergia::sim {

// The edge's attachment to mgmt and the messages over it. It stands in for node::NodeAgent,
// edge::MgmtLink and edge::LocationLoop.
class EdgeAttach {
 public:
  EdgeAttach(const Surroundings& around, Edge* edge);

  // Begins with the memory that an earlier start left.
  void Start();

  // Reports to mgmt.
  void ReportLinks(const std::vector<edge::Switchboard::LinkView>& links);
  void OnLocationsChanged();

  // Sends a heartbeat at once.
  void Beat();

  // Sends to mgmt; the message is lost if mgmt is not there.
  void Send(v1::FromNode message);

  // From mgmt, over mgmt's stream `stream`.
  void OnMessage(uint64_t stream, const v1::ToNode& message);
  void OnRefused(uint64_t stream, const absl::Status& why);

  // Sends a wrong message besides the right ones.
  void Inject(v1::FromNode message) { Send(std::move(message)); }
  void ReportLinksAgain();

  bool attached() const { return plan_.is_up(); }
  // mgmt has refused this start for good.
  bool has_given_up() const { return !plan_.final_status().ok(); }
  const std::vector<edge::RouteTable::Pair>& routes() const { return routes_; }

 private:
  void Step();
  void Attach();
  void OnReached();
  void OnClosed(uint64_t stream);
  void OnWelcome();
  void OnRoutes(const v1::Routes& routes);
  void Remember();
  void ReportLocations();

  const Surroundings around_;
  Edge* const edge_;
  rpc::StandingPlan plan_;
  uint64_t step_ = 0;    // The number of the present wait; earlier ones are void.
  WireId wire_ = 0;      // 0: none.
  uint64_t stream_ = 0;  // mgmt's number for this stream.
  std::weak_ptr<Mgmt> mgmt_;
  absl::Status refusal_;
  v1::LinkReport links_;
  std::vector<edge::RouteTable::Pair> routes_;
  bool whole_due_ = false;
  bool report_scheduled_ = false;
  Memory memory_;
  bool save_scheduled_ = false;
};

}  // namespace convergia::sim
