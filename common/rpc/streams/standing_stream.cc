#include "common/rpc/streams/standing_stream.h"

#include <glog/logging.h>

#include <utility>

namespace convergia::rpc {
namespace {

constexpr size_t kComplaintsMax = 32;  // Above that the texts are forgotten, and logged again.

}  // namespace

StandingStreamBase::StandingStreamBase(const Deps& deps, Options options)
    : deps_(deps),
      options_(std::move(options)),
      plan_(options_.plan),
      actor_({.executor = deps.executor, .clock = deps.clock},
             {.turn = [this](absl::Duration now, bool) { return Turn(now); }}) {}

void StandingStreamBase::SetAddresses(std::vector<ServerAddress> addresses) {
  {
    absl::MutexLock lock(&mu_);
    plan_.SetAddresses(std::move(addresses), deps_.clock->Elapsed());
  }
  actor_.Wake();
}

void StandingStreamBase::SetWanted(bool wanted) {
  {
    absl::MutexLock lock(&mu_);
    if (wanted == plan_.is_wanted()) return;
    plan_.SetWanted(wanted, deps_.clock->Elapsed());
  }
  actor_.Wake();
}

void StandingStreamBase::Prefer(const std::string& address) {
  {
    absl::MutexLock lock(&mu_);
    plan_.Prefer(address, deps_.clock->Elapsed());
  }
  actor_.Wake();
}

void StandingStreamBase::GiveUp(const absl::Status& why) {
  {
    absl::MutexLock lock(&mu_);
    plan_.GiveUp(why);
  }
  actor_.Wake();
}

void StandingStreamBase::BeatNow() {
  {
    absl::MutexLock lock(&mu_);
    plan_.BeatNow(deps_.clock->Elapsed());
  }
  actor_.Wake();
}

void StandingStreamBase::Retire(absl::Duration patience) {
  {
    absl::MutexLock lock(&mu_);
    plan_.Retire();
  }
  actor_.Wake();
  absl::MutexLock lock(&mu_);
  mu_.AwaitWithTimeout(absl::Condition(this, &StandingStreamBase::IsDown), patience);
}

absl::Status StandingStreamBase::final_status() const {
  absl::MutexLock lock(&mu_);
  return plan_.final_status();
}

uint64_t StandingStreamBase::dials() const {
  absl::MutexLock lock(&mu_);
  return dials_;
}

uint64_t StandingStreamBase::refusals() const {
  absl::MutexLock lock(&mu_);
  return refusals_;
}

std::vector<ServerAddress> StandingStreamBase::addresses() const {
  absl::MutexLock lock(&mu_);
  return plan_.addresses();
}

void StandingStreamBase::StopSteps() {
  {
    absl::MutexLock lock(&mu_);
    stopping_ = true;
  }
  actor_.Stop();
}

absl::Duration StandingStreamBase::Turn(absl::Duration now) {
  while (true) {
    StandingPlan::Next next;
    absl::Status final_status;
    {
      absl::MutexLock lock(&mu_);
      if (stopping_) return absl::InfiniteDuration();
      next = plan_.NextStep(now);
      final_status = plan_.final_status();
      if (next.step == StandingPlan::Step::kDial) ++dials_;
    }
    // Taken without the lock, because steps call hooks.
    switch (next.step) {
      case StandingPlan::Step::kWait:
        return next.wait;
      case StandingPlan::Step::kDial:
        Dial(next.address);
        break;
      case StandingPlan::Step::kClose:
        CloseLine();
        break;
      case StandingPlan::Step::kCancel:
        CancelLine(next.why);
        break;
      case StandingPlan::Step::kBeat:
        if (const absl::Status beaten = Beat(); !beaten.ok()) CancelLine(beaten);
        break;
      case StandingPlan::Step::kFinal:
        OnFinal(final_status);
        break;
    }
  }
}

absl::Status StandingStreamBase::Admit(Epoch epoch) {
  if (deps_.epochs == nullptr) return absl::OkStatus();
  const absl::Status admitted = deps_.epochs->Admit(epoch);
  const bool is_replaced = epoch < highest();
  if (admitted.ok() || is_replaced || options_.must_keep_epoch) return admitted;
  // A failing disk must not keep this node from the server.
  LogNotKept(admitted);
  return absl::OkStatus();
}

absl::Status StandingStreamBase::OnAdmitted(Epoch epoch) {
  if (epoch < highest()) {
    return absl::UnavailableError(absl::StrCat("a later start of ", options_.server, " is here"));
  }
  absl::MutexLock lock(&mu_);
  plan_.OnGreeted(deps_.clock->Elapsed());
  complaints_.clear();
  actor_.Wake();
  return absl::OkStatus();
}

void StandingStreamBase::OnRefused() {
  absl::MutexLock lock(&mu_);
  ++refusals_;
}

void StandingStreamBase::Hear(std::optional<Epoch> said) {
  if (deps_.epochs == nullptr || !said.has_value() || *said <= highest()) return;
  if (const absl::Status kept = deps_.epochs->Admit(*said); !kept.ok()) LogNotKept(kept);
}

void StandingStreamBase::LogNotKept(const absl::Status& why) const {
  LOG(ERROR) << options_.self << " cannot keep the epoch of " << options_.server
             << " yet: " << why.message();
}

bool StandingStreamBase::IsWanted() const {
  absl::MutexLock lock(&mu_);
  return !stopping_ && !plan_.is_leaving();
}

void StandingStreamBase::OnEnded(const End& end, std::optional<Epoch> said) {
  absl::MutexLock lock(&mu_);
  plan_.OnEnded(end.status, said, highest(), deps_.clock->Elapsed(), end.redirect);
  actor_.Wake();
  if (!options_.logs_ends || !end.was_wanted) return;
  const std::string complaint = Complaint(end.status, said);
  // A server that stays away is logged once, not every few seconds.
  if (complaints_.size() >= kComplaintsMax) complaints_.clear();
  if (!complaints_.insert(complaint).second && !end.was_up) return;
  LOG(WARNING) << options_.self << (end.was_up ? " lost " : " cannot reach ") << options_.server
               << " at " << plan_.address().address << ": " << complaint;
}

std::string StandingStreamBase::Complaint(const absl::Status& why,
                                          std::optional<Epoch> said) const {
  if (why.ok()) return absl::StrCat(options_.server, " ended the stream");
  std::string complaint(why.message());
  if (said.has_value() && *said < highest()) {
    absl::StrAppend(&complaint, " (this does not count: epoch ", *said,
                    " was replaced by a later start, of epoch ", highest(), ")");
  }
  return complaint;
}

}  // namespace convergia::rpc
