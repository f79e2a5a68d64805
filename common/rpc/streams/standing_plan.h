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

// Where a server may be.
struct ServerAddress {
  std::string address;  // "host:port".
  std::string name;     // As in the server's certificate. Empty: any of its role.

  friend bool operator==(const ServerAddress&, const ServerAddress&) = default;
};

// Decides for a standing stream (standing_stream.h): when to dial and at which address, when to
// give up a server that does not greet, when to beat, and which end is final.
//
// The addresses form a ring. A dial that fails is followed by the next address at once. After as
// many failures as there are addresses comes a wait: exponential back-off with jitter. A greeting
// starts the back-off over; when that stream ends, its own address is dialled first.
//
// A core: no thread, no clock, no I/O. `elapsed` is Clock::Elapsed(). Not thread-safe.
class StandingPlan {
 public:
  struct Options {
    absl::Duration backoff_first = limits::kRpcReconnectFirst;
    absl::Duration backoff_max = limits::kRpcReconnectMax;
    // A stream that is not greeted for so long is cancelled and counts as failed.
    absl::Duration greet_timeout = absl::InfiniteDuration();
    // The first beat comes so long after the greeting, the others so long after the last one.
    absl::Duration first_beat = absl::ZeroDuration();
    absl::Duration beat = absl::InfiniteDuration();
    // After GiveUp() the stream may end in order for so long.
    absl::Duration farewell = absl::Seconds(1);
    // An end with such a code is final if it is the word of the highest epoch.
    std::vector<absl::StatusCode> final_codes;
    uint64_t seed = 0;
  };

  enum class Step {
    kWait,    // Until `wait` has passed or something is reported.
    kDial,    // Open a stream to `address`. Report OnEnded() when it ends, however it does.
    kClose,   // End the stream in order.
    kCancel,  // Cancel the stream with the status `why`.
    kBeat,
    kFinal,  // Once, and nothing follows: the stream is over for good, as final_status() says.
  };
  struct Next {
    Step step = Step::kWait;
    absl::Duration wait = absl::ZeroDuration();
    ServerAddress address;
    absl::Status why;
  };

  explicit StandingPlan(const Options& options)
      : options_(options), backoff_(options.backoff_first, options.backoff_max, options.seed) {}

  // The ring from now on; it may be empty. A stream to an address that is not in it is cancelled,
  // and the first of the new ones is dialled without a wait.
  void SetAddresses(std::vector<ServerAddress> addresses, absl::Duration elapsed);

  // Whether there is to be a stream; true at first. One that is no longer wanted is cancelled, also
  // if a stream is wanted again before that is done. The next is dialled without a wait.
  void SetWanted(bool wanted, absl::Duration elapsed);

  // `address` is the one to be at. If it is in the ring, a stream to another is cancelled, and
  // `address` is dialled next, without a wait.
  void Prefer(const std::string& address, absl::Duration elapsed);

  // The server has greeted, and counts.
  void OnGreeted(absl::Duration elapsed);

  // The stream has ended with `why`. `said`: the epoch that came with the end, if any. `highest`:
  // the highest that was seen. `redirect`: where the server says to go, or empty.
  void OnEnded(const absl::Status& why, std::optional<Epoch> said, Epoch highest,
               absl::Duration elapsed, const std::string& redirect = "");

  // Ends the stream in order and dials no more.
  void Retire() { retired_ = true; }
  // The same, and kFinal follows. Only the first reason counts.
  void GiveUp(const absl::Status& why);

  void BeatNow(absl::Duration elapsed) { beat_at_ = std::min(beat_at_, elapsed); }

  // Advances: a step that it returns counts as begun.
  Next NextStep(absl::Duration elapsed);

  bool is_wanted() const { return wanted_; }
  bool is_up() const { return stream_ == Stream::kUp; }
  // This side ends the stream that is there.
  bool is_leaving() const { return leaves_ || retired_ || !final_.ok(); }
  // There is no stream, not even one that is ending.
  bool is_down() const { return stream_ == Stream::kNone; }
  const ServerAddress& address() const { return address_; }  // Last dialled.
  const std::vector<ServerAddress>& addresses() const { return ring_; }
  const absl::Status& final_status() const { return final_; }  // OK while there is hope.

 private:
  enum class Stream { kNone, kOpening, kUp };

  bool IsFinal(const absl::Status& why, std::optional<Epoch> said, Epoch highest) const;
  // The place in the ring, or nullopt.
  std::optional<size_t> Find(const std::string& address) const;
  void OnFailed(const std::string& redirect, absl::Duration elapsed);
  Next Dial(absl::Duration elapsed);
  Next Cancel(const absl::Status& why);
  Next NextOfStream(absl::Duration elapsed);

  const Options options_;
  Backoff backoff_;
  std::vector<ServerAddress> ring_;
  size_t next_ = 0;      // In the ring, to be dialled.
  size_t failures_ = 0;  // In a row, since the last wait.
  bool wanted_ = true;
  bool retired_ = false;
  absl::Status final_;
  bool final_said_ = false;
  absl::Duration dial_at_ = -absl::InfiniteDuration();

  // Of the stream.
  Stream stream_ = Stream::kNone;
  ServerAddress address_;
  bool leaves_ = false;     // This side no longer wants it, or wants another address.
  bool closing_ = false;    // kClose was said.
  bool cancelled_ = false;  // kCancel was said.
  absl::Duration since_ = -absl::InfiniteDuration();
  absl::Duration close_by_ = absl::InfiniteDuration();
  absl::Duration beat_at_ = absl::InfiniteDuration();
};

}  // namespace convergia::rpc
