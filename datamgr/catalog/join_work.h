#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "datamgr/catalog/catalog_env.h"
#include "datamgr/catalog/deferred_work.h"
#include "datamgr/catalog/extents.h"

namespace convergia::datamgr {

// Chooses runs of tiny pieces in files, to be stored as one chunk each: a file that was written
// byte by byte costs a row for each. A file is looked at after many tiny writes, or when a read met
// very many pieces. The content of a file, its version and its hash stay. Only in memory: a crash
// forgets which files are to be looked at. Not thread-safe.
class JoinWork {
 public:
  struct Deps {  // All must outlive it.
    CatalogEnv* env = nullptr;
    DeferredWork* deferred_work = nullptr;
  };
  explicit JoinWork(const Deps& deps)
      : env_(*deps.env), deferred_work_(*deps.deferred_work), extents_(deps.env) {}

  // `bytes` were written to `file` at `offset`.
  void OnWrite(uint64_t file, uint64_t offset, uint64_t bytes);
  // A read met very many pieces of `file` from `offset` on.
  void Want(uint64_t file, uint64_t offset);
  bool IsIdle() const { return wanted_.empty(); }

  struct Run {
    uint64_t file = 0;
    uint64_t begin = 0;
    uint64_t end = 0;
    std::vector<Piece> pieces;
    std::string path;  // Of the file's folder in "/": it decides which servers are preferred.
  };
  // One bounded look. nullopt: none was found; call again while IsIdle() is false.
  absl::StatusOr<std::optional<Run>> Next();

  // Makes `chunk`, which holds the bytes of `run`, their place. False: the file has changed there;
  // `chunk` is not used.
  absl::StatusOr<bool> Put(const Run& run, const ChunkRef& chunk);

  // The file of the last run is left as it is.
  void GiveUp() {
    if (!wanted_.empty()) wanted_.pop_front();
  }

 private:
  struct Wanted {
    uint64_t file = 0;
    uint64_t at = 0;  // Where the next look begins.
    uint64_t begin = 0;
    size_t runs = 0;  // In this pass.
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

// A piece is tiny below this. So many tiny ones in a row are joined.
inline constexpr uint32_t kTinyPieceBytes = 4'096;
inline constexpr size_t kJoinedPiecesMin = 16;

}  // namespace convergia::datamgr
