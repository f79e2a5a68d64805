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

// Decides whether an envelope can come from the user it names. Listed senders are accepted: the
// caller asks Directory::MaySendFrom(). It is true if the directory lists the user at the edge that
// sent the envelope. It is also true for a user who left lately, because a message may arrive after
// its sender has left, and for all users of an edge that is believed dead but still sends.
//
// New users may send before the directory lists them. So the first envelope of an unlisted pair of
// edge and user begins a doubt. The pair is accepted for kGrace, then refused. The doubt ends when
// the pair is listed, or when it was quiet for kQuiet. While mgmt does not keep this edge's
// directory current, nobody is refused, because the directory may be far behind.
//
// A core: no thread, no I/O, no clock. Not thread-safe. `now` is Clock::Elapsed().
class SenderCheck {
 public:
  // An edge whose connection to mgmt has fallen silent notices it later, and tells its neighbours
  // of new users only then. That takes limits::kRpcKeepalive + kRpcKeepaliveTimeout at most.
  static constexpr absl::Duration kGrace = absl::Seconds(20);
  static constexpr absl::Duration kQuiet = absl::Minutes(1);
  static constexpr size_t kDoubtsMax = 4'096;  // When full, all doubts are forgotten.

  // True if `user` may have sent an envelope that comes from the edge `origin`. `is_listed` is
  // Directory::MaySendFrom(). `is_fresh` is true while mgmt keeps the directory current.
  bool IsPlausible(NodeId origin, absl::string_view user, bool is_listed, bool is_fresh,
                   absl::Duration now);

  // Ends the doubts about users for whom `listed` (Directory::MaySendFrom()) is true now. Call it
  // every second or so.
  void Sweep(absl::FunctionRef<bool(NodeId origin, const std::string& user)> listed);

 private:
  struct Doubt {
    absl::Duration first;
    absl::Duration last;
  };
  absl::flat_hash_map<std::pair<NodeId, std::string>, Doubt> doubts_;
};

}  // namespace convergia::edge
