#include "common/store/replicated/replicated_store.h"

#include <glog/logging.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/base/random.h"
#include "common/base/status_macros.h"

namespace convergia::store {
namespace {

// One append of this size costs a quorum some milliseconds; a larger one would only wait longer.
constexpr size_t kGroupBytes = 64 * 1024;
constexpr size_t kReadBytes = 1024 * 1024;
constexpr size_t kInboxEntriesMax = 1024;  // Then entries are dropped, and read again later.
constexpr Sequence kReportEvery = 64;
constexpr absl::Duration kRetryAfter = absl::Milliseconds(200);

bool MayPass(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsResourceExhausted(status);
}

}  // namespace

ReplicatedStore::ReplicatedStore(const Options& options) : options_(options), log_(options.log) {}

absl::StatusOr<std::unique_ptr<ReplicatedStore>> ReplicatedStore::Open(const Options& options) {
  CHECK(options.log != nullptr);
  std::unique_ptr<ReplicatedStore> store(new ReplicatedStore(options));
  ReplicatedStore* const self = store.get();
  CVG_ASSIGN_OR_RETURN(const LogState state, self->log_->ReadState());
  self->codec_ = std::make_unique<EntryCodec>(options.secret, state.id);
  RocksStore::Options rocks = options.store;
  rocks.log = [self](absl::string_view changes) { return self->AppendToLog(changes); };
  rocks.group_bytes = kGroupBytes;
  rocks.on_fenced = [self](const absl::Status& why) { self->Fence(why); };
  CVG_ASSIGN_OR_RETURN(self->rocks_, RocksStore::Open(rocks));
  CVG_ASSIGN_OR_RETURN(const std::string mark, self->rocks_->ReadMark());
  CVG_ASSIGN_OR_RETURN(const LogMark from,
                       WhereToFollow(mark, self->rocks_->TakeSnapshot()->revision(), state));
  self->follower_.emplace(self->codec_.get(), from);
  {
    absl::MutexLock lock(&self->mu_);
    self->applied_ = from;
    self->flushed_ = from.position.sequence;
    self->leader_ = state.leader;
  }
  self->watch_ = self->log_->Watch(from.position.sequence + 1,
                                   [self](LogNews news) { self->OnNews(std::move(news)); });
  self->thread_ = std::thread([self] { self->Run(); });
  return store;
}

ReplicatedStore::~ReplicatedStore() {
  Stop();
  watch_.reset();
  if (!thread_.joinable()) return;  // Open() failed, and may be tried again with this log.
  {
    absl::MutexLock lock(&mu_);
    quit_ = true;
  }
  log_->Interrupt();
  thread_.join();
}

void ReplicatedStore::Stop() {
  {
    absl::MutexLock lock(&mu_);
    stopped_ = true;
  }
  if (rocks_ != nullptr) rocks_->Stop();
}

absl::Status ReplicatedStore::Lead(const Term& term) {
  absl::MutexLock lock(&mu_);
  if (role_ == Role::kFenced) return fenced_;
  if (role_ == Role::kLeading || term_.has_value()) {
    return absl::FailedPreconditionError("this replica leads already");
  }
  term_ = term;
  mu_.Await(absl::Condition(
      +[](Role* role) { return *role != Role::kStandby; }, &role_));
  return fenced_;
}

void ReplicatedStore::Fence(const absl::Status& why) {
  {
    absl::MutexLock lock(&mu_);
    if (role_ == Role::kFenced) return;
    role_ = Role::kFenced;
    fenced_ = absl::FailedPreconditionError(
        absl::StrCat("this replica no longer leads or follows, and ends: ", why.message()));
  }
  LOG(ERROR) << "replica " << options_.replica << " is fenced: " << why;
  log_->Interrupt();
  if (options_.on_fenced) options_.on_fenced(why);
}

ReplicatedStore::Role ReplicatedStore::role() const {
  absl::MutexLock lock(&mu_);
  return role_;
}

LogMark ReplicatedStore::applied() const {
  absl::MutexLock lock(&mu_);
  return applied_;
}

bool ReplicatedStore::AwaitApplied(Sequence sequence) const {
  const auto is_there = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return role_ == Role::kFenced || applied_.position.sequence >= sequence;
  };
  absl::MutexLock lock(&mu_);
  mu_.Await(absl::Condition(&is_there));
  return applied_.position.sequence >= sequence;
}

