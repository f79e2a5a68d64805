#include "tests/sim/store/process.h"

#include <algorithm>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "common/store/commit_rules.h"
#include "common/store/replicated/log_mark.h"
#include "common/store/replicated/trim_plan.h"
#include "common/store/rocks/rocks_format.h"
#include "tests/sim/store/world.h"

namespace convergia::sim {
namespace {

using store::LogWriter;
using Stage = store::ElectionPlan::Stage;

constexpr absl::Duration kPollEvery = absl::Milliseconds(200);
constexpr size_t kGroupMax = 3;
constexpr size_t kReadBytes = 2'000;
const store::TrimOptions kTrim = {.keep_bytes = 4'000, .step = 10};

}  // namespace

StoreProcess::StoreProcess(StoreWorld* world, int replica, std::string name, StoreDisk* disk,
                           double clock_rate)
    : world_(world),
      replica_(replica),
      name_(std::move(name)),
      disk_(disk),
      clock_rate_(clock_rate),
      election_({.replica = absl::StrCat("replica", replica),
                 .address = name_,
                 .lease = store::LeaseOptions().lease,
                 .start = name_}) {}

absl::Duration StoreProcess::LocalNow() const { return world_->events().now() * clock_rate_; }

bool StoreProcess::MayRead() const {
  return leads() && !is_fenced_ && lease_.has_value() && lease_->Holds(LocalNow());
}

// ---- Election.

void StoreProcess::Do(const store::ElectionPlan::Actions& actions) {
  if (actions.resign.has_value()) {
    world_->Ask<bool>(
        shared_from_this(),
        [world = world_, key = *actions.resign] {
          world->log_for_request().Resign(key);
          return true;
        },
        [](std::optional<bool>) {});
  }
  if (actions.campaign.has_value()) SendCampaign(*actions.campaign);
  if (actions.catch_up.has_value()) {
    world_->notes().Note(name_, " has won epoch ", actions.catch_up->epoch);
    term_ = actions.catch_up;
    lease_.emplace(store::LeaseOptions(), asked_at_);
    if (world_->CrashesAt(this, "won")) return;
    Tick();
    SeeWhetherCaughtUp();
  }
  if (actions.lead.has_value()) BeginToLead(*actions.lead);
  if (actions.stop_commits) {
    is_stopping_ = true;
    if (!is_writing_) Do(election_.OnStopped());
  }
  if (actions.end) EndSoon();
}

void StoreProcess::SendCampaign(const store::Campaign& campaign) {
  if (campaign.candidacy != candidacy_) asked_at_ = LocalNow();
  candidacy_ = campaign.candidacy;
  world_->Ask<store::CampaignAnswer>(
      shared_from_this(), [world = world_, campaign] { return world->Campaign(campaign); },
      [this](std::optional<store::CampaignAnswer> answer) {
        Do(election_.OnCampaignAnswer(answer.value_or(store::CampaignAnswer())));
      });
}

void StoreProcess::Resign() {
  world_->notes().Note(name_, " is told to stop");
  Do(election_.OnResign());
}

// Ends once nothing is under way, as Stop() of a store does.
void StoreProcess::EndSoon() {
  is_ending_ = true;
  if (!is_writing_) world_->End(this);
}

void StoreProcess::Tick() {
  if (!lease_.has_value() || is_fenced_) return;
  const auto self = shared_from_this();
  const store::LeasePlan::Actions actions = lease_->OnTick(LocalNow());
  for (const store::HealthCheck check : actions.check) {
    const bool hangs = world_->dice().OneIn(100);
    world_->Later(
        self, world_->dice().Between(absl::Milliseconds(1), absl::Milliseconds(hangs ? 4'000 : 50)),
        [this, check] {
          lease_->OnPassed(check);
          Tick();
        });
  }
  if (actions.renew) {
    world_->Ask<store::RenewAnswer>(
        self, [world = world_, key = term_->key] { return world->Renew(key); },
        [this](std::optional<store::RenewAnswer> answer) {
          lease_->OnRenewAnswer(answer.value_or(store::RenewAnswer::kNoAnswer));
          Tick();
        });
  }
  if (actions.fence) {
    world_->notes().Note(name_, " fences itself");
    is_fenced_ = true;
    Do(election_.OnFenced());
    return;
  }
  world_->Later(self, (actions.wake_at - LocalNow()) / clock_rate_, [this, tick = ++ticks_] {
    if (tick == ticks_) Tick();
  });
}

// ---- Following.

void StoreProcess::Start() { Poll(); }

void StoreProcess::Poll() {
  world_->Ask<store::LogState>(
      shared_from_this(), [world = world_] { return world->log_for_request().State(); },
      [this](std::optional<store::LogState> state) {
        if (state.has_value()) OnState(*state);
        if (is_dead || is_ending_) return;
        if (leads()) ReportAndTrim();
        world_->Later(shared_from_this(), kPollEvery, [this] { Poll(); });
      });
}

void StoreProcess::OnState(const store::LogState& state) {
  if (!follower_.has_value() && !BeginToFollow(state)) return;
  if (election_.stage() == Stage::kFollowing && state.head.sequence >= follower_->next()) List();
  Do(election_.OnLeader(state.leader));
}

bool StoreProcess::BeginToFollow(const store::LogState& state) {
  absl::StatusOr<store::LogMark> from = store::WhereToFollow(disk_->mark, disk_->revision, state);
  if (absl::IsOutOfRange(from.status())) {
    world_->SeedFromAnother(replica_, disk_);
    if (world_->CrashesAt(this, "seeded")) return false;
    from = store::WhereToFollow(disk_->mark, disk_->revision, state);
    if (absl::IsOutOfRange(from.status()) || absl::IsFailedPrecondition(from.status())) {
      return false;  // Older or newer than `state`: with the next one.
    }
  }
  if (!from.ok()) {
    world_->notes().Broken(name_, " cannot follow: ", from.status().ToString());
    return false;
  }
  follower_.emplace(&world_->codec(), *from);
  List();
  return true;
}

void StoreProcess::OnNews(const store::LogEntry& entry) {
  if (!follower_.has_value() || writer_.has_value() || is_ending_) return;
  bool list = false;
  if (Take({entry}, &list) && list) List();
}

void StoreProcess::List() {
  if (is_listing_ || writer_.has_value()) return;
  is_listing_ = true;
  using Entries = absl::StatusOr<std::vector<store::LogEntry>>;
  world_->Ask<Entries>(
      shared_from_this(),
      [world = world_, from = follower_->next()] {
        return world->log_for_request().Read(from, kReadBytes);
      },
      [this](std::optional<Entries> entries) {
        is_listing_ = false;
        if (writer_.has_value() || is_ending_) return;
        if (!entries.has_value()) return List();
        if (!entries->ok()) return EndSoon();  // Trimmed: the next start is seeded.
        bool list = false;
        if (!Take(**entries, &list)) return;
        if (list || !(*entries)->empty()) return List();
        if (!term_.has_value()) return Do(election_.OnReady(true));
        SeeWhetherCaughtUp();
      });
}

bool StoreProcess::Take(absl::Span<const store::LogEntry> entries, bool* list) {
  const absl::StatusOr<store::LogFollower::Actions> actions = follower_->OnEntries(entries);
  if (!actions.ok()) {
    world_->notes().Broken(name_, " refuses an entry: ", actions.status().ToString());
    return false;
  }
  *list = actions->list;
  if (actions->apply.empty()) return true;
  if (world_->CrashesAt(this, "before apply")) return false;
  const absl::Status applied = disk_->Apply(actions->apply, EncodeMark(follower_->mark()));
  if (!applied.ok()) world_->notes().Broken(name_, ": ", applied.ToString());
  return !world_->CrashesAt(this, "after apply");
}

void StoreProcess::SeeWhetherCaughtUp() {
  if (election_.stage() != Stage::kCatchingUp) return;
  const absl::StatusOr<bool> is_there = follower_->HasReached(term_->head);
  if (!is_there.ok()) {
    world_->notes().Broken(name_, " cannot lead: ", is_there.status().ToString());
  } else if (*is_there) {
    Do(election_.OnCaughtUp());
  } else {
    List();
  }
}

void StoreProcess::BeginToLead(const store::Term& term) {
  if (world_->CrashesAt(this, "caught up")) return;
  world_->notes().Note(name_, " leads epoch ", term.epoch, " from entry ", term.head.sequence);
  world_->promises().OnLeads(term.epoch, name_);
  writer_.emplace(&world_->codec(), term);
}

void StoreProcess::ReportAndTrim() {
  const std::string replica = absl::StrCat("replica", replica_);
  const absl::StatusOr<store::LogMark> mark = store::DecodeMark(disk_->mark);
  if (!mark.ok()) return;
  world_->Ask<bool>(
      shared_from_this(),
      [world = world_, replica, flushed = mark->position.sequence] {
        store::LogModel& log = world->log_for_request();
        log.ReportFlushed(replica, flushed);
        if (const auto through = store::PlanTrim(log.State(), kTrim)) log.Trim(*through);
        return true;
      },
      [](std::optional<bool>) {});
}

// ---- Leading.

void StoreProcess::Commit(uint64_t operation, store::Batch batch) {
  world_->promises().OnAsked(operation);
  if (!writer_.has_value() || is_stopping_ || is_fenced_ || is_ending_) {
    world_->promises().OnOutcome(operation, absl::FailedPreconditionError("not the leader"));
    return;
  }
  waiting_.push_back({operation, std::move(batch)});
  if (!is_writing_) WriteGroup();
}

void StoreProcess::WriteGroup() {
  group_.clear();
  store::rocks_format::Changes changes;
  absl::flat_hash_map<std::string, store::Revision> versions;
  store::Revision revision = disk_->revision;
  while (!waiting_.empty() && group_.size() < kGroupMax) {
    const Pending next = std::move(waiting_.front());
    waiting_.pop_front();
    const auto decided = store::DecideCommit(next.batch, [&](absl::string_view key) -> Outcome {
      const auto it = versions.find(key);
      return it != versions.end() ? it->second : disk_->VersionOf(std::string(key));
    });
    if (!decided.ok()) {
      group_.emplace_back(next.operation, decided.status());
      continue;
    }
    changes.push_back(store::MakeEvents(*decided, ++revision));
    for (const store::Event& event : changes.back()) {
      versions[event.key] = event.kind == store::Mutation::Kind::kDelete ? 0 : revision;
    }
    group_.emplace_back(next.operation, revision);
  }
  if (changes.empty()) return FinishGroup();
  is_writing_ = true;
  changes_ = store::rocks_format::EncodeChanges(changes);
  std::string salt(store::EntryCodec::kSaltBytes, '\0');
  for (char& byte : salt) byte = static_cast<char>(world_->dice().Below(256));
  writer_->Begin(changes_, salt);
  if (!world_->CrashesAt(this, "before append")) SendAppend();
}

void StoreProcess::SendAppend() {
  world_->Ask<store::AppendAnswer>(
      shared_from_this(),
      [world = world_, request = writer_->request()] { return world->AppendToLog(request); },
      [this](std::optional<store::AppendAnswer> answer) {
        OnAppendAnswer(answer.value_or(store::AppendAnswer()));
      });
}

void StoreProcess::OnAppendAnswer(const store::AppendAnswer& answer) {
  LogWriter::Step step = writer_->OnAnswer(answer);
  if (step == LogWriter::Step::kSend && is_fenced_) step = writer_->OnLeaseEnded();
  switch (step) {
    case LogWriter::Step::kSend:
      return SendAppend();
    case LogWriter::Step::kFenced:
      return RefuseGroup(absl::FailedPreconditionError("fenced"));
    case LogWriter::Step::kUnknown:
      return RefuseGroup(absl::UnknownError("no answer"));
    case LogWriter::Step::kDone:
      break;
  }
  if (world_->CrashesAt(this, "in the log, not on the disk")) return;
  const absl::Status applied = disk_->Apply({changes_}, EncodeMark(writer_->mark()));
  if (!applied.ok()) world_->notes().Broken(name_, ": ", applied.ToString());
  if (world_->CrashesAt(this, "on the disk, not answered")) return;
  is_writing_ = false;
  FinishGroup();
}

void StoreProcess::FinishGroup() {
  for (const auto& [operation, outcome] : group_) world_->promises().OnOutcome(operation, outcome);
  group_.clear();
  if (is_ending_) return world_->End(this);
  if (!waiting_.empty()) return WriteGroup();
  if (is_stopping_) Do(election_.OnStopped());
}

void StoreProcess::RefuseGroup(const absl::Status& status) {
  world_->notes().Note(name_, " ends: ", status.ToString());
  for (const auto& [operation, outcome] : group_) {
    world_->promises().OnOutcome(operation, outcome.ok() ? Outcome(status) : outcome);
  }
  for (const Pending& next : waiting_) {
    world_->promises().OnOutcome(next.operation, absl::FailedPreconditionError("fenced"));
  }
  group_.clear();
  waiting_.clear();
  is_fenced_ = true;
  is_writing_ = false;
  world_->End(this);
}

}  // namespace convergia::sim
