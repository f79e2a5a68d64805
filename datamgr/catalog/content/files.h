#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "datamgr/catalog/content/deferred_work.h"
#include "datamgr/catalog/content/extents.h"
#include "datamgr/catalog/content/hash_work.h"
#include "datamgr/catalog/content/join_work.h"
#include "datamgr/catalog/content/leaf_hashes.h"
#include "datamgr/catalog/tree/tree.h"

namespace convergia::datamgr {

// The pieces to read for one request. They stay readable for CatalogOptions::trash_grace, also if
// the file changes or is deleted.
struct ReadPlan {
  std::vector<Piece> pieces;
  uint64_t bytes = 0;  // Of all pieces. It may be less than asked for; 0 only at the end.
};

// The properties of a file or folder. Times are milliseconds since 1970.
struct FileFacts {
  uint64_t id = 0;
  bool is_folder = false;
  bool is_part = false;
  uint64_t bytes = 0;
  int64_t created_ms = 0;
  int64_t modified_ms = 0;
  std::string owner;
  Right right = Right::kNone;
  // The entries of the folder itself; of a file: those of its folder. Inherited entries are not
  // among them.
  std::vector<std::pair<std::string, Right>> permissions;
  // The entry of a folder above that decides for the asking user; nullopt if none above does.
  struct Inherited {
    std::string who;
    Right right = Right::kNone;
    std::string folder;  // Its path.
  };
  std::optional<Inherited> inherited;
  // Files only. The version is VersionOf(). The hash has kHashBytes, or is empty while it is
  // unknown.
  uint64_t version = 0;
  std::string hash;
  std::vector<uint64_t> volumes;  // Files: of the first kFactsExtentsMax extents.
};

// A file written in large pieces needs fewer for any read.
inline constexpr int kReadPiecesMax = 256;
inline constexpr int kFactsExtentsMax = 1'024;
// Keeps every sum of offsets and lengths far below 2^64.
inline constexpr uint64_t kFileBytesMax = uint64_t{1} << 42;

// Checks `offset` and `length` against the file `inode` and plans the read. Errors: kBadField for
// more than limits::kChunkBytesMax bytes or an offset past the end; kDataLoss for a gap.
absl::StatusOr<ReadPlan> PlanRead(const Extents& extents, uint64_t id, const records::Inode& inode,
                                  uint64_t offset, uint64_t length);

// The content of files. A file has no holes: a write begins at most at its end. Not thread-safe.
class Files {
 public:
  struct Deps {  // All must outlive it.
    CatalogEnv* env = nullptr;
    Tree* tree = nullptr;
    DeferredWork* deferred_work = nullptr;
    const LeafHashes* hashes = nullptr;
    HashWork* hash_work = nullptr;
    JoinWork* join_work = nullptr;
  };
  explicit Files(const Deps& deps)
      : env_(*deps.env),
        tree_(*deps.tree),
        deferred_work_(*deps.deferred_work),
        hashes_(*deps.hashes),
        hash_work_(*deps.hash_work),
        join_work_(*deps.join_work),
        extents_(deps.env) {}

  // Checks what can be checked before the write's turn on this thread: whether `length` bytes may
  // go to the data servers. Errors: as Write().
  absl::Status AdmitWrite(const std::string& user, absl::string_view path, uint64_t length);

  // Makes `chunk` the bytes from `offset` on; nullopt writes no byte. Returns the file's size in
  // bytes. `hash` is HashForWrite() of the bytes. If it is empty, HashWork computes the hash on
  // demand.
  //
  // Errors: those of Tree::Find(); kBadField for an offset past the end or a file larger than
  // kFileBytesMax; kQuota; CallAgain() while an earlier change of very many pieces is being
  // finished.
  absl::StatusOr<uint64_t> Write(const std::string& user, absl::string_view path, uint64_t offset,
                                 const std::optional<ChunkRef>& chunk, absl::string_view hash = "");

  // Cuts the file to `bytes`. Errors: kBadField if the file is shorter; CallAgain() as Write().
  absl::Status Truncate(const std::string& user, absl::string_view path, uint64_t bytes);

  // Plans a read of at most `length` bytes from `offset` on. If `version` is not 0, it reads only
  // that version of the content. Errors: kNotFound if the file has another version; those of
  // PlanRead().
  absl::StatusOr<ReadPlan> Read(const std::string& user, absl::string_view path, uint64_t offset,
                                uint64_t length, uint64_t version = 0);

  // If the hash of a file is not known, it is also put on HashWork's list.
  absl::StatusOr<FileFacts> Describe(const std::string& user, absl::string_view path);

 private:
  struct Open {
    uint64_t id = 0;
    records::Inode inode;
  };
  // Opens a file for writing, and first clears its overlay.
  absl::StatusOr<Open> OpenToWrite(const std::string& user, absl::string_view path);
  // Puts the inode of a file whose content changed: new version and time, no hash.
  absl::Status PutChanged(Transaction& edit, uint64_t id, records::Inode* inode);

  CatalogEnv& env_;
  Tree& tree_;
  DeferredWork& deferred_work_;
  const LeafHashes& hashes_;
  HashWork& hash_work_;
  JoinWork& join_work_;
  Extents extents_;
};

}  // namespace convergia::datamgr
