#include "client/connect/start_plan.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/base/fail.h"

namespace convergia::client {
namespace {

// Failed sign-ins that waiting does not change.
bool IsRefusal(const absl::Status& status) {
  switch (FailCodeOf(status)) {
    case FailCode::kSignInFailed:
    case FailCode::kExpired:
    case FailCode::kDenied:
    case FailCode::kNoSuchUser:
    case FailCode::kBadField:
      return true;
    default:
      return false;
  }
}

}  // namespace

StartPlan::StartPlan(Options options, StartMemory memory)
    : options_(std::move(options)), memory_(std::move(memory)) {
  if (options_.only.empty()) return;
  memory_.report.clear();  // It was measured for all servers, so it does not help here.
  DropUnwanted(&memory_.assigned);
}

void StartPlan::DropUnwanted(std::vector<MainServer>* servers) const {
  if (!options_.only.empty()) {
    const auto unwanted = [this](const MainServer& server) { return server.name != options_.only; };
    servers->erase(std::remove_if(servers->begin(), servers->end(), unwanted), servers->end());
  }
  if (servers->size() > options_.servers_max) servers->resize(options_.servers_max);
}

absl::Status StartPlan::NoServers(absl::string_view why) const {
  const std::string which =
      options_.only.empty() ? "no main server" : absl::StrCat("no main server ", options_.only);
  return Fail(FailCode::kUnavailable, absl::StrCat(which, " ", why));
}

StartPlan::Actions StartPlan::Begin() {
  attempts_ = 0;
  management_up_ = false;
  report_is_stale_ = memory_.report.empty();
  return SignIn();
}

StartPlan::Actions StartPlan::SignIn() {
  state_ = State::kSigningIn;
  secret_ = has_ticket_ ? Secret::kTicket : Secret::kPassword;
  return {SignInAtManagement{secret_}};
}

StartPlan::Actions StartPlan::OnManagementUp() {
  if (state_ != State::kSigningIn) return {};
  has_ticket_ = true;
  management_up_ = true;
  if (!report_is_stale_) {
    measures_ = memory_.report;
    return SendReport();
  }
  return List();
}

StartPlan::Actions StartPlan::List() {
  report_is_stale_ = true;
  state_ = State::kListing;
  return {ListMainServers{}};
}

StartPlan::Actions StartPlan::OnManagementFailed(const absl::Status& status) {
  if (state_ == State::kSigningIn && IsRefusal(status)) {
    last_failure_ = status;
    return AfterSecretRefused(status);
  }
  if (state_ == State::kReporting && !report_is_stale_) return List();
  return OnManagementAway(status);
}

StartPlan::Actions StartPlan::OnManagementAway(const absl::Status& status) {
  if (state_ != State::kSigningIn && state_ != State::kListing && state_ != State::kReporting) {
    return {};
  }
  last_failure_ = status;
  management_up_ = false;
  if (has_ticket_ && !memory_.assigned.empty()) {
    SetCandidates(memory_.assigned);
    Actions actions = ConnectNext();
    actions.insert(actions.begin(), LeaveManagement{});
    return actions;
  }
  return StartOver();
}

StartPlan::Actions StartPlan::AfterSecretRefused(const absl::Status& status) {
  if (secret_ == Secret::kTicket) {
    has_ticket_ = false;
    if (has_password_) {
      Actions actions = SignIn();
      actions.insert(actions.begin(), LeaveManagement{});
      return actions;
    }
  }
  state_ = State::kIdle;
  return {LeaveManagement{}, GiveUp{status}};
}

StartPlan::Actions StartPlan::StartOver() {
  report_is_stale_ = true;
  management_up_ = false;
  state_ = State::kWaitingToBegin;
  return {LeaveManagement{}, Wait{}};
}

StartPlan::Actions StartPlan::OnListed(std::vector<MainServer> servers) {
  if (state_ != State::kListing) return {};
  DropUnwanted(&servers);
  if (servers.empty()) {
    last_failure_ = NoServers("is running now");
    return StartOver();
  }
  state_ = State::kProbing;
  unprobed_.clear();
  probing_.clear();
  measures_.clear();
  absl::flat_hash_set<std::string> seen;
  for (MainServer& server : servers) {
    if (seen.insert(server.name).second) unprobed_.push_back(std::move(server));
  }
  return NextProbes();
}

StartPlan::Actions StartPlan::NextProbes() {
  Actions actions;
  while (!unprobed_.empty() && probing_.size() < static_cast<size_t>(options_.probes_max)) {
    MainServer server = std::move(unprobed_.front());
    unprobed_.pop_front();
    probing_.insert(server.name);
    actions.push_back(Probe{std::move(server)});
  }
  if (probing_.empty()) return SendReport();
  return actions;
}

StartPlan::Actions StartPlan::OnProbed(absl::string_view name,
                                       std::optional<absl::Duration> round_trip) {
  if (state_ != State::kProbing || probing_.erase(std::string(name)) == 0) return {};
  measures_.push_back({std::string(name), round_trip});
  return NextProbes();
}

StartPlan::Actions StartPlan::OnProbeTimeUp() {
  if (state_ != State::kProbing) return {};
  for (const std::string& name : probing_) measures_.push_back({name, std::nullopt});
  probing_.clear();
  unprobed_.clear();
  return SendReport();
}

StartPlan::Actions StartPlan::SendReport() {
  state_ = State::kReporting;
  memory_.report = measures_;
  return {Report{std::move(measures_)}};
}

StartPlan::Actions StartPlan::OnAssigned(std::vector<MainServer> servers) {
  if (state_ != State::kReporting) return {};
  DropUnwanted(&servers);
  if (servers.empty() && !report_is_stale_) return List();
  if (servers.empty()) {
    last_failure_ = NoServers("can be reached from here, says the management server");
    return StartOver();
  }
  memory_.assigned = servers;
  SetCandidates(std::move(servers));
  return ConnectNext();
}

void StartPlan::SetCandidates(std::vector<MainServer> servers) {
  candidates_ = std::move(servers);
  std::stable_partition(candidates_.begin(), candidates_.end(),
                        [this](const MainServer& server) { return server.name != lost_; });
  next_candidate_ = 0;
  attempts_ = 0;
}

StartPlan::Actions StartPlan::ConnectNext() {
  state_ = State::kConnecting;
  key_was_checked_ = false;
  return {Connect{candidates_[next_candidate_ % candidates_.size()]}};
}

StartPlan::Actions StartPlan::OnKeyDiffers(absl::string_view pin) {
  if (state_ != State::kConnecting) return {};
  const MainServer& server = candidates_[next_candidate_ % candidates_.size()];
  if (!management_up_ || key_was_checked_) {
    return AttemptFailed(
        Fail(FailCode::kDenied, absl::StrCat("the main server ", server.name,
                                             " has a key that the management server has not "
                                             "confirmed; this client does not talk to it")));
  }
  state_ = State::kCheckingKey;
  key_shown_ = std::string(pin);
  return {CheckKey{server.name, key_shown_}};
}

StartPlan::Actions StartPlan::OnKeyChecked(bool valid) {
  if (state_ != State::kCheckingKey) return {};
  MainServer& server = candidates_[next_candidate_ % candidates_.size()];
  if (!valid) {
    return AttemptFailed(
        Fail(FailCode::kDenied, absl::StrCat("the management server says that the key of the main "
                                             "server ",
                                             server.name, " is not valid")));
  }
  server.pin = key_shown_;
  for (MainServer& known : memory_.assigned) {
    if (known.name == server.name) known.pin = key_shown_;
  }
  state_ = State::kConnecting;
  key_was_checked_ = true;
  return {Connect{server}};
}

StartPlan::Actions StartPlan::OnMainServerFailed(const absl::Status& status) {
  if (state_ != State::kConnecting) return {};
  return AttemptFailed(status);
}

StartPlan::Actions StartPlan::AttemptFailed(const absl::Status& status) {
  last_failure_ = status;
  ++attempts_;
  ++next_candidate_;
  if (attempts_ >= options_.attempts_max) return StartOver();
  // Each is tried once without delay. After that the servers get time to recover.
  if (next_candidate_ < candidates_.size()) return ConnectNext();
  state_ = State::kWaitingToConnect;
  return {Wait{}};
}

StartPlan::Actions StartPlan::OnMainServerUp() {
  if (state_ != State::kConnecting) return {};
  state_ = State::kUp;
  report_is_stale_ = memory_.report.empty();
  lost_.clear();
  last_failure_ = absl::OkStatus();
  management_up_ = false;
  return {LeaveManagement{}};
}

StartPlan::Actions StartPlan::OnWaited() {
  if (state_ == State::kWaitingToConnect) return ConnectNext();
  if (state_ == State::kWaitingToBegin) return SignIn();
  return {};
}

StartPlan::Actions StartPlan::OnMainServerLost(const MainServer& server) {
  if (state_ != State::kUp) return {};
  lost_ = server.name;
  state_ = State::kWaitingToBegin;  // So clients that lost it do not all return at once.
  return {Wait{}};
}

}  // namespace convergia::client
