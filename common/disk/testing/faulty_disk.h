#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "common/disk/disk.h"

namespace convergia::disk {

// A disk in memory, for tests, that distinguishes written from durable bytes: contents become
// durable by File::Sync(), names by SyncFolder(), as strictly as POSIX allows. The power can be cut
// at any sync, syncs can fail, the disk can be full, bits can flip.
//
//   FaultyDisk disk;
//   disk.CutPowerAtSync(7);
//   RunWorkload(disk);          // From the 7th sync on every call fails.
//   disk.PowerOn(FaultyDisk::Loss::kAll, seed);
//   CheckWhatWasAcknowledged(disk);
//
// Thread-safe. Files opened before a power cut fail for ever.
class FaultyDisk final : public Disk {
 public:
  // Which of the bytes and names that were not durable a power cut loses.
  enum class Loss {
    kAll,   // Everything.
    kSome,  // At random: of each file's unsynced end some pages stay, others read as zeros, and the
            // file ends anywhere; of each folder's unsynced names all or none.
  };

  FaultyDisk() = default;

  // ---- Faults. Counting starts at 1 with the next sync of a file or folder.

  // Cuts the power at the start of the `nth` sync; that sync does nothing.
  void CutPowerAtSync(int nth) ABSL_LOCKS_EXCLUDED(mu_);
  void CutPower() ABSL_LOCKS_EXCLUDED(mu_);
  // Power is back, with all durable bytes and what `loss` left. Locks are released.
  void PowerOn(Loss loss, uint64_t seed) ABSL_LOCKS_EXCLUDED(mu_);

  // The `nth` sync of a file fails once. The bytes that it should have made durable never become
  // so, though reads show them and later syncs succeed, as on Linux.
  void FailSync(int nth) ABSL_LOCKS_EXCLUDED(mu_);

  // Limits the bytes of all files together; unlimited at first.
  void SetCapacity(uint64_t bytes) ABSL_LOCKS_EXCLUDED(mu_);

  // Damages a byte silently. CHECKs that the byte is there.
  void FlipBits(const std::string& path, uint64_t offset, uint8_t mask) ABSL_LOCKS_EXCLUDED(mu_);

  // ---- Observation.

  bool power_is_cut() const ABSL_LOCKS_EXCLUDED(mu_);
  // The number of syncs since the beginning.
  int syncs() const ABSL_LOCKS_EXCLUDED(mu_);
  uint64_t used_bytes() const ABSL_LOCKS_EXCLUDED(mu_);

  // ---- Disk.

  absl::StatusOr<std::unique_ptr<File>> Open(const std::string& path, OpenMode mode) override;
  absl::Status Rename(const std::string& from, const std::string& to) override;
  absl::Status Remove(const std::string& path) override;
  absl::Status MakeFolder(const std::string& path) override;
  absl::Status SyncFolder(const std::string& path) override;
  absl::StatusOr<std::vector<std::string>> List(const std::string& path) override;
  absl::StatusOr<FileFacts> Inspect(const std::string& path) override;
  absl::StatusOr<Space> FreeSpace(const std::string& path) override;
  absl::StatusOr<std::unique_ptr<Lock>> TakeLock(const std::string& path) override;

 private:
  class OpenFile;
  class OpenLock;
  struct Node {
    bool is_folder = false;
    std::string bytes;
    std::string durable;
    size_t same = 0;  // The first `same` bytes of both are equal.
    // Written, but a failed sync made the system forget that it must write them out.
    std::vector<std::pair<size_t, size_t>> forgotten;
  };
  using Names = std::map<std::string, std::shared_ptr<Node>>;

  absl::Status Alive() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Counts one sync; an error if the power goes with it.
  absl::Status CountSync() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::StatusOr<std::shared_ptr<Node>> Find(const std::string& path) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status SyncNode(Node* node) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  uint64_t Used() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  uint64_t Room() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // The cache lets go of what it holds: what was never written out is gone from sight.
  void Forget(Node* node) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  static void CopyNames(const std::string& folder, const Names& from, Names* to);
  static void LoseBytes(Node* node, Loss loss, uint64_t lot);

  mutable absl::Mutex mu_;
  Names names_ ABSL_GUARDED_BY(mu_);
  Names durable_names_ ABSL_GUARDED_BY(mu_);
  std::map<std::string, bool> locks_ ABSL_GUARDED_BY(mu_);
  uint64_t capacity_ ABSL_GUARDED_BY(mu_) = uint64_t{1} << 60;
  int syncs_ ABSL_GUARDED_BY(mu_) = 0;
  int file_syncs_ ABSL_GUARDED_BY(mu_) = 0;
  std::optional<int> cut_at_ ABSL_GUARDED_BY(mu_);
  std::optional<int> fail_at_ ABSL_GUARDED_BY(mu_);
  bool power_is_cut_ ABSL_GUARDED_BY(mu_) = false;
  int start_ ABSL_GUARDED_BY(mu_) = 0;  // Grows with each PowerOn().
};

}  // namespace convergia::disk
