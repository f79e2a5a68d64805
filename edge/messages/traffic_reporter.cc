#include "edge/messages/traffic_reporter.h"

#include <utility>

namespace convergia::edge {
namespace {

v1::FromNode MessageOf(MessageCore::Traffic traffic) {
  v1::FromNode message;
  v1::TrafficReport* const report = message.mutable_traffic();
  report->set_bytes_within(traffic.bytes_within);
  report->set_bytes_across(traffic.bytes_across);
  for (MessageCore::Talker& talker : traffic.talkers) {
    v1::Talker* const to = report->add_talkers();
    to->set_username(std::move(talker.user));
    for (HeavyHitters::Peer& peer : talker.peers) {
      to->add_peers(std::move(peer.name));
      to->add_bytes(peer.bytes);
    }
  }
  return message;
}

}  // namespace

void TrafficReporter::Start() {
  thread_ = std::thread([this] { ReportLoop(); });
}

void TrafficReporter::Stop() {
  {
    absl::MutexLock lock(&mu_);
    stopped_ = true;
  }
  if (thread_.joinable()) thread_.join();
}

void TrafficReporter::ReportLoop() {
  while (true) {
    {
      absl::MutexLock lock(&mu_);
      if (mu_.AwaitWithTimeout(absl::Condition(&stopped_), kEvery)) return;
    }
    // Runs on each shard's thread; each shard sends its own report.
    messages_->TakeTraffic(kTalkersMax, [send = send_](MessageCore::Traffic traffic) {
      if (traffic.bytes_within + traffic.bytes_across > 0) send(MessageOf(std::move(traffic)));
    });
  }
}

}  // namespace convergia::edge
