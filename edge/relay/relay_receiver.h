#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "absl/time/time.h"
#include "common/base/ids.h"
#include "common/base/limits.h"
#include "edge/relay/relay_sender.h"

namespace convergia::edge {

// The receiving half of a relay channel: takes only the next envelope in order, drops what it has
// seen, and keeps each result until the sender says that it knows it.
//
// Life of an envelope: OnSegment() hands it out once; OnResult() says what became of it; reports
// tell the sender, as often as it asks. A newer start of the origin makes all of that void.
//
// A core: no thread, no I/O, no clock. `now` is Clock::Elapsed().
class RelayReceiver {
 public:
  struct Delivery {
    uint64_t sequence = 0;
    Envelope envelope;
  };

  // The start of the origin whose channel this is; a newer one starts a new channel.
  void OnOriginEpoch(Epoch epoch);
  Epoch origin_epoch() const { return origin_epoch_; }

  // Takes what is next of `envelopes`, numbered from `first_sequence`. With no envelopes the sender
  // asks for all it has not heard. Appends what is to be delivered, in order.
  // False if the sender breaks its own bounds.
  bool OnSegment(uint64_t first_sequence, std::vector<Envelope> envelopes, absl::Duration now,
                 std::vector<Delivery>* deliveries);

  // All below this are answered there: their results may go. False if that cannot be true.
  bool OnAnsweredBelow(uint64_t answered_below, absl::Duration now);

  // What became of the delivery with this number. Results of an older start are ignored.
  void OnResult(Epoch origin_epoch, uint64_t sequence, const RelayResult& result);

  // True if the sender should hear something that it has not.
  bool HasReport() const;

  // What the sender should hear: always the acknowledgement, and results counting up from
  // `first_result`, at most `results_max`.
  struct Report {
    uint64_t acknowledged = 0;
    uint64_t first_result = 0;
    std::vector<RelayResult> results;
  };
  Report TakeReport(size_t results_max, absl::Duration now);

  // What was reported may be lost, as after a route changed. Nothing if there was no report yet.
  void ReportAgain();

  // How often the sender asked again for what it was told some time before: our reports do not
  // reach it on this way.
  int unheard() const { return unheard_; }
  void ForgetUnheard();

  uint64_t duplicate_count() const { return duplicate_count_; }

 private:
  uint64_t end() const { return first_ + results_.size(); }  // The next expected.

  Epoch origin_epoch_ = 0;
  uint64_t first_ = 1;                              // Everything below is answered at the sender.
  std::deque<std::optional<RelayResult>> results_;  // From `first_`; empty while not known.
  uint64_t reported_below_ = 1;
  bool report_due_ = false;
  bool has_reported_ = false;
  std::optional<absl::Duration> told_at_;  // The oldest result, for the first time on this way.
  int unheard_ = 0;
  uint64_t duplicate_count_ = 0;
};

}  // namespace convergia::edge