absl::StatusOr<std::optional<KeyValue>> ReplicatedStore::Get(absl::string_view key) const {
  return rocks_->Get(key);
}

std::unique_ptr<Snapshot> ReplicatedStore::TakeSnapshot() const { return rocks_->TakeSnapshot(); }

absl::StatusOr<std::unique_ptr<Watcher>> ReplicatedStore::Watch(absl::string_view prefix,
                                                                Revision from_revision,
                                                                WatchCallback callback) {
  return rocks_->Watch(prefix, from_revision, std::move(callback));
}

absl::Status ReplicatedStore::MayCommit() const {
  absl::MutexLock lock(&mu_);
  if (role_ == Role::kLeading) return absl::OkStatus();
  if (role_ == Role::kFenced) return fenced_;
  if (stopped_) {
    return absl::FailedPreconditionError("the store is stopped; no commit is possible");
  }
  if (!leader_.has_value()) {
    return absl::UnavailableError("this replica is a standby, and none leads now; try again soon");
  }
  return absl::UnavailableError(absl::StrCat("this replica is a standby; ", leader_->replica,
                                             " leads, at ", leader_->address));
}

void ReplicatedStore::CommitAsync(Batch batch, CommitCallback done) {
  if (absl::Status refused = MayCommit(); !refused.ok()) return done(std::move(refused));
  rocks_->CommitAsync(std::move(batch), std::move(done));
}

absl::StatusOr<std::string> ReplicatedStore::AppendToLog(absl::string_view changes) {
  writer_->Begin(changes, SecureRandomBytes(EntryCodec::kSaltBytes));
  LogWriter::Step step = LogWriter::Step::kSend;
  while (step == LogWriter::Step::kSend) {
    step = role() == Role::kFenced ? writer_->OnLeaseEnded()
                                   : writer_->OnAnswer(log_->Append(writer_->request()));
  }
  if (step == LogWriter::Step::kFenced) {
    return absl::FailedPreconditionError(
        "another replica leads, or will soon; nothing was committed, and this process ends");
  }
  if (step == LogWriter::Step::kUnknown) {
    return absl::UnknownError(
        "the log gave no answer while this replica led: the commit is applied, or will be, or not");
  }
  const LogMark mark = writer_->mark();
  absl::MutexLock lock(&mu_);
  // RocksDB has written what the log had before.
  flushed_ = applied_.position.sequence;
  applied_ = mark;
  return EncodeMark(mark);
}

// ---- The store's own thread.

void ReplicatedStore::OnNews(LogNews news) {
  absl::MutexLock lock(&mu_);
  if (news.leader.has_value()) leader_ = std::move(news.leader);
  if (role_ != Role::kStandby) return;
  list_ = list_ || news.lost || inbox_.size() + news.entries.size() > kInboxEntriesMax;
  if (inbox_.size() + news.entries.size() > kInboxEntriesMax) return;
  for (LogEntry& entry : news.entries) inbox_.push_back(std::move(entry));
}

bool ReplicatedStore::HasWork() const {
  if (quit_ || role_ == Role::kFenced) return true;
  if (!reported_.has_value() || flushed_ >= *reported_ + kReportEvery) return true;
  return role_ == Role::kStandby && (!inbox_.empty() || list_ || term_.has_value());
}

