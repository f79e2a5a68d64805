#pragma once

#include <cstddef>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/base/ids.h"

namespace convergia::edge {

// Whether an envelope can be from whom it says: a user who is signed in at the edge that sent it,
// as the directory has it.
//
// Who has just signed in there writes before the directory knows, and what somebody wrote arrives
// after they left; so the directory has the benefit of the doubt for kGrace. Whoever goes on
// sending beyond that for a user whom mgmt places elsewhere is refused. While mgmt is away nobody
// is: then the directory may be behind for long.
//
// A core: no thread, no I/O, no clock. `now` is Clock::Elapsed().
class SenderCheck {
 public:
  // Longer than mgmt waits for edges after a start, and than an envelope is sent again.
  static constexpr absl::Duration kGrace = absl::Seconds(20);
  static constexpr size_t kDoubtsMax = 4'096;  // Then all have the benefit anew.

  // `is_listed`: by the directory `user` is at `origin`. `is_fresh`: mgmt tells its changes.
  bool IsPlausible(NodeId origin, absl::string_view user, bool is_listed, bool is_fresh,
                   absl::Duration now);

 private:
  struct Doubt {
    absl::Duration first;
    absl::Duration last;
  };
  absl::flat_hash_map<std::pair<NodeId, std::string>, Doubt> doubts_;
};

}  // namespace convergia::edge
