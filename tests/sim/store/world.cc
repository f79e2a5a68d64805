#include "tests/sim/store/world.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/store/replicated/log_mark.h"

namespace convergia::sim {
namespace {

constexpr absl::Duration kLease = absl::Seconds(2);
constexpr int kCounters = 4;

}  // namespace

StorePlan StorePlan::Draw(uint64_t seed) {
  Dice dice(seed);
  StorePlan plan;
  plan.seed = seed;
  plan.replicas = dice.OneIn(5) ? 2 : 3;
  plan.operation_every = dice.Between(absl::Milliseconds(5), absl::Milliseconds(60));
  plan.lost = dice.OneIn(3) ? 0 : dice.Between(0, 20);
  plan.doubled = dice.OneIn(3) ? 0 : dice.Between(0, 30);
  plan.late = dice.OneIn(3) ? 0 : dice.Between(0, 10);
  plan.trouble_every = dice.Between(absl::Milliseconds(200), absl::Milliseconds(3'000));
  plan.crash_one_in = dice.OneIn(3) ? 0 : dice.Between(20, 400);
  return plan;
}

StorePlan StorePlan::DrawCrashAt(uint64_t seed, int step) {
  StorePlan plan;
  plan.seed = seed;
  plan.troubled = absl::Seconds(2);
  plan.trouble_every = absl::InfiniteDuration();
  plan.lost = 5;
  plan.doubled = 5;
  plan.crash_at = step;
  return plan;
}

StoreWorld::StoreWorld(const StorePlan& plan)
    : plan_(plan),
      dice_(plan.seed * 2 + 1),
      history_(&events_, plan.history_lines_max),
      codec_(std::string(32, 's'), std::string(store::kLogIdBytes, 'i')),
      log_(codec_.log_id()),
      truth_(&codec_, &history_),
      troubled_until_(events_.now() + plan.troubled),
      operations_until_(troubled_until_ + plan.quiet - absl::Seconds(3)),
      ends_(troubled_until_ + plan.quiet),
      replicas_(plan.replicas) {}

void StoreWorld::Run() {
  for (int replica = 0; replica < plan_.replicas; ++replica) StartReplica(replica);
  SendOperation();
  MakeTrouble();
  const auto is_broken = [this] { return history_.is_broken(); };
  events_.RunUntil(operations_until_ - absl::Seconds(1), is_broken);
  const uint64_t before = truth_.counts().acknowledged;
  events_.RunUntil(ends_, is_broken);
  if (is_broken()) return;
  if (truth_.counts().acknowledged == before) {
    history_.Broken("all has been quiet, and commits do not succeed");
  }
  truth_.CheckAtEnd();
  for (int replica = 0; replica < plan_.replicas; ++replica) {
    truth_.CheckEqual(absl::StrCat("replica", replica), replicas_[replica].disk);
  }
}

// ---- The network and the log.

bool StoreWorld::IsLost(int replica) {
  if (!is_troubled()) return false;
  return replicas_[replica].is_cut || dice_.Below(100) < static_cast<uint64_t>(plan_.lost);
}

absl::Duration StoreWorld::Delay() {
  const bool is_late = is_troubled() && dice_.Below(100) < static_cast<uint64_t>(plan_.late);
  return dice_.Between(absl::Microseconds(200), absl::Milliseconds(is_late ? 3'000 : 5));
}

store::LogModel& StoreWorld::log_for_request() {
  if (events_.now() >= lease_ends_) log_.RemoveLeader();
  return log_;
}

store::AppendAnswer StoreWorld::AppendToLog(const store::AppendRequest& request) {
  const store::AppendAnswer answer = log_for_request().Append(request);
  if (answer.kind != store::AppendAnswer::Kind::kAppended) return answer;
  truth_.OnAppended(request.entry);
  for (int replica = 0; replica < plan_.replicas; ++replica) {
    const ProcessPtr process = replicas_[replica].process;
    if (process == nullptr || IsLost(replica)) continue;
    Later(process, Delay(), [process, entry = request.entry] { process->OnNews(entry); });
  }
  return answer;
}

store::CampaignAnswer StoreWorld::Campaign(const store::Campaign& campaign) {
  const bool is_free = !log_for_request().leader().has_value();
  const store::CampaignAnswer answer = log_.TryCampaign(campaign);
  if (is_free && log_.leader().has_value()) lease_ends_ = events_.now() + campaign.lease;
  return answer;
}

store::RenewAnswer StoreWorld::Renew(uint64_t key) {
  if (!log_for_request().Leads(key)) return store::RenewAnswer::kGone;
  lease_ends_ = events_.now() + kLease;
  return store::RenewAnswer::kRenewed;
}

// ---- Processes.

void StoreWorld::Deliver(const ProcessPtr& process, const std::function<void()>& task) {
  if (process->is_dead || history_.is_broken()) return;
  if (process->is_paused) {
    process->backlog.push_back(task);
  } else {
    task();
  }
}

void StoreWorld::Later(const ProcessPtr& process, absl::Duration wait, std::function<void()> task) {
  events_.After(wait, [this, process, task = std::move(task)] { Deliver(process, task); });
}

bool StoreWorld::CrashesAt(StoreProcess* process, const char* step) {
  const int number = steps_++;
  const bool by_chance = is_troubled() && plan_.crash_one_in > 0 && dice_.OneIn(plan_.crash_one_in);
  if (!by_chance && number != plan_.crash_at) return false;
  history_.Note(process->name(), " crashes: ", step);
  ++crashes_;
  Kill(process->replica(), dice_.Between(absl::Milliseconds(50), absl::Milliseconds(3'000)));
  return true;
}

void StoreWorld::End(StoreProcess* process) {
  Kill(process->replica(), dice_.Between(absl::Milliseconds(50), absl::Milliseconds(500)));
}

void StoreWorld::StartReplica(int number) {
  Replica& replica = replicas_[number];
  if (replica.process != nullptr) return;
  const double clock_rate = 0.98 + 0.0001 * dice_.Between(0, 400);
  const std::string name = absl::StrCat("replica", number, "#", ++replica.starts);
  replica.process = std::make_shared<StoreProcess>(this, number, name, &replica.disk, clock_rate);
  history_.Note(name, " starts");
  const ProcessPtr process = replica.process;
  Later(process, absl::ZeroDuration(), [process] { process->Start(); });
}

void StoreWorld::Kill(int number, absl::Duration restart_after) {
  Replica& replica = replicas_[number];
  if (replica.process == nullptr) return;
  replica.process->is_dead = true;
  replica.process->backlog.clear();
  replica.process.reset();
  events_.After(restart_after, [this, number] { StartReplica(number); });
}

void StoreWorld::SeedFromAnother(int number, StoreDisk* disk) {
  ++seedings_;
  const StoreDisk* best = disk;
  for (const Replica& other : replicas_) {
    if (other.disk.revision > best->revision) best = &other.disk;
  }
  history_.Note("replica", number, " is seeded at revision ", best->revision);
  *disk = StoreDisk(*best);
}

void StoreWorld::GoOn(const ProcessPtr& process) {
  process->is_paused = false;
  std::deque<std::function<void()>> backlog;
  backlog.swap(process->backlog);
  for (const auto& task : backlog) Deliver(process, task);
}

// ---- Troubles and clients.

void StoreWorld::MakeTrouble() {
  if (plan_.trouble_every == absl::InfiniteDuration() || !is_troubled()) return;
  const int number = static_cast<int>(dice_.Below(replicas_.size()));
  const ProcessPtr process = replicas_[number].process;
  const absl::Duration how_long =
      dice_.Between(absl::Milliseconds(100), dice_.OneIn(4) ? 10 * kLease : 2 * kLease);
  const absl::Duration until_quiet = troubled_until_ - events_.now();
  switch (dice_.Below(4)) {
    case 0:
      if (process != nullptr) history_.Note(process->name(), " is killed");
      Kill(number, dice_.Between(absl::Milliseconds(50), absl::Milliseconds(3'000)));
      break;
    case 1:
      if (process == nullptr || process->is_paused) break;
      history_.Note(process->name(), " stands still for ", absl::FormatDuration(how_long));
      process->is_paused = true;
      events_.After(std::min(how_long, until_quiet), [this, process] { GoOn(process); });
      break;
    case 2:
      history_.Note("replica", number, " is cut off for ", absl::FormatDuration(how_long));
      replicas_[number].is_cut = true;
      events_.After(how_long, [this, number] { replicas_[number].is_cut = false; });
      break;
    default:
      if (process != nullptr) Deliver(process, [process] { process->Resign(); });
  }
  events_.After(dice_.Between(absl::ZeroDuration(), 2 * plan_.trouble_every),
                [this] { MakeTrouble(); });
}

// To a process that believes that it leads. It may be wrong.
void StoreWorld::SendOperation() {
  CheckLeaders();
  std::vector<ProcessPtr> leaders;
  for (const Replica& replica : replicas_) {
    if (replica.process != nullptr && replica.process->leads()) leaders.push_back(replica.process);
  }
  if (!leaders.empty()) {
    const ProcessPtr leader = dice_.Any(leaders);
    const uint64_t operation = ++operations_;
    const std::string counter = absl::StrCat("counter", dice_.Below(kCounters));
    store::Batch batch;
    batch.IfVersion(counter, leader->disk().VersionOf(counter));
    batch.Put(counter, absl::StrCat(operation));
    batch.Put(StoreTruth::KeyOf(operation), "");
    const std::string brief = absl::StrCat("brief", dice_.Below(kCounters));
    dice_.OneIn(2) ? batch.Delete(brief) : batch.Put(brief, "");
    Deliver(leader, [leader, operation, batch] { leader->Commit(operation, batch); });
  }
  if (events_.now() >= operations_until_) return;
  events_.After(dice_.Between(absl::ZeroDuration(), 2 * plan_.operation_every),
                [this] { SendOperation(); });
}

void StoreWorld::CheckLeaders() {
  std::string reader;
  for (const Replica& replica : replicas_) {
    if (replica.process == nullptr || !replica.process->MayRead()) continue;
    if (!reader.empty()) history_.Broken(reader, " and ", replica.process->name(), " both lead");
    reader = replica.process->name();
    truth_.OnRead(reader, replica.disk.revision);
  }
}

}  // namespace convergia::sim
