#pragma once

#include <google/protobuf/message.h>

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/base/ids.h"
#include "common/base/limits.h"
#include "common/node/enrolment/node_files.h"
#include "common/rpc/auth/pin_set.h"
#include "convergia/v1/cluster.pb.h"

namespace convergia::node {

// The latest data from mgmt that a node needs after a restart without mgmt: the valid pins, the
// void tickets, the keys that check tickets, and for an edge the addresses of the other edges and
// the routes to them. With it the node serves while mgmt is away.
//
// Thread-safe. Only Load() and Save() touch the disk, and Save() is for one thread at a time.
class MgmtMemory {
 public:
  // `files` must outlive the memory. Each file has at most `file_bytes_max` bytes.
  explicit MgmtMemory(const NodeFiles& files,
                      size_t file_bytes_max = limits::kMgmtMemoryFileBytesMax)
      : files_(files), file_bytes_max_(file_bytes_max) {}

  // Reads the files. A missing file leaves its part empty. So does an unreadable one, which is also
  // logged.
  void Load(absl::Time now) ABSL_LOCKS_EXCLUDED(mu_);

  // Writes the parts that have changed since the last Save(). Edges and routes may change often, so
  // they are written at most every 5 s. `elapsed` is Clock::Elapsed(), or infinite to write all
  // parts now.
  //
  // Errors: those of the disk; kResourceExhausted if a part is too large for its file, which then
  // keeps the old part. The next Save() writes again after an error.
  absl::Status Save(absl::Duration elapsed) ABSL_LOCKS_EXCLUDED(mu_);

  // Keeps `welcome` with its ticket keys.
  void TakeWelcome(const v1::Welcome& welcome) ABSL_LOCKS_EXCLUDED(mu_);
  // Changes pins(), whose listeners cut the streams of revoked keys.
  void TakePins(const v1::Pins& pins) ABSL_LOCKS_EXCLUDED(mu_);
  // Adds `revocations`, or replaces all if they are whole. Then forgets those that were raised more
  // than limits::kGenerationsToldFor before `now`.
  void TakeRevocations(const v1::Revocations& revocations, absl::Time now) ABSL_LOCKS_EXCLUDED(mu_);

  // Keeps Edges and Routes, and puts TicketKeys into the kept Welcome. Ignores other messages.
  void TakeMessage(const v1::ToNode& message) ABSL_LOCKS_EXCLUDED(mu_);

  const rpc::PinSet& pins() const { return pins_; }
  // The number of this node; 0 without a Welcome.
  NodeId node_id() const ABSL_LOCKS_EXCLUDED(mu_);
  std::optional<v1::Welcome> welcome() const ABSL_LOCKS_EXCLUDED(mu_);
  // All void tickets, as a whole message.
  v1::Revocations revocations() const ABSL_LOCKS_EXCLUDED(mu_);
  // The latest Edges and the latest Routes, as far as mgmt sent them.
  std::vector<v1::ToNode> messages() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  // Writes edges and routes.
  absl::Status SaveWays(absl::Duration elapsed) ABSL_LOCKS_EXCLUDED(mu_);
  void Merge(const v1::Revocations& revocations, absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  template <typename Message>
  std::optional<Message> LoadText(absl::string_view file) const;
  absl::Status SaveText(absl::string_view file, const google::protobuf::Message& message) const;

  const NodeFiles& files_;
  const size_t file_bytes_max_;
  rpc::PinSet pins_;

  mutable absl::Mutex mu_;
  std::optional<v1::Welcome> welcome_ ABSL_GUARDED_BY(mu_);
  std::map<AccountId, v1::TicketRevocation> revocations_ ABSL_GUARDED_BY(mu_);
  std::optional<v1::Edges> edges_ ABSL_GUARDED_BY(mu_);
  std::optional<v1::Routes> routes_ ABSL_GUARDED_BY(mu_);
  bool edges_due_ ABSL_GUARDED_BY(mu_) = false;
  bool routes_due_ ABSL_GUARDED_BY(mu_) = false;
  absl::Duration ways_saved_ ABSL_GUARDED_BY(mu_) = -absl::InfiniteDuration();
  bool welcome_due_ ABSL_GUARDED_BY(mu_) = false;
  bool pins_due_ ABSL_GUARDED_BY(mu_) = false;
  bool revocations_due_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace convergia::node
