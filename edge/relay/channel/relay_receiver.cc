#include "edge/relay/channel/relay_receiver.h"

#include <algorithm>
#include <utility>

namespace convergia::edge {
namespace {

// Reports that were sent less long ago may cross what asks for them.
constexpr absl::Duration kHeardWithin = absl::Milliseconds(500);  // Of limits::kRelayRetryFirst.

}  // namespace

void RelayReceiver::OnOriginEpoch(Epoch epoch) {
  if (epoch <= origin_epoch_) return;
  origin_epoch_ = epoch;
  first_ = reported_below_ = 1;
  results_.clear();
  report_due_ = has_reported_ = false;
  ForgetUnheard();
}

void RelayReceiver::ForgetUnheard() {
  told_at_.reset();
  unheard_ = 0;
}

bool RelayReceiver::OnSegment(uint64_t first_sequence, std::vector<Envelope> envelopes,
                              absl::Duration now, std::vector<Delivery>* deliveries) {
  // Envelopes in order are soon acknowledged by their results. Anything else means that the sender
  // has not heard us, or that we have not heard the sender. Then report how far we are.
  if (envelopes.empty() || first_sequence != end()) {
    if (told_at_ && now - *told_at_ >= kHeardWithin) ++unheard_;
    reported_below_ = first_;
    report_due_ = true;
  }
  if (first_sequence > end()) return true;
  const uint64_t seen = end() - first_sequence;
  duplicate_count_ += std::min<uint64_t>(seen, envelopes.size());
  deliveries->reserve(deliveries->size() + envelopes.size());
  for (uint64_t i = seen; i < envelopes.size(); ++i) {
    if (results_.size() >= limits::kRelayFlightMax) return false;
    const uint64_t sequence = first_sequence + i;
    if (envelopes[i].to.empty()) {  // Withdrawn.
      results_.push_back(RelayResult{.fail = FailCode::kUnconfirmed});
      continue;
    }
    results_.push_back(std::nullopt);
    deliveries->push_back({sequence, std::move(envelopes[i])});
  }
  return true;
}

bool RelayReceiver::OnAnsweredBelow(uint64_t answered_below, absl::Duration now) {
  if (answered_below > end()) return false;
  const bool heard = first_ < answered_below;
  while (first_ < answered_below) {
    if (!results_.front().has_value())
      return false;  // There is no result yet, so the sender cannot have it.
    results_.pop_front();
    ++first_;
  }
  reported_below_ = std::max(reported_below_, first_);
  if (heard) {
    ForgetUnheard();
    if (reported_below_ > first_) told_at_ = now;
  }
  return true;
}

void RelayReceiver::OnResult(Epoch origin_epoch, uint64_t sequence, const RelayResult& result) {
  if (origin_epoch != origin_epoch_ || sequence < first_ || sequence >= end()) return;
  results_[sequence - first_] = result;
}

bool RelayReceiver::HasReport() const {
  return report_due_ || (reported_below_ < end() && results_[reported_below_ - first_].has_value());
}

RelayReceiver::Report RelayReceiver::TakeReport(size_t results_max, absl::Duration now) {
  Report report{.acknowledged = end() - 1, .first_result = reported_below_};
  report_due_ = false;
  has_reported_ = true;
  while (reported_below_ < end() && report.results.size() < results_max) {
    const std::optional<RelayResult>& result = results_[reported_below_ - first_];
    if (!result.has_value()) break;
    report.results.push_back(*result);
    ++reported_below_;
  }
  if (!report.results.empty() && report.first_result == first_ && !told_at_) told_at_ = now;
  return report;
}

void RelayReceiver::ReportAgain() {
  if (!has_reported_) return;
  reported_below_ = first_;
  report_due_ = true;
}

}  // namespace convergia::edge
