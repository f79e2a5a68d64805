#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "common/base/ids.h"
#include "common/identity/certificate.h"

namespace convergia::rpc {

// A key whose owner may connect.
struct PinEntry {
  identity::Pin pin;
  Role role = Role::kEdge;
  std::string name;
  NodeId node = 0;  // 0 for operators.

  friend bool operator==(const PinEntry&, const PinEntry&) = default;
};

// The valid keys of the cluster. mgmt fills it from its registry, every other node from mgmt's
// messages on the attach stream. A caller whose key is not in it is refused at its next call. A
// listener cuts the streams of a key that leaves it (ServerStream::Start()).
//
// Thread-safe. Listeners run on the thread that changed the set, with no lock held.
class PinSet {
 public:
  PinSet() = default;
  PinSet(const PinSet&) = delete;
  PinSet& operator=(const PinSet&) = delete;

  // Makes `valid` the whole set. All other pins are revoked. A pin whose role or name changes
  // counts as revoked too, but stays in the set with the new ones.
  void Replace(const std::vector<PinEntry>& valid) ABSL_LOCKS_EXCLUDED(mu_);

  // Removes `revoked`, then adds `valid`. A pin whose role or name changes counts as revoked, as
  // in Replace().
  void Apply(const std::vector<PinEntry>& valid, const std::vector<identity::Pin>& revoked)
      ABSL_LOCKS_EXCLUDED(mu_);

  // The entry of `pin`, or nullopt if the key is not valid.
  std::optional<PinEntry> Find(const identity::Pin& pin) const ABSL_LOCKS_EXCLUDED(mu_);

  // All entries, in no particular order.
  std::vector<PinEntry> All() const ABSL_LOCKS_EXCLUDED(mu_);

  // False until the first Replace() or Apply(): mgmt has told this node nothing yet.
  bool filled() const ABSL_LOCKS_EXCLUDED(mu_);

  // Calls `listener` for each revoked pin, as long as the returned token lives. A call that is
  // under way when the token ends may still return later. So a listener holds its objects by shared
  // or weak pointer.
  using Listener = std::function<void(const identity::Pin& pin)>;
  [[nodiscard]] std::shared_ptr<void> AddRevocationListener(Listener listener) const
      ABSL_LOCKS_EXCLUDED(mu_);

 private:
  using Pins = absl::flat_hash_map<identity::Pin, PinEntry>;
  // Applies `change` to a copy of the set, puts the copy in place, and calls the listeners for each
  // revoked pin.
  void Swap(std::function<void(Pins&)> change) ABSL_LOCKS_EXCLUDED(mu_);

  mutable absl::Mutex mu_;
  Pins pins_ ABSL_GUARDED_BY(mu_);
  bool filled_ ABSL_GUARDED_BY(mu_) = false;
  mutable std::vector<std::weak_ptr<Listener>> listeners_ ABSL_GUARDED_BY(mu_);
};

}  // namespace convergia::rpc
