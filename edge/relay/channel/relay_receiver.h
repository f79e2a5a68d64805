#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "absl/time/time.h"
#include "common/base/ids.h"
#include "common/base/limits.h"
#include "edge/relay/channel/relay_sender.h"

namespace convergia::edge {

// The receiving half of a relay channel: accepts only the next envelope in order, drops envelopes
// that it has seen, and keeps each result until the sender confirms that it knows it.
//
// Life of an envelope: OnSegment() hands it out once; OnResult() records its result; reports tell
// the sender, as often as it asks. A newer start of the origin voids all of that.
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

  // Accepts the next ones of `envelopes`, numbered from `first_sequence`. Without envelopes the
  // sender asks for all results that it lacks. Appends the envelopes to deliver, in order. False if
  // the sender breaks its own bounds.
  bool OnSegment(uint64_t first_sequence, std::vector<Envelope> envelopes, absl::Duration now,
                 std::vector<Delivery>* deliveries);

  // The sender has the results of all envelopes below this, so they may be dropped. False if that
  // cannot be true.
  bool OnAnsweredBelow(uint64_t answered_below, absl::Duration now);

  // The result of the delivery with this number. Results of an older start are ignored.
  void OnResult(Epoch origin_epoch, uint64_t sequence, const RelayResult& result);

  // True if there is something to report to the sender.
  bool HasReport() const;

  // The report to the sender: always the acknowledgement, and at most `results_max` results,
  // counting up from `first_result`.
  struct Report {
    uint64_t acknowledged = 0;
    uint64_t first_result = 0;
    std::vector<RelayResult> results;
  };
  Report TakeReport(size_t results_max, absl::Duration now);

  // The last reports may be lost, for example after a change of route: report again. Does nothing
  // if there was no report yet.
  void ReportAgain();

  // How often the sender asked again for results that were reported some time before: our reports
  // do not reach it on this route.
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
