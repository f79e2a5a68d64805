#pragma once

#include <map>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/store/store.h"
#include "convergia/v1/data_admin.pb.h"
#include "datamgr/servers/server_table.h"
#include "datamgr/volumes/volume_table.h"

namespace convergia::datamgr {

// The rows of volumes and data servers in datamgr's store (volume_records.proto). Every change of a
// volume's row is guarded by the version that the caller knows, so no row changes unnoticed.
//
// Not thread-safe. It waits for the disk, so call it on a thread that may block. Keys begin with
// "v/".
class VolumeBook {
 public:
  struct Contents {
    uint64_t start = 0;  // The number of this start: see ChunkNumbers.
    VolumeId last_volume = 0;
    std::vector<std::pair<VolumeRecord, store::Revision>> volumes;
    struct KnownServer {
      ServerConfig config;
      std::string store_id;
      int64_t last_seen_ms = 0;
    };
    std::vector<KnownServer> servers;
  };

  explicit VolumeBook(store::Store* store) : store_(store) {}

  // Reads all rows, and stores the number of this start.
  //
  // Errors: those of the store; kDataLoss for a row that cannot be parsed.
  absl::StatusOr<Contents> Open(absl::Time now);

  // Adds a volume and gives it its number, greater than `last_volume` and all earlier ones.
  absl::StatusOr<std::pair<VolumeRecord, store::Revision>> Add(VolumeRecord record,
                                                               VolumeId last_volume);
  // Errors: store::IsConflict() if the row no longer has `version`: that is a bug.
  absl::StatusOr<store::Revision> Replace(const VolumeRecord& record, store::Revision version);
  absl::Status Remove(VolumeId id, store::Revision version);

  // The repair rules that operators changed. Empty if they changed none.
  absl::StatusOr<v1::RepairPolicy> ReadPolicy();
  absl::Status PutPolicy(const v1::RepairPolicy& policy);

  // Records what mgmt and the last start of a data server said, for times when mgmt is away.
  absl::Status PutServer(const ServerView& server);
  absl::Status RemoveServer(NodeId id);

 private:
  store::Store* const store_;
};

}  // namespace convergia::datamgr
