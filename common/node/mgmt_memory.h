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

// What mgmt said last that must outlive a restart: who may connect, which tickets are void, the
// keys to check tickets with, and for an edge where the others are and the ways there. With it a
// node serves while mgmt is away, lets in whom it should, and an edge finds the others.
//
// Thread-safe. Only Load() and Save() touch the disk.
class MgmtMemory {
 public:
  // `files` must outlive the memory. No file of it has more than `file_bytes_max`.
  explicit MgmtMemory(const NodeFiles& files,
                      size_t file_bytes_max = limits::kMgmtMemoryFileBytesMax)
      : files_(files), file_bytes_max_(file_bytes_max) {}

  // Reads the files. What is missing or cannot be read counts as never said; the latter is logged.
  void Load(absl::Time now) ABSL_LOCKS_EXCLUDED(mu_);

  // Writes what has changed since the last Save(); where the others are and the ways there, which
  // may change often, every few seconds. `elapsed` is Clock::Elapsed(), or infinite: all now.
  // Errors: of the disk; kResourceExhausted for what is too large for its file, which stays as it
  // was. What was not written stays due.
  absl::Status Save(absl::Duration elapsed) ABSL_LOCKS_EXCLUDED(mu_);

  void TakeWelcome(const v1::Welcome& welcome) ABSL_LOCKS_EXCLUDED(mu_);
  // Changes pins(), which cuts the streams of those who left.
  void TakePins(const v1::Pins& pins) ABSL_LOCKS_EXCLUDED(mu_);
  // Forgets those raised limits::kGenerationsToldFor before `now`.
  void TakeRevocations(const v1::Revocations& revocations, absl::Time now) ABSL_LOCKS_EXCLUDED(mu_);

  // Keeps Edges, Routes and TicketKeys; others are none of its business.
  void TakeMessage(const v1::ToNode& message) ABSL_LOCKS_EXCLUDED(mu_);

  const rpc::PinSet& pins() const { return pins_; }
  NodeId node_id() const ABSL_LOCKS_EXCLUDED(mu_);
  std::optional<v1::Welcome> welcome() const ABSL_LOCKS_EXCLUDED(mu_);
  // Always whole.
  v1::Revocations revocations() const ABSL_LOCKS_EXCLUDED(mu_);
  // The last ones that TakeMessage() kept.
  std::vector<v1::ToNode> messages() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
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
