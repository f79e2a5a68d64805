#pragma once

#include <rocksdb/env.h>
#include <rocksdb/file_system.h>

#include <map>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace convergia::store {

// The machine's disk, for tests: syncs can be made to fail, and the power can be cut. It remembers
// how much of each file was synced, so that what was only written can be taken away again.
//
// Thread-safe.
class FaultyDisk final : public rocksdb::FileSystemWrapper {
 public:
  FaultyDisk() : FileSystemWrapper(rocksdb::FileSystem::Default()) {}

  const char* Name() const override { return "FaultyDisk"; }

  // Every sync of a file fails from now on.
  void FailSyncs() ABSL_LOCKS_EXCLUDED(mu_);
  // Nothing reaches the disk any more: every write and sync fails.
  void CutPower() ABSL_LOCKS_EXCLUDED(mu_);
  // After CutPower() and the end of the store: takes away all that was never synced, and gives
  // power back.
  void LoseUnsynced() ABSL_LOCKS_EXCLUDED(mu_);
  // How often a file of the write-ahead log was synced.
  int wal_syncs() const ABSL_LOCKS_EXCLUDED(mu_);

  rocksdb::IOStatus NewWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* file,
                                    rocksdb::IODebugContext* dbg) override;
  rocksdb::IOStatus RenameFile(const std::string& from, const std::string& to,
                               const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* dbg) override ABSL_LOCKS_EXCLUDED(mu_);

 private:
  class File;
  struct Sizes {
    uint64_t written = 0;
    uint64_t synced = 0;
  };

  rocksdb::IOStatus Write(const std::string& name, uint64_t bytes) ABSL_LOCKS_EXCLUDED(mu_);
  rocksdb::IOStatus Sync(const std::string& name) ABSL_LOCKS_EXCLUDED(mu_);

  mutable absl::Mutex mu_;
  std::map<std::string, Sizes> files_ ABSL_GUARDED_BY(mu_);
  bool syncs_fail_ ABSL_GUARDED_BY(mu_) = false;
  bool power_is_cut_ ABSL_GUARDED_BY(mu_) = false;
  int wal_syncs_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace convergia::store
