#include "tests/sim/town/resident.h"

#include "tests/sim/nodes/edge.h"
#include "tests/sim/nodes/mgmt.h"

namespace convergia::sim {
namespace {

constexpr absl::Duration kAgainAfter = absl::Milliseconds(500);
constexpr absl::Duration kMoveGrace = absl::Seconds(2);  // Like the client library.

}  // namespace

Resident::Resident(const Surroundings& around, std::string name, std::vector<std::string> friends)
    : around_(around), name_(std::move(name)), friends_(std::move(friends)) {}

void Resident::SignIn() {
  if (session_ != 0) return;
  std::vector<mgmt::Probe> reached;
  std::vector<NodeId> choices;
  for (NodeId node = kFirstEdge; around_.hosts->IsEdge(node); ++node) {
    if (around_.hosts->edge(node) == nullptr) continue;
    reached.push_back({node, static_cast<uint32_t>(around_.dice->Between(500, 2'000))});
    choices.push_back(node);
  }
  // Without mgmt it tries all edges that it knows.
  if (around_.hosts->mgmt() != nullptr) choices = around_.hosts->mgmt()->Assign(name_, reached);
  for (const NodeId node : choices) {
    session_ = around_.hosts->edge(node)->clients().SignIn(name_);
    if (session_ == 0) continue;
    at_ = node;
    return;
  }
  around_.events->After(kAgainAfter, [this] { SignIn(); });
}

void Resident::Talk() {
  if (session_ == 0 || quitting_) return;
  const std::string& to = friends_[around_.dice->Below(friends_.size())];
  around_.hosts->edge(at_)->clients().Send(session_, to);
}

void Resident::OnUseMainServer(SessionNumber session, NodeId to) {
  if (session != session_ || next_ != 0 || quitting_ || to == at_) return;
  around_.events->After(around_.dice->Between(absl::Milliseconds(5), absl::Milliseconds(200)),
                        [this, session, to] {
                          if (session == session_ && next_ == 0 && !quitting_) Move(to);
                        });
}

void Resident::Move(NodeId to) {
  const std::shared_ptr<Edge> edge = around_.hosts->edge(to);
  if (edge == nullptr) return;
  filter_.Clear();
  next_ = edge->clients().SignIn(name_);
  if (next_ == 0) return;  // The new edge refuses, so the client stays.
  next_at_ = to;
  ++moves_;
  around_.events->After(kMoveGrace, [this, old = session_] {
    if (old == session_ && next_ != 0) Quit();
  });
}

void Resident::Quit() {
  quitting_ = true;
  around_.hosts->edge(at_)->clients().Quit(session_);
}

void Resident::OnClosed(SessionNumber session) {
  if (session == next_) {  // The new session ends too.
    next_ = 0;
    if (!quitting_) held_.clear();
    return;
  }
  if (session != session_) return;
  session_ = std::exchange(next_, 0);
  at_ = session_ == 0 ? 0 : next_at_;
  quitting_ = false;
  ShowHeld();
  if (session_ == 0) SignIn();
}

void Resident::OnRead(SessionNumber session, SessionNumber sender, MessageNumber message) {
  const Read read{sender, message};
  if (session == next_ && next_ != 0) {
    held_.push_back(read);
  } else if (session == session_) {
    const std::string data = Ledger::BodyOf(message);
    if (next_ != 0) {
      filter_.SawOnOld(data);
    } else if (filter_.IsRepeat(data)) {
      return;
    }
    Show(read);
  }
}

void Resident::ShowHeld() {
  for (const Read& read : std::exchange(held_, {})) {
    if (!filter_.IsRepeat(Ledger::BodyOf(read.message))) Show(read);
  }
}

void Resident::Show(const Read& read) {
  if (!shown_.insert(read.message).second) {
    return around_.history->Broken(name_, " is shown m", read.message, " twice");
  }
  MessageNumber& last = last_from_[read.sender];
  if (read.message < last) {
    return around_.history->Broken(name_, " is shown m", read.message, " after m", last);
  }
  last = read.message;
}

}  // namespace convergia::sim
