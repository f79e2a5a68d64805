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

// Ordered keys with guarded commits: durable rows of a server.
//
//   Batch batch;
//   batch.IfAbsent("account/alice").Put("account/alice", record).Put("id/7", "alice");
//   absl::StatusOr<Revision> done = store.Commit(std::move(batch));
//   if (IsConflict(done)) return Fail(FailCode::kExists, "this name is taken; choose another");
//
// Every commit that changes something gets the next revision. Bounds on sizes are those of
// common/base/limits.h (kStore...), the same on every backend.
namespace convergia::store {

// The number of a commit, counted from 1; 0 is before the first. Grows for ever, also across
// restarts.
using Revision = uint64_t;

struct KeyValue {
  std::string key;
  std::string value;
  Revision version = 0;  // The revision of the key's last put.

  friend bool operator==(const KeyValue&, const KeyValue&) = default;
};

// A condition for a batch to be applied.
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

// All mutations are applied as one step, if every guard holds just before it; otherwise none.
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

// OK if every backend can accept `batch`; each backend calls it first.
//
// Errors: kOutOfRange (TOOBIG) past a limit, kInvalidArgument for an empty key or one mutated
// twice.
absl::Status ValidateBatch(const Batch& batch);

// The outcomes of a commit that callers distinguish. There is also UNKNOWN (absl::IsUnknown()): the
// batch may be applied or not; read its keys to find out. After every other error nothing was
// applied.
bool IsConflict(const absl::Status& status);  // kAborted: a guard did not hold.
bool IsTooBig(const absl::Status& status);    // kOutOfRange: past a limit.
bool IsFenced(const absl::Status& status);    // kFailedPrecondition: no commit will succeed again.

// The same for what Commit() returns; false if it is OK.
template <typename T>
bool IsConflict(const absl::StatusOr<T>& result) {
  return IsConflict(result.status());
}

// One page of a scan.
struct Page {
  std::vector<KeyValue> rows;  // In the order of their keys, by bytes.
  std::string next;            // Where the next page begins; empty if there is none.
  Revision revision = 0;       // The state that the page shows.
};

// The smallest key after all that begin with `prefix`; empty ("to the end") if there is none.
std::string PrefixEnd(absl::string_view prefix);

// All keys as they were at one moment. It holds resources of its store: keep it briefly, and
// destroy it before the store. Thread-safe.
class Snapshot {
 public:
  virtual ~Snapshot() = default;

  // 0 also if the disk cannot be read; then Get() and Scan() return the error.
  virtual Revision revision() const = 0;

  // nullopt if there is no such key.
  //
  // Errors: kDataLoss if the row is damaged; kUnavailable if the disk cannot be read.
  virtual absl::StatusOr<std::optional<KeyValue>> Get(absl::string_view key) const = 0;

  // The first rows of [begin, end). An empty `end` is the end of all keys. The page has at most
  // `limit` rows, at most kStorePageRowsMax, and about kStorePageBytesMax bytes.
  //
  // Errors: kInvalidArgument if `limit` < 1; those of Get().
  virtual absl::StatusOr<Page> Scan(absl::string_view begin, absl::string_view end,
                                    int limit) const = 0;

  // Calls `visit` for every row whose key begins with `prefix`, in order, a page at a time.
  //
  // Errors: the first error of `visit`, after which it calls `visit` no further; those of Get().
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

// Receives the events of one or more whole commits, in order, never empty. Or, once and as the last
// call, it receives kOutOfRange: the store no longer keeps the next events of this watch
// ("compacted"). Then take a snapshot and watch from its revision + 1.
//
// Runs on the store's watch thread, which all watches share: be quick, never block. May commit
// with CommitAsync(), not with Commit().
using WatchCallback = absl::AnyInvocable<void(const absl::StatusOr<std::vector<Event>>& events)>;

// A running watch. The destructor waits for a running callback, unless it is called within that
// callback; no callback runs after it. Destroy it before its store.
class Watcher {
 public:
  virtual ~Watcher() = default;
};

using CommitCallback = absl::AnyInvocable<void(absl::StatusOr<Revision> outcome)>;

// Thread-safe. A read sees every commit that was acknowledged before it began.
class Store {
 public:
  virtual ~Store() = default;

  // Reads the present state; see Snapshot.
  virtual absl::StatusOr<std::optional<KeyValue>> Get(absl::string_view key) const = 0;
  absl::StatusOr<Page> Scan(absl::string_view begin, absl::string_view end, int limit) const;
  absl::Status ForEach(absl::string_view prefix,
                       absl::FunctionRef<absl::Status(const KeyValue&)> visit) const;

  // Never null.
  virtual std::unique_ptr<Snapshot> TakeSnapshot() const = 0;

  // Applies `batch` if its guards hold. Calls `done` once, when the batch is durable or has failed,
  // perhaps before this returns. `done` runs on the caller's thread or the commit thread: it must
  // be quick, must not block and must not call Commit(). A batch that changes nothing is answered
  // with the present revision.
  //
  // Outcomes besides a revision. Nothing was applied, except perhaps after UNKNOWN.
  //   kAborted             CONFLICT  A guard did not hold.
  //   kUnknown             UNKNOWN   The disk or the log failed: applied or not. FENCED from here
  //                                  on.
  //   kOutOfRange          TOOBIG    Past a limit.
  //   kFailedPrecondition  FENCED    An earlier write failed, the store was stopped, or this
  //                                  replica can no longer lead. No commit will succeed until the
  //                                  store is opened again.
  //   kInvalidArgument     See ValidateBatch().
  //   kResourceExhausted   Too many commits wait, or (FailCode::kNoSpace) the disk is full. Try
  //                        later.
  //   kUnavailable         This replica is a standby (ReplicatedStore), or the disk cannot be read.
  //   kDataLoss            A row of a guard or of a delete is damaged.
  virtual void CommitAsync(Batch batch, CommitCallback done) = 0;

  // The same, but waits for the outcome. It blocks on the disk.
  absl::StatusOr<Revision> Commit(Batch batch);

  // Calls `callback` with every event of a key that begins with `prefix`, for commits from
  // `from_revision` on. That revision may be in the future, or in the past if it is still kept.
  // Commits never wait for watches.
  //
  // Errors: kOutOfRange: `from_revision` is no longer kept ("compacted").
  virtual absl::StatusOr<std::unique_ptr<Watcher>> Watch(absl::string_view prefix,
                                                         Revision from_revision,
                                                         WatchCallback callback) = 0;

  // Finishes the commits that wait and refuses others (FENCED); reads continue. Idempotent. Do not
  // call it from a callback.
  virtual void Stop() = 0;
};

}  // namespace convergia::store
