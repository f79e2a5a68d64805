#include "tests/sim/nodes/edge_attach.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "common/node/attach_options.h"
#include "edge/upstream/mgmt_codec.h"
#include "tests/sim/nodes/edge.h"
#include "tests/sim/nodes/mgmt.h"

namespace convergia::sim {
namespace {

// There is only one mgmt at a time, so each is the latest.
constexpr Epoch kEpoch = 1;

constexpr absl::Duration kSavePause = absl::Seconds(5);          // Like node::MgmtMemory.
constexpr absl::Duration kReportPause = absl::Milliseconds(10);  // Like edge::LocationLoop.

rpc::StandingPlan::Options AttachOptions(uint64_t seed) {
  rpc::StandingPlan::Options options = node::AttachOptions();
  options.seed = seed;
  return options;
}

}  // namespace

EdgeAttach::EdgeAttach(const Surroundings& around, Edge* edge)
    : around_(around), edge_(edge), plan_(AttachOptions(edge->epoch())) {
  plan_.SetAddresses({{.address = "mgmt", .name = ""}}, around_.events->now());
}

void EdgeAttach::Start() {
  memory_ = around_.hosts->memory(edge_->node());
  if (memory_.edges) edge_->links().SetPeers(*memory_.edges, /*is_fresh=*/false);
  if (memory_.routes) OnRoutes(*memory_.routes);
  Step();
}

void EdgeAttach::Remember() {
  if (std::exchange(save_scheduled_, true)) return;
  const absl::Duration wait = around_.dice->Between(absl::ZeroDuration(), kSavePause);
  around_.events->After(wait, edge_->Guard([this] {
    save_scheduled_ = false;
    around_.hosts->memory(edge_->node()) = memory_;
  }));
}

void EdgeAttach::Step() {
  using Step = rpc::StandingPlan::Step;
  const uint64_t step = ++step_;
  while (true) {
    const rpc::StandingPlan::Next next = plan_.NextStep(around_.events->now());
    switch (next.step) {
      case Step::kWait: {
        if (next.wait == absl::InfiniteDuration()) return;
        around_.events->After(next.wait, edge_->Guard([this, step] {
          if (step == step_) this->Step();
        }));
        return;
      }
      case Step::kDial:
        Attach();
        break;
      case Step::kClose:
      case Step::kCancel:
        if (wire_ != 0) around_.network->Close(wire_, edge_->node());
        break;
      case Step::kBeat:
        Beat();
        break;
      case Step::kFinal:
        around_.history->Note("edge ", edge_->node(),
                              " gives up: ", plan_.final_status().message());
        return;
    }
  }
}

void EdgeAttach::Beat() {
  v1::FromNode message;
  edge_->clients().FillHeartbeat(message.mutable_heartbeat());
  Send(std::move(message));
}

void EdgeAttach::Attach() {
  around_.network->Dial(edge_->node(), kMgmtNode, edge_->Guard([this](bool reached) {
    if (reached && around_.hosts->mgmt() != nullptr) return OnReached();
    plan_.OnEnded(absl::UnavailableError("not reached"), kEpoch, kEpoch, around_.events->now());
    Step();
  }));
}

void EdgeAttach::OnReached() {
  const std::shared_ptr<Mgmt> mgmt = around_.hosts->mgmt();
  mgmt_ = mgmt;
  stream_ = mgmt->NextStream();
  wire_ = around_.network->Open(
      {edge_->node(), edge_->Guard([this, stream = stream_] { OnClosed(stream); })},
      {kMgmtNode, mgmt->Guard([mgmt = mgmt.get(), stream = stream_] { mgmt->OnClosed(stream); })});
  mgmt->Accept(stream_, edge_->node(), wire_, edge_->weak_from_this());
  v1::FromNode message;
  message.mutable_hello()->set_epoch(edge_->epoch());
  message.mutable_hello()->mutable_addresses()->set_grpc("edge-" + std::to_string(edge_->node()));
  message.mutable_hello()->mutable_addresses()->set_line("edge-" + std::to_string(edge_->node()));
  Send(std::move(message));
}

void EdgeAttach::Send(v1::FromNode message) {
  if (wire_ == 0 || (!plan_.is_up() && !message.has_hello())) return;
  around_.network->Send(
      wire_, edge_->node(),
      [mgmt = mgmt_, stream = stream_, message = std::move(message)] {
        if (const auto alive = mgmt.lock()) alive->OnMessage(stream, message);
      },
      nullptr);
}

void EdgeAttach::OnRefused(uint64_t stream, const absl::Status& why) {
  if (stream == stream_) refusal_ = why;
}

void EdgeAttach::OnClosed(uint64_t stream) {
  if (stream != stream_ || wire_ == 0) return;
  if (plan_.is_up()) around_.history->Note("edge ", edge_->node(), " is detached from mgmt");
  wire_ = 0;
  edge_->exchange().OnDetached(around_.events->now());
  edge_->CarryOutLocations();
  const absl::Status why = std::exchange(refusal_, absl::OkStatus());
  plan_.OnEnded(why.ok() ? absl::UnavailableError("it broke") : why, kEpoch, kEpoch,
                around_.events->now());
  Step();
}

void EdgeAttach::OnMessage(uint64_t stream, const v1::ToNode& message) {
  if (stream != stream_ || wire_ == 0) return;
  switch (message.kind_case()) {
    case v1::ToNode::kWelcome:
      return OnWelcome();
    case v1::ToNode::kEdges:
      memory_.edges = message.edges();
      Remember();
      return edge_->links().SetPeers(message.edges(), /*is_fresh=*/true);
    case v1::ToNode::kDirectory:
      edge_->exchange().OnBatch(message.directory(), around_.events->now());
      return edge_->CarryOutLocations();
    case v1::ToNode::kDirectoryCheck:
      edge_->exchange().OnCheck();
      return edge_->CarryOutLocations();
    case v1::ToNode::kDirectoryBuckets:
      edge_->exchange().OnBuckets(message.directory_buckets(), around_.events->now());
      return edge_->CarryOutLocations();
    case v1::ToNode::kRoutes:
      memory_.routes = message.routes();
      Remember();
      return OnRoutes(message.routes());
    case v1::ToNode::kOrder:
      return edge_->clients().OnOrder(message.order());
    default:
      return;  // Kinds for other parts of a node.
  }
}

void EdgeAttach::OnWelcome() {
  around_.history->Note("edge ", edge_->node(), " is attached to mgmt");
  plan_.OnGreeted(around_.events->now());
  edge_->clients().OnAttached();
  whole_due_ = true;
  OnLocationsChanged();
  v1::FromNode message;
  *message.mutable_links() = links_;
  Send(std::move(message));
  Step();
}

void EdgeAttach::OnRoutes(const v1::Routes& routes) {
  const auto unpacked = edge::UnpackRoutes(routes);
  if (!unpacked.has_value()) return around_.history->Broken("mgmt sent routes that are none");
  routes_ = *unpacked;
  edge_->switchboard().SetRoutes(routes_);
  edge_->Kick();
}

void EdgeAttach::ReportLinks(const std::vector<edge::Switchboard::LinkView>& links) {
  v1::FromNode message;
  *message.mutable_links() = edge::PackLinks(links);  // An empty report is news too.
  links_ = message.links();
  Send(std::move(message));
}

void EdgeAttach::ReportLinksAgain() {
  ReportLinks(edge_->switchboard().Links(around_.events->now()));
}

void EdgeAttach::OnLocationsChanged() {
  if (std::exchange(report_scheduled_, true)) return;
  const absl::Duration wait = around_.dice->Between(absl::ZeroDuration(), kReportPause);
  around_.events->After(wait, edge_->Guard([this] {
    report_scheduled_ = false;
    ReportLocations();
  }));
}

void EdgeAttach::ReportLocations() {
  edge::LocationExchange& exchange = edge_->exchange();
  const auto changes_of = [](auto counts) {
    std::sort(counts.begin(), counts.end(),
              [](const auto& a, const auto& b) { return a.user < b.user; });
    std::vector<v1::LocationChange> changes;
    for (const auto& count : counts) {
      v1::LocationChange& change = changes.emplace_back();
      change.set_username(count.user);
      change.set_account_id(count.account);
      change.set_sessions(count.sessions);
    }
    return changes;
  };
  v1::FromNode message;
  std::vector<v1::LocationChange> changes = changes_of(edge_->clients().hub().TakeChanges());
  if (!changes.empty()) {
    *message.mutable_locations() = exchange.OnOwnChanges(std::move(changes), around_.events->now());
    Send(std::move(message));
    edge_->CarryOutLocations();
  }
  if (!std::exchange(whole_due_, false)) return;
  message.Clear();
  message.mutable_locations()->set_whole(true);
  message.mutable_locations()->set_version(exchange.own_version());
  for (v1::LocationChange& change : changes_of(edge_->clients().hub().Everyone())) {
    *message.mutable_locations()->add_changes() = std::move(change);
  }
  Send(std::move(message));
}

}  // namespace convergia::sim
