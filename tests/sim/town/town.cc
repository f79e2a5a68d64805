#include "tests/sim/town/town.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace convergia::sim {

TownPlan TownPlan::Draw(uint64_t seed) {
  Dice dice(seed * 104'729 + 3);
  TownPlan plan{.seed = seed};
  plan.edges = dice.Between(3, 5);
  plan.residents = dice.Between(40, 100);
  plan.community = dice.Between(4, 10);
  plan.has_trouble = dice.OneIn(3);
  plan.drain_within = dice.Between(absl::Seconds(20), absl::Seconds(60));
  plan.rebalancing.moves_per_minute = dice.Between(6, 30);
  // Short enough that a user who is moved back and forth would show.
  plan.rebalancing.rest_first = absl::Seconds(30);
  return plan;
}

Town::Town(const TownPlan& plan)
    : plan_(plan),
      dice_(plan.seed),
      history_(&events_, /*lines_max=*/400),
      network_(&events_, &dice_, &history_),
      ledger_(&history_) {
  for (int i = 0; i < plan.edges; ++i) {
    edges_.push_back(nullptr);
    registry_.edges.push_back(kFirstEdge + i);
  }
  std::vector<std::string> names;
  for (int i = 0; i < plan.residents; ++i) names.push_back(absl::StrCat("u", i));
  for (int i = 0; i < plan.residents; ++i) {
    std::vector<std::string> friends;
    const int first = i / plan.community * plan.community;
    for (int j = first; j < std::min(first + plan.community, plan.residents); ++j) {
      if (j != i) friends.push_back(names[j]);
    }
    // Plus some friends from other communities.
    while (friends.empty() || dice_.OneIn(3)) {
      if (std::string any = dice_.Any(names); any != names[i]) friends.push_back(std::move(any));
    }
    ledger_.AddUser(names[i], /*moves_only=*/false);
    residents_.push_back(std::make_unique<Resident>(Everything(), names[i], std::move(friends)));
    by_name_[names[i]] = residents_.back().get();
  }
  ledger_.set_on_read([this](SessionNumber reader, SessionNumber sender, MessageNumber message) {
    if (Resident* const resident = ResidentOf(reader)) resident->OnRead(reader, sender, message);
  });
}

Town::~Town() = default;

Resident* Town::ResidentOf(SessionNumber session) {
  const auto found = by_name_.find(ledger_.UserOf(session));
  return found == by_name_.end() ? nullptr : found->second;
}

void Town::OnUseMainServer(SessionNumber session, NodeId to) {
  if (Resident* const resident = ResidentOf(session)) resident->OnUseMainServer(session, to);
}

void Town::OnSessionClosed(SessionNumber session) {
  if (Resident* const resident = ResidentOf(session)) resident->OnClosed(session);
}

void Town::Pass(absl::Duration time) {
  events_.RunUntil(events_.now() + time, [this] { return history_.is_broken(); });
}

void Town::StartMgmt() {
  network_.OnStarted(kMgmtNode);
  mgmt_ = std::make_shared<Mgmt>(Everything(), ++mgmt_epoch_, registry_, plan_.rebalancing);
  mgmt_->Start();
}

void Town::TalkAgain(Resident* resident) {
  if (is_quiet_) return;
  const MessageNumber before = ledger_.last_message();
  const NodeId from = resident->at();
  resident->Talk();
  for (MessageNumber message = before + 1; message <= ledger_.last_message(); ++message) {
    crossed_[message] = by_name_.at(ledger_.RecipientOf(message))->at() != from;
  }
  events_.After(dice_.Between(absl::Milliseconds(500), absl::Seconds(8)),
                [this, resident] { TalkAgain(resident); });
}

double Town::ShareAcross(MessageNumber from) const {
  double all = 0, across = 0;
  for (auto message = crossed_.upper_bound(from); message != crossed_.end(); ++message) {
    ++all;
    across += message->second;
  }
  return all == 0 ? 0 : across / all;
}

// Checks that no minute has more moves than allowed. Called as often as possible.
void Town::WatchMoves() {
  if (mgmt_ != nullptr) {
    outcome_.moves = moves_before_ + mgmt_->state().moves.proposed;
    outcome_.drain_moves = drain_moves_before_ + mgmt_->state().drain_moves;
  }
  const absl::Duration now = events_.now();
  while (!moves_seen_.empty() && now - moves_seen_.front().first >= absl::Minutes(1)) {
    moves_seen_.pop_front();
  }
  const uint64_t before = moves_seen_.empty() ? outcome_.moves : moves_seen_.front().second;
  // A new start of mgmt cannot know the moves of the last minute before it.
  const uint64_t most = plan_.rebalancing.moves_per_minute * (plan_.has_trouble ? 2 : 1);
  if (outcome_.moves - before > most) {
    history_.Broken(outcome_.moves - before, " moves in a minute, where ", most, " are allowed");
  }
  moves_seen_.emplace_back(now, outcome_.moves);
  events_.After(absl::Milliseconds(500), [this] { WatchMoves(); });
}

void Town::Trouble() {
  if (is_calm_) return;
  events_.After(dice_.Between(absl::Seconds(1), absl::Seconds(15)), [this] { Trouble(); });
  const NodeId a = kMgmtNode + dice_.Below(plan_.edges + 1);
  const NodeId b = kMgmtNode + dice_.Below(plan_.edges + 1);
  if (a != b && dice_.OneIn(2)) {
    history_.Note("wires between ", a, " and ", b, " are cut");
    network_.Cut(a, b);
  } else if (a != b) {
    history_.Note("the path between ", a, " and ", b, " is held");
    network_.SetPath(a, b, Network::Path::kHeld);
    events_.After(dice_.Between(absl::Seconds(1), absl::Seconds(10)),
                  [this, a, b] { network_.SetPath(a, b, Network::Path::kOpen); });
  } else if (mgmt_ != nullptr) {
    history_.Note("mgmt dies");
    moves_before_ += mgmt_->state().moves.proposed;
    drain_moves_before_ += mgmt_->state().drain_moves;
    mgmt_ = nullptr;
    network_.OnDied(kMgmtNode, /*silent=*/false);
    events_.After(dice_.Between(absl::Seconds(1), absl::Seconds(20)), [this] { StartMgmt(); });
  }
}

void Town::Drain(NodeId node) {
  history_.Note("edge ", node, " is to drain within ", absl::FormatDuration(plan_.drain_within));
  registry_.draining[node] = plan_.drain_within;
  if (mgmt_ != nullptr) mgmt_->SetRegistry(registry_);
  if (plan_.has_trouble) return;  // With trouble the edge may learn of the drain late.
  events_.After(plan_.drain_within + absl::Seconds(1), [this, node] {
    const size_t left = edge(node)->clients().sessions().size();
    if (left > 0) history_.Broken(left, " sessions are still on edge ", node, ", which drained");
  });
}

void Town::Run() {
  StartMgmt();
  for (int i = 0; i < plan_.edges; ++i) {
    const NodeId node = kFirstEdge + i;
    network_.OnStarted(node);
    edges_[i] = std::make_shared<Edge>(Everything(), node, 1, edge::Switchboard::Options());
    edges_[i]->Start();
  }
  Pass(absl::Seconds(10));
  for (auto& resident : residents_) {
    events_.After(dice_.Between(absl::ZeroDuration(), absl::Seconds(20)),
                  [resident = resident.get()] { resident->Start(); });
    events_.After(absl::Seconds(25), [this, resident = resident.get()] { TalkAgain(resident); });
  }
  WatchMoves();
  Pass(absl::Minutes(1));
  outcome_.first_across = ShareAcross(0);
  if (plan_.has_trouble) Trouble();
  Pass(plan_.time / 3);
  Drain(kFirstEdge + dice_.Below(plan_.edges));
  Pass(plan_.time / 3);
  is_calm_ = true;
  network_.OpenAllPaths();
  Pass(absl::Seconds(40));
  const uint64_t moves = outcome_.moves;
  const MessageNumber messages = ledger_.last_message();
  Pass(plan_.time / 3);
  outcome_.last_moves = outcome_.moves - moves;
  outcome_.last_across = ShareAcross(messages);
  is_quiet_ = true;
  Pass(absl::Seconds(30));
  if (!history_.is_broken()) CheckAtTheEnd();
}

void Town::CheckAtTheEnd() {
  ledger_.CheckAllAnswered();
  CheckMessages();
  CheckShares();
  for (const auto& resident : residents_) {
    if (resident->at() == 0) history_.Broken(resident->name(), " is nowhere");
  }
}

void Town::CheckMessages() {
  for (MessageNumber message = 1; message <= ledger_.last_message(); ++message) {
    const Resident& to = *by_name_.at(ledger_.RecipientOf(message));
    if (ledger_.OkOf(message).value_or(0) > 0) {
      if (!to.has_shown(message)) {
        history_.Broken("m", message, " was answered OK, and ", to.name(), " never saw it");
      }
    } else if (!plan_.has_trouble && ledger_.FailOf(message).has_value()) {
      history_.Broken("m", message, " was refused, and all were there and all was well");
    }
  }
}

void Town::CheckShares() {
  double sessions = 0, edges = 0;
  for (const auto& edge : edges_) {
    sessions += edge->clients().sessions().size();
    edges += !registry_.draining.contains(edge->node());
  }
  const double most = 1.1 * sessions / edges + 20;
  for (const auto& edge : edges_) {
    const size_t here = edge->clients().sessions().size();
    if (registry_.draining.contains(edge->node()) ? here > 0 : here > most + 1) {
      history_.Broken("edge ", edge->node(), " has ", here, " sessions in the end");
    }
  }
}

}  // namespace convergia::sim
