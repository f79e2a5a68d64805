#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "datamgr/catalog/content/deferred_work.h"
#include "datamgr/catalog/content/extents.h"
#include "datamgr/catalog/transactions/catalog_env.h"

namespace convergia::datamgr {

// Chooses runs of tiny pieces in files, to be stored as one chunk each. Otherwise a file written
// byte by byte costs one row for each byte. A file is examined after many tiny writes, or after a
// read of very many pieces. Its content, version and hash stay the same. Only in memory: a crash
// forgets which files to examine. Not thread-safe.
class JoinWork {
 public:
  struct Deps {  // All must outlive it.
    CatalogEnv* env = nullptr;
    DeferredWork* deferred_work = nullptr;
  };
  explicit JoinWork(const Deps& deps)
      : env_(*deps.env), deferred_work_(*deps.deferred_work), extents_(deps.env) {}

  // Call it after `bytes` were written to `file` at `offset`.
  void OnWrite(uint64_t file, uint64_t offset, uint64_t bytes);
  // Requests an examination of `file` from `offset` on.
  void Want(uint64_t file, uint64_t offset);
  // Whether no file waits.
  bool IsIdle() const { return wanted_.empty(); }

  // A run of pieces to join: the bytes [begin, end) of the file.
  struct Run {
    uint64_t file = 0;
    uint64_t begin = 0;
    uint64_t end = 0;
    std::vector<Piece> pieces;
    std::string path;  // Of the file's top folder; it decides which servers are preferred.
  };
  // Does one bounded look. nullopt: no run was found; call again while IsIdle() is false.
  absl::StatusOr<std::optional<Run>> Next();

  // Replaces the pieces of `run` by `chunk`, which holds the same bytes. False: the file has
  // changed there, and `chunk` is not used.
  absl::StatusOr<bool> Put(const Run& run, const ChunkRef& chunk);

  // Leaves the file of the last run as it is.
  void GiveUp() {
    if (!wanted_.empty()) wanted_.pop_front();
  }

 private:
  struct Wanted {
    uint64_t file = 0;
    uint64_t at = 0;  // The next look begins here.
    // Where this pass began.
    uint64_t begin = 0;
    size_t runs = 0;  // Found in this pass.
  };
  absl::StatusOr<std::optional<records::Inode>> Load(Transaction& edit, uint64_t file) const;
  absl::StatusOr<std::string> FolderOf(Transaction& look, const records::Inode& inode) const;
  void EndPass();

  CatalogEnv& env_;
  DeferredWork& deferred_work_;
  Extents extents_;
  std::deque<Wanted> wanted_;
  struct TinyWrites {
    size_t count = 0;
    uint64_t begin = 0;
  };
  absl::flat_hash_map<uint64_t, TinyWrites> tiny_writes_;  // By file.
};

// A piece below this length is tiny. At least kJoinedPiecesMin tiny pieces in a row are joined.
inline constexpr uint32_t kTinyPieceBytes = 4'096;
inline constexpr size_t kJoinedPiecesMin = 16;

}  // namespace convergia::datamgr
