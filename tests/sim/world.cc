#include "tests/sim/world.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "tests/sim/nodes/rogue.h"

namespace convergia::sim {
namespace {

// Small bounds, so that queues reach them.
edge::Switchboard::Options SmallOptions(Dice* dice) {
  edge::Switchboard::Options options;
  if (dice->OneIn(2)) {
    options.channel.bytes_max = 4096;
    options.channel.flight_bytes_max = 1024;
    options.channel.flight_count_max = dice->Between(2, 32);
    options.channel.count_max = 200;
    options.frame_bytes_max = 2048;
    options.forward_bytes_max = 8192;
    options.busy_items = 4;
  }
  return options;
}

}  // namespace

WorldPlan WorldPlan::Draw(uint64_t seed) {
  Dice dice(seed * 7919 + 17);
  WorldPlan plan{.seed = seed};
  plan.edges = dice.Between(3, 7);
  plan.users = dice.Between(5, 20);
  plan.steps = dice.Between(100, 300);
  if (dice.OneIn(2)) plan.walled_for_good = dice.Between(1, plan.edges - 1);
  plan.has_rogue = dice.OneIn(5);
  switch (dice.Below(6)) {
    case 0:  // Only links fail.
      plan.edge_deaths = plan.mgmt_deaths = 0;
      plan.cuts = plan.shuts = plan.holds = 6;
      break;
    case 1:  // Only processes die.
      plan.cuts = plan.holds = plan.shuts = plan.walls = 0;
      plan.edge_deaths = 5;
      break;
    case 2:  // Many messages in little time.
      plan.step_max = absl::Milliseconds(20);
      break;
    case 3:  // Long silences.
      plan.step_max = absl::Seconds(2);
      plan.holds = 6;
      break;
    case 4:  // Users move often.
      plan.moves = 50;
      break;
    default:
      break;
  }
  if (dice.OneIn(3)) {
    constexpr MgmtStays kAbsences[] = {MgmtStays::kUntilSome, MgmtStays::kForSignIn,
                                       MgmtStays::kAway};
    plan.mgmt_stays = kAbsences[dice.Below(3)];
    if (plan.mgmt_stays == MgmtStays::kUntilSome) plan.mgmt_deaths = std::max(plan.mgmt_deaths, 1);
  }
  if (dice.OneIn(3)) plan.slow_check_one_in = 20;
  return plan;
}

WorldPlan WorldPlan::DrawSilences(uint64_t seed) {
  Dice dice(seed * 6'151 + 5);
  WorldPlan plan{.seed = seed};
  plan.edges = dice.Between(3, 6);
  plan.users = dice.Between(6, 20);
  plan.steps = dice.Between(100, 300);
  plan.moves = plan.cuts = plan.shuts = plan.walls = plan.edge_deaths = plan.mgmt_deaths = 0;
  plan.slow_readers = 0;
  plan.holds = 10;
  plan.one_silence = true;
  return plan;
}

World::World(const WorldPlan& plan)
    : plan_(plan),
      options_([&] {
        Dice dice(plan.seed + 1);
        return plan.one_silence ? edge::Switchboard::Options() : SmallOptions(&dice);
      }()),
      dice_(plan.seed),
      history_(&events_, plan.history_lines_max),
      network_(&events_, &dice_, &history_),
      ledger_(&history_) {
  for (int i = 0; i < plan.edges; ++i) {
    const NodeId node = kFirstEdge + i;
    slots_.push_back({.node = node});
    if (i >= plan.edges - plan.walled_for_good) network_.SetWalled(node, true);
    for (NodeId other = kMgmtNode; other < node; ++other) {
      const absl::Duration latency =
          dice_.Between(absl::Microseconds(100), absl::Milliseconds(dice_.OneIn(3) ? 60 : 2));
      network_.SetLatency(node, other, latency);
    }
  }
  for (int i = 0; i < plan.users; ++i) {
    people_.push_back({.name = absl::StrCat("u", i), .moves_only = !dice_.OneIn(3)});
    ledger_.AddUser(people_.back().name, people_.back().moves_only);
  }
}

World::~World() = default;

void World::Pass(absl::Duration time) {
  events_.RunUntil(events_.now() + time, [this] { return history_.is_broken(); });
}

void World::Run() {
  StartMgmt();
  for (Slot& slot : slots_) StartEdge(slot);
  if (plan_.has_rogue) Annoy();
  Pass(dice_.Between(absl::ZeroDuration(), absl::Seconds(5)));
  if (plan_.mgmt_stays == MgmtStays::kForSignIn || plan_.mgmt_stays == MgmtStays::kAway)
    SignInAll();
  if (plan_.one_silence) {
    for (int i = 0; i < plan_.users; ++i) SignInOrMove();
    Pass(absl::Seconds(15));
  }
  for (int step = 0; step < plan_.steps && !history_.is_broken(); ++step) {
    Step();
    Pass(dice_.Between(absl::ZeroDuration(), plan_.step_max));
  }
  Calm();
  // Without mgmt, a dead edge is noticed after 45 s, plus some rounds of gossip.
  Pass(absl::Seconds(mgmt_is_gone_ ? 120 : 60));
  if (history_.is_broken()) return;
  ledger_.CheckAllAnswered();
  CheckLinks();
  CheckDirectories();
  CheckRoutes();
  CheckEverybodyTalks();
  for (Slot& slot : slots_) {
    if (slot.edge != nullptr) CollectTraffic(*slot.edge);
  }
}

// All sign in while mgmt runs; then it dies.
void World::SignInAll() {
  Pass(absl::Seconds(10));  // Edges learn of each other and store that.
  for (int i = 0; i < plan_.users; ++i) SignInOrMove();
  Pass(absl::Seconds(10));
  mgmt_is_gone_ = true;
  KillMgmt();
}

void World::Step() {
  if (people_.empty()) return;
  int roll = static_cast<int>(dice_.Below(100));
  const auto is = [&roll](int share) {
    roll -= share;
    return roll < 0;
  };
  if (is(plan_.moves)) return SignInOrMove();
  if (is(plan_.cuts)) return CutPath();
  if (is(plan_.holds)) return TroublePath(Network::Path::kHeld);
  if (is(plan_.shuts)) return TroublePath(Network::Path::kShut);
  if (is(plan_.walls)) return ToggleWall();
  if (is(plan_.edge_deaths)) return EdgeDies();
  if (is(plan_.mgmt_deaths)) return MgmtDies();
  if (is(plan_.slow_readers)) return ToggleSlow();
  SendSome();
}

void World::StartEdge(Slot& slot) {
  if (slot.edge != nullptr) return;
  network_.OnStarted(slot.node);
  slot.edge = std::make_shared<Edge>(Everything(), slot.node, ++slot.epoch, options_);
  slot.edge->Start();
}

void World::KillEdge(Slot& slot) {
  const bool silent = dice_.OneIn(3);
  history_.Note("edge ", slot.node, " dies", silent ? " silently" : "");
  for (const SessionNumber session : slot.edge->clients().sessions()) {
    ledger_.OnSessionEnd(session);
  }
  for (Person& person : people_) {
    std::erase_if(person.sessions, [&](const auto& session) { return session.first == slot.node; });
  }
  CollectTraffic(*slot.edge);
  slot.edge = nullptr;
  network_.OnDied(slot.node, silent);
}

void World::CollectTraffic(Edge& edge) {
  const edge::Switchboard::Counters& counters = edge.switchboard().counters();
  traffic_.forwarded += counters.segments_forwarded;
  traffic_.came_back += counters.segments_came_back;
  traffic_.refused += counters.segments_refused;
}

void World::StartMgmt() {
  if (mgmt_ != nullptr || mgmt_is_gone_) return;
  network_.OnStarted(kMgmtNode);
  Mgmt::Registry registry;
  for (const Slot& slot : slots_) registry.edges.push_back(slot.node);
  mgmt_ = std::make_shared<Mgmt>(Everything(), ++mgmt_epoch_, std::move(registry));
  mgmt_->Start();
}

void World::KillMgmt() {
  const bool silent = dice_.OneIn(3);
  history_.Note("mgmt dies", silent ? " silently" : "");
  mgmt_ = nullptr;
  network_.OnDied(kMgmtNode, silent);
}

std::vector<World::Slot*> World::Living() {
  std::vector<Slot*> living;
  for (Slot& slot : slots_) {
    if (slot.edge != nullptr) living.push_back(&slot);
  }
  return living;
}

World::Slot* World::AnyForClients() {
  std::vector<Slot*> living = Living();
  if (plan_.has_rogue) std::erase(living, &slots_.front());
  return living.empty() ? nullptr : dice_.Any(living);
}

void World::Annoy() {
  if (is_calm_) return;
  events_.After(dice_.Between(absl::Milliseconds(5), absl::Milliseconds(200)), [this] { Annoy(); });
  Slot& slot = slots_.front();
  if (slot.edge == nullptr) return;
  Rogue rogue(&dice_, slot.node, slot.epoch, plan_.edges);
  slot.edge->links().Inject([&](NodeId peer) { return rogue.MakeFrame(peer, SlotOf(peer).epoch); });
  if (dice_.OneIn(4)) slot.edge->attach().Inject(rogue.MakeReport());
}

NodeId World::AnyNode() { return kMgmtNode + dice_.Below(plan_.edges + 1); }

void World::SendSome() {
  Person& from = dice_.Any(people_);
  if (from.sessions.empty()) return SignInOrMove();
  const auto [node, session] = dice_.Any(from.sessions);
  // Most users have one friend to whom they talk.
  const size_t friend_index = (&from - people_.data() + 1) % people_.size();
  Person& to = dice_.OneIn(3) ? dice_.Any(people_) : people_[friend_index];
  for (int left = dice_.Between(1, 6); left > 0; --left) {
    edge(node)->clients().Send(session, to.name);
  }
}

void World::SignOut(Person& person) {
  const size_t index = dice_.Below(person.sessions.size());
  const auto [node, session] = person.sessions[index];
  person.sessions.erase(person.sessions.begin() + index);
  edge(node)->clients().SignOut(session);
}

void World::SignInOrMove() {
  Person& person = dice_.Any(people_);
  const bool has_enough = person.sessions.size() >= (person.moves_only ? 1 : 3);
  if (!person.sessions.empty() && (has_enough || dice_.OneIn(4))) SignOut(person);
  Slot* const slot = AnyForClients();
  if (slot == nullptr || dice_.OneIn(5)) return;
  const SessionNumber session = slot->edge->clients().SignIn(person.name);
  if (session != 0) person.sessions.emplace_back(slot->node, session);
}

void World::CutPath() {
  const NodeId a = AnyNode(), b = AnyNode();
  if (a == b) return;
  history_.Note("wires between ", a, " and ", b, " are cut");
  network_.Cut(a, b);
}

void World::TroublePath(Network::Path path) {
  const NodeId a = AnyNode(), b = AnyNode();
  if (a == b) return;
  if (plan_.one_silence && (is_silent_ || std::min(a, b) == kMgmtNode)) return;
  is_silent_ = true;
  const absl::Duration time =
      dice_.Between(absl::Milliseconds(50), absl::Seconds(dice_.OneIn(3) ? 40 : 5));
  if (path == Network::Path::kHeld && dice_.OneIn(2)) {
    path = dice_.OneIn(2) ? Network::Path::kHeldUp : Network::Path::kHeldDown;
  }
  constexpr absl::string_view kHow[] = {"", "held", "held one way", "held one way", "shut"};
  history_.Note("the path between ", a, " and ", b, " is ", kHow[static_cast<int>(path)], " for ",
                absl::FormatDuration(time));
  network_.SetPath(a, b, path);
  events_.After(time, [this, a, b] {
    is_silent_ = false;
    if (network_.PathOf(a, b) == Network::Path::kOpen) return;
    history_.Note("the path between ", a, " and ", b, " is open");
    network_.SetPath(a, b, Network::Path::kOpen);
  });
}

void World::ToggleWall() {
  Slot& slot = dice_.Any(slots_);
  const bool walled = !network_.IsWalled(slot.node);
  history_.Note("edge ", slot.node, walled ? " is walled" : " can be dialled");
  network_.SetWalled(slot.node, walled);
}

void World::EdgeDies() {
  Slot& slot = dice_.Any(slots_);
  if (slot.edge == nullptr) return StartEdge(slot);
  KillEdge(slot);
  if (dice_.OneIn(4)) return;  // A later step or the end starts it again.
  const absl::Duration wait =
      dice_.Between(absl::Milliseconds(20), absl::Seconds(dice_.OneIn(2) ? 2 : 20));
  events_.After(wait, [this, node = slot.node] { StartEdge(SlotOf(node)); });
}

void World::MgmtDies() {
  if (mgmt_ == nullptr) return StartMgmt();
  KillMgmt();
  if (plan_.mgmt_stays == MgmtStays::kUntilSome) {
    mgmt_is_gone_ = true;
    return;
  }
  const absl::Duration wait =
      dice_.Between(absl::Milliseconds(20), absl::Seconds(dice_.OneIn(2) ? 2 : 40));
  events_.After(wait, [this] { StartMgmt(); });
}

void World::ToggleSlow() {
  Person& person = dice_.Any(people_);
  if (person.sessions.empty()) return;
  const auto [node, session] = dice_.Any(person.sessions);
  edge(node)->clients().SetSlow(session, dice_.OneIn(2));
}

}  // namespace convergia::sim
