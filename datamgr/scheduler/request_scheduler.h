#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "common/base/actor.h"
#include "common/base/executor.h"
#include "convergia/v1/data.pb.h"
#include "datamgr/catalog/catalog.h"
#include "datamgr/chunk_layer.h"
#include "datamgr/scheduler/fair_turns.h"
#include "datamgr/scheduler/file_hasher.h"
#include "datamgr/scheduler/piece_joiner.h"
#include "datamgr/scheduler/trash_releaser.h"
#include "datamgr/scheduler/user_lookup.h"

namespace convergia::datamgr {

// Carries requests out: what the catalog decides on its one thread, what data servers store and
// read beside it. The thread does not wait for the disk: what it decided is answered when that, and
// all that it was decided upon, is durable; so requests, of one session or of many, share syncs.
//
//   of one session, in order:   admit writes -> chunks are written, side by side -> commits, one
//                               after the other; whatever else comes waits for those before it.
//   reads                       are planned in their turn; then the bytes are fetched, and the next
//                               request goes on.
//
// Users take turns (FairTurns), so a user with many requests, or dear ones, delays nobody else by
// more than one request. A request that needs many rows does a part in each turn. A turn of the
// thread ends after some thousand rows. Between turns it does deferred work, ends old drafts and
// parts, finds out hashes, joins tiny pieces, and has trash released.
//
// Hashing, copies and packing of many bytes run on the chunk layer's pool.
//
// A stream's requests are done between its Open() and its Close(). What is not done by then never
// is: an edge that has told its users that they are UNCONFIRMED may ask for new things over its
// next stream, and nothing old comes between.
//
// Start() → Drain() → Stop(), once the chunk layer and the look-up have stopped. Thread-safe.
class RequestScheduler {
 public:
  struct Deps {  // All must outlive the scheduler.
    Catalog* catalog = nullptr;
    ChunkLayer* chunks = nullptr;
    UserLookup* users = nullptr;
    // Which servers to prefer for a file, by its path; for messages, by "". On any thread.
    std::function<ClassPreference(absl::string_view path)> prefer;
    // On any thread; must not block.
    std::function<void(const std::vector<Arrival>& arrivals)> announce;
  };
  // One stream's session.
  using Client = FairTurns::Client;
  // Called once, on any thread; must not block. Not at all after Stop().
  using Done = absl::AnyInvocable<void(v1::DataResponse)>;

  explicit RequestScheduler(Deps deps);
  ~RequestScheduler() { Stop(); }

  void Start();
  void Stop() ABSL_LOCKS_EXCLUDED(mu_);

  // Takes no more requests (STORAGEDOWN) and returns when all are answered; false: not all are,
  // after `longest`.
  bool Drain(absl::Duration longest) ABSL_LOCKS_EXCLUDED(mu_);

  void Open(uint64_t stream);
  void Close(uint64_t stream);

  // The caller bounds what is unanswered, in bytes. `done` is not called if the stream is closed
  // before.
  void Handle(Client client, v1::DataRequest request, Done done) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  // Counts in unanswered_ while it lives.
  class Presence {
   public:
    explicit Presence(RequestScheduler* scheduler) : scheduler_(*scheduler) {
      scheduler_.CountUnanswered(1);
    }
    ~Presence() { scheduler_.CountUnanswered(-1); }

   private:
    RequestScheduler& scheduler_;
  };
  struct Item {
    explicit Item(RequestScheduler* scheduler) : presence(scheduler) {}
    const Presence presence;
    Client client;
    v1::DataRequest request;
    Done done;
    bool began = false;                               // A write is admitted, a look-up asked.
    std::optional<absl::StatusOr<ChunkRef>> written;  // Of a write that is admitted.
    std::optional<absl::Status> users_checked;
    bool has_bytes = false;
    std::string hash;      // Of a WRITEFILE: HashForWrite().
    bool dropped = false;  // Its stream was closed.
  };
  using ItemPtr = std::shared_ptr<Item>;
  using Task = std::function<void()>;

  // The requests of one session.
  struct Queue {
    std::deque<ItemPtr> items;
    size_t writes_begun = 0;  // At the front, without a gap.
  };
  // How far a request got. kAgain: it did a part, and goes on in its next turn.
  enum class Progress { kDone, kWaits, kAgain };

  // Runs `task` on the catalog's thread, also when many requests wait.
  void Return(Task task) { actor_.PostUrgent(std::move(task)); }
  void CountUnanswered(int change) ABSL_LOCKS_EXCLUDED(mu_);

  // On the catalog's thread:
  absl::Duration RunTurn(absl::Duration now);
  bool RunRequests();  // True: somebody still waits for a turn.
  void RunOne(Client client);
  void WaitForTurn(const Queue& queue, Client client);
  void Resume(Client client);  // What its first request waited for is there.
  void DropRequests(uint64_t stream);
  void OnWritten(const ItemPtr& item, absl::StatusOr<ChunkRef> written);
  Progress Advance(const ItemPtr& item);
  Progress AdvanceWrite(const ItemPtr& item);
  bool BeginNextWrite(Queue& queue);
  void BeginWrite(const ItemPtr& item);
  void BeginLookup(const ItemPtr& item);
  Progress FinishWrite(const ItemPtr& item);
  void BeginRead(const ItemPtr& item);
  Progress ExecuteNow(const ItemPtr& item);
  // Answers once that may be told.
  void Settle(const ItemPtr& item, const absl::Status& status, v1::DataResponse response = {});
  bool Tend();  // True: more is to be done at once.

  // On any thread:
  void StoreBytes(const ItemPtr& item, std::string bytes);
  void Fetch(const ItemPtr& item, const ReadPlan& plan);
  void DescribeThen(const ItemPtr& item, std::vector<uint64_t> volumes, v1::DataResponse response);
  void OnBulkThread(Task task);

  static void Answer(Item& item, const absl::Status& status, v1::DataResponse response = {});

  const Deps deps_;

  // The catalog's thread's own.
  std::map<Client, Queue> queues_;
  std::set<uint64_t> open_streams_;
  FairTurns turns_;
  absl::Duration tend_at_ = absl::ZeroDuration();
  TrashReleaser trash_;
  FileHasher hasher_;
  PieceJoiner joiner_;

  absl::Mutex mu_;
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;
  bool draining_ ABSL_GUARDED_BY(mu_) = false;
  int64_t unanswered_ ABSL_GUARDED_BY(mu_) = 0;

  ThreadExecutor executor_;
  Actor actor_;  // Last: its turns use all of the above.
};

}  // namespace convergia::datamgr
