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

// The valid keys of the cluster. mgmt fills it from its registry, every other node from what mgmt
// sends on the attach stream. Who is not in it is refused at the next call, and the streams of a
// key that leaves it are cut.
//
// Thread-safe. Listeners are called without any lock held, on the thread that changed the set.
class PinSet {
 public:
  PinSet() = default;
  PinSet(const PinSet&) = delete;
  PinSet& operator=(const PinSet&) = delete;

  // These are all. Pins that were here and are not among them are revoked.
  void Replace(const std::vector<PinEntry>& valid) ABSL_LOCKS_EXCLUDED(mu_);

  // `revoked` first, then `valid`; a pin whose role or name changes is revoked on the way.
  void Apply(const std::vector<PinEntry>& valid, const std::vector<identity::Pin>& revoked)
      ABSL_LOCKS_EXCLUDED(mu_);

  std::optional<PinEntry> Find(const identity::Pin& pin) const ABSL_LOCKS_EXCLUDED(mu_);

  // In no particular order.
  std::vector<PinEntry> All() const ABSL_LOCKS_EXCLUDED(mu_);

  // False until the first Replace() or Apply(): nothing is known yet.
  bool filled() const ABSL_LOCKS_EXCLUDED(mu_);

  // Calls `listener` each time a pin is revoked, for as long as the returned token lives. A call
  // that is under way when the token goes may still end after that: a listener holds what it needs
  // by shared or weak pointer.
  using Listener = std::function<void(const identity::Pin& pin)>;
  [[nodiscard]] std::shared_ptr<void> AddRevocationListener(Listener listener) const
      ABSL_LOCKS_EXCLUDED(mu_);

 private:
  using Pins = absl::flat_hash_map<identity::Pin, PinEntry>;
  // Puts `next` in place and tells the listeners of what left.
  void Swap(std::function<void(Pins&)> change) ABSL_LOCKS_EXCLUDED(mu_);

  mutable absl::Mutex mu_;
  Pins pins_ ABSL_GUARDED_BY(mu_);
  bool filled_ ABSL_GUARDED_BY(mu_) = false;
  mutable std::vector<std::weak_ptr<Listener>> listeners_ ABSL_GUARDED_BY(mu_);
};

}  // namespace convergia::rpc
