#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "common/store/replicated/entry_codec.h"
#include "common/store/replicated/log_follower.h"
#include "common/store/replicated/log_mark.h"
#include "common/store/replicated/log_writer.h"
#include "common/store/replicated/replicated_log.h"
#include "common/store/replicated/trim_plan.h"
#include "common/store/rocks/rocks_store.h"
#include "common/store/store.h"

namespace convergia::store {

// A RocksStore on each of several replicas, which a log keeps equal. One replica leads: a commit is
// decided there, made durable in the log, written to RocksDB, and then answered. The others are
// standbys: they apply what the log has and serve reads and watches, which lag behind the leader.
//
//   auto store = ReplicatedStore::Open(options);    // A standby.
//   term = the election, see ElectionPlan;
//   store->Lead(term);                              // Everything applied; commits are possible.
//   store->Fence(why);                              // The lease ends: at once.
//
// A commit at a standby answers kUnavailable and names the leader. When this replica can no longer
// lead or follow, it is FENCED: commits are refused for ever, reads go on, and the process has to
// end in order, without answering clients. The lease's margin is the time for that.
//
// The outcomes of commits are those of store.h. UNKNOWN also means that the log may have the
// commit; it comes only if the log gives no answer until the lease ends.
class ReplicatedStore final : public Store {
 public:
  struct Options {
    RocksStore::Options store;     // `log`, `group_bytes` and `on_fenced` are this class's own.
    std::string replica;           // Its name, unique among the replicas of the log.
    std::string secret;            // Of the role; see EntryCodec.
    ReplicatedLog* log = nullptr;  // For this store alone. Outlives it; interrupted by its end.
    TrimOptions trim;
    // Called once, on any thread, when the store becomes FENCED, except by Stop(). May be null. It
    // must not block and must not destroy the store.
    std::function<void(const absl::Status& why)> on_fenced;
  };

  // Opens the store as a standby.
  //
  // Errors: those of RocksStore::Open() and WhereToFollow(); kUnavailable: the log does not answer.
  static absl::StatusOr<std::unique_ptr<ReplicatedStore>> Open(const Options& options);
  // Stop(). A leader whose log does not answer must be fenced first.
  ~ReplicatedStore() override;

  // Makes this standby the leader of `term`, which it has won. Blocks until everything up to the
  // term's head is applied.
  //
  // Errors: FENCED, also if Fence() comes meanwhile; kFailedPrecondition if it leads already.
  absl::Status Lead(const Term& term) ABSL_LOCKS_EXCLUDED(mu_);

  // Makes the store FENCED. A commit that is under way is answered soon. Idempotent.
  void Fence(const absl::Status& why) ABSL_LOCKS_EXCLUDED(mu_);

  // How far this replica has applied the log.
  LogMark applied() const ABSL_LOCKS_EXCLUDED(mu_);
  // Waits until entry `sequence` is applied or the store is FENCED. False: FENCED.
  bool AwaitApplied(Sequence sequence) const ABSL_LOCKS_EXCLUDED(mu_);

  absl::StatusOr<std::optional<KeyValue>> Get(absl::string_view key) const override;
  std::unique_ptr<Snapshot> TakeSnapshot() const override;
  void CommitAsync(Batch batch, CommitCallback done) override ABSL_LOCKS_EXCLUDED(mu_);
  absl::StatusOr<std::unique_ptr<Watcher>> Watch(absl::string_view prefix, Revision from_revision,
                                                 WatchCallback callback) override;
  void Stop() override ABSL_LOCKS_EXCLUDED(mu_);

 private:
  enum class Role { kStandby, kLeading, kFenced };
  // The reasons for which the store's thread wakes.
  struct Work {
    bool quit = false;
    std::vector<LogEntry> entries;
    bool list = false;
    std::optional<Term> term;
    std::optional<Sequence> report;
  };

  explicit ReplicatedStore(const Options& options);

  // ---- The store's own thread: follows the log, then reports and trims.
  void Run() ABSL_LOCKS_EXCLUDED(mu_);
  Work AwaitWork() ABSL_LOCKS_EXCLUDED(mu_);
  bool HasWork() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Applies what came and what is missing. Errors: kUnavailable, NOSPACE: try again later; any
  // other is final.
  absl::Status Follow(const Work& work);
  absl::Status Apply(const LogFollower::Actions& actions) ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status TryToLead(const Term& term) ABSL_LOCKS_EXCLUDED(mu_);
  void TryAgainSoon(const absl::Status& why) ABSL_LOCKS_EXCLUDED(mu_);
  void Report(Sequence flushed) ABSL_LOCKS_EXCLUDED(mu_);
  void OnNews(LogNews news) ABSL_LOCKS_EXCLUDED(mu_);

  // ---- The commit thread.
  absl::StatusOr<std::string> AppendToLog(absl::string_view changes) ABSL_LOCKS_EXCLUDED(mu_);

  Role role() const ABSL_LOCKS_EXCLUDED(mu_);
  // OK if this replica leads. Why a commit is refused otherwise.
  absl::Status MayCommit() const ABSL_LOCKS_EXCLUDED(mu_);

  const Options options_;
  ReplicatedLog* const log_;
  std::unique_ptr<EntryCodec> codec_;
  std::unique_ptr<RocksStore> rocks_;
  std::optional<LogFollower> follower_;  // The own thread's.
  std::optional<LogWriter> writer_;      // The commit thread's, once this replica leads.

  mutable absl::Mutex mu_;
  Role role_ ABSL_GUARDED_BY(mu_) = Role::kStandby;
  absl::Status fenced_ ABSL_GUARDED_BY(mu_);
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;
  bool quit_ ABSL_GUARDED_BY(mu_) = false;
  std::optional<Leader> leader_ ABSL_GUARDED_BY(mu_);
  std::optional<Term> term_ ABSL_GUARDED_BY(mu_);  // To lead in, once all is applied.
  std::vector<LogEntry> inbox_ ABSL_GUARDED_BY(mu_);
  bool list_ ABSL_GUARDED_BY(mu_) = true;
  LogMark applied_ ABSL_GUARDED_BY(mu_);
  Sequence flushed_ ABSL_GUARDED_BY(mu_) = 0;  // Surely on the disk.
  std::optional<Sequence> reported_ ABSL_GUARDED_BY(mu_);

  std::unique_ptr<LogWatch> watch_;
  std::thread thread_;  // Last: it uses all of the above.
};

}  // namespace convergia::store
