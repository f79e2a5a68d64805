#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"
#include "common/base/ids.h"
#include "tests/sim/network/event_queue.h"
#include "tests/sim/network/history.h"

namespace convergia::sim {

// One connection between two processes. Like TCP: ordered, and bytes are lost only at its end.
using WireId = uint64_t;

// The network between all nodes. It delays, holds and cuts wires, and has walls through which no
// node can dial in. When a wire ends, the parcels under way are lost, or some of them arrive.
class Network {
 public:
  enum class Path {
    kOpen,
    kHeld,    // Nothing arrives and no end is told, as behind a firewall that lost its state. Wires
              // held for kKeepalive break; others continue after the hold.
    kHeldUp,  // Likewise, but only from the lower number to the higher, ...
    kHeldDown,  // ... or back.
    kShut,      // Wires break at once at both ends; nobody can dial.
  };
  // gRPC's keepalive pings after 10 s of silence and waits 10 s for the answer.
  static constexpr absl::Duration kKeepalive = absl::Seconds(20);
  static constexpr absl::Duration kDialTimeout = absl::Seconds(5);

  // Called at most once, when this end learns that the wire has ended.
  using OnClosed = absl::AnyInvocable<void()>;
  struct End {
    NodeId node = 0;
    OnClosed on_closed;
  };

  Network(EventQueue* events, Dice* dice, History* history)
      : events_(*events), dice_(*dice), history_(*history) {}

  // Sets the state of the path from now on.
  void SetPath(NodeId a, NodeId b, Path path);
  void OpenAllPaths();
  static bool IsHold(Path path) { return path != Path::kOpen && path != Path::kShut; }
  void SetLatency(NodeId a, NodeId b, absl::Duration latency) { latency_[Key(a, b)] = latency; }
  void SetWalled(NodeId node, bool walled);
  bool IsWalled(NodeId node) const { return walled_.contains(node); }
  Path PathOf(NodeId a, NodeId b) const;
  // True if either end can dial the other.
  bool CanMeet(NodeId a, NodeId b) const { return CanDial(a, b) || CanDial(b, a); }
  bool CanDial(NodeId from, NodeId to) const {
    return PathOf(from, to) == Path::kOpen && !walled_.contains(to);
  }
  // Ends all present wires between the two.
  void Cut(NodeId a, NodeId b);

  // The process of `node` ends. `silent`: like a power cut; other ends learn of it only at the
  // node's next start or after kKeepalive.
  void OnDied(NodeId node, bool silent);
  void OnStarted(NodeId node);

  // Calls `done` in due time: whether `to` can be dialled. The caller checks that it has a process.
  void Dial(NodeId from, NodeId to, absl::AnyInvocable<void(bool reached)> done);

  WireId Open(End a, End b);
  // Calls `drained` when the next parcel may be sent.
  void Send(WireId wire, NodeId from, EventQueue::Task deliver, EventQueue::Task drained);
  void Close(WireId wire, NodeId by);

  size_t wires() const { return wires_.size(); }

 private:
  struct Parcel {
    absl::Duration due;
    EventQueue::Task deliver;
    EventQueue::Task drained;  // Null: already called.
    bool is_end = false;       // Not a parcel, but the wire's end.
    bool passes_hold = false;
  };
  struct Half {
    End end;
    bool closed = false;          // This end was told, or is gone.
    std::deque<Parcel> arriving;  // For this end.
    absl::Duration last_due = absl::ZeroDuration();
  };
  struct Wire {
    std::array<Half, 2> halves;
  };
  using Pair = std::pair<NodeId, NodeId>;

  static Pair Key(NodeId a, NodeId b) { return std::minmax(a, b); }
  absl::Duration Latency(NodeId a, NodeId b);
  Half* HalfOf(Wire* wire, NodeId node) {
    return &wire->halves[wire->halves[0].end.node == node ? 0 : 1];
  }
  void Enqueue(WireId id, int to, Parcel parcel);
  void Pump(WireId id, int to);
  // Tells that end at once.
  void Finish(WireId id, int which);
  // Tells that end in due time. `lose`: the parcels under way to it are lost. `by_itself`: it
  // notices even while the path is held.
  void SendEnd(WireId id, int to, bool lose, bool by_itself);
  void BreakIfHeld(Pair pair, uint64_t hold);
  bool IsHeld(NodeId from, NodeId to) const;
  template <typename Fn>
  void ForWiresOf(NodeId a, NodeId b, const Fn& fn);  // If `b` is 0: all wires of `a`.

  EventQueue& events_;
  Dice& dice_;
  History& history_;
  std::map<Pair, Path> paths_;
  std::map<Pair, uint64_t> holds_;  // The number of the present hold of a path.
  std::map<Pair, absl::Duration> latency_;
  std::set<NodeId> walled_;
  std::map<WireId, Wire> wires_;
  WireId last_wire_ = 0;
};

}  // namespace convergia::sim
