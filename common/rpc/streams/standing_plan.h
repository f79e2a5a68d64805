#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/base/backoff.h"
#include "common/base/ids.h"
#include "common/base/limits.h"

namespace convergia::rpc {

// An address at which a server may be.
struct ServerAddress {
  std::string address;  // "host:port".
  std::string name;     // As in the server's certificate. Empty: any name of its role.

  friend bool operator==(const ServerAddress&, const ServerAddress&) = default;
};

// Decides for a standing stream (standing_stream.h): when to dial and which address, when to cancel
// a stream whose server does not greet, when to beat, and which end is final.
//
// The addresses form a ring. After a dial fails, the next address is dialled at once. After as many
// failures as there are addresses comes a wait: exponential back-off with jitter (Backoff). A
// greeting resets the back-off. When a greeted stream ends, the same address is dialled again after
// one wait.
//
// A core: no thread, no clock, no I/O. `elapsed` is Clock::Elapsed(). Not thread-safe.
class StandingPlan {
 public:
  struct Options {
    absl::Duration backoff_first = limits::kRpcReconnectFirst;
    absl::Duration backoff_max = limits::kRpcReconnectMax;
    // A stream without a greeting is cancelled after this time and counts as failed.
    absl::Duration greet_timeout = absl::InfiniteDuration();
    // The time from the greeting to the first beat, and from one beat to the next.
    absl::Duration first_beat = absl::ZeroDuration();
    absl::Duration beat = absl::InfiniteDuration();
    // The time that the stream has to end in order after GiveUp(). Then it is cancelled.
    absl::Duration farewell = absl::Seconds(1);
    // An end with one of these codes is final if a server of the highest epoch sent it.
    std::vector<absl::StatusCode> final_codes;
    uint64_t seed = 0;  // Of the jitter.
  };

  enum class Step {
    kWait,    // Wait until `wait` has passed, or until a call changes the plan.
    kDial,    // Open a stream to `address`. Report OnEnded() at its end, whatever ends it.
    kClose,   // End the stream in order.
    kCancel,  // Cancel the stream with the status `why`.
    kBeat,    // Send a sign of life.
    kFinal,   // The stream is over for good; final_status() has the reason. Once, as the last step.
  };
  struct Next {
    Step step = Step::kWait;
    absl::Duration wait = absl::ZeroDuration();
    ServerAddress address;
    absl::Status why;
  };

  explicit StandingPlan(const Options& options)
      : options_(options), backoff_(options.backoff_first, options.backoff_max, options.seed) {}

  // Makes `addresses` the ring; it may be empty. If the address of the stream (or, without one, the
  // next address) stays in the ring, only the count of failures starts again. Otherwise the stream
  // is cancelled, and the first address is dialled without a wait. The first address also follows a
  // stream that was being left at the time.
  void SetAddresses(std::vector<ServerAddress> addresses, absl::Duration elapsed);

  // Says whether a stream is wanted; at first one is. A stream that is no longer wanted is
  // cancelled, even if SetWanted(true) comes before its end. The next dial has no wait.
  void SetWanted(bool wanted, absl::Duration elapsed);

  // If `address` is in the ring, a stream to any other address is cancelled, and `address` is
  // dialled next, without a wait. Otherwise nothing changes.
  void Prefer(const std::string& address, absl::Duration elapsed);

  // Reports that the server has greeted with an epoch that counts.
  void OnGreeted(absl::Duration elapsed);

  // Reports that the stream has ended with `why`. `said` is the epoch that the server sent with the
  // end, if any; `highest` is the highest known epoch. `redirect` is the leader's address, or
  // empty; it is dialled next if the stream was never greeted and the address is in the ring.
  void OnEnded(const absl::Status& why, std::optional<Epoch> said, Epoch highest,
               absl::Duration elapsed, const std::string& redirect = "");

  // Ends the stream in order, however long that takes, and never dials again. kFinal does not
  // follow.
  void Retire() { retired_ = true; }
  // Ends the stream in order, or cancels it after Options::farewell, and never dials again. kFinal
  // follows, unless Retire() was called. Only the first `why` counts.
  void GiveUp(const absl::Status& why);

  // Makes the next beat due now. No effect unless the stream is up.
  void BeatNow(absl::Duration elapsed) { beat_at_ = std::min(beat_at_, elapsed); }

  // Returns the step to take now, and assumes that the caller takes it. Call it again after each
  // step except kWait.
  Next NextStep(absl::Duration elapsed);

  bool is_wanted() const { return wanted_; }
  bool is_up() const { return stream_ == Stream::kUp; }
  // True if this side is to end the stream.
  bool is_leaving() const { return leaves_ || retired_ || !final_.ok(); }
  // True if there is no stream, not even one that is ending.
  bool is_down() const { return stream_ == Stream::kNone; }
  const ServerAddress& address() const { return address_; }  // Dialled last.
  const std::vector<ServerAddress>& addresses() const { return ring_; }
  const absl::Status& final_status() const { return final_; }  // OK until an end is final.

 private:
  enum class Stream { kNone, kOpening, kUp };

  bool IsFinal(const absl::Status& why, std::optional<Epoch> said, Epoch highest) const;
  // The index in the ring, or nullopt.
  std::optional<size_t> Find(const std::string& address) const;
  void OnFailed(const std::string& redirect, absl::Duration elapsed);
  Next Dial(absl::Duration elapsed);
  Next Cancel(const absl::Status& why);
  Next NextOfStream(absl::Duration elapsed);

  const Options options_;
  Backoff backoff_;
  std::vector<ServerAddress> ring_;
  size_t next_ = 0;      // Index in the ring of the address to dial next.
  size_t failures_ = 0;  // In a row, since the last wait.
  bool wanted_ = true;
  bool retired_ = false;
  absl::Status final_;
  bool final_said_ = false;
  absl::Duration dial_at_ = -absl::InfiniteDuration();

  // Of the current stream.
  Stream stream_ = Stream::kNone;
  ServerAddress address_;
  bool leaves_ = false;     // This side no longer wants it, or wants another address.
  bool closing_ = false;    // NextStep() has returned kClose.
  bool cancelled_ = false;  // NextStep() has returned kCancel.
  absl::Duration since_ = -absl::InfiniteDuration();
  absl::Duration close_by_ = absl::InfiniteDuration();
  absl::Duration beat_at_ = absl::InfiniteDuration();
};

}  // namespace convergia::rpc
