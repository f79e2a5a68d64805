#pragma once

#include <cstdint>
#include <string>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "catalog_records.pb.h"
#include "common/base/clock.h"
#include "common/base/hash/tree_hash.h"
#include "common/base/limits.h"
#include "datamgr/catalog/transactions/pipelined_store.h"
#include "datamgr/catalog/transactions/transaction.h"

namespace convergia::datamgr {

// The options that an operator may set (DatamgrConfig), with their defaults.
struct CatalogOptions {
  // For one user: the ChunkCost() of the chunks of the files that they own, and how many files and
  // folders they own.
  uint64_t quota_bytes = 100ull * 1024 * 1024 * 1024;
  uint64_t quota_inodes = 1'000'000;
  uint64_t root_folders_max = 100;  // Folders in "/" that one user made or moved there.
  // These users have admin on "/", and on every folder where no entry says otherwise.
  absl::flat_hash_set<std::string> root_admins;

  uint64_t mailbox_messages_max = 1'000;
  uint64_t mailbox_bytes_max = 64 * 1024 * 1024;
  uint64_t message_bytes_max = 16 * 1024 * 1024;
  uint64_t sends_per_minute = 60;  // By each user.
  absl::Duration draft_lifetime = absl::Hours(24);

  // How long chunks stay readable after their last extent is gone. It must be longer than any read.
  absl::Duration trash_grace = absl::Minutes(5);

  // How long a part stays after the last write to it.
  absl::Duration part_lifetime = limits::kPartLifetime;
  // Only tests change it: clients compute hashes from leaves of this length.
  uint64_t hash_leaf_bytes = kHashLeafBytes;
};

// Issues numbers for inodes, versions and trash. No number is given twice, also after a crash. Not
// thread-safe.
class Numbers {
 public:
  explicit Numbers(PipelinedStore& rows) : rows_(rows) {}

  // Errors: those of Transaction::Commit(), which reserves 1,000 numbers at a time; kDataLoss.
  absl::StatusOr<uint64_t> Next();

 private:
  PipelinedStore& rows_;
  uint64_t next_ = 0;
  uint64_t reserved_end_ = 0;
};

// The state that all parts of the catalog share. Not thread-safe: one thread has the whole catalog.
struct CatalogEnv {
  PipelinedStore& rows;
  const Clock& clock;
  const CatalogOptions options;
  Numbers numbers;

  int64_t NowMs() const { return absl::ToUnixMillis(clock.Now()); }
};

// The status of a function that did one bounded step of its work, durably or in memory. Call it
// again with the same arguments to continue. Users never see it.
absl::Status CallAgain();
bool IsCallAgain(const absl::Status& status);

inline constexpr uint64_t kRootInode = 1;

// The version of a file's content: no other content ever has it. A file that never changed has the
// number of its inode.
inline uint64_t VersionOf(uint64_t id, const records::Inode& inode) {
  return inode.version() != 0 ? inode.version() : id;
}

// The cost of a chunk of `bytes` against a quota: its bytes, and 512 for its rows.
inline constexpr uint64_t ChunkCost(uint64_t bytes) { return bytes + 512; }

// Adds `change` (1 or -1) to the number of folders that `user` has in "/". Errors:
// FailCode::kQuota.
absl::Status ChargeRootFolder(const CatalogEnv& env, Transaction& edit, const std::string& user,
                              int64_t change);

// Adds `bytes` and `inodes`, which may be negative, to the usage of `user`. Errors:
// FailCode::kQuota if a usage that grows exceeds its quota.
absl::Status Charge(const CatalogEnv& env, Transaction& edit, const std::string& user,
                    int64_t bytes, int64_t inodes);

}  // namespace convergia::datamgr
