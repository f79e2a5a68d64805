#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "datamgr/catalog/deferred_work.h"
#include "datamgr/catalog/extents.h"
#include "datamgr/catalog/hash_work.h"
#include "datamgr/catalog/join_work.h"
#include "datamgr/catalog/leaf_hashes.h"
#include "datamgr/catalog/tree.h"

namespace convergia::datamgr {

// Where to read what was asked for. Readable for CatalogOptions::trash_grace, whatever becomes of
// the file meanwhile.
struct ReadPlan {
  std::vector<Piece> pieces;
  uint64_t bytes = 0;  // Of all pieces: perhaps fewer than asked for, none only at the end.
};

struct FileFacts {
  uint64_t id = 0;
  bool is_folder = false;
  bool is_part = false;
  uint64_t bytes = 0;
  int64_t created_ms = 0;
  int64_t modified_ms = 0;
  std::string owner;
  Right right = Right::kNone;
  // Of the folder, or of the file's folder, itself: what it inherits is not among them.
  std::vector<std::pair<std::string, Right>> permissions;
  // What decides for the user who asks, if that is an entry of a folder above.
  struct Inherited {
    std::string who;
    Right right = Right::kNone;
    std::string folder;  // Its path.
  };
  std::optional<Inherited> inherited;
  // Of files: see VersionOf(); and kHashBytes, or empty: not known now.
  uint64_t version = 0;
  std::string hash;
  std::vector<uint64_t> volumes;  // Of a file's first kFactsExtentsMax pieces.
};

// More pieces than a read ever needs of a file that was written as files are.
inline constexpr int kReadPiecesMax = 256;
inline constexpr int kFactsExtentsMax = 1'024;
// Keeps all sums of offsets and lengths within 64 bits by far.
inline constexpr uint64_t kFileBytesMax = uint64_t{1} << 42;

// Checks `offset` and `length` against something of `bytes`, and plans it.
absl::StatusOr<ReadPlan> PlanRead(const Extents& extents, uint64_t id, const records::Inode& inode,
                                  uint64_t offset, uint64_t length);

// What is in files. A file has no holes: it is written from its beginning to its end, and anew at
// any place before its end. Not thread-safe.
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

  // Whether a write of `length` bytes may go to the data servers: what can be known before its
  // turn. Errors: as Write().
  absl::Status AdmitWrite(const std::string& user, absl::string_view path, uint64_t length);

  // Makes `chunk` the bytes from `offset` on; nothing: no byte at all. Returns the file's size.
  // `hash`: HashForWrite() of them, or empty: then it has to be found out when it is wanted.
  //
  // Errors: those of Tree::Find(); kBadField past the end; kQuota; CallAgain() while an earlier
  // change of very many pieces is being finished.
  absl::StatusOr<uint64_t> Write(const std::string& user, absl::string_view path, uint64_t offset,
                                 const std::optional<ChunkRef>& chunk, absl::string_view hash = "");

  // Errors: kBadField if the file is shorter; CallAgain() as Write().
  absl::Status Truncate(const std::string& user, absl::string_view path, uint64_t bytes);

  // `version`: only of that content; 0: of whatever is there. Errors: kNotFound if it is not that
  // version (any more); kBadField for an offset past the end.
  absl::StatusOr<ReadPlan> Read(const std::string& user, absl::string_view path, uint64_t offset,
                                uint64_t length, uint64_t version = 0);

  // Where the hash of a file is not known, it will be found out.
  absl::StatusOr<FileFacts> Describe(const std::string& user, absl::string_view path);

 private:
  struct Open {
    uint64_t id = 0;
    records::Inode inode;
  };
  // A file that may be written, without an overlay.
  absl::StatusOr<Open> OpenToWrite(const std::string& user, absl::string_view path);
  // Of a file whose content is another now.
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
