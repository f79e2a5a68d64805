#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

// Ordered keys with guarded commits: what a server must remember across its death.
//
//   Batch batch;
//   batch.IfAbsent("account/alice").Put("account/alice", record).Put("id/7", "alice");
//   absl::StatusOr<Revision> done = store.Commit(std::move(batch));
//   if (IsConflict(done)) return Fail(FailCode::kExists, "this name is taken; choose another");
//
// Every commit that changes something gets the next revision. Bounds on sizes are those of
// common/base/limits.h (kStore...), the same on every backend.
namespace convergia::store {

// Which commit, counted from 1; 0 is before all of them. Grows for ever, also across restarts.
using Revision = uint64_t;

struct KeyValue {
  std::string key;
  std::string value;
  Revision version = 0;  // The revision of the key's last put.

  friend bool operator==(const KeyValue&, const KeyValue&) = default;
};

// What must hold for a batch to be done.
struct Guard {
  enum class Kind { kAbsent, kPresent, kVersion };
  Kind kind = Kind::kAbsent;
  std::string key;
  Revision version = 0;  // With kVersion only. Version 0 means absent.
};

struct Mutation {
  enum class Kind { kPut, kDelete };
  Kind kind = Kind::kPut;
  std::string key;
  std::string value;  // With kPut only.
};

// All mutations are done, or none: as one step, and only if every guard holds just before it.
struct Batch {
  Batch& IfAbsent(absl::string_view key);
  Batch& IfPresent(absl::string_view key);
  Batch& IfVersion(absl::string_view key, Revision version);
  Batch& Put(absl::string_view key, absl::string_view value);
  // Deleting an absent key changes nothing and is no error.
  Batch& Delete(absl::string_view key);

  std::vector<Guard> guards;
  std::vector<Mutation> mutations;  // No key twice.
};

// OK if every backend could take `batch`; called by each of them before all else.
//
// Errors: kOutOfRange (TOOBIG) past a limit, kInvalidArgument for an empty key or one mutated
// twice.
absl::Status ValidateBatch(const Batch& batch);

// The outcomes of a commit that callers tell apart, besides UNKNOWN, which absl::IsUnknown() tells:
// done or not, read to find out. After every other error nothing was done.
bool IsConflict(const absl::Status& status);  // kAborted: a guard did not hold; nothing was done.
bool IsTooBig(const absl::Status& status);    // kOutOfRange: past a limit; nothing was done.
bool IsFenced(const absl::Status& status);    // kFailedPrecondition: no commit will succeed again.

// The same for what Commit() returns; false if it is OK.
template <typename T>
bool IsConflict(const absl::StatusOr<T>& result) {
  return IsConflict(result.status());
}

// One answer of a scan.
struct Page {
  std::vector<KeyValue> rows;  // In the order of their keys, by bytes.
  std::string next;            // Where the following page begins; empty if there is none.
  Revision revision = 0;       // Of the moment that the page shows.
};

// The smallest key after all that begin with `prefix`; empty ("to the end") if there is none.
std::string PrefixEnd(absl::string_view prefix);

// All keys as they were at one moment. Holds resources of its store: keep it briefly, and destroy
// it before the store. Thread-safe.
class Snapshot {
 public:
  virtual ~Snapshot() = default;

  virtual Revision revision() const = 0;

  // nullopt if there is no such key.
  //
  // Errors: kDataLoss, kUnavailable: the disk cannot be read.
  virtual absl::StatusOr<std::optional<KeyValue>> Get(absl::string_view key) const = 0;

  // The rows of [begin, end), an empty `end` being the end of all keys: at most `limit` of them, at
  // most kStorePageRowsMax, and about kStorePageBytesMax.
  //
  // Errors: kInvalidArgument if `limit` < 1; as Get().
  virtual absl::StatusOr<Page> Scan(absl::string_view begin, absl::string_view end,
                                    int limit) const = 0;

  // Calls `visit` for every row whose key begins with `prefix`, in order, a page at a time.
  //
  // Errors: the first that `visit` returns, which ends it; as Get().
  absl::Status ForEach(absl::string_view prefix,
                       absl::FunctionRef<absl::Status(const KeyValue&)> visit) const;
};

// One change that a commit made.
struct Event {
  Mutation::Kind kind = Mutation::Kind::kPut;
  std::string key;
  std::string value;      // Empty for a delete.
  Revision revision = 0;  // Of the commit.

  friend bool operator==(const Event&, const Event&) = default;
};

// Receives the events of one or more whole commits, in order, never empty; or, once and as the last
// call, kOutOfRange: the store no longer keeps what this watch had to see next ("compacted"). Then
// take a snapshot and watch from its revision + 1.
//
// Runs on the store's watch thread, which all watches share: be quick, never block. May commit
// with CommitAsync(), not with Commit().
using WatchCallback = absl::AnyInvocable<void(const absl::StatusOr<std::vector<Event>>& events)>;

// A running watch. Its end (the destructor) waits for a callback under way, except from within that
// callback; after it there are no more. Destroy it before its store.
class Watcher {
 public:
  virtual ~Watcher() = default;
};

using CommitCallback = absl::AnyInvocable<void(absl::StatusOr<Revision> outcome)>;

// Thread-safe. A read sees every commit that was acknowledged before it began.
class Store {
 public:
  virtual ~Store() = default;

  // As of now; see Snapshot.
  virtual absl::StatusOr<std::optional<KeyValue>> Get(absl::string_view key) const = 0;
  absl::StatusOr<Page> Scan(absl::string_view begin, absl::string_view end, int limit) const;
  absl::Status ForEach(absl::string_view prefix,
                       absl::FunctionRef<absl::Status(const KeyValue&)> visit) const;

  // Never null.
  virtual std::unique_ptr<Snapshot> TakeSnapshot() const = 0;

  // Does `batch` if its guards hold; calls `done` once, when it is durable or has failed, perhaps
  // before this returns. `done` runs on the caller's thread or the commit thread: it must be quick,
  // must not block and must not call Commit(). The answer to a batch that changes nothing is the
  // revision of the moment.
  //
  // Outcomes besides a revision:
  //   kAborted             CONFLICT  a guard did not hold; nothing was done.
  //   kUnknown             UNKNOWN   the disk failed under it: done or not. FENCED from here on.
  //   kOutOfRange          TOOBIG    past a limit; nothing was done.
  //   kFailedPrecondition  FENCED    an earlier write failed, or Stop(): nothing was done, and
  //                                  nothing will be until the store is opened anew.
  //   kInvalidArgument     see ValidateBatch().
  //   kResourceExhausted   too many commits are waiting, or (FailCode::kNoSpace) the disk is full;
  //                        nothing was done, try later.
  virtual void CommitAsync(Batch batch, CommitCallback done) = 0;

  // The same, and waits. Blocks for the disk: not for threads that must not.
  absl::StatusOr<Revision> Commit(Batch batch);

  // Calls `callback` with every event of a key that begins with `prefix`, of commits from
  // `from_revision` on (which may lie in the past, as far as it is kept, or in the future).
  // Commits never wait for watches.
  //
  // Errors: kOutOfRange: `from_revision` is no longer kept ("compacted").
  virtual absl::StatusOr<std::unique_ptr<Watcher>> Watch(absl::string_view prefix,
                                                         Revision from_revision,
                                                         WatchCallback callback) = 0;

  // Finishes the commits that wait and refuses others (FENCED); reads go on. Idempotent. Not from a
  // callback.
  virtual void Stop() = 0;
};

}  // namespace convergia::store
