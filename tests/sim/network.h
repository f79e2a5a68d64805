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
#include "tests/sim/event_queue.h"
#include "tests/sim/history.h"

namespace convergia::sim {

// One connection between two processes. Like TCP: in order, nothing lost but by its end.
using WireId = uint64_t;

// The network between all nodes: it delays, holds back, and cuts; and walls, through which nobody
// can dial in. What is under way when a wire ends is lost, or some of it arrives.
class Network {
 public:
  enum class Path {
    kOpen,
    kHeld,  // Nothing arrives and nobody is told, as behind a firewall that forgot. Wires that are
            // held for kKeepalive break, the others go on when it is over.
    kHeldUp,    // The same, but only from the lower number to the higher, ...
    kHeldDown,  // ... or back.
    kShut,      // Wires break at once, at both ends; nobody can dial.
  };
  // gRPC asks after 10 s of silence, and waits 10 s for the answer.
  static constexpr absl::Duration kKeepalive = absl::Seconds(20);
  static constexpr absl::Duration kDialTimeout = absl::Seconds(5);

  // Called at most once, when the wire has ended for this end.
  using OnClosed = absl::AnyInvocable<void()>;
  struct End {
    NodeId node = 0;
    OnClosed on_closed;
  };

  Network(EventQueue* events, Dice* dice, History* history)
      : events_(*events), dice_(*dice), history_(*history) {}

  // What the weather is from now on.
  void SetPath(NodeId a, NodeId b, Path path);
  void OpenAllPaths();
  static bool IsHold(Path path) { return path != Path::kOpen && path != Path::kShut; }
  void SetLatency(NodeId a, NodeId b, absl::Duration latency) { latency_[Key(a, b)] = latency; }
  void SetWalled(NodeId node, bool walled);
  bool IsWalled(NodeId node) const { return walled_.contains(node); }
  Path PathOf(NodeId a, NodeId b) const;
  // Both ends may talk now if either can dial.
  bool CanMeet(NodeId a, NodeId b) const { return CanDial(a, b) || CanDial(b, a); }
  bool CanDial(NodeId from, NodeId to) const {
    return PathOf(from, to) == Path::kOpen && !walled_.contains(to);
  }
  // Ends all wires between the two, once.
  void Cut(NodeId a, NodeId b);

  // The process of `node` ends. `silent`: as by a power cut, so the others are not told before its
  // next start or kKeepalive.
  void OnDied(NodeId node, bool silent);
  void OnStarted(NodeId node);

  // Says in due time whether `to` can be dialled (if there is a process: the caller looks).
  void Dial(NodeId from, NodeId to, absl::AnyInvocable<void(bool reached)> done);

  WireId Open(End a, End b);
  // `drained`: the next may be sent.
  void Send(WireId wire, NodeId from, EventQueue::Task deliver, EventQueue::Task drained);
  void Close(WireId wire, NodeId by);

  size_t wires() const { return wires_.size(); }

 private:
  struct Parcel {
    absl::Duration due;
    EventQueue::Task deliver;
    EventQueue::Task drained;  // Null: was told already.
    bool is_end = false;       // No parcel: the wire's end.
    bool passes_hold = false;
  };
  struct Half {
    End end;
    bool closed = false;          // It was told, or is gone.
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
  // Tells that end, at once.
  void Finish(WireId id, int which);
  // Tells that end in due time; `lose`: without what is under way to it; `by_itself`: it notices,
  // also while the path is held.
  void SendEnd(WireId id, int to, bool lose, bool by_itself);
  void BreakIfHeld(Pair pair, uint64_t hold);
  bool IsHeld(NodeId from, NodeId to) const;
  template <typename Fn>
  void ForWiresOf(NodeId a, NodeId b, const Fn& fn);  // b 0: any.

  EventQueue& events_;
  Dice& dice_;
  History& history_;
  std::map<Pair, Path> paths_;
  std::map<Pair, uint64_t> holds_;  // Which hold this is.
  std::map<Pair, absl::Duration> latency_;
  std::set<NodeId> walled_;
  std::map<WireId, Wire> wires_;
  WireId last_wire_ = 0;
};

}  // namespace convergia::sim
