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

// Whether an envelope can be from whom it says: a user who is signed in at the edge that sent it,
// as the directory has it, or who was until a moment ago (Directory::LeftLately()), for what
// somebody wrote arrives after they left. Of an edge that the directory takes for dead
// (Directory::IsLost()) and that sends all the same anybody may be.
//
// Who has just signed in there writes before the directory knows; so there is the benefit of the
// doubt for kGrace, since the first envelope that raised it, or until Sweep() finds them listed.
// Whoever goes on sending beyond that for a user who never was there is refused, until it has kept
// quiet for kQuiet. While mgmt does not tell this edge where everybody is nobody is refused: then
// the directory may be behind for long.
//
// A core: no thread, no I/O, no clock. `now` is Clock::Elapsed().
class SenderCheck {
 public:
  // Longer than an edge whose way to mgmt has fallen silent takes it for one, and so does not tell
  // its neighbours who has come.
  static constexpr absl::Duration kGrace = absl::Seconds(20);
  static constexpr absl::Duration kQuiet = absl::Minutes(1);
  static constexpr size_t kDoubtsMax = 4'096;  // Then all have the benefit anew.

  // `is_listed`: by the directory `user` is at `origin`, or was lately. `is_fresh`: mgmt tells its
  // changes.
  bool IsPlausible(NodeId origin, absl::string_view user, bool is_listed, bool is_fresh,
                   absl::Duration now);

  // Forgets doubts of those who are `listed`, by the same rule. Every second or so.
  void Sweep(absl::FunctionRef<bool(NodeId origin, const std::string& user)> listed);

 private:
  struct Doubt {
    absl::Duration first;
    absl::Duration last;
  };
  absl::flat_hash_map<std::pair<NodeId, std::string>, Doubt> doubts_;
};

}  // namespace convergia::edge
