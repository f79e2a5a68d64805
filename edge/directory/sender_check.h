#pragma once

#include <cstddef>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/base/ids.h"

namespace convergia::edge {

// Decides whether an envelope can come from the user it names. Accepts a user whom the directory
// lists at the edge that sent the envelope, or listed there lately (Directory::LeftLately()),
// because a message may arrive after its sender has left. If the directory believes an edge is dead
// (Directory::IsLost()) but it still sends, accept any sender from it.
//
// New users may send before the directory lists them, so unlisted senders are accepted for kGrace
// from their first envelope on, or until Sweep() finds them listed. After that, the pair of edge
// and user is refused until it was quiet for kQuiet. While mgmt does not keep this edge's directory
// current, nobody is refused, because the directory may be far behind.
//
// A core: no thread, no I/O, no clock. `now` is Clock::Elapsed().
class SenderCheck {
 public:
  // An edge whose connection to mgmt has fallen silent notices it later, and tells its neighbours
  // of new users only then. The grace is longer than that takes.
  static constexpr absl::Duration kGrace = absl::Seconds(20);
  static constexpr absl::Duration kQuiet = absl::Minutes(1);
  static constexpr size_t kDoubtsMax = 4'096;  // When full, all doubts are forgotten.

  // `is_listed`: the directory lists `user` at `origin`, or did lately. `is_fresh`: mgmt keeps the
  // directory current.
  bool IsPlausible(NodeId origin, absl::string_view user, bool is_listed, bool is_fresh,
                   absl::Duration now);

  // Forgets the doubts about users who are `listed` now, by the same rule. Call it every second or
  // so.
  void Sweep(absl::FunctionRef<bool(NodeId origin, const std::string& user)> listed);

 private:
  struct Doubt {
    absl::Duration first;
    absl::Duration last;
  };
  absl::flat_hash_map<std::pair<NodeId, std::string>, Doubt> doubts_;
};

}  // namespace convergia::edge
