#include "edge/location_reporter.h"

#include <utility>

namespace convergia::edge {
namespace {

// Between two reports, so that a thousand sign-ins at once are a few messages.
constexpr absl::Duration kPause = absl::Milliseconds(10);
constexpr int kChangesPerMessage = 5'000;  // 200 KB or so.

}  // namespace

LocationReporter::LocationReporter(EdgeSessionHub* hub, Send send)
    : hub_(hub), send_(std::move(send)) {}

void LocationReporter::Start() {
  thread_ = std::thread([this] { ReportLoop(); });
}

void LocationReporter::Stop() {
  {
    absl::MutexLock lock(&mu_);
    stopped_ = true;
  }
  if (thread_.joinable()) thread_.join();
}

void LocationReporter::OnChange() {
  absl::MutexLock lock(&mu_);
  changed_ = true;
}

void LocationReporter::OnAttached() {
  absl::MutexLock lock(&mu_);
  whole_due_ = true;
}

void LocationReporter::ReportLoop() {
  while (true) {
    bool whole;
    {
      absl::MutexLock lock(&mu_);
      mu_.Await(absl::Condition(this, &LocationReporter::HasWork));
      if (stopped_) break;
      whole = std::exchange(whole_due_, false);
      changed_ = false;
    }
    Report(whole);
    absl::MutexLock lock(&mu_);
    mu_.AwaitWithTimeout(absl::Condition(&stopped_), kPause);
  }
  Report(/*whole=*/false);  // The last ones to leave.
}

void LocationReporter::Report(bool whole) {
  std::vector<EdgeSessionHub::Count> counts = hub_->TakeChanges();
  if (whole) counts = hub_->Everyone();  // After the changes, so it has them too.
  v1::FromNode message;
  message.mutable_locations()->set_whole(whole);
  for (const EdgeSessionHub::Count& count : counts) {
    v1::LocationChange* const change = message.mutable_locations()->add_changes();
    change->set_username(count.user);
    change->set_account_id(count.account);
    change->set_sessions(count.sessions);
    if (message.locations().changes_size() < kChangesPerMessage) continue;
    send_(std::move(message));
    message.Clear();
    message.mutable_locations();
  }
  if (message.locations().whole() || message.locations().changes_size() > 0) {
    send_(std::move(message));
  }
}

}  // namespace convergia::edge
