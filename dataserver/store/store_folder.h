#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/disk/disk.h"

namespace convergia::dataserver {

// The owner of a folder's data.
struct StoreOwner {
  std::string cluster;  // The fingerprint of the cluster's CA.
  std::string node;     // The node's name.
};

// The folder of a chunk store. It belongs to one node of one cluster for ever. One process at a
// time holds it, as long as the object lives.
//
//   LOCK          locked while the folder is in use
//   IDENTITY      its owner and store ID
//   EPOCH         the highest epoch of datamgr that was seen (common/rpc/epochs/highest_epoch.h)
//   segments/     the data
//   index/        RocksDB; may be deleted while no process holds the folder, and is rebuilt
//   RESERVE       room kept for deletes and compaction
class StoreFolder {
 public:
  // Locks the folder at `dir`. Makes it for `owner` if it is missing or empty; the folder above
  // must exist. `disk` must outlive the object.
  //
  // Errors: kFailedPrecondition if the folder is held already, if it belongs to another node or
  // cluster, if its IDENTITY is damaged, or if it has no IDENTITY but other content; those of
  // disk::ReadFile() and of the disk.
  static absl::StatusOr<std::unique_ptr<StoreFolder>> Open(disk::Disk& disk, const std::string& dir,
                                                           const StoreOwner& owner);

  const std::string& dir() const { return dir_; }
  std::string segments() const { return dir_ + "/segments"; }
  std::string index() const { return dir_ + "/index"; }
  std::string epoch() const { return dir_ + "/EPOCH"; }
  std::string reserve() const { return dir_ + "/RESERVE"; }

  // A random ID made with the folder. A folder that was wiped and made again has another one.
  const std::string& store_id() const { return store_id_; }

 private:
  StoreFolder(std::string dir, std::unique_ptr<disk::Lock> lock)
      : dir_(std::move(dir)), lock_(std::move(lock)) {}
  absl::Status Identify(disk::Disk& disk, const StoreOwner& owner);
  absl::Status Found(disk::Disk& disk, const StoreOwner& owner);

  const std::string dir_;
  const std::unique_ptr<disk::Lock> lock_;
  std::string store_id_;
};

}  // namespace convergia::dataserver
