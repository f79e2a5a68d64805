#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"

// The interface between the two halves of datamgr. Above is the catalog, which knows files, people
// and messages, and the chunks that they are made of. Below are the volumes on data servers, which
// keep those chunks, each in as many copies as its class asks for.
//
//   WRITEFILE:  Write() -> the catalog's commit names the chunk -> OK
//   overwrite:  the catalog's commit moves the chunk to its trash -> a grace for readers
//               -> Release()
//
// Both keep their rows in one store: keys of the catalog begin with "c/", those of volumes with
// "v/".
namespace convergia::datamgr {

// The name of a chunk. The bytes of a chunk never change, and a name is never given twice.
struct ChunkRef {
  uint64_t volume = 0;  // Never 0.
  uint64_t chunk = 0;
  uint32_t bytes = 0;  // 1 to limits::kChunkBytesMax.

  friend bool operator==(const ChunkRef&, const ChunkRef&) = default;
  friend bool operator<(const ChunkRef& a, const ChunkRef& b) {
    return std::tie(a.volume, a.chunk) < std::tie(b.volume, b.chunk);
  }
  template <typename H>
  friend H AbslHashValue(H state, const ChunkRef& ref) {
    return H::combine(std::move(state), ref.volume, ref.chunk);
  }
};

// The preferred class of data servers. If there is no server of that class, the other class is
// used.
enum class ClassPreference { kNone, kVolatile, kNonVolatile };

// A data server that holds a copy, for people.
struct ChunkHolder {
  std::string server;
  bool online = false;
};

// The servers that hold a volume.
struct VolumePlaces {
  uint64_t volume = 0;
  bool is_volatile = false;
  uint32_t copies_wanted = 0;
  std::vector<ChunkHolder> holders;
};

// Thread-safe. No function blocks. Each `done` is called exactly once, on any thread, perhaps
// before the function returns; it must not block. Requests that do not fit into the bounded queues
// fail with FailCode::kBusy.
//
// Errors that users read (common/base/fail.h), besides kBusy:
//  kNoSpace      no data server has room: delete something, or add servers.
//  kUnavailable  the servers that are needed are away; the text names them and since when.
//  kInternal     no copy is whole: every copy that was read fails its checksums.
class ChunkLayer {
 public:
  virtual ~ChunkLayer() = default;

  using WriteDone = absl::AnyInvocable<void(absl::StatusOr<ChunkRef>)>;
  using ReadDone = absl::AnyInvocable<void(absl::StatusOr<std::string>)>;
  using ReleaseDone = absl::AnyInvocable<void(absl::Status)>;
  using DescribeDone = absl::AnyInvocable<void(absl::StatusOr<std::vector<VolumePlaces>>)>;

  // Stores `bytes` (1 to limits::kChunkBytesMax). OK: durable on every replica of an open volume.
  // After an error some replicas may have the chunk; the sweep finds it. Answers within
  // kChunkWriteDeadline.
  virtual void Write(std::string bytes, ClassPreference preference, WriteDone done) = 0;

  // Reads `length` bytes of `ref` from `offset`, all within the chunk. The bytes are verified
  // against checksums. Any replica may answer. Answers within kChunkReadDeadline.
  virtual void Read(const ChunkRef& ref, uint32_t offset, uint32_t length, ReadDone done) = 0;

  // Deletes chunks that the catalog no longer needs, neither now nor after a crash. OK: do not ask
  // again. A server that is away or does not answer keeps its copies until the sweep finds them.
  // Some chunks may be gone already. At most kReleasedChunksMax.
  virtual void Release(std::vector<ChunkRef> refs, ReleaseDone done) = 0;

  // The servers of each of `volumes`, in this order. At most kDescribedVolumesMax.
  virtual void Describe(std::vector<uint64_t> volumes, DescribeDone done) = 0;

  // Runs `task`, which hashes, copies or packs many bytes, on the layer's pool. False: the pool is
  // full or stopped, and `task` was not taken.
  [[nodiscard]] virtual bool TryRun(std::function<void()> task) = 0;
};

// Tells the lower half which chunks are orphans. Thread-safe. It reads the store and blocks, so
// call it on a work queue.
class LiveChunks {
 public:
  virtual ~LiveChunks() = default;

  // For each of `refs`, whether the catalog needs it: for files, messages, drafts, or trash within
  // the grace of readers. The catalog may not know a chunk yet whose Write() was answered recently.
  // So ask only for chunks written before this start of datamgr or more than kOrphanAge ago. If
  // such a chunk is not live, it never becomes live and may be deleted.
  virtual absl::StatusOr<std::vector<bool>> AreLive(absl::Span<const ChunkRef> refs) const = 0;

  // The live chunks of `volume` with numbers above `after`, ascending, at most `limit` (1 to
  // 10,000). Fewer than `limit` only at the end. A length of 0 bytes means unknown.
  virtual absl::StatusOr<std::vector<ChunkRef>> ListLive(uint64_t volume, uint64_t after,
                                                         int limit) const = 0;
};

inline constexpr absl::Duration kChunkWriteDeadline = absl::Seconds(30);
inline constexpr absl::Duration kChunkReadDeadline = absl::Seconds(30);
// Far longer than a write and its commit take.
inline constexpr absl::Duration kOrphanAge = absl::Minutes(30);
inline constexpr size_t kReleasedChunksMax = 100;
inline constexpr size_t kDescribedVolumesMax = 100;

}  // namespace convergia::datamgr
