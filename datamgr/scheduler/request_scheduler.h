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
#include "common/base/actor/actor.h"
#include "common/base/actor/executor.h"
#include "convergia/v1/data.pb.h"
#include "datamgr/catalog/catalog.h"
#include "datamgr/chunk_layer.h"
#include "datamgr/scheduler/fair_turns.h"
#include "datamgr/scheduler/file_hasher.h"
#include "datamgr/scheduler/piece_joiner.h"
#include "datamgr/scheduler/trash_releaser.h"
#include "datamgr/scheduler/user_lookup.h"

namespace convergia::datamgr {

// Carries out requests. The catalog decides on its one thread; data servers store and read bytes in
// parallel to it. The thread does not wait for the disk. A decision is answered once it is durable,
// with all decisions that it depends on. So requests of one or many sessions share syncs.
//
//   of one session, in order:   admit writes -> chunks are written in parallel -> commits, one
//                               after the other; any other request waits for those before it.
//   reads                       are planned in their turn; while the bytes are fetched, the next
//                               request runs.
//
// Users take turns (FairTurns), so a user with many or expensive requests delays no other user by
// more than one request. A request that needs many rows does a part in each turn. A turn of the
// thread ends after about a thousand rows. Between turns the thread does deferred work, ends old
// drafts and parts, computes wanted hashes, joins tiny pieces, and releases trash.
//
// Hashing, copies and serialization of many bytes run on the chunk layer's pool.
//
// A stream's requests are carried out between its Open() and its Close(). Those that are not done
// at Close() are never done. An edge that told its users UNCONFIRMED may send new requests on its
// next stream, and no old request may come between them.
//
// Start() → Drain() → Stop(). The chunk layer and the look-up stop before Stop(). Thread-safe.
class RequestScheduler {
 public:
  struct Deps {  // All must outlive the scheduler.
    Catalog* catalog = nullptr;
    ChunkLayer* chunks = nullptr;
    UserLookup* users = nullptr;
    // The preferred class of servers for a file, by its path; "" stands for messages. Thread-safe.
    std::function<ClassPreference(absl::string_view path)> prefer;
    // Tells edges of new messages. Called on any thread; must not block.
    std::function<void(const std::vector<Arrival>& arrivals)> announce;
  };
  // One stream's session.
  using Client = FairTurns::Client;
  // Called once, on any thread, and not after Stop(). It must not block.
  using Done = absl::AnyInvocable<void(v1::DataResponse)>;

  explicit RequestScheduler(Deps deps);
  ~RequestScheduler() { Stop(); }

  // Starts the catalog's thread.
  void Start();
  // Ends the thread and drops the requests that wait. Idempotent.
  void Stop() ABSL_LOCKS_EXCLUDED(mu_);

  // Refuses new requests with STORAGEDOWN. Returns true once all others are answered, false if some
  // are not after `longest`.
  bool Drain(absl::Duration longest) ABSL_LOCKS_EXCLUDED(mu_);

  // Begins and ends a stream; numbers are never used twice.
  void Open(uint64_t stream);
  void Close(uint64_t stream);

  // Queues a request of `client`. `done` is not called if the stream is closed first. The caller
  // limits the bytes of unanswered requests. If 100,000 requests wait for the catalog's thread, the
  // answer is BUSY.
  void Handle(Client client, v1::DataRequest request, Done done) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  // Counts in unanswered_ while it exists.
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
    bool began = false;  // The write is admitted, or the look-up is asked.
    std::optional<absl::StatusOr<ChunkRef>> written;  // Of an admitted write.
    std::optional<absl::Status> users_checked;
    bool has_bytes = false;
    std::string hash;      // HashForWrite() of a WRITEFILE.
    bool dropped = false;  // Its stream was closed.
  };
  using ItemPtr = std::shared_ptr<Item>;
  using Task = std::function<void()>;

  // The requests of one session.
  struct Queue {
    std::deque<ItemPtr> items;
    size_t writes_begun = 0;  // At the front, without a gap.
  };
  // The progress of a request. kAgain: it did a part, and continues in its next turn.
  enum class Progress { kDone, kWaits, kAgain };

  // Runs `task` on the catalog's thread, also when very many requests wait.
  void Return(Task task) { actor_.PostUrgent(std::move(task)); }
  void CountUnanswered(int change) ABSL_LOCKS_EXCLUDED(mu_);

  // On the catalog's thread:
  absl::Duration RunTurn(absl::Duration now);
  bool RunRequests();  // True: a client still waits for a turn.
  void RunOne(Client client);
  void WaitForTurn(const Queue& queue, Client client);
  void Resume(Client client);  // The wait of its first request is over.
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
  // Answers once the catalog's state so far is durable.
  void Settle(const ItemPtr& item, const absl::Status& status, v1::DataResponse response = {});
  bool Tend();  // True: more can be done at once.

  // On any thread:
  void StoreBytes(const ItemPtr& item, std::string bytes);
  void Fetch(const ItemPtr& item, const ReadPlan& plan);
  void DescribeThen(const ItemPtr& item, std::vector<uint64_t> volumes, v1::DataResponse response);
  void OnBulkThread(Task task);

  static void Answer(Item& item, const absl::Status& status, v1::DataResponse response = {});

  const Deps deps_;

  // Only the catalog's thread uses these.
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