ReplicatedStore::Work ReplicatedStore::AwaitWork() {
  absl::MutexLock lock(&mu_);
  mu_.Await(absl::Condition(this, &ReplicatedStore::HasWork));
  Work work;
  work.quit = quit_ || role_ == Role::kFenced;
  work.entries.swap(inbox_);
  work.list = std::exchange(list_, false) && role_ == Role::kStandby;
  if (role_ == Role::kStandby) work.term = term_;
  if (!reported_.has_value() || flushed_ >= *reported_ + kReportEvery) work.report = flushed_;
  return work;
}

void ReplicatedStore::Run() {
  while (true) {
    const Work work = AwaitWork();
    if (work.quit) return;
    absl::Status followed = role() == Role::kStandby ? Follow(work) : absl::OkStatus();
    if (followed.ok() && work.term.has_value()) followed = TryToLead(*work.term);
    if (!followed.ok() && MayPass(followed)) {
      TryAgainSoon(followed);
    } else if (!followed.ok()) {
      return Fence(followed);
    }
    if (work.report.has_value()) Report(*work.report);
  }
}

absl::Status ReplicatedStore::Follow(const Work& work) {
  bool list = work.list || work.term.has_value();
  if (!work.entries.empty()) {
    CVG_ASSIGN_OR_RETURN(const auto actions, follower_->OnEntries(work.entries));
    CVG_RETURN_IF_ERROR(Apply(actions));
    list = list || actions.list;
  }
  while (list) {
    CVG_ASSIGN_OR_RETURN(const auto entries, log_->Read(follower_->next(), kReadBytes));
    if (entries.empty()) break;
    CVG_ASSIGN_OR_RETURN(const auto actions, follower_->OnEntries(entries));
    if (actions.apply.empty()) break;
    CVG_RETURN_IF_ERROR(Apply(actions));
  }
  return absl::OkStatus();
}

absl::Status ReplicatedStore::Apply(const LogFollower::Actions& actions) {
  if (actions.apply.empty()) return absl::OkStatus();
  const LogMark mark = follower_->mark();
  const absl::Status applied = rocks_->Apply(actions.apply, EncodeMark(mark));
  if (!applied.ok()) {
    // Only a full disk refuses before it writes.
    if (!absl::IsResourceExhausted(applied)) return absl::InternalError(applied.message());
    follower_.emplace(codec_.get(), this->applied());
    return applied;
  }
  absl::MutexLock lock(&mu_);
  applied_ = mark;
  flushed_ = mark.position.sequence;
  return absl::OkStatus();
}

absl::Status ReplicatedStore::TryToLead(const Term& term) {
  CVG_ASSIGN_OR_RETURN(const bool is_there, follower_->HasReached(term.head));
  if (!is_there) return absl::UnavailableError("the log does not show all entries yet");
  absl::MutexLock lock(&mu_);
  if (role_ != Role::kStandby) return absl::OkStatus();
  writer_.emplace(codec_.get(), term);
  role_ = Role::kLeading;
  return absl::OkStatus();
}

void ReplicatedStore::TryAgainSoon(const absl::Status& why) {
  LOG_EVERY_N(WARNING, 100) << "replica " << options_.replica << " tries again: " << why;
  const auto has_ended = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return quit_ || role_ == Role::kFenced;
  };
  absl::MutexLock lock(&mu_);
  list_ = true;
  mu_.AwaitWithTimeout(absl::Condition(&has_ended), kRetryAfter);
}

void ReplicatedStore::Report(Sequence flushed) {
  if (!log_->ReportFlushed(options_.replica, flushed).ok()) return;
  bool leads = false;
  {
    absl::MutexLock lock(&mu_);
    reported_ = flushed;
    leads = role_ == Role::kLeading;
  }
  if (!leads) return;
  const absl::StatusOr<LogState> state = log_->ReadState();
  if (!state.ok()) return;
  const std::optional<Sequence> through = PlanTrim(*state, options_.trim);
  if (!through.has_value()) return;
  const absl::Status trimmed = log_->Trim(*through);
  LOG_IF(WARNING, !trimmed.ok()) << "the log is not trimmed: " << trimmed;
}

}  // namespace convergia::store
